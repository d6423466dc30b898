//! Engine (worker launcher): starts workers and carries their link. [`local`] runs a worker as a child process;
//! [`swarm`] lets Docker Swarm run it on some machine.
//!
//! The engine decides nothing: a room asks for a worker, is told when it is there and when it ends, and asks for the
//! next. Dropping a [`Worker`] ends it.

mod link;
pub mod local;
mod outbox;
mod socket;
pub mod swarm;
pub mod words;

use std::{io, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use local::Local;
pub use outbox::Outbox;
pub use swarm::Swarm;

use crate::{
    base::RoomId,
    cost::{Budget, Capacity},
    link::FromWorker,
};

/// Messages that may wait for the room; beyond that the worker's own writes wait.
const INBOX: usize = 256;

/// Most bytes of messages that may wait for the room, KiB: two of the longest. Beyond that the worker's own writes
/// wait.
const INBOX_KIB: usize = 16 << 10;

/// Where workers run.
#[derive(Debug, Clone)]
pub enum Engine {
    /// On this machine, as child processes.
    Local(Local),
    /// In a Docker Swarm, as services.
    Swarm(Swarm),
}

impl Engine {
    /// Starts a worker for the room; [`Event::Linked`] says when it is there. A room has one worker at a time and drops
    /// the previous one first.
    ///
    /// # Errors
    /// When none can be started now.
    pub fn start(&self, room: &RoomId, budget: Budget) -> io::Result<Worker> {
        match self {
            Self::Local(local) => local.start(room, budget),
            Self::Swarm(swarm) => Ok(swarm.start(room, budget)),
        }
    }

    /// Changes the budget of the room's worker.
    pub fn resize(&self, room: &RoomId, budget: Budget) {
        match self {
            Self::Local(local) => local.resize(room, budget),
            Self::Swarm(swarm) => swarm.resize(room, budget),
        }
    }

    /// Capacity for all rooms together; `None` where the engine itself makes rooms wait for space.
    pub fn capacity(&self) -> Option<Budget> {
        match self {
            Self::Local(local) => local.capacity(),
            Self::Swarm(_) => None,
        }
    }

    /// The machine of a Swarm with the most free capacity; `None` without a Swarm, or while it does not say.
    pub async fn emptiest(&self) -> Option<Capacity> {
        match self {
            Self::Local(_) => None,
            Self::Swarm(swarm) => swarm.emptiest().await,
        }
    }

    /// The room continues at another front: the resources of its workers stay, and the workers may go there.
    pub fn release(&self, room: &RoomId) {
        match self {
            Self::Local(local) => local.forget(room),
            Self::Swarm(swarm) => swarm.release(room),
        }
    }

    /// The room is removed: everything that was made for its workers is removed too.
    pub fn remove(&self, room: &RoomId) {
        match self {
            Self::Local(local) => local.forget(room),
            Self::Swarm(swarm) => swarm.remove(room),
        }
    }
}

/// A worker that was requested, as its room sees it. Dropping it ends it, after it has finished what it has.
#[derive(Debug)]
pub struct Worker {
    inbox: mpsc::Receiver<Event>,
    killed: CancellationToken,
    _end: DropGuard,
}

/// The room's orders, as the runner of the worker holds them.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Cancelled when the room drops the worker.
    pub end: CancellationToken,
    /// Cancelled before that, when the worker is to get no time to finish.
    pub kill: CancellationToken,
}

impl Orders {
    /// Orders of a worker that is to go on.
    pub fn new() -> Self {
        Self { end: CancellationToken::new(), kill: CancellationToken::new() }
    }
}

impl Default for Orders {
    fn default() -> Self {
        Self::new()
    }
}

impl Worker {
    /// A worker that has not started, and the ends for its runner.
    fn new() -> (Self, mpsc::Sender<Event>, Orders) {
        let (events, inbox) = mpsc::channel(INBOX);
        let orders = Orders::new();
        let Orders { end, kill } = orders.clone();
        (Self { inbox, killed: kill, _end: end.drop_guard() }, events, orders)
    }

    /// The worker's next event: [`Event::Linked`] comes before every message, [`Event::Ended`] last. Cancel safe.
    pub async fn next(&mut self) -> Event {
        self.inbox.recv().await.unwrap_or_else(|| Event::Ended("worker vanished".to_owned()))
    }

    /// Ends the worker at once, whatever it does.
    pub fn kill(self) {
        self.killed.cancel();
    }
}

/// What a worker says or does.
#[derive(Debug)]
pub enum Event {
    /// The worker is there and knows nothing yet; messages to this outbox go to it.
    Linked(Outbox),
    /// A message of the worker, which counts against the inbox until its weight is dropped.
    Message(FromWorker, Weight),
    /// The worker is not there yet, and why, as a sentence.
    Delayed(String),
    /// The worker is gone, and why, as a sentence.
    Ended(String),
}

/// A message's share of the inbox.
#[derive(Debug, Default)]
pub struct Weight {
    _share: Option<OwnedSemaphorePermit>,
}

/// The bytes that may wait for a room.
#[derive(Debug, Clone)]
struct Scales(Arc<Semaphore>);

impl Scales {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(INBOX_KIB)))
    }

    /// Waits until this many further bytes may wait. Cancel safe.
    async fn weigh(&self, bytes: usize) -> Weight {
        let kib = (bytes >> 10).clamp(1, INBOX_KIB) as u32;
        // The semaphore is never closed.
        Weight { _share: self.0.clone().acquire_many_owned(kib).await.ok() }
    }
}
