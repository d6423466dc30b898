//! Starts workers and talks to them: [`local`] runs one as a child process, [`swarm`] has Docker Swarm run one somewhere.
//!
//! Decides nothing: a room asks for a worker, is told when it is there and when it ends, and asks for the next. Dropping a
//! [`Worker`] ends it.

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

/// Most bytes of messages that may wait for the room, KiB: two of the longest there are. Beyond that the worker's own writes wait.
const INBOX_KIB: usize = 16 << 10;

/// Where workers come from.
#[derive(Debug, Clone)]
pub enum Engine {
    /// This machine, as child processes.
    Local(Local),
    /// A Docker Swarm, as services.
    Swarm(Swarm),
}

impl Engine {
    /// Sees that the room gets a worker; [`Event::Linked`] says when it is there. At most one at a time: the one before is
    /// dropped first.
    ///
    /// # Errors
    /// When none can be started now.
    pub fn start(&self, room: &RoomId, budget: Budget) -> io::Result<Worker> {
        match self {
            Self::Local(local) => local.start(room, budget),
            Self::Swarm(swarm) => Ok(swarm.start(room, budget)),
        }
    }

    /// The room's worker is to have this budget from now on.
    pub fn resize(&self, room: &RoomId, budget: Budget) {
        match self {
            Self::Local(local) => local.resize(room, budget),
            Self::Swarm(swarm) => swarm.resize(room, budget),
        }
    }

    /// All that rooms may take together; `None` where the engine itself has them wait until there is room.
    pub fn capacity(&self) -> Option<Budget> {
        match self {
            Self::Local(local) => local.capacity(),
            Self::Swarm(_) => None,
        }
    }

    /// The machine of a cluster with the most left; none where there is no cluster, or where it does not say.
    pub async fn emptiest(&self) -> Option<Capacity> {
        match self {
            Self::Local(_) => None,
            Self::Swarm(swarm) => swarm.emptiest().await,
        }
    }

    /// The room goes on at another front: what was made for its workers stays, and they may go there.
    pub fn release(&self, room: &RoomId) {
        match self {
            Self::Local(local) => local.forget(room),
            Self::Swarm(swarm) => swarm.release(room),
        }
    }

    /// The room is no more: nothing that was made for its workers stays.
    pub fn remove(&self, room: &RoomId) {
        match self {
            Self::Local(local) => local.forget(room),
            Self::Swarm(swarm) => swarm.remove(room),
        }
    }
}

/// A worker that was asked for, as its room sees it. Dropping it ends it: it may finish what it has.
#[derive(Debug)]
pub struct Worker {
    inbox: mpsc::Receiver<Event>,
    killed: CancellationToken,
    _end: DropGuard,
}

/// What whoever runs a worker holds of it.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Cancelled when the room lets go of the worker.
    pub end: CancellationToken,
    /// Cancelled, before that, when the worker is to get no time to finish.
    pub kill: CancellationToken,
}

impl Orders {
    /// Of a worker that is to go on.
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
    /// A worker nobody has heard of yet, and the ends that whoever runs it holds.
    fn new() -> (Self, mpsc::Sender<Event>, Orders) {
        let (events, inbox) = mpsc::channel(INBOX);
        let orders = Orders::new();
        let Orders { end, kill } = orders.clone();
        (Self { inbox, killed: kill, _end: end.drop_guard() }, events, orders)
    }

    /// What comes from it next: [`Event::Linked`] before everything it says, [`Event::Ended`] last. Cancel safe.
    pub async fn next(&mut self) -> Event {
        self.inbox.recv().await.unwrap_or_else(|| Event::Ended("worker vanished".to_owned()))
    }

    /// Ends it at once, whatever it does.
    pub fn kill(self) {
        self.killed.cancel();
    }
}

/// What a worker says or does.
#[derive(Debug)]
pub enum Event {
    /// It is there and knows nothing yet; what is sent here goes to it.
    Linked(Outbox),
    /// It said something, which weighs on its inbox until it is dropped.
    Message(FromWorker, Weight),
    /// It is not there yet, and this is why, for people.
    Delayed(String),
    /// It is gone; why, for people.
    Ended(String),
}

/// The share of a message in what may wait for a room.
#[derive(Debug, Default)]
pub struct Weight {
    _share: Option<OwnedSemaphorePermit>,
}

/// What may wait for a room.
#[derive(Debug, Clone)]
struct Scales(Arc<Semaphore>);

impl Scales {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(INBOX_KIB)))
    }

    /// Waits until so many bytes more may wait. Cancel safe.
    async fn weigh(&self, bytes: usize) -> Weight {
        let kib = (bytes >> 10).clamp(1, INBOX_KIB) as u32;
        // The semaphore is never closed.
        Weight { _share: self.0.clone().acquire_many_owned(kib).await.ok() }
    }
}
