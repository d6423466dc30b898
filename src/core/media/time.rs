//! Timestamps: media time in nanoseconds.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A point on a stream's own time line, in nanoseconds. Each stream has its own zero and rate; timestamps of two
/// streams cannot be compared until a playout clock relates them. Nanoseconds hold 1024 samples at 48 kHz to 0.3 ns,
/// and the range is 292 years.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const ZERO: Self = Self(0);

    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds, RTMP's unit. Saturates at the ends of the range.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From a count of units at `rate` Hz (samples at 48 000, ticks at 90 000), rounded down. The result is exact for
    /// any count that a stream can reach. `rate` must not be 0.
    pub const fn from_units(units: i64, rate: u32) -> Self {
        Self((units as i128 * 1_000_000_000).div_euclid(rate as i128) as i64)
    }

    /// Nanoseconds since the stream's zero.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the stream's zero, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later than `self`.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}ms", self.millis(), self.0.rem_euclid(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_do_not_drift() {
        let hour = 3600 * 48_000;
        assert_eq!(Timestamp::from_units(hour, 48_000), Timestamp::from_millis(3_600_000));
        assert_eq!(Timestamp::from_units(1, 3).nanos(), 333_333_333);
        assert_eq!(Timestamp::from_units(-1, 3).nanos(), -333_333_334);
        assert_eq!(Timestamp::from_millis(-1).millis(), -1);
    }
}
