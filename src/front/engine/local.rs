//! Workers as child processes: the default, nothing to install.
//!
//! The link is a socket pair whose other end is the child's standard input, so there is no path, port or token to guard,
//! and a front that dies takes its workers with it: they read the end of their input.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use super::{
    Event, Orders, Outbox, Worker,
    link::{read_link, write_link},
    socket,
};
use crate::{
    base::{RoomId, tasks::Tasks},
    cost::Budget,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::unix::pipe::Receiver,
    process::{Child, ChildStderr, Command},
    sync::mpsc,
    time::timeout,
};

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
    capacity: Option<Budget>,
}

impl Local {
    /// `program` is run as `program worker`; `log` is the filter of its log (as in `--log`); `tasks` owns what a worker
    /// needs on this side.
    pub fn new(program: PathBuf, log: String, tasks: Tasks) -> Self {
        Self { program, log, tasks, capacity: None }
    }

    /// Lets rooms take no more than this together.
    pub fn within(self, capacity: Budget) -> Self {
        Self { capacity: Some(capacity), ..self }
    }

    /// All that rooms may take together; `None` is no limit.
    pub fn capacity(&self) -> Option<Budget> {
        self.capacity
    }

    /// Starts one worker.
    pub fn start(&self, room: &RoomId) -> io::Result<Worker> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut child = Command::new(&self.program)
            .arg("worker")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env_clear()
            .envs(ENVIRONMENT.iter().filter_map(|key| Some((key, std::env::var_os(key)?))))
            .env("TILECAST_LOG", &self.log)
            // Ctrl-C in a terminal goes to the whole foreground group; the front alone decides when workers end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let (reader, writer) = socket::halves(ours)?;
        let (outbox, drain) = Outbox::new();
        let (worker, events, orders) = Worker::new();
        let pid = child.id().unwrap_or_default();
        if let Some(stderr) = child.stderr.take() {
            self.tasks.spawn("worker log", log_lines(stderr, room.clone(), pid));
        }
        self.tasks.spawn("worker link out", write_link(writer, drain));
        self.tasks.spawn("worker", supervise(child, reader, outbox, events, orders));
        Ok(worker)
    }
}

/// Reads until the link ends or the room lets go of the worker, then sees the child out.
async fn supervise(mut child: Child, reader: Receiver, outbox: Outbox, events: mpsc::Sender<Event>, orders: Orders) {
    let talk = async {
        // A room that is gone has dropped its end, which cancels `end`.
        let _ = events.send(Event::Linked(outbox)).await;
        read_link(reader, &events).await
    };
    let fault = tokio::select! {
        fault = talk => fault,
        () = orders.end.cancelled() => None,
    };
    let ended = tokio::select! {
        // A worker that is let go and one that is to be killed are told at once; which of the two it is is looked at first.
        biased;
        () = orders.kill.cancelled() => None,
        ended = timeout(GRACE, child.wait()) => ended.ok(),
    };
    let status = match ended {
        Some(status) => status,
        None => {
            // It fails only when the child has ended.
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
