//! A token bucket: how much of something a session may do, at once and in the long run. PURE.

use std::time::Instant;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    rate: f64,
    most: f64,
    left: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// Full: `most` at once, and `rate` a second from then on.
    pub const fn new(rate: u32, most: u32) -> Self {
        Self { rate: rate as f64, most: most as f64, left: most as f64, at: None }
    }

    /// Takes so much, if there is so much; takes nothing if not.
    pub fn take(&mut self, cost: u32, now: Instant) -> bool {
        let passed = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        self.left = (self.left + passed * self.rate).min(self.most);
        let enough = self.left >= f64::from(cost);
        if enough {
            self.left -= f64::from(cost);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_a_rate() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(10, 30);
        let mut taken = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            (0..100).filter(|_| bucket.take(1, now)).count()
        };
        assert_eq!([taken(0), taken(1), taken(60), taken(59), taken(61)], [30, 10, 30, 0, 10]);
        let now = begin + Duration::from_secs(70);
        assert!(bucket.take(20, now) && !bucket.take(20, now) && bucket.take(10, now));
    }
}
