//! Progress counters of the watchdog: what a part has to do and has done. Reading them waits for nobody.

use std::sync::atomic::{AtomicU64, Ordering};

/// The progress of one part.
#[derive(Debug)]
pub struct Beat {
    waiting: AtomicU64,
    done: AtomicU64,
}

impl Beat {
    /// For a part that always has something to do.
    pub fn steady() -> Self {
        Self { waiting: AtomicU64::new(1), done: AtomicU64::new(0) }
    }

    /// For a part that has nothing to do yet.
    pub fn idle() -> Self {
        Self { waiting: AtomicU64::new(0), done: AtomicU64::new(0) }
    }

    /// Sets how many things are to be done now.
    pub fn waits(&self, things: usize) {
        self.waiting.store(things as u64, Ordering::Relaxed);
    }

    /// Counts one thing as done.
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
