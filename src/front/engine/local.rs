//! Local engine: workers as child processes. It is the default and needs no installation.
//!
//! The link is a socket pair whose other end is the child's standard input, so there is no path, port or token to
//! guard. When a front dies, its workers read the end of their input, and end too.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use tokio::{
    net::unix::pipe::Receiver,
    process::{Child, Command},
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::Instrument;

use super::{
    Event, Orders, Outbox, Worker,
    link::{read_link, write_link},
    socket, words,
};
use crate::{
    base::{RoomId, tasks::Tasks},
    cost::Budget,
    sandbox,
};

/// Time for a worker to end by itself after its link is closed. Flushing two encoders takes a few frames.
const GRACE: Duration = Duration::from_secs(2);

/// Time for reading the last of a worker's output after it has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Longest time for listing this machine's plugins. The first time, GStreamer reads some hundred files, in a few
/// seconds.
const PREPARING: Duration = Duration::from_secs(60);

/// Starts workers from this program.
#[derive(Debug, Clone)]
pub struct Local {
    program: PathBuf,
    log: String,
    tasks: Tasks,
    capacity: Option<Budget>,
    confined: bool,
    /// The present budget of each room's newest worker.
    budgets: Arc<Mutex<HashMap<RoomId, watch::Sender<Budget>>>>,
}

impl Local {
    /// `program` is run as `program worker`; `log` is the filter of its log (as in `--log`); `tasks` owns what a worker
    /// needs on this side.
    pub fn new(program: PathBuf, log: String, tasks: Tasks) -> Self {
        Self { program, log, tasks, capacity: None, confined: true, budgets: Arc::default() }
    }

    /// Limits all rooms together to this capacity.
    pub fn within(self, capacity: Budget) -> Self {
        Self { capacity: Some(capacity), ..self }
    }

    /// Leaves workers all privileges of this process, for launch texts that need more than the sandbox allows.
    pub fn unconfined(self) -> Self {
        Self { confined: false, ..self }
    }

    /// All that rooms may take together; `None` is no limit.
    pub fn capacity(&self) -> Option<Budget> {
        self.capacity
    }

    /// Updates the list of this machine's plugins, which confined workers only read. Without the list workers start
    /// more slowly, so a failure is only logged.
    pub async fn prepare(&self) {
        let mut command = self.command(Some("--prepare"), sandbox::environment_to_prepare());
        command.stdin(Stdio::null()).stderr(Stdio::null());
        let prepared = async { command.spawn()?.wait().await };
        match timeout(PREPARING, prepared).await {
            Ok(Ok(status)) if status.success() => {}
            Ok(Ok(status)) => tracing::warn!("the media plugins of this machine could not be listed: {status}"),
            Ok(Err(error)) => tracing::warn!(%error, "the media plugins of this machine could not be listed"),
            Err(_) => tracing::warn!("listing the media plugins takes more than {} s", PREPARING.as_secs()),
        }
    }

    /// Logs once which parts of the sandbox its workers lack, because of this machine or by configuration.
    pub fn tell_gaps(&self) {
        if !self.confined {
            tracing::warn!(
                "workers are not confined, as --sandbox off has it: what takes one over has all that this service has"
            );
            return;
        }
        for gap in sandbox::gaps() {
            tracing::warn!("of workers {gap}");
        }
    }

    /// Starts one worker with this budget.
    pub fn start(&self, room: &RoomId, budget: Budget) -> io::Result<Worker> {
        let (ours, theirs) = UnixStream::pair()?;
        let unconfined = (!self.confined).then_some("--unconfined");
        let mut command = self.command(unconfined, sandbox::environment());
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (reader, writer) = socket::halves(ours)?;
        let (outbox, drain) = Outbox::new();
        let (worker, events, orders) = Worker::new();
        let pid = child.id().unwrap_or_default();
        let (last, last_words) = watch::channel(String::new());
        if let Some(stderr) = child.stderr.take() {
            let log = words::carry(stderr, last, words::log_line);
            self.tasks.spawn("worker log", log.instrument(tracing::info_span!(parent: None, "worker", %room, pid)));
        }
        let (tell, budgets) = watch::channel(budget);
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).insert(room.clone(), tell);
        limit_memory(&child, budget);
        let running = Running { child, budgets, last_words };
        self.tasks.spawn("worker link out", write_link(writer, drain));
        self.tasks.spawn("worker", running.supervise(reader, outbox, events, orders));
        Ok(worker)
    }

    /// Changes the budget of the room's worker.
    pub fn resize(&self, room: &RoomId, budget: Budget) {
        if let Some(tell) = self.budgets.lock().unwrap_or_else(PoisonError::into_inner).get(room) {
            tell.send_replace(budget);
        }
    }

    /// The room is no longer here.
    pub fn forget(&self, room: &RoomId) {
        self.budgets.lock().unwrap_or_else(PoisonError::into_inner).remove(room);
    }

    fn command(&self, word: Option<&str>, environment: impl Iterator<Item = (&'static str, OsString)>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("worker").args(word).stdout(Stdio::null());
        command.env_clear().envs(environment).env("TILECAST_LOG", &self.log);
        // Ctrl-C in a terminal goes to the whole foreground group; the front alone decides when workers end.
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// Limits a worker's address space. If the kernel refuses an allocation, the worker ends by itself and is replaced.
fn limit_memory(child: &Child, budget: Budget) {
    // `None` after the child has ended and was waited for: another process may have its number then.
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) else { return };
    // The hard limit is not changed here, so that the limit can grow with the room.
    let maximum = getrlimit(Resource::As).maximum;
    let current = budget.address_space().min(maximum.unwrap_or(u64::MAX));
    let limit = Rlimit { current: Some(current), maximum };
    if let Err(error) = prlimit(Some(pid), Resource::As, limit) {
        tracing::warn!(%error, "a worker's memory is not limited");
    }
}

struct Running {
    child: Child,
    budgets: watch::Receiver<Budget>,
    last_words: watch::Receiver<String>,
}

impl Running {
    /// Reads until the link ends or the room drops the worker, then waits for the child's end.
    async fn supervise(mut self, reader: Receiver, outbox: Outbox, events: mpsc::Sender<Event>, orders: Orders) {
        let talk = async {
            // If the room is gone it has dropped its end, which cancels `end`.
            let _ = events.send(Event::Linked(outbox)).await;
            read_link(reader, &events).await
        };
        tokio::pin!(talk);
        let fault = loop {
            tokio::select! {
                fault = &mut talk => break fault,
                () = orders.end.cancelled() => break None,
                Ok(()) = self.budgets.changed() => limit_memory(&self.child, *self.budgets.borrow_and_update()),
            }
        };
        let ended = tokio::select! {
            // A dropped worker and a killed one are signalled at the same time, so the check for `kill` comes first.
            biased;
            () = orders.kill.cancelled() => None,
            ended = timeout(GRACE, self.child.wait()) => ended.ok(),
        };
        let status = match ended {
            Some(status) => status,
            None => {
                // It fails only when the child has ended.
                let _ = self.child.start_kill();
                self.child.wait().await
            }
        };
        let reason = match fault {
            Some(fault) => fault,
            None => self.describe(status).await,
        };
        let _ = events.send(Event::Ended(reason)).await;
    }

    /// Why it ended, as a sentence; with its last output if the end was not intended.
    async fn describe(&mut self, status: io::Result<ExitStatus>) -> String {
        let status = match status {
            Ok(status) => status,
            Err(error) => return format!("worker could not be waited for: {error}"),
        };
        if status.success() {
            return format!("worker ended: {status}");
        }
        // The reader of its output drops the channel at the end.
        let _ = timeout(LAST_WORDS, async { while self.last_words.changed().await.is_ok() {} }).await;
        told(status, &self.last_words.borrow(), *self.budgets.borrow())
    }
}

/// An abnormal end as a sentence.
fn told(status: ExitStatus, last_words: &str, budget: Budget) -> String {
    let mut reason = format!("worker ended: {status}");
    if status.signal() == Some(Signal::SYS.as_raw()) {
        reason += ", for a system call that no worker makes; what a participant sends may have taken it over";
    } else if status.signal().is_some() {
        reason += &format!("; it may use {} MiB of address space", budget.address_space() >> 20);
    }
    if !last_words.is_empty() {
        reason += &format!("; its last words: {last_words}");
    }
    reason
}
