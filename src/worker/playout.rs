//! When a feed's media is due: its media time mapped to room time.
//!
//! Pure: arrivals and `now` in, due times out. Picture and sound of one feed share one map, so lips match.
//!
//! A packet's *transit* is its arrival in room time less its media time. Its smallest value is what clocks and network
//! cannot do without; the rest is jitter. The map adds one *offset* to media time: a high percentile of the transits of
//! the last seconds, which follows both the jitter and a sender's clock that runs fast or slow.

use std::{collections::VecDeque, time::Duration};

use tilecast_core::media::{Timestamp, Track};

/// Transits are judged over this much arrival time: long enough that a keyframe's longer journey shows in it, short
/// enough that a clock 200 ppm off moves less than 2 ms within it.
const WINDOW: Duration = Duration::from_secs(8);

/// Most transits kept of one track: the window at 60 fps, and sound of 8 ms frames.
const MAX_SAMPLES: usize = 1024;

/// Share of arrivals that are in time. One picture in twenty shown a tick late is not seen; waiting for the last one
/// is.
const IN_TIME: f64 = 0.95;

/// Frames of sound that come this far apart or further are all to be in time: 8 and 16 kHz have 128 and 64 ms in one, and its
/// end is heard to be missing each time it is late.
const LONG: Duration = Duration::from_millis(50);

/// The newest arrivals that can raise the delay before the window as a whole does, and how many of them must be late: a
/// third of a second at 30 fps, where three late pictures are a stutter and one is an accident.
const RECENT: usize = 12;
const RECENT_LATE: usize = 3;

/// Most delay over the smallest transit. A meeting cannot be held beyond it; what comes later is shown late.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

/// How late sound may come behind the offset without asking for more of it. RTMP senders interleave sound in bursts:
/// FFmpeg's comes up to 40 ms after the picture of its time. The mixer reads [`super::sound::LAG`] behind room time, of
/// which the rest is a block, a fade and the scheduler's.
const SOUND_ALLOWANCE: Duration = Duration::from_millis(60);

/// A step between a track's media time and its arrivals beyond which its clock was set anew.
const JUMP: Duration = Duration::from_secs(2);

/// Every arrival being later than the map can reach for this long means that the sender's clock stood still, not that a
/// burst is on its way.
const LOST_AFTER: Duration = Duration::from_millis(500);

/// After anchoring, arrivals this much quicker than all before prove those to have been a backlog, not jitter. Below
/// one frame at 120 fps, above what a scheduler does.
const BACKLOG: Duration = Duration::from_millis(6);

/// How long after anchoring a backlog may last, and the offset moves at once. A sender that begins also stalls, for as much
/// as half a second: its page loads, its encoder opens. That says nothing of what is to come: meanwhile only the newest
/// arrivals are judged, though never fewer than [`RECENT`], and delay that they do not need is cut at once if it is more than
/// jitter makes.
const YOUNG: Duration = Duration::from_secs(3);
const YOUNG_WINDOW: Duration = Duration::from_millis(500);
const YOUNG_SURPLUS: Duration = Duration::from_millis(20);

/// How quickly the offset rises: time constant of the approach. Two or three pictures wait a little longer each, none
/// jumps.
const RISE: Duration = Duration::from_millis(100);

/// How quickly the offset falls: one part in this many of the time passed, 0.4 %, within what the mixer follows
/// unheard.
const FALL: i64 = 250;

/// How often the offset follows the transits: judging them all with every packet would cost more than all else that is done
/// for it, and [`RISE`] is longer.
const FOLLOW_EVERY: Duration = Duration::from_millis(30);

/// Delay that the window has not needed for this long is cut at once: beyond this much, falling slowly would take
/// minutes.
const SURPLUS: Duration = Duration::from_millis(80);
const SURPLUS_AFTER: Duration = Duration::from_secs(8);

/// Media time beyond this, ns (73 years), is taken as this, which leaves room to subtract.
const FARTHEST: i64 = i64::MAX / 4;

/// Pictures over which it is averaged how much later than due they are seen. A cadence of 24 or 25 in 30 repeats within it.
const SEEN: i64 = 32;

/// How much earlier and later than due a picture can be seen for that, ns: half a frame at 10 fps and a slow decoder. What is
/// beyond, such as what was waiting when decoding began, says nothing of those to come.
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
    /// How much later than due pictures are seen, ns, and the mean of how many that is.
    seen: (i64, i64),
}

#[derive(Debug)]
struct Map {
    /// Room time less media time, ns.
    offset: i64,
    /// Smallest transit of the track that leads, ns.
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
    /// A clock that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that media of `track` with presentation time `media` arrived at room time `now`. Replays of a GOP cache
    /// and configs say nothing of time: they are not to be given.
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
            // A stall's backlog, or a track whose clock was set anew before the other's.
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
            // Sound alone still waits its smallest transit, never less.
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

    /// A picture is seen in the program so much later than it was due, ns, negative for earlier: frames come at their own rate.
    pub fn seen(&mut self, late: i64) {
        if SEEN_WITHIN.contains(&late) {
            let (mean, count) = (self.seen.0, (self.seen.1 + 1).min(SEEN));
            self.seen = (mean + (late - mean) / count, count);
        }
    }

    /// The room time at which sound with presentation time `media` is to be heard: with the picture of that time as it is seen
    /// on average, so that it is neither early nor late.
    pub fn heard(&self, media: Timestamp) -> Option<Timestamp> {
        Some(Timestamp::from_nanos(self.due(media)?.nanos().saturating_add(self.seen.0)))
    }

    /// What the clock now adds to the smallest transit.
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
    /// True if media time and arrivals went apart by more than [`JUMP`] since the last, other than by a stall of the
    /// network, where only the arrivals pause.
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

    /// The offset that had this share of these arrivals in time, and most of the newest.
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
