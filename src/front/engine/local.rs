//! Workers as child processes: the default, nothing to install.
//!
//! The link is a socket pair whose other end is the child's standard input, so there is no path, port or token to guard,
//! and a front that dies takes its workers with it: they read the end of their input.

use std::{
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixStream, unix::OwnedReadHalf, unix::OwnedWriteHalf},
    process::{Child, ChildStderr, Command},
    sync::mpsc,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{Event, Outbox, Worker, outbox::Drain};
use crate::{
    base::{RoomId, tasks::Tasks},
    link::FromWorker,
};

/// Messages that may wait for the room; beyond that the worker's own writes wait.
const INBOX: usize = 256;

/// How long a worker may take to end by itself once its link is closed. Flushing two encoders takes a few frames.
const GRACE: Duration = Duration::from_secs(2);

/// Longest line of a worker's standard error that is kept; the rest of the line is cut.
const MAX_LINE: usize = 4096;

/// Environment a worker may see. Everything else stays with the front, its secrets above all.
const ENVIRONMENT: [&str; 14] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "FONTCONFIG_FILE",
    "FONTCONFIG_PATH",
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_REGISTRY",
    "LD_LIBRARY_PATH",
    "GST_DEBUG",
    "GST_DEBUG_FILE",
];

/// Starts workers from this very program.
#[derive(Debug, Clone)]
pub struct Local {
    program: PathBuf,
    log: String,
    tasks: Tasks,
}

impl Local {
    /// `program` is run as `program worker`; `log` is the filter of its log (as in `--log`); `tasks` owns what a worker
    /// needs on this side.
    pub fn new(program: PathBuf, log: String, tasks: Tasks) -> Self {
        Self { program, log, tasks }
    }

    /// Starts one worker.
    pub fn start(&self, room: &RoomId) -> io::Result<Worker> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut child = Command::new(&self.program)
            .arg("worker")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
            .env("TILECAST_LOG", &self.log)
            // glibc keeps freed memory in one arena per thread; a worker has a thread per participant.
            .env("MALLOC_ARENA_MAX", "2")
            // Ctrl-C in a terminal goes to the whole foreground group; the front alone decides when workers end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (reader, writer) = UnixStream::from_std(ours)?.into_split();
        let (outbox, drain) = Outbox::new();
        let (events, inbox) = mpsc::channel(INBOX);
        let kill = CancellationToken::new();
        let pid = child.id().unwrap_or_default();
        if let Some(stderr) = child.stderr.take() {
            self.tasks.spawn("worker log", log_lines(stderr, room.clone(), pid));
        }
        self.tasks.spawn("worker link out", write_link(writer, drain));
        self.tasks.spawn("worker", supervise(child, reader, events, kill.clone()));
        Ok(Worker::new(outbox, inbox, kill))
    }
}

/// Reads until the link ends or the room lets go of the worker, then sees the child out.
async fn supervise(mut child: Child, reader: OwnedReadHalf, events: mpsc::Sender<Event>, kill: CancellationToken) {
    let fault = tokio::select! {
        fault = read_link(reader, &events) => fault,
        () = kill.cancelled() => None,
    };
    let status = match timeout(GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    let reason = fault.unwrap_or_else(|| describe(status));
    let _ = events.send(Event::Ended(reason)).await;
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("worker ended: {status}"),
        Err(error) => format!("worker could not be waited for: {error}"),
    }
}

/// Returns what was wrong with what the worker said, if anything was.
async fn read_link(mut reader: OwnedReadHalf, events: &mpsc::Sender<Event>) -> Option<String> {
    let mut input = BytesMut::with_capacity(64 << 10);
    loop {
        match FromWorker::decode(&mut input) {
            Ok(Some(message)) => {
                if events.send(Event::Message(message)).await.is_err() {
                    return None;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => return Some(format!("worker sent {error}")),
        }
        if input.capacity() - input.len() < 16 << 10 {
            input.reserve(64 << 10);
        }
        match reader.read_buf(&mut input).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Writes until the room drops its [`Outbox`] or the worker is gone. Closing this half is what tells the worker to end.
async fn write_link(mut writer: OwnedWriteHalf, mut drain: Drain) {
    /// One write takes what has gathered: at nine participants about ten frames a millisecond at worst.
    const BATCH: usize = 64;
    let mut batch = Vec::with_capacity(BATCH);
    let mut bytes = BytesMut::new();
    while drain.next(&mut batch, BATCH).await.is_some() {
        for frame in batch.drain(..) {
            bytes.extend_from_slice(&frame.head);
            bytes.extend_from_slice(&frame.tail);
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
        bytes.clear();
        if bytes.capacity() > 1 << 20 {
            bytes = BytesMut::new();
        }
    }
}

/// Puts what the worker and its C libraries print into the log, with room and pid.
async fn log_lines(stderr: ChildStderr, room: RoomId, pid: u32) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines).take(MAX_LINE as u64).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        match text.split_once(' ') {
            Some(("ERROR", rest)) => tracing::error!(%room, pid, "worker: {rest}"),
            Some(("WARN", rest)) => tracing::warn!(%room, pid, "worker: {rest}"),
            Some(("INFO", rest)) => tracing::info!(%room, pid, "worker: {rest}"),
            Some(("DEBUG" | "TRACE", rest)) => tracing::debug!(%room, pid, "worker: {rest}"),
            _ if text.is_empty() => {}
            // Lines of C libraries carry no level of ours.
            _ => tracing::warn!(%room, pid, "worker: {text}"),
        }
    }
}
