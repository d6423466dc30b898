//! What an output tells of itself.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::front::model::status::{OutputState, OutputStatus};

/// How often the counters are told; states are told at once.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// An output's status, and what of the present connection is in it already.
#[derive(Debug)]
pub(super) struct Report {
    status: watch::Sender<OutputStatus>,
    /// Since when the present or last connection is live; none when it never was.
    live: Option<Instant>,
    told_at: Option<Instant>,
    /// Sent bytes and dropped packets of it that were told.
    told: (u64, u64),
}

impl Report {
    pub(super) fn new(status: watch::Sender<OutputStatus>) -> Self {
        Self { status, live: None, told_at: None, told: (0, 0) }
    }

    pub(super) fn enter(&mut self, state: OutputState) {
        if state == OutputState::Connecting {
            (self.live, self.told_at, self.told) = (None, None, (0, 0));
        }
        self.status.send_if_modified(|status| std::mem::replace(&mut status.state, state) != state);
    }

    /// The connection stands.
    pub(super) fn connected(&mut self) {
        self.live = Some(Instant::now());
        self.status.send_modify(|status| {
            status.state = OutputState::Live;
            status.connects += 1;
            status.last_error = None;
        });
    }

    /// The connection failed or ended.
    pub(super) fn failed(&self, why: String) {
        self.status.send_modify(|status| {
            status.state = OutputState::Waiting;
            status.last_error = Some(why);
        });
    }

    /// How long the last connection was live.
    pub(super) fn lasted(&self) -> Duration {
        self.live.map_or(Duration::ZERO, |live| live.elapsed())
    }

    /// Adds what came about on this connection since the last time to the output's counters.
    pub(super) fn tell(&mut self, sent_bytes: u64, dropped: u64) {
        self.told_at = Some(Instant::now());
        let now = (sent_bytes, dropped);
        let before = std::mem::replace(&mut self.told, now);
        self.status.send_if_modified(|status| {
            status.sent_bytes += now.0 - before.0;
            status.dropped_packets += now.1 - before.1;
            now != before
        });
    }

    /// As [`Report::tell`], if it is time to.
    pub(super) fn tell_now_and_then(&mut self, sent_bytes: u64, dropped: u64) {
        if self.told_at.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.tell(sent_bytes, dropped);
        }
    }
}
