//! How long whoever connects to another server waits before the next try: one rule for everything pulled and pushed. PURE.

use std::time::Duration;

use crate::base::backoff::Backoff;

/// Shortest wait before another try: a server that restarts is back in about a second.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait before another try: how long an operator who repaired the server waits to see it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a connection must hold before its end counts as the first of a new row of failures. Without it a server that
/// accepts and then closes would be called every second.
pub const STEADY: Duration = Duration::from_secs(10);

/// The waits of one pull or push.
#[derive(Debug)]
pub struct Retry(Backoff);

impl Default for Retry {
    fn default() -> Self {
        Self(Backoff::new(SHORTEST_WAIT, LONGEST_WAIT))
    }
}

impl Retry {
    /// How long to wait after a connection that took or held for `held`. `chance` is a random number in `0.0..1.0`.
    pub fn wait(&mut self, held: Duration, chance: f64) -> Duration {
        if held > STEADY {
            self.0.reset();
        }
        self.0.next(chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_held_begins_a_new_row() {
        let mut retry = Retry::default();
        let longest: Vec<u64> = (0..6).map(|_| retry.wait(Duration::ZERO, 1.0).as_secs()).collect();
        assert_eq!(longest, [2, 4, 8, 16, 30, 30]);
        assert_eq!(retry.wait(STEADY + Duration::from_millis(1), 1.0).as_secs(), 2);
        assert_eq!(retry.wait(Duration::ZERO, 0.0), SHORTEST_WAIT);
    }
}
