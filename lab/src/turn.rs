//! TURN server: coturn from Debian's package.

use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Process, free_port, quiet};

/// Secret that coturn shares with the server that gives out credentials.
const SECRET: &str = "a-secret-of-the-lab";

/// Longest time until coturn listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running TURN server on loopback. Dropping it kills it.
#[derive(Debug)]
pub struct Turn {
    process: Process,
    port: u16,
    folder: TempDir,
}

impl Turn {
    /// Starts coturn with a shared secret and waits until it listens.
    ///
    /// # Errors
    /// When it is missing or does not start.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder for coturn")?;
        let port = free_port()?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut command = quiet("turnserver");
        // On loopback the server and its clients are one machine, which coturn refuses as an attack by default.
        command.args(["-n", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--realm", "lab"]);
        command.args(["--listening-port", &port.to_string(), "--userdb", &file("users"), "--pidfile", &file("pid")]);
        command.args(["--use-auth-secret", "--static-auth-secret", SECRET, "--allow-loopback-peers"]);
        command.args(["--no-cli", "--no-tls", "--no-dtls", "--verbose", "--simple-log", "--log-file", &file("log")]);
        let mut process = Process::start("coturn", &mut command)?;
        process.until_listens(port, START_LIMIT).await?;
        Ok(Self { process, port, folder })
    }

    /// Arguments of `tilecast serve` that name this TURN server.
    pub fn arguments(&self) -> Vec<String> {
        let server = format!("turn:127.0.0.1:{}?transport=udp", self.port);
        ["--ice-server", &server, "--turn-secret", SECRET].map(str::to_owned).to_vec()
    }

    /// Its log so far.
    ///
    /// # Errors
    /// When it ended, or wrote nothing.
    pub fn log(&mut self) -> Result<String> {
        self.process.check()?;
        std::fs::read_to_string(self.folder.path().join("log")).context("coturn's log")
    }
}
