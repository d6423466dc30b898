//! Retry delays: exponential backoff with full jitter.

use std::time::Duration;

/// Exponential backoff with full jitter: each ceiling is twice the one before, up to a limit. A wait is drawn evenly
/// between the floor and the ceiling, so that a thousand pushes that were cut off together do not come back together
/// ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
#[derive(Debug, Clone)]
pub struct Backoff {
    floor: Duration,
    ceiling: Duration,
    limit: Duration,
}

impl Backoff {
    /// Waits lie between `floor` and a ceiling that doubles up to `limit`.
    pub fn new(floor: Duration, limit: Duration) -> Self {
        Self { floor, ceiling: floor, limit }
    }

    /// The next wait. `chance` is a random number in `0.0..1.0`; the caller draws it, so that this function stays pure.
    pub fn next(&mut self, chance: f64) -> Duration {
        self.ceiling = (self.ceiling * 2).min(self.limit);
        self.floor + self.ceiling.saturating_sub(self.floor).mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Begins again from the floor, after a success.
    pub fn reset(&mut self) {
        self.ceiling = self.floor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_in_bounds_and_grow() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let longest: Vec<u64> = (0..7).map(|_| backoff.next(1.0).as_secs()).collect();
        assert_eq!(longest, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(backoff.next(0.0), Duration::from_secs(1));
        backoff.reset();
        assert_eq!(backoff.next(1.0), Duration::from_secs(2));
    }
}
