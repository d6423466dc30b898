"""Drives Debian's Chromium by Playwright: one command a line of JSON in, one answer a line out. Ends with its standard input."""

import json
import sys

from playwright.sync_api import Error, sync_playwright

# A camera that shows a moving picture and a microphone that beeps, let in without asking; no proxies, nothing from outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
]
# Without it every question is answered with no.
WILLING = ["--use-fake-ui-for-media-stream"]


def main(program, devices):
    with sync_playwright() as playwright:
        arguments = ARGUMENTS + (WILLING if devices == "fake" else [])
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=arguments)
        pages = {}
        for line in sys.stdin:
            command = json.loads(line)
            try:
                answer = {"ok": act(browser, pages, **command)}
            except Error as error:
                told = pages[command["page"]].told if command["page"] in pages else []
                answer = {"error": f"{error.message} {' | '.join(told[-5:])}"}
            print(json.dumps(answer), flush=True)
        browser.close()


def act(browser, pages, do, page, **more):
    if do == "open":
        return begin(browser, pages, page, **more)
    tab = pages[page]
    match do:
        case "goto":
            tab.goto(more["url"])
        case "run":
            return tab.evaluate(more["script"], more["given"])
        case "wait":
            tab.wait_for_function(more["script"], arg=more["given"], timeout=more["limit"])
        case "press":
            tab.click(more["selector"])
        case "choose":
            tab.select_option(more["selector"], more["value"])
        case "key":
            tab.keyboard.press(more["key"])
        case "shot":
            tab.screenshot(path=more["file"])
        case "offline":
            tab.context.set_offline(more["off"])
        case "close":
            tab.context.close()
            del pages[page]
    return None


def begin(browser, pages, page, url, script, width, height, phone):
    context = browser.new_context(viewport={"width": width, "height": height}, is_mobile=phone, has_touch=phone)
    tab = context.new_page()
    tab.told = []
    tab.on("console", lambda message: tab.told.append(message.text))
    tab.on("pageerror", lambda error: tab.told.append(error.message))
    if script:
        tab.add_init_script(script)
    pages[page] = tab
    tab.goto(url)


main(*sys.argv[1:])
