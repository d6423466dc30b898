//! A WHEP and WHIP server on another stack: Python's aiortc (scripts/setup installs it).

use std::{path::Path, time::Duration};

use anyhow::Result;
use serde_json::Value;
use tilecast_lab::{
    api::Api,
    process::{Process, free_port, quiet},
};

use super::support::LIMIT;

/// What it wants as token.
pub const TOKEN: &str = "r1ght";

/// A running stand-in; dropping it kills it.
pub struct Standin {
    process: Process,
    api: Api,
    pub port: u16,
}

impl Standin {
    /// On a free port.
    pub async fn start() -> Self {
        Self::on(free_port().expect("a port")).await
    }

    pub async fn on(port: u16) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/clients/bin/python");
        let mut command = quiet(python.to_str().expect("UTF-8"));
        command.arg(root.join("tests/live/webrtc/standin.py")).args([&port.to_string(), TOKEN]);
        let process = Process::start("the stand-in", &mut command).expect("aiortc, which scripts/setup installs");
        let api = Api::new(&format!("http://127.0.0.1:{port}"), None).expect("a client");
        let mut standin = Self { process, api, port };
        let ready = standin.seen(|_| true).await;
        standin.process.check().expect("it runs");
        ready.unwrap_or_else(|error| panic!("{error}: {}", standin.process.last_words()));
        standin
    }

    /// The address of a stream, for `whep` or `whip`.
    pub fn url(&self, kind: &str) -> String {
        format!("http://127.0.0.1:{}/{kind}/weekly", self.port)
    }

    /// What it saw and heard, once that is as wanted.
    pub async fn seen(&self, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        self.api.until("/seen", LIMIT, wanted).await
    }

    /// Ends it in order.
    pub async fn stop(mut self) {
        let _ = self.process.stop(Duration::from_secs(10)).await;
    }
}
