//! Foreign WebRTC client: aiortc, a stack in Python that is neither ours nor a browser's. `scripts/setup` prepares it.

use std::{io::Read, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    browser::PYTHON,
    process::{Process, quiet},
};

const CLIENT: &str = include_str!("client.py");

/// Time beyond the watching time for a client to start, connect and analyse.
const SLACK: Duration = Duration::from_secs(30);

fn start(what: &Value) -> Result<Process> {
    ensure!(std::path::Path::new(PYTHON).exists(), "{PYTHON} is missing; scripts/setup installs it");
    let mut command = quiet(PYTHON);
    Process::start("aiortc", command.args(["-c", CLIENT, &what.to_string()]).stdout(Stdio::piped()))
}

/// Publishes a colour and a tone by WHIP, coded by `codec` (`h264` or `vp8`), until the handle is dropped.
///
/// # Errors
/// When Python does not start. [`Process::check`] shows whether the server accepted the stream.
pub fn publish(url: &str, key: &str, colour: [u8; 3], hz: f32, codec: &str) -> Result<Process> {
    start(&json!({"do": "publish", "url": url, "key": key, "colour": colour, "hz": hz, "codec": codec}))
}

/// Watches by WHEP for this long. Returns the last picture's size, the number of pictures, the longest time without one
/// (s), the mean colour of each rectangle [x, y, width, height] (fractions), and the loudness of each tone (dBFS) in
/// the last half second.
///
/// # Errors
/// When the server refuses it, or it ends in another way.
pub async fn watch(url: &str, key: &str, rects: &[[f64; 4]], hz: &[f32], span: Duration) -> Result<Value> {
    let seconds = span.as_secs_f64();
    let mut client =
        start(&json!({"do": "watch", "url": url, "key": key, "rects": rects, "hz": hz, "seconds": seconds}))?;
    let status = client.wait(span + SLACK).await?;
    let mut told = String::new();
    client.take_stdout().context("its output is piped")?.read_to_string(&mut told)?;
    ensure!(status.success(), "aiortc ended with {status}: {}", client.last_words());
    serde_json::from_str(&told).with_context(|| format!("what aiortc tells: {told}"))
}
