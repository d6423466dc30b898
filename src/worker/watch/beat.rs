//! What a part has to do and has done, as counters: whoever looks waits for nobody.

use std::sync::atomic::{AtomicU64, Ordering};

/// The progress of one part.
#[derive(Debug)]
pub struct Beat {
    waiting: AtomicU64,
    done: AtomicU64,
}

impl Beat {
    /// Of a part that has something to do at all times.
    pub fn steady() -> Self {
        Self { waiting: AtomicU64::new(1), done: AtomicU64::new(0) }
    }

    /// Of a part that has nothing to do as yet.
    pub fn idle() -> Self {
        Self { waiting: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// So many things are to be done now.
    pub fn waits(&self, things: usize) {
        self.waiting.store(things as u64, Ordering::Relaxed);
    }

    /// One thing was done.
    pub fn beat(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many things were done.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// True when something is to be done.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}
