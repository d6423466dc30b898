//! Wall clock times of `EXT-X-PROGRAM-DATE-TIME` (RFC 3339).

use std::{fmt, time::Duration};

/// Milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub u64);

/// The last moment of the year 9999, ms; RFC 3339 has no later.
const LAST: u64 = 253_402_300_799_999;

impl Date {
    /// So much later.
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Date {
    /// The proleptic Gregorian calendar in eras of 400 years that begin in March, so that the leap day is a year's last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.min(LAST);
        let (days, ms) = (ms / 86_400_000 + 719_468, ms % 86_400_000);
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let from_march = (5 * day + 2) / 153;
        let day = day - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let shown = |ms| Date(ms).to_string();
        assert_eq!(shown(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(shown(1_796_083_199_999), "2026-11-30T23:59:59.999Z");
        assert_eq!(shown(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(Date(0).after(Duration::from_secs(86_400 * 59)).to_string(), "1970-03-01T00:00:00.000Z");
    }
}
