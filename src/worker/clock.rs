//! Room time: the worker's monotonic clock, zero at its start.

use std::time::{Duration, Instant};

use tilecast_core::media::Timestamp;

/// The one clock of a worker. Program packets, ticks and playout clocks all count from its start. Copies agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that reads zero now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }

    /// How long until `time`; zero once it has passed.
    pub fn until(&self, time: Timestamp) -> Duration {
        time.since(self.now())
    }
}
