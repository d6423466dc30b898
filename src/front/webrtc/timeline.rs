//! RTP times to one time line for sound and picture of a person. PURE.
//!
//! Every RTP stream (the sound, and each layer of the picture) counts from a random zero at its own rate. At first each is
//! placed by when it arrived. A sender report (RFC 3550 §6.4.1) tells an RTP time and the sender's clock at one moment; with
//! reports of two streams their true distance is known, and the picture is moved to fit the sound, which nobody hears move.

use std::time::{Duration, Instant};

use crate::media::Timestamp;

/// Furthest that a stream's own time may part from the time that really passed, ns, before it has a new zero: a track that
/// was replaced, or a sender that started over. Beyond what any network holds back.
const LARGEST_DRIFT: i64 = 3_000_000_000;

/// Largest correction that reports may ask for, ns. Beyond it the sender's clock was set in between, and reports say nothing.
const LARGEST_CORRECTION: i64 = 2_000_000_000;

/// Largest step of one frame while a later correction is made, ns: invisible at 30 fps, and 60 ms are made good in a second.
const STEP: i64 = 2_000_000;

/// Furthest a report may lie from the stream's last frame, ns. Beyond it one of the two was unwrapped over another number of
/// turns of the 32-bit count, the shorter of which takes half a day.
const FURTHEST_REPORT: i64 = 3_600_000_000_000;

/// One stream's index; the sound is [`SOUND`], layers of the picture follow.
pub type Lane = usize;

/// The lane of the sound: the one the others are moved to.
pub const SOUND: Lane = 0;

/// See the module.
#[derive(Debug, Default)]
pub struct Timeline {
    zero: Option<Instant>,
    lanes: Vec<Track>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Track {
    /// From the stream's time to ours, ns.
    offset: i64,
    last: Option<Point>,
    report: Option<Report>,
    /// A report has moved it before.
    settled: bool,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    rtp: i64,
    out: i64,
    at: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Report {
    rtp: i64,
    ntp: i64,
}

impl Timeline {
    /// Where the frame stands: its RTP time in ns, unwrapped, and when it arrived. Never falls within a lane.
    pub fn place(&mut self, lane: Lane, rtp: i64, at: Instant) -> Timestamp {
        let zero = *self.zero.get_or_insert(at);
        self.reach(lane);
        let wanted = self.wanted(lane);
        let track = &mut self.lanes[lane];
        match track.last {
            None => track.offset = passed(zero, at) - rtp,
            Some(last) if (rtp - last.rtp - passed(last.at, at)).abs() > LARGEST_DRIFT => {
                let offset = last.out + passed(last.at, at).max(0) - rtp;
                *track = Track { offset, last: Some(last), ..Track::default() };
            }
            Some(_) => {}
        }
        if let Some(wanted) =
            wanted.filter(|wanted| track.report.is_some() && (wanted - track.offset).abs() <= LARGEST_CORRECTION)
        {
            let correction = wanted - track.offset;
            // The first correction is made at once, so that lips are in time from the first second on.
            track.offset += if track.settled { correction.clamp(-STEP, STEP) } else { correction };
            track.settled = true;
        }
        let out = (rtp + track.offset).max(track.last.map_or(i64::MIN, |last| last.out));
        track.last = Some(Point { rtp, out, at });
        Timestamp::from_nanos(out)
    }

    /// A sender report: at `ntp` on the sender's clock the stream stood at `rtp`, both ns.
    pub fn report(&mut self, lane: Lane, rtp: i64, ntp: i64) {
        self.reach(lane);
        // A report about a stream of which nothing came yet cannot be unwrapped.
        if self.lanes[lane].last.is_some_and(|last| (last.rtp - rtp).abs() <= FURTHEST_REPORT) {
            self.lanes[lane].report = Some(Report { rtp, ntp });
        }
    }

    fn reach(&mut self, lane: Lane) {
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, Track::default());
        }
    }

    /// The offset at which this lane fits the leading one, by both their reports.
    fn wanted(&self, lane: Lane) -> Option<i64> {
        let lead = self.lanes.iter().position(|track| track.report.is_some())?;
        let (leader, own) = (self.lanes[lead], self.lanes[lane]);
        let (theirs, report) = (leader.report?, own.report?);
        (lead != lane).then(|| theirs.rtp + leader.offset + (report.ntp - theirs.ntp) - report.rtp)
    }
}

/// ns from one moment to another, negative when that is earlier.
fn passed(from: Instant, to: Instant) -> i64 {
    let nanos = |passed: Duration| i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX / 4);
    match to.checked_duration_since(from) {
        Some(passed) => nanos(passed),
        None => -nanos(from.duration_since(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const PICTURE: Lane = 1;

    fn at(begin: Instant, millis: u64) -> Instant {
        begin + Duration::from_millis(millis)
    }

    #[test]
    fn streams_are_placed_by_arrival_and_then_run_by_their_own_time() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        assert_eq!(timeline.place(SOUND, 777_000 * MS, begin).millis(), 0);
        assert_eq!(timeline.place(PICTURE, 5 * MS, at(begin, 40)).millis(), 40);
        assert_eq!(timeline.place(PICTURE, 38 * MS, at(begin, 190)).millis(), 73, "jitter moves nothing");
        assert_eq!(timeline.place(SOUND, 777_020 * MS, at(begin, 21)).millis(), 20);
    }

    #[test]
    fn reports_bring_the_picture_to_the_sound() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        // Captured together; the picture's first frame came 120 ms late, as keyframes do.
        timeline.place(SOUND, 1000 * MS, begin);
        timeline.place(PICTURE, 9000 * MS, at(begin, 120));
        timeline.report(PICTURE, 9500 * MS, 70_500 * MS);
        assert_eq!(timeline.place(PICTURE, 9600 * MS, at(begin, 600)).millis(), 720, "one report says nothing");
        timeline.report(SOUND, 1600 * MS, 70_600 * MS);
        assert_eq!(timeline.place(SOUND, 1700 * MS, at(begin, 700)).millis(), 700, "the sound does not move");
        assert_eq!(timeline.place(PICTURE, 9700 * MS, at(begin, 720)).millis(), 720, "time never falls");
        assert_eq!(timeline.place(PICTURE, 9800 * MS, at(begin, 820)).millis(), 800);
    }

    #[test]
    fn later_corrections_are_gentle_and_absurd_ones_are_not_believed() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        for (lane, rtp) in [(SOUND, 0), (PICTURE, 0)] {
            timeline.place(lane, rtp, begin);
            timeline.report(lane, rtp, 0);
        }
        assert_eq!(timeline.place(PICTURE, 33 * MS, at(begin, 33)).millis(), 33);
        timeline.report(PICTURE, 33 * MS, 53 * MS);
        assert_eq!(timeline.place(PICTURE, 66 * MS, at(begin, 66)).millis(), 68);
        assert_eq!(timeline.place(PICTURE, 99 * MS, at(begin, 99)).millis(), 103);
        timeline.report(PICTURE, 99 * MS, 60_000 * MS);
        assert_eq!(timeline.place(PICTURE, 132 * MS, at(begin, 132)).millis(), 136);
    }

    #[test]
    fn a_stream_that_starts_over_goes_on_where_time_is() {
        let begin = Instant::now();
        let mut timeline = Timeline::default();
        timeline.place(PICTURE, 100_000 * MS, begin);
        assert_eq!(timeline.place(PICTURE, 3 * MS, at(begin, 500)).millis(), 500);
        assert_eq!(timeline.place(PICTURE, 36 * MS, at(begin, 533)).millis(), 533);
        assert_eq!(timeline.place(PICTURE, 60_036 * MS, at(begin, 60_533)).millis(), 60_533, "a long pause is no jump");
    }
}
