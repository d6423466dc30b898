//! The joining page, as people use it.

use serde_json::{Value, json};
use tilecast_lab::{
    browser::{Browser, Devices, Screen},
    service::{Service, Setup},
};

use super::support::{LIMIT, room, service, show, until};

/// What the page says and shows.
const TOLD: &str = "() => ({
    state: document.getElementById('state').textContent,
    fault: document.getElementById('fault').textContent,
    stage: document.body.dataset.stage,
    width: document.getElementById('program').videoWidth,
    focus: document.activeElement.id,
})";

/// Counts what the page sends anywhere, and keeps what it puts into addresses.
const SPY: &str = "globalThis.asked = [];
    const real = fetch;
    globalThis.fetch = (url, options) => (asked.push([String(url), JSON.stringify(options?.headers ?? {})]), real(url, options));";

/// Keeps all that the page says from now on.
const SAID: &str = "() => {
    const state = document.getElementById('state');
    globalThis.said = [];
    new MutationObserver(() => said.push(state.textContent)).observe(state, { childList: true });
}";

async fn open(browser: &mut Browser, service: &Service, id: &str, key: &str, screen: Screen) {
    let url = format!("{}/join/weekly/{id}#key={key}", service.api().base());
    browser.open(id, &url, screen, SPY).await.expect("the page loads");
}

async fn told(browser: &mut Browser, page: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    browser.until(page, TOLD, &Value::Null, LIMIT, wanted).await.expect("the page gets there")
}

async fn join(browser: &mut Browser, page: &str) {
    ask_to_join(browser, page).await;
    is_in(browser, page).await;
}

async fn ask_to_join(browser: &mut Browser, page: &str) {
    let devices = "() => document.querySelector('#picture').value.startsWith('camera:')";
    browser.wait(page, devices, Value::Null, LIMIT).await.expect("devices have names");
    browser.press(page, "#join").await.expect("a button");
}

async fn is_in(browser: &mut Browser, page: &str) {
    told(browser, page, |told| told["width"] == 640 && told["state"] == "You are in the meeting.").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn someone_joins_mutes_goes_dark_comes_back_and_leaves() {
    let service = service(Setup::default()).await;
    room(&service, &["ada", "ben"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    open(&mut browser, &service, "ada", "key-of-ada", Screen::DESKTOP).await;
    join(&mut browser, "ada").await;
    let view = show(&service, &["ada"]).await;
    assert_eq!(view["status"]["participants"]["ada"]["door"], "whip");
    let loud = |view: &Value| view["status"]["participants"]["ada"]["levels"]["peak_dbfs"].as_f64();
    // The fake microphone beeps once a second.
    until(&service, |view| loud(view).is_some_and(|level| level > -40.0)).await;

    // By keyboard alone: the first button has the focus.
    browser.key("ada", "Space").await.expect("a key");
    let muted = told(&mut browser, "ada", |told| told["state"] == "You are muted.").await;
    assert_eq!(muted["focus"], "mute");
    browser.key("ada", "Tab").await.expect("a key");
    browser.key("ada", "Enter").await.expect("a key");
    until(&service, |view| view["status"]["participants"]["ada"]["showing"] == false).await;
    browser.press("ada", "#camera").await.expect("a button");
    show(&service, &["ada"]).await;

    browser.press("ada", "#leave").await.expect("a button");
    until(&service, |view| view["status"]["participants"]["ada"]["state"] == "absent").await;
    let left = told(&mut browser, "ada", |told| told["stage"] == "before").await;
    assert_eq!((left["state"].as_str(), left["focus"].as_str()), (Some("You left the meeting."), Some("join")));
    let asked = browser.run("ada", "() => asked", Value::Null).await.expect("what was asked");
    let asked = asked.as_array().expect("a list");
    assert!(
        asked.len() >= 4 && asked.iter().all(|ask| !ask[0].as_str().expect("a URL").contains("key-of-ada")),
        "{asked:?}"
    );
}

/// A screen to share that has no questions, a wake lock that is seen, and every connection of the page.
const STAND_INS: &str = "globalThis.peers = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...given) { super(...given); peers.push(this); }
    };
    navigator.mediaDevices.getDisplayMedia = async () => {
        const canvas = document.createElement('canvas');
        const brush = canvas.getContext('2d');
        setInterval(() => brush.fillRect(Math.random() * 300, 0, 9, 9), 50);
        return (globalThis.screened = canvas.captureStream(20));
    };
    globalThis.locks = [];
    const request = async () => (locks.push({ released: false, async release() { this.released = true; } }), locks.at(-1));
    Object.defineProperty(navigator, 'wakeLock', { value: { request } });";

/// What is on air: whether the picture's sender has a camera or a screen, and whether any sound is let through.
const ON_AIR: &str = "() => {
    const tracks = peers.filter((peer) => peer.connectionState === 'connected').flatMap((peer) => peer.getSenders())
        .map(({ track }) => track).filter(Boolean);
    const picture = tracks.find(({ kind }) => kind === 'video');
    const pressed = (id) => document.getElementById(id).getAttribute('aria-pressed') === 'true';
    return {
        picture: !picture ? 'none' : picture === globalThis.screened?.getVideoTracks()[0] ? 'screen' : 'camera',
        shown: document.body.dataset.picture,
        heard: tracks.some(({ kind, enabled }) => kind === 'audio' && enabled),
        microphone: tracks.filter(({ kind }) => kind === 'audio').map((track) => `microphone:${track.getSettings().deviceId}`)[0] ?? '',
        muted: pressed('mute'),
        dark: pressed('camera'),
        shared: pressed('share'),
        sound: document.getElementById('sound').value,
    };
}";

async fn on_air(browser: &mut Browser, wanted: impl Fn(&Value) -> bool) -> Value {
    browser.until("ada", ON_AIR, &Value::Null, LIMIT, wanted).await.expect("the page gets there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_on_air_that_was_switched_off() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    let url = format!("{}/join/weekly/ada#key=key-of-ada", service.api().base());
    browser.open("ada", &url, Screen::DESKTOP, STAND_INS).await.expect("the page loads");
    join(&mut browser, "ada").await;
    on_air(&mut browser, |air| air["picture"] == "camera" && air["heard"] == true).await;

    // A camera that is on comes back after a screen was shared.
    browser.press("ada", "#share").await.expect("a button");
    on_air(&mut browser, |air| air["picture"] == "screen" && air["shared"] == true).await;
    browser.press("ada", "#share").await.expect("a button");
    on_air(&mut browser, |air| air["picture"] == "camera" && air["dark"] == false).await;

    // One that is off stays off, whichever button ends the sharing.
    browser.press("ada", "#camera").await.expect("a button");
    on_air(&mut browser, |air| air["picture"] == "none").await;
    let ended =
        "() => { const [track] = screened.getVideoTracks(); track.stop(); track.dispatchEvent(new Event('ended')); }";
    for ends_by_itself in [false, true] {
        browser.press("ada", "#share").await.expect("a button");
        on_air(&mut browser, |air| air["picture"] == "screen").await;
        match ends_by_itself {
            true => _ = browser.run("ada", ended, Value::Null).await.expect("it ends"),
            false => browser.press("ada", "#share").await.expect("a button"),
        }
        let air = on_air(&mut browser, |air| air["picture"] != "screen" && air["shared"] == false).await;
        assert_eq!((&air["picture"], &air["shown"], &air["dark"]), (&json!("none"), &json!("off"), &json!(true)));
    }

    // Who is mute stays so with another microphone, with none for a while, and with the first again.
    browser.press("ada", "#mute").await.expect("a button");
    let first = on_air(&mut browser, |air| air["heard"] == false && air["muted"] == true).await;
    let others = "() => [...document.getElementById('sound').options].map(({ value }) => value)";
    let choices = browser.run("ada", others, Value::Null).await.expect("microphones");
    let choices: Vec<&str> = choices.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let other = choices.iter().find(|value| !value.is_empty() && first["sound"] != **value).expect("a second one");
    for sound in [*other, "", first["sound"].as_str().expect("text")] {
        browser.choose("ada", "#sound", sound).await.expect("a menu");
        let air = on_air(&mut browser, |air| air["microphone"] == sound).await;
        assert_eq!((&air["heard"], &air["muted"]), (&json!(false), &json!(true)), "{sound:?}");
    }
    browser.press("ada", "#mute").await.expect("a button");
    on_air(&mut browser, |air| air["heard"] == true && air["muted"] == false).await;

    // The screen stays on after the page was hidden for a while.
    let hide = "(state) => {
        locks.at(-1).released = state === 'hidden' || locks.at(-1).released;
        Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }";
    for state in ["hidden", "visible", "visible"] {
        browser.run("ada", hide, json!(state)).await.expect("an event");
    }
    let locks = "() => locks.map(({ released }) => released)";
    let held = browser.until("ada", locks, &Value::Null, LIMIT, |locks| locks.as_array().is_some_and(|l| l.len() > 1));
    assert_eq!(held.await.expect("a second lock"), json!([true, false]));
    browser.press("ada", "#leave").await.expect("a button");
    let released = |locks: &Value| *locks == json!([true, true]);
    browser.until("ada", locks, &Value::Null, LIMIT, released).await.expect("the screen may go off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_second_gets_the_place_and_the_first_is_told() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    open(&mut browser, &service, "ada", "key-of-ada", Screen::DESKTOP).await;
    join(&mut browser, "ada").await;
    let url = format!("{}/join/weekly/ada#key=key-of-ada", service.api().base());
    // A phone lying on its side, where the page is higher than the screen.
    let lying = Screen { width: 740, height: 360, phone: true };
    browser.open("again", &url, lying, "").await.expect("the page loads");
    ask_to_join(&mut browser, "again").await;
    let asks = "() => document.querySelector('#taken').open && document.querySelector('#holder').textContent";
    browser.wait("again", asks, Value::Null, LIMIT).await.expect("it asks first");
    browser.press("again", "#take").await.expect("a button");
    is_in(&mut browser, "again").await;
    let reach = "() => [...document.querySelectorAll('#bar button')].map((button) => innerHeight - button.getBoundingClientRect().bottom)";
    let below = browser.run("again", reach, Value::Null).await.expect("buttons");
    let below = below.as_array().expect("a list");
    assert!(
        below.len() == 4 && below.iter().all(|px| px.as_f64().is_some_and(|px| px >= 0.0)),
        "nobody scrolls to mute: {below:?}"
    );
    let first = told(&mut browser, "ada", |told| told["stage"] == "before").await;
    assert!(first["fault"].as_str().expect("text").starts_with("You were let go"), "{first}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_says_plainly_what_is_wrong() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Refused).expect("a browser");
    open(&mut browser, &service, "ada", "wrong", Screen::PHONE).await;
    let refused = told(&mut browser, "ada", |told| told["fault"] != "").await;
    assert!(refused["fault"].as_str().expect("text").contains("did not let this page use your"), "{refused}");
    let both = |told: &Value| {
        told["fault"].as_str().is_some_and(|fault| fault.contains("camera") && fault.contains("microphone"))
    };
    told(&mut browser, "ada", both).await;
    browser.press("ada", "#join").await.expect("a button");
    told(&mut browser, "ada", |told| told["fault"].as_str().is_some_and(|fault| fault.starts_with("The key in this")))
        .await;
    for (page, path, words) in [
        ("keyless", "weekly/ada", "This link has no key."),
        ("nobody", "weekly/eve#key=x", "The key in this link is not the right one, or this meeting"),
    ] {
        let url = format!("{}/join/{path}", service.api().base());
        browser.open(page, &url, Screen::PHONE, "").await.expect("the page loads");
        if page == "nobody" {
            told(&mut browser, page, |told| told["fault"] != "").await;
            browser.press(page, "#join").await.expect("a button");
        }
        told(&mut browser, page, |told| told["fault"].as_str().is_some_and(|fault| fault.starts_with(words))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_comes_back_when_the_server_does() {
    let state = tempfile::tempdir().expect("a folder");
    let arguments = vec!["--state".to_owned(), state.path().display().to_string()];
    let setup = Setup { arguments, ..Setup::default() };
    let first = service(setup.clone()).await;
    let http = Some(first.http_port());
    room(&first, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    open(&mut browser, &first, "ada", "key-of-ada", Screen::DESKTOP).await;
    join(&mut browser, "ada").await;
    browser.run("ada", SAID, Value::Null).await.expect("the page is watched");
    first.stop().await.expect("drains");
    told(&mut browser, "ada", |told| told["state"].as_str().is_some_and(|state| state.ends_with("Trying again…")))
        .await;
    let second = service(Setup { http, ..setup }).await;
    show(&second, &["ada"]).await;
    told(&mut browser, "ada", |told| told["state"] == "You are in the meeting.").await;
    // What is wrong stands there until it is mended, for as long as it takes to read it.
    let said = browser.run("ada", "() => said", Value::Null).await.expect("what was said");
    assert!(said.as_array().is_some_and(|said| !said.contains(&json!("Connecting…"))), "{said}");
    let playing = "() => document.getElementById('program').currentTime > 1";
    browser.wait("ada", playing, json!(null), LIMIT).await.expect("the program plays");
}
