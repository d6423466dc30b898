//! Child processes that end with their handle, and report why they ended.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    net::{TcpListener, UdpSocket},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{net::TcpStream, signal::unix};

/// Bytes of a process's error output in an error: enough for the last few lines.
const TAIL_BYTES: u64 = 2000;

/// How often a process that was told to stop is checked.
const STOP_POLL: Duration = Duration::from_millis(10);

/// How often an expected listening port is tried.
const LISTEN_POLL: Duration = Duration::from_millis(10);

/// A running child. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    /// Its standard error, an unnamed file: it needs no reader, and is gone with the last handle.
    errors: File,
}

impl Process {
    /// Starts a process in a process group of its own, so that a terminal's Ctrl-C reaches only this program, which
    /// then ends its children in order. Standard error is kept for messages; standard input and output are as the
    /// command says.
    ///
    /// # Errors
    /// When the program is missing or cannot start.
    pub fn start(name: impl Into<String>, command: &mut Command) -> Result<Self> {
        let name = name.into();
        let errors = tempfile::tempfile().context("no temporary file for a child's messages")?;
        let child = command
            .stderr(errors.try_clone()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("{name} did not start ({}); scripts/setup installs it", program(command)))?;
        Ok(Self { name, child, errors })
    }

    /// What it was called.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its standard input, once, if the command piped it.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Its standard output, once, if the command piped it.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// # Errors
    /// When it has ended: its exit status and last words.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, self.last_words()),
        }
    }

    /// The end of its standard error so far.
    pub fn last_words(&self) -> String {
        let read = || -> std::io::Result<String> {
            let mut file = self.errors.try_clone()?;
            let length = file.seek(SeekFrom::End(0))?;
            file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
            let mut bytes = Vec::new();
            file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
        };
        read().unwrap_or_default()
    }

    /// Waits until a server listens on this port of loopback.
    ///
    /// # Errors
    /// When none does within `limit`, or the process ends before.
    pub async fn until_listens(&mut self, port: u16, limit: Duration) -> Result<()> {
        let up = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if self.check().is_err() {
                    return;
                }
                tokio::time::sleep(LISTEN_POLL).await;
            }
        };
        if tokio::time::timeout(limit, up).await.is_err() {
            bail!("{} does not listen: {}", self.name, self.last_words());
        }
        self.check()
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// When it has not within `limit`.
    pub async fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} still runs after {limit:?}: {}", self.name, self.last_words());
            }
            tokio::time::sleep(STOP_POLL).await;
        }
    }

    /// Sends a signal, if it still runs.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Only `self` reaps the child, so the id is still its own; a process that has ended ignores the signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub async fn stop(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM);
        self.wait(limit).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that was reaped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

/// A quiet command without standard input, its output discarded unless the caller says otherwise.
pub fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// FFmpeg, silent except for errors, overwriting its output files.
pub fn ffmpeg() -> Command {
    let mut command = quiet("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]);
    command
}

/// Resolves when this process is asked to end, by Ctrl-C or SIGTERM. If nobody waits here, a signal ends this program
/// at once and leaves its children running.
///
/// # Errors
/// When the system gives no signals to listen to.
pub fn interrupted() -> Result<impl Future<Output = ()>> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ports for servers of the lab: below the range from which Linux chooses for outgoing connections. Otherwise a browser
/// or a publisher could get a port before the server has bound it.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that is free on loopback, TCP and UDP, and that this process has not returned before.
///
/// # Errors
/// When none of a hundred is free.
pub fn free_port() -> Result<u16> {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));
    for _ in 0..100 {
        let port = PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len() as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port on loopback between {} and {}", PORTS.start, PORTS.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_that_fails_tells_why() {
        let mut command = quiet("sh");
        let mut child = Process::start("a shell", command.args(["-c", "echo no camera >&2; exit 3"])).expect("sh");
        child.wait(Duration::from_secs(10)).await.expect("ends");
        let error = child.check().expect_err("it ended").to_string();
        assert!(error.contains("a shell") && error.contains("no camera") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let child = Process::start("sleep", quiet("sleep").arg("1000")).expect("sleep");
        let proc = format!("/proc/{}", child.id());
        assert!(std::path::Path::new(&proc).exists());
        drop(child);
        assert!(!std::path::Path::new(&proc).exists());
    }
}
