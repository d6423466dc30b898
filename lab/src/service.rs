//! A Tilecast server of the lab's own, as a child process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    api::Api,
    process::{Process, free_port, quiet},
};
use tilecast::{app::calibrate, cost::Prices};

/// Longest time until a server is ready on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How often readiness is checked.
const POLL: Duration = Duration::from_millis(20);

/// Longest time for a server to drain: the documented promise.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running `tilecast serve` with its own ports and state. Dropping it kills the server.
#[derive(Debug)]
pub struct Service {
    process: Process,
    api: Api,
    rtmp: u16,
    http: u16,
    webrtc: u16,
    _state: Option<TempDir>,
}

/// Settings of a server. [`Setup::default`] takes free ports and a temporary state folder.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Port of the API on loopback.
    pub http: Option<u16>,
    /// Port of the RTMP door on loopback.
    pub rtmp: Option<u16>,
    /// Prices for the server, kept in the temporary state folder; the reference's otherwise.
    pub prices: Option<Prices>,
    /// Further arguments of `tilecast serve`; `--state` among them replaces the temporary folder.
    pub arguments: Vec<String>,
}

impl Service {
    /// Starts `program serve` on loopback, with loopback on the allow-list, and waits until it is ready.
    ///
    /// # Errors
    /// When it is not ready within 20 s, with its last words.
    pub async fn start(program: &Path, setup: Setup) -> Result<Self> {
        let http = setup.http.map_or_else(free_port, Ok)?;
        let rtmp = setup.rtmp.map_or_else(free_port, Ok)?;
        let webrtc = free_port()?;
        let program = program.to_str().context("a program name that is not UTF-8")?;
        let mut command = quiet(program);
        command.args(["serve", "--http", &format!("127.0.0.1:{http}"), "--rtmp", &format!("127.0.0.1:{rtmp}")]);
        command.args(["--webrtc", &format!("127.0.0.1:{webrtc}")]);
        command.args(["--allow-address", "127.0.0.0/8"]);
        let state = if setup.arguments.iter().any(|argument| argument.starts_with("--state")) {
            None
        } else {
            let folder = tempfile::tempdir().context("no temporary folder for the server's state")?;
            command.arg("--state").arg(folder.path());
            if let Some(prices) = &setup.prices {
                calibrate::keep(folder.path(), prices).context("the prices cannot be kept")?;
            }
            Some(folder)
        };
        let process = Process::start("tilecast serve", command.args(&setup.arguments))?;
        let api = Api::new(&format!("http://127.0.0.1:{http}"), None)?;
        let mut service = Self { process, api, rtmp, http, webrtc, _state: state };
        let deadline = Instant::now() + START_LIMIT;
        while let Err(error) = service.api.get("/readyz").await {
            service.process.check()?;
            if Instant::now() > deadline {
                let words = service.process.last_words();
                return Err(error.context(format!("tilecast serve is not ready: {words}")));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(service)
    }

    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Address of its RTMP door: `rtmp://HOST:PORT`.
    pub fn rtmp(&self) -> String {
        format!("rtmp://127.0.0.1:{}", self.rtmp)
    }

    /// Address of its WebRTC door, by UDP and by TCP.
    pub fn webrtc(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.webrtc).into()
    }

    /// Port of its API on loopback.
    pub fn http_port(&self) -> u16 {
        self.http
    }

    /// Process id of the front; its workers are its children.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Tells it to drain and end, as Ctrl-C does.
    ///
    /// # Errors
    /// When it takes longer than 5 s or ends with another status than 0.
    pub async fn stop(mut self) -> Result<()> {
        let status = self.process.stop(STOP_LIMIT).await?;
        anyhow::ensure!(status.success(), "tilecast serve ended with {status}: {}", self.process.last_words());
        Ok(())
    }
}
