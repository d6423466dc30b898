//! Browser automation: Debian's Chromium, headless, driven by Playwright in a Python process that `scripts/setup`
//! prepares.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{ChildStdin, ChildStdout},
    time::timeout,
};

use crate::process::{Process, quiet};

/// Path of Playwright's Python, where `scripts/setup` puts it, from the top of the project.
pub(super) const PYTHON: &str = "target/clients/bin/python";

/// Where Debian puts Chromium.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Longest time of a command: a browser's start on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

const DRIVER: &str = include_str!("drive.py");

/// The object `lab` of every page that [`Browser::open_lab`] opens.
const LAB: &str = include_str!("page.js");

/// Answers to the camera and microphone questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// There is a camera with a moving picture and a microphone that beeps, and pages may use them.
    Fake,
    Refused,
}

/// Size and kind of a page's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub width: u32,
    pub height: u32,
    /// With touch, and no mouse.
    pub phone: bool,
}

impl Screen {
    pub const DESKTOP: Self = Self { width: 1280, height: 800, phone: false };
    /// A small phone, upright.
    pub const PHONE: Self = Self { width: 360, height: 740, phone: true };
}

/// A browser with any number of pages, each in a context of its own. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    process: Process,
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Errors
    /// When Python does not start. If Chromium does not, the first page fails.
    pub fn start(devices: Devices) -> Result<Self> {
        let python = Path::new(PYTHON);
        if !python.exists() || !Path::new(CHROMIUM).exists() {
            bail!("{PYTHON} or {CHROMIUM} is missing; scripts/setup installs them");
        }
        let devices = if devices == Devices::Fake { "fake" } else { "refused" };
        let mut command = quiet(PYTHON);
        command.args(["-c", DRIVER, CHROMIUM, devices]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("the browser", &mut command)?;
        let input = ChildStdin::from_std(process.take_stdin().context("its input is piped")?)?;
        let output = ChildStdout::from_std(process.take_stdout().context("its output is piped")?)?;
        Ok(Self { process, input, output: BufReader::new(output).lines() })
    }

    /// Opens a page called `page`; `script` runs in it before its own.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn open(&mut self, page: &str, url: &str, screen: Screen, script: &str) -> Result<()> {
        let Screen { width, height, phone } = screen;
        let more = json!({"url": url, "script": script, "width": width, "height": height, "phone": phone});
        self.tell("open", page, more).await.map(drop)
    }

    /// Opens an empty page of a server with the object `lab`, which publishes and watches.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn open_lab(&mut self, page: &str, base: &str) -> Result<()> {
        self.open(page, &format!("{base}/healthz"), Screen::DESKTOP, LAB).await
    }

    /// Loads another address in a page.
    ///
    /// # Errors
    /// When it does not load.
    pub async fn goto(&mut self, page: &str, url: &str) -> Result<()> {
        self.tell("goto", page, json!({"url": url})).await.map(drop)
    }

    /// Runs a JavaScript function in a page, and returns its result.
    ///
    /// # Errors
    /// When it throws.
    pub async fn run(&mut self, page: &str, script: &str, given: Value) -> Result<Value> {
        self.tell("run", page, json!({"script": script, "given": given})).await
    }

    /// Waits until a JavaScript function returns something true.
    ///
    /// # Errors
    /// When it has not within `limit`, or throws.
    pub async fn wait(&mut self, page: &str, script: &str, given: Value, limit: Duration) -> Result<()> {
        let limit = limit.as_millis() as u64;
        self.tell("wait", page, json!({"script": script, "given": given, "limit": limit})).await.map(drop)
    }

    /// Runs a function repeatedly until its result is `wanted`, and returns that.
    ///
    /// # Errors
    /// When it is not within `limit`, with the last result.
    pub async fn until(
        &mut self,
        page: &str,
        script: &str,
        given: &Value,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + limit;
        loop {
            let seen = self.run(page, script, given.clone()).await?;
            if wanted(&seen) {
                return Ok(seen);
            }
            if Instant::now() > deadline {
                bail!("page {page} after {limit:?} still gives {seen} for {script}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Clicks the element of a CSS selector.
    ///
    /// # Errors
    /// When it is missing or cannot be clicked.
    pub async fn press(&mut self, page: &str, selector: &str) -> Result<()> {
        self.tell("press", page, json!({"selector": selector})).await.map(drop)
    }

    /// Presses a key, such as `Tab`.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn key(&mut self, page: &str, key: &str) -> Result<()> {
        self.tell("key", page, json!({"key": key})).await.map(drop)
    }

    /// Chooses an option of a select element.
    ///
    /// # Errors
    /// When the element lacks the option.
    pub async fn choose(&mut self, page: &str, selector: &str, value: &str) -> Result<()> {
        self.tell("choose", page, json!({"selector": selector, "value": value})).await.map(drop)
    }

    /// Writes a screenshot of a page to a PNG file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn shot(&mut self, page: &str, file: &Path) -> Result<()> {
        self.tell("shot", page, json!({"file": file})).await.map(drop)
    }

    /// Closes a page abruptly, as when a laptop is closed: no goodbye is sent.
    ///
    /// # Errors
    /// When there is no such page.
    pub async fn close(&mut self, page: &str) -> Result<()> {
        self.tell("close", page, json!({})).await.map(drop)
    }

    async fn tell(&mut self, what: &str, page: &str, mut more: Value) -> Result<Value> {
        more["do"] = what.into();
        more["page"] = page.into();
        let ask = async {
            self.input.write_all(format!("{more}\n").as_bytes()).await?;
            self.input.flush().await?;
            self.output.next_line().await
        };
        let answer = timeout(LIMIT, ask).await.with_context(|| format!("{what} in page {page}"))?;
        let Ok(Some(answer)) = answer else { bail!("the browser ended: {}", self.process.last_words()) };
        let mut answer: Value = serde_json::from_str(&answer)?;
        match answer["error"].as_str() {
            Some(error) => bail!("{what} in page {page}: {error}"),
            None => Ok(answer["ok"].take()),
        }
    }
}
