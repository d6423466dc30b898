//! Playout clock (jitter buffer): maps a feed's media time to room time, and so says when its media are due.
//!
//! Pure: arrivals and `now` come in, due times go out. Picture and sound of one feed share one map, so lips match.
//!
//! A packet's *transit* is its arrival in room time minus its media time. The smallest transit is what clocks and
//! network need at least; the rest is jitter. The map adds one *offset* to media time: a high percentile of the
//! transits of the last seconds. So the offset follows both the jitter and a sender's clock that runs fast or slow.

use std::{collections::VecDeque, time::Duration};

use tilecast_core::media::{Timestamp, Track};

/// Arrival time over which transits are judged: long enough to contain the longer transit of a keyframe, short enough
/// that a clock 200 ppm off moves less than 2 ms within it.
const WINDOW: Duration = Duration::from_secs(8);

/// Most transits that are kept of one track: the window at 60 fps, and sound with 8 ms frames.
const MAX_SAMPLES: usize = 1024;

/// Share of arrivals that are in time. One picture in twenty that is shown a tick late is not noticed; waiting for the
/// last one is.
const IN_TIME: f64 = 0.95;

/// Sound frames that are this long or longer must all be in time: 8 and 16 kHz have frames of 128 and 64 ms, and each
/// time a frame is late its missing end is heard.
const LONG: Duration = Duration::from_millis(50);

/// The newest arrivals that can raise the delay before the whole window does, and how many of them must be late: a
/// third of a second at 30 fps, in which three late pictures are a stutter and one is an accident.
const RECENT: usize = 12;
const RECENT_LATE: usize = 3;

/// Largest delay over the smallest transit. A meeting is impossible with more; later packets are shown late.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

/// How late sound may come behind the offset without raising it. RTMP senders interleave sound in bursts: FFmpeg's
/// comes up to 40 ms after the picture of its time. The mixer reads [`super::sound::LAG`] behind room time; the rest of
/// the lag covers a block, a fade and the scheduler.
const SOUND_ALLOWANCE: Duration = Duration::from_millis(60);

/// A step between a track's media time and its arrivals beyond which the sender's clock was reset.
const JUMP: Duration = Duration::from_secs(2);

/// If every arrival is later than the map can reach for this long, the sender's clock stood still; it is no burst on
/// its way.
const LOST_AFTER: Duration = Duration::from_millis(500);

/// If arrivals after anchoring are this much faster than all before, those before were a backlog, not jitter. The value
/// is below one frame at 120 fps and above a scheduler's delay.
const BACKLOG: Duration = Duration::from_millis(6);

/// How long after anchoring a backlog may last, during which the offset moves at once. A sender that begins also
/// stalls, for up to half a second: its page loads, its encoder opens. Such a stall says nothing of the time to come.
/// So meanwhile only the newest arrivals are judged, though never fewer than [`RECENT`], and delay that they do not
/// need is cut at once if it is more than jitter makes.
const YOUNG: Duration = Duration::from_secs(3);
const YOUNG_WINDOW: Duration = Duration::from_millis(500);
const YOUNG_SURPLUS: Duration = Duration::from_millis(20);

/// Rise of the offset: time constant of the approach. Two or three pictures wait a little longer each; none jumps.
const RISE: Duration = Duration::from_millis(100);

/// Fall of the offset: one part in this many of the elapsed time, 0.4 %, which the mixer follows inaudibly.
const FALL: i64 = 250;

/// How often the offset follows the transits. Judging all transits with every packet would cost more than all other
/// work for the packet, and [`RISE`] is longer.
const FOLLOW_EVERY: Duration = Duration::from_millis(30);

/// Surplus delay that the window has not needed for this long is cut at once: if it is larger than this, falling slowly
/// would take minutes.
const SURPLUS: Duration = Duration::from_millis(80);
const SURPLUS_AFTER: Duration = Duration::from_secs(8);

/// Limit of media time, ns (73 years), which leaves range for subtraction.
const FARTHEST: i64 = i64::MAX / 4;

/// Pictures over which the lateness of display is averaged. A cadence of 24 or 25 in 30 repeats within it.
const SEEN: i64 = 32;

/// Range of that lateness, ns: half a frame at 10 fps, and a slow decoder. Values outside, such as pictures that waited
/// when decoding began, say nothing of later pictures.
const SEEN_WITHIN: std::ops::RangeInclusive<i64> = -50_000_000..=150_000_000;

const fn nanos(duration: Duration) -> i64 {
    duration.as_nanos() as i64
}

/// The playout clock of one feed.
#[derive(Debug, Default)]
pub struct Playout {
    map: Option<Map>,
    video: Arrivals,
    audio: Arrivals,
    /// How much later than due pictures are displayed, ns, and over how many pictures this is the mean.
    seen: (i64, i64),
}

#[derive(Debug)]
struct Map {
    /// Offset: room time minus media time, ns.
    offset: i64,
    /// Smallest transit of the leading track, ns.
    floor: i64,
    anchored: Timestamp,
    updated: Timestamp,
    /// Since when every arrival was beyond reach.
    lost: Option<Timestamp>,
    /// Since when the offset was larger than needed by [`SURPLUS`].
    surplus: Option<Timestamp>,
}

/// The transits of one track.
#[derive(Debug, Default)]
struct Arrivals {
    last: Option<(Timestamp, Timestamp)>,
    window: VecDeque<(Timestamp, i64)>,
    sorted: Vec<i64>,
}

impl Playout {
    /// A clock without any arrival.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the arrival: media of `track` with presentation time `media` arrived at room time `now`. Replays of a
    /// GOP cache and configs say nothing of time and must not be passed.
    pub fn arrived(&mut self, track: Track, media: Timestamp, now: Timestamp) {
        let media = Timestamp::from_nanos(media.nanos().clamp(-FARTHEST, FARTHEST));
        let transit = now.nanos() - media.nanos();
        let own = match track {
            Track::Video => &mut self.video,
            Track::Audio => &mut self.audio,
        };
        let jumped = own.jumped(media, now);
        own.last = Some((media, now));
        let leads = track == Track::Video || self.video.window.is_empty();
        let Some(map) = self.map.as_mut().filter(|_| !jumped) else { return self.anchor(track, transit, now) };

        let beyond = transit - map.floor > nanos(MAX_DELAY);
        let elsewhere = (transit - map.offset).abs() > nanos(MAX_DELAY) + nanos(JUMP);
        if map.is_lost(beyond || elsewhere, now) {
            return self.anchor(track, transit, now);
        }
        if elsewhere {
            // The backlog of a stall, or a track whose clock was reset before the other's.
            return;
        }
        let young = now.since(map.anchored) < YOUNG;
        if young && leads && transit < map.floor - nanos(BACKLOG) {
            let anchored = map.anchored;
            self.anchor(track, transit, now);
            self.map.iter_mut().for_each(|map| map.anchored = anchored);
            return;
        }
        match track {
            Track::Video => self.video.note(transit, now),
            Track::Audio => self.audio.note(transit, now),
        }
        if young || now.since(map.updated) >= FOLLOW_EVERY {
            self.video.forget(young, now);
            self.audio.forget(young, now);
            self.follow(young, now);
        }
    }

    fn anchor(&mut self, track: Track, transit: i64, now: Timestamp) {
        self.video.window.clear();
        self.audio.window.clear();
        match track {
            Track::Video => self.video.note(transit, now),
            Track::Audio => self.audio.note(transit, now),
        }
        self.map =
            Some(Map { offset: transit, floor: transit, anchored: now, updated: now, lost: None, surplus: None });
    }

    fn follow(&mut self, young: bool, now: Timestamp) {
        let Some(map) = &mut self.map else { return };
        let share = if self.audio.are_long() { 1.0 } else { IN_TIME };
        let sound = self.audio.needed(share).map(|needed| needed - nanos(SOUND_ALLOWANCE) - self.seen.0.min(0));
        let (floor, needed) = match (self.video.floor(), self.video.needed(IN_TIME)) {
            (Some(floor), Some(needed)) => (floor, needed.max(sound.unwrap_or(needed))),
            // Sound alone still waits for its smallest transit, never less.
            _ => {
                let Some(floor) = self.audio.floor() else { return };
                (floor, sound.unwrap_or(floor).max(floor))
            }
        };
        map.floor = floor;
        map.approach(needed.min(floor + nanos(MAX_DELAY)), young, now);
    }

    /// The room time at which media with presentation time `media` is due; `None` before the first arrival.
    pub fn due(&self, media: Timestamp) -> Option<Timestamp> {
        let map = self.map.as_ref()?;
        Some(Timestamp::from_nanos(media.nanos().saturating_add(map.offset)))
    }

    /// Takes in that a picture was displayed this much later than due, ns; negative for earlier. Frames come at their
    /// own rate.
    pub fn seen(&mut self, late: i64) {
        if SEEN_WITHIN.contains(&late) {
            let (mean, count) = (self.seen.0, (self.seen.1 + 1).min(SEEN));
            self.seen = (mean + (late - mean) / count, count);
        }
    }

    /// The room time at which sound with presentation time `media` is to be heard: with the average display of the
    /// picture of that time, so that sound is neither early nor late.
    pub fn heard(&self, media: Timestamp) -> Option<Timestamp> {
        Some(Timestamp::from_nanos(self.due(media)?.nanos().saturating_add(self.seen.0)))
    }

    /// The delay that the clock adds to the smallest transit.
    pub fn delay(&self) -> Duration {
        self.map.as_ref().map_or(Duration::ZERO, |map| {
            Duration::from_nanos(u64::try_from(map.offset.saturating_sub(map.floor)).unwrap_or(0))
        })
    }
}

impl Map {
    /// True once `beyond` held without a break for [`LOST_AFTER`].
    fn is_lost(&mut self, beyond: bool, now: Timestamp) -> bool {
        if !beyond {
            self.lost = None;
            return false;
        }
        now.since(*self.lost.get_or_insert(now)) >= LOST_AFTER
    }

    fn approach(&mut self, needed: i64, young: bool, now: Timestamp) {
        let passed = nanos(now.since(self.updated)).min(nanos(Duration::from_secs(1)));
        self.updated = now;
        let short = needed - self.offset;
        if short <= -nanos(SURPLUS) {
            let since = *self.surplus.get_or_insert(now);
            if now.since(since) >= SURPLUS_AFTER {
                (self.offset, self.surplus) = (needed, None);
                return;
            }
        } else {
            self.surplus = None;
        }
        if young && (short > 0 || short < -nanos(YOUNG_SURPLUS)) {
            self.offset = needed;
        } else if short > 0 {
            let share = 1.0 - (-(passed as f64) / nanos(RISE) as f64).exp();
            self.offset += (short as f64 * share) as i64;
        } else {
            self.offset -= (-short).min(passed / FALL);
        }
    }
}

impl Arrivals {
    /// True if media time and arrivals diverged by more than [`JUMP`] since the last arrival, other than by a stall of
    /// the network, in which only the arrivals pause.
    fn jumped(&self, media: Timestamp, now: Timestamp) -> bool {
        let Some((last_media, last_now)) = self.last else { return false };
        let step = media.nanos().saturating_sub(last_media.nanos());
        let apart = step.saturating_sub(now.nanos() - last_now.nanos());
        let stalled = (0..nanos(JUMP)).contains(&step);
        apart.abs() > nanos(JUMP) && !stalled
    }

    fn note(&mut self, transit: i64, now: Timestamp) {
        if self.window.len() == MAX_SAMPLES {
            self.window.pop_front();
        }
        self.window.push_back((now, transit));
    }

    fn forget(&mut self, young: bool, now: Timestamp) {
        let (window, least) = if young { (YOUNG_WINDOW, RECENT) } else { (WINDOW, 0) };
        while self.window.len() > least && self.window.front().is_some_and(|(at, _)| now.since(*at) > window) {
            self.window.pop_front();
        }
    }

    fn floor(&self) -> Option<i64> {
        self.window.iter().map(|(_, transit)| *transit).min()
    }

    /// True if they are at least [`LONG`] apart.
    fn are_long(&self) -> bool {
        let ends = self.window.front().zip(self.window.back());
        ends.is_some_and(|(first, last)| last.0.since(first.0) >= LONG * (self.window.len() as u32 - 1).max(1))
    }

    /// The offset at which this share of these arrivals, and most of the newest, are in time.
    fn needed(&mut self, share: f64) -> Option<i64> {
        if self.window.is_empty() {
            return None;
        }
        self.sorted.clear();
        self.sorted.extend(self.window.iter().rev().take(RECENT).map(|(_, transit)| *transit));
        self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        let recent = self.sorted.get(RECENT_LATE - 1).or(self.sorted.last()).copied()?;
        self.sorted.clear();
        self.sorted.extend(self.window.iter().map(|(_, transit)| *transit));
        let at = (self.sorted.len() - 1) as f64 * share;
        let (_, most, _) = self.sorted.select_nth_unstable(at as usize);
        Some(recent.max(*most))
    }
}

#[cfg(test)]
mod tests;
