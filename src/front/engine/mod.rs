//! Starts workers and talks to them: [`local`] runs one as a child process.
//!
//! Decides nothing: a room asks for a worker, is told when it ends, and asks for the next. Dropping a [`Worker`] ends it.

pub mod local;
mod outbox;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use local::Local;
pub use outbox::Outbox;

use crate::link::FromWorker;

/// A running worker, as its room sees it. Dropping it kills the worker.
#[derive(Debug)]
pub struct Worker {
    /// What goes to it.
    pub outbox: Outbox,
    /// What comes from it; [`Event::Ended`] is the last.
    pub inbox: mpsc::Receiver<Event>,
    _kill: DropGuard,
}

impl Worker {
    fn new(outbox: Outbox, inbox: mpsc::Receiver<Event>, kill: CancellationToken) -> Self {
        Self { outbox, inbox, _kill: kill.drop_guard() }
    }
}

/// What a worker says or does.
#[derive(Debug)]
pub enum Event {
    /// It said something.
    Message(FromWorker),
    /// It is gone; why, for people.
    Ended(String),
}
