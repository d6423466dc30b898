//! RTMP's 32-bit milliseconds to a time line that never falls.

use std::time::Instant;

use crate::media::Track;

/// Longest step forward beyond the time that really passed, ms, that is believed. Servers send a whole GOP at once to a new
/// player, never more than about 10 s of it between two packets of one track.
const LONGEST_LEAP: i64 = 10_000;

/// Furthest step back within a track, ms, that is an encoder's rounding and not another clock. Within it time stands still.
const LARGEST_SLIP: i64 = 1_000;

/// Unwraps timestamps across 2^24 and 2^32 ms, and joins the pieces when an encoder's clock starts over within a connection.
///
/// Both tracks are on the encoder's one clock, so a piece has one offset: the track that notices first chooses it so that time
/// goes on as long as it really did, and the other track takes the same when it follows, which keeps the lips in time.
#[derive(Debug, Default)]
pub struct Timeline {
    video: Lane,
    audio: Lane,
    newest: Option<Point>,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    /// Unwrapped, on the encoder's clock, ms.
    raw: i64,
    /// On our time line, ms.
    out: i64,
    at: Instant,
}

#[derive(Debug, Default, Clone, Copy)]
struct Lane {
    last: Option<Point>,
    /// From the encoder's clock to our time line, ms.
    offset: i64,
}

impl Timeline {
    /// The packet's place in ms. `now` is when it arrived.
    pub fn place(&mut self, track: Track, timestamp: u32, now: Instant) -> i64 {
        let raw = self.unwrap(timestamp);
        let (own, other) = match track {
            Track::Video => (self.video, self.audio),
            Track::Audio => (self.audio, self.video),
        };
        let mut offset = own.offset;
        if !own.last.map_or(self.newest.is_none(), |last| follows(last, raw, now)) {
            offset = match other.last {
                Some(last) if near(last, raw, now) => other.offset,
                _ => self.resume(now) - raw,
            };
        }
        // Time never falls within a track, whatever was believed above.
        let out = (raw + offset).max(own.last.map_or(i64::MIN, |last| last.out));
        let point = Point { raw, out, at: now };
        let lane = if track == Track::Video { &mut self.video } else { &mut self.audio };
        *lane = Lane { last: Some(point), offset };
        self.newest = Some(point);
        out
    }

    /// Where a track's config stands: with the newest packet of that track, since senders stamp configs 0 or not at all.
    pub fn newest(&self, track: Track) -> i64 {
        let lane = if track == Track::Video { &self.video } else { &self.audio };
        lane.last.or(self.newest).map_or(0, |point| point.out)
    }

    fn unwrap(&self, timestamp: u32) -> i64 {
        self.newest.map_or(i64::from(timestamp), |newest| {
            newest.raw + i64::from(timestamp.wrapping_sub(newest.raw as u32) as i32)
        })
    }

    fn resume(&self, now: Instant) -> i64 {
        let furthest = self.video.last.into_iter().chain(self.audio.last).max_by_key(|point| point.out);
        furthest.map_or(0, |point| point.out + passed(point.at, now).min(LONGEST_LEAP))
    }
}

fn passed(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(i64::MAX / 2)
}

/// True when `raw` can come after `last` in the same track on the same clock.
fn follows(last: Point, raw: i64, now: Instant) -> bool {
    let step = raw - last.raw;
    step >= -LARGEST_SLIP && step <= passed(last.at, now) + LONGEST_LEAP
}

/// True when `raw` lies by the other track's `last`, on the same clock.
fn near(last: Point, raw: i64, now: Instant) -> bool {
    let step = raw - last.raw;
    step >= -LONGEST_LEAP && step <= passed(last.at, now) + LONGEST_LEAP
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Clock(Timeline, Instant);

    impl Clock {
        fn new() -> Self {
            Self(Timeline::default(), Instant::now())
        }
        fn video(&mut self, timestamp: u32) -> i64 {
            self.0.place(Track::Video, timestamp, self.1)
        }
        fn audio(&mut self, timestamp: u32) -> i64 {
            self.0.place(Track::Audio, timestamp, self.1)
        }
        fn wait(&mut self, millis: u64) {
            self.1 += Duration::from_millis(millis);
        }
    }

    #[test]
    fn time_goes_on_over_24_and_32_bits() {
        let mut clock = Clock::new();
        assert_eq!(clock.video(0xff_fff0), 0xff_fff0);
        assert_eq!(clock.audio(0x100_0010), 0x100_0010);
        let mut clock = Clock::new();
        assert_eq!(clock.video(0xffff_fff0), 0xffff_fff0);
        assert_eq!(clock.audio(0x10), 0x1_0000_0010);
        assert_eq!(clock.video(0xffff_fff8), 0xffff_fff8, "the other track may still be before the wrap");
        assert_eq!(clock.video(0x20), 0x1_0000_0020);
    }

    #[test]
    fn a_clock_that_starts_over_goes_on_with_both_tracks_in_step() {
        let mut clock = Clock::new();
        clock.video(100_000);
        clock.audio(100_010);
        clock.wait(40);
        let video = clock.video(0);
        assert_eq!(video, 100_050);
        assert_eq!(clock.audio(100_030), 100_030, "a straggler from before");
        assert_eq!(clock.audio(15), video + 15, "the same clock as the video's");
        clock.wait(33);
        assert_eq!(clock.video(33), video + 33);
    }

    #[test]
    fn a_pause_is_as_long_as_it_was_and_a_leap_is_not_believed() {
        let mut clock = Clock::new();
        clock.video(1_000);
        clock.wait(60_000);
        assert_eq!(clock.video(61_000), 61_000);
        clock.wait(40);
        assert_eq!(clock.video(1_700_000_000), 61_040);
        assert_eq!(clock.audio(1_700_000_005), 61_045);
    }

    #[test]
    fn a_slip_back_stands_still() {
        let mut clock = Clock::new();
        assert_eq!([clock.video(5_000), clock.video(4_990), clock.video(5_033)], [5_000, 5_000, 5_033]);
    }

    #[test]
    fn a_track_that_joins_late_is_on_the_same_clock() {
        let mut clock = Clock::new();
        clock.video(0);
        clock.wait(70_000);
        clock.video(70_000);
        assert_eq!(clock.audio(69_900), 69_900);
        assert_eq!(clock.0.newest(Track::Audio), 69_900);
    }

    proptest::proptest! {
        #[test]
        fn no_track_ever_falls(steps in proptest::collection::vec((proptest::bool::ANY, proptest::num::u32::ANY, 0u64..20_000), 1..200)) {
            let mut clock = Clock::new();
            let mut last = [i64::MIN; 2];
            for (video, timestamp, wait) in steps {
                clock.wait(wait);
                let place = if video { clock.video(timestamp) } else { clock.audio(timestamp) };
                proptest::prop_assert!(place >= last[usize::from(video)]);
                last[usize::from(video)] = place;
            }
        }
    }
}
