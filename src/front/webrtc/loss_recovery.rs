//! How long the picture waits for what the network lost. PURE.
//!
//! A lost packet is asked for again (NACK) as soon as a later one comes, and once more if that failed, which repairs all but a
//! few. Meanwhile what came behind it waits. When the second answer should have come and has not, a keyframe is asked for, which
//! needs nothing from before the hole; when that should be here, the hole is given up, so that the keyframe is not held
//! back by a packet that it can do without. All in round trips, since answers take one.

use std::time::{Duration, Instant};

/// What two answers take beyond their round trips: the stack asks at most every 33 ms, each time a little late, and the line
/// jitters.
const ASKING: Duration = Duration::from_millis(100);

/// What a keyframe takes beyond its round trip: the encoder's next frame, and its own length on the line.
const ENCODING: Duration = Duration::from_millis(80);

/// The round trip before it is measured: a line across a continent.
const UNKNOWN: Duration = Duration::from_millis(100);

/// Longest round trip that is waited for in full. With it a keyframe is asked for after 0.7 s; who speaks over a slower line than
/// that is better served by more keyframes than by longer freezes.
const LONGEST: Duration = Duration::from_millis(300);

/// How often a hole is given up while nothing comes of it: what is behind it may not be whole yet.
const AGAIN: Duration = Duration::from_millis(25);

/// The waiting of one stream of pictures.
#[derive(Debug, Default)]
pub struct Patience {
    round_trip: Option<Duration>,
    /// Number of the last packet of the last picture that came out.
    out: Option<u16>,
    /// RTP time of the oldest picture that is on its way.
    oldest: Option<u32>,
    /// Since when something is known to be missing.
    since: Option<Instant>,
    gave_up: Option<Instant>,
}

impl Patience {
    /// A packet came, with this number and RTP time (RFC 3550 §5.1).
    pub fn heard(&mut self, number: u16, time: u32, now: Instant) {
        let newer = |than: u32| time != than && time.wrapping_sub(than) < 1 << 31;
        let missing = match self.oldest {
            // The first after a picture that came out follows it, unless what is between them is lost or late.
            None => self.out.is_some_and(|out| number != out.wrapping_add(1)),
            // The next picture begins, and the one before is not whole.
            Some(oldest) => newer(oldest),
        };
        // What was sent again late is of the past.
        if self.oldest.is_none_or(|oldest| !newer(oldest)) {
            self.oldest = Some(time);
        }
        if missing {
            self.since.get_or_insert(now);
        }
    }

    /// A picture came out, of which this is the number of the last packet.
    pub fn came(&mut self, last: u16) {
        *self = Self { round_trip: self.round_trip, out: Some(last), ..Self::default() };
    }

    /// What a question and its answer take now.
    pub fn measured(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(UNKNOWN).min(LONGEST)
    }

    /// When to ask for a keyframe, unless a picture comes out before.
    pub fn asks_at(&self) -> Option<Instant> {
        self.since.map(|since| since + 2 * self.round_trip() + ASKING)
    }

    /// When to go on without what is missing, unless a picture comes out before.
    pub fn ends_at(&self) -> Option<Instant> {
        let ends = self.asks_at()? + self.round_trip() + ENCODING;
        Some(self.gave_up.map_or(ends, |gave_up| ends.max(gave_up + AGAIN)))
    }

    /// True when to go on without what is missing, now; it counts as done.
    pub fn gives_up(&mut self, now: Instant) -> bool {
        let due = self.ends_at().is_some_and(|at| at <= now);
        if due {
            self.gave_up = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(120);

    fn ms(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    /// One whose last picture ended with packet 9, over a line of [`RTT`].
    fn waiting() -> (Patience, Instant) {
        let mut patience = Patience::default();
        patience.measured(RTT);
        patience.came(9);
        (patience, Instant::now())
    }

    #[test]
    fn a_long_picture_on_its_way_is_not_missing() {
        let (mut patience, begin) = waiting();
        for packet in 0..300 {
            patience.heard(10 + packet, 9000, ms(begin, u64::from(packet) * 4));
        }
        assert_eq!(patience.asks_at(), None, "a keyframe that takes 1.2 s on a thin line");
        patience.came(309);
        patience.heard(310, 12_000, ms(begin, 1300));
        assert_eq!(patience.asks_at(), None);
    }

    #[test]
    fn a_keyframe_is_asked_for_after_two_answers_failed_and_the_hole_given_up_when_it_is_due() {
        let (mut patience, begin) = waiting();
        patience.heard(11, 12_000, begin);
        assert_eq!(patience.asks_at(), Some(ms(begin, 340)));
        assert_eq!(patience.ends_at(), Some(ms(begin, 540)));
        assert!(!patience.gives_up(ms(begin, 539)));
        assert!(patience.gives_up(ms(begin, 540)));
        assert!(!patience.gives_up(ms(begin, 541)), "nothing came of it yet");
        assert!(patience.gives_up(ms(begin, 565)));
        patience.came(12);
        assert!(!patience.gives_up(ms(begin, 900)));
    }

    #[test]
    fn a_hole_within_a_picture_shows_when_the_next_begins() {
        let (mut patience, begin) = waiting();
        patience.heard(10, 9000, begin);
        patience.heard(12, 9000, begin);
        assert_eq!(patience.asks_at(), None);
        patience.heard(13, 12_000, ms(begin, 33));
        assert_eq!(patience.asks_at(), Some(ms(begin, 373)));
        patience.heard(11, 9000, ms(begin, 150));
        patience.came(12);
        assert_eq!(patience.asks_at(), None, "it was sent again");
    }

    #[test]
    fn numbers_and_times_wrap() {
        let (mut patience, begin) = waiting();
        patience.came(u16::MAX);
        patience.heard(0, u32::MAX - 100, begin);
        assert_eq!(patience.asks_at(), None);
        patience.heard(1, 2900, ms(begin, 33));
        assert_eq!(patience.asks_at(), Some(ms(begin, 373)));
    }

    #[test]
    fn no_line_is_waited_for_without_end() {
        let (mut patience, begin) = waiting();
        patience.measured(Duration::from_secs(9));
        patience.heard(11, 12_000, begin);
        assert_eq!(patience.asks_at(), Some(ms(begin, 700)));
    }
}
