//! The output's time line: from the stream's time stamps, which may do anything, to one that never falls.
//!
//! A packet that fits where its track stands is placed by the stream's own time. One that does not is held: if the track comes back, a
//! single stamp was wrong, and what was held follows in its order. If [`BELIEVED`] packets do not fit, the stream's time has jumped, and
//! the time line is laid anew from there.

use std::time::Duration;

use crate::media::{Packet, Timestamp, Track};

const SECOND: i64 = 1_000_000_000;

/// How far a track may step back or leap ahead of the stream, in ns. Frames of a slow picture and the hiccups of a network are less.
const LEAP: i64 = SECOND;

/// How far the first packet of a track may be from the beginning, in ns: what senders have sound and picture apart.
const APART: i64 = 10 * SECOND;

/// Longest hole that is kept when time leaps ahead, in ns. A longer one is a sender's new clock.
const LONGEST_HOLE: i64 = 60 * SECOND;

/// So many packets of a track that do not fit are a jump.
const BELIEVED: usize = 4;

/// Most packets that are held.
const MAX_HELD: usize = 16;

/// Shortest time between two pictures, in ns.
const STEP: i64 = 1_000_000;

/// Longest output, in ns: 100 years, after which no hole is kept. Sums stay far from their type's end.
const LONGEST: i64 = 100 * 365 * 86_400 * SECOND;

/// A packet at its place.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) packet: Packet,
    /// When it is to be decoded, ns of the output.
    pub(super) at: i64,
    /// The time line is laid anew before it.
    pub(super) jumped: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    last: Option<i64>,
    /// Between its last two packets, ns.
    step: i64,
}

#[derive(Debug)]
pub(super) struct Timeline {
    /// From the stream's time to the output's. Wide, as time stamps may be anything.
    offset: Option<i128>,
    /// Where the present run of time stamps began.
    start: i64,
    /// Where the stream stands: the latest of both tracks.
    end: i64,
    /// The hole that a discontinuity leaves, until the next packet.
    hole: i64,
    cursors: [Cursor; 2],
    held: Vec<Packet>,
    jumped: bool,
    /// Sound and pictures far from the beginning of their run.
    pub(super) dropped: [u64; 2],
    /// Jumps that nobody was told of: where, and how far in ms.
    pub(super) jumps: Vec<(i64, i64)>,
}

impl Timeline {
    pub(super) fn new(start: Duration) -> Self {
        let start = i64::try_from(start.as_nanos()).unwrap_or(LONGEST).min(LONGEST);
        Self {
            offset: None,
            start,
            end: start,
            hole: 0,
            cursors: Default::default(),
            held: Vec::new(),
            jumped: false,
            dropped: [0; 2],
            jumps: Vec::new(),
        }
    }

    /// The stream's time at a place of the output.
    pub(super) fn source(&self, at: i64) -> Timestamp {
        let source = i128::from(at) - self.offset.unwrap_or_default();
        Timestamp::from_nanos(source.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// The stream begins anew after so much time.
    pub(super) fn restart(&mut self, hole: Duration) {
        let room = (LONGEST - self.end).max(0);
        self.hole = i64::try_from(hole.as_nanos()).unwrap_or(i64::MAX).min(room);
        self.offset = None;
    }

    /// The output has come so far, whatever the time stamps said.
    pub(super) fn reach(&mut self, end: i64) {
        self.end = self.end.max(end);
    }

    pub(super) fn push(&mut self, packet: Packet, out: &mut Vec<Placed>) {
        let dts = i128::from(packet.dts.nanos());
        if self.offset.is_none() {
            self.lay(self.end + self.hole, dts);
            self.jumped = false;
        }
        let Err(packet) = self.place(packet, out) else { return };
        let track = packet.track();
        self.held.push(packet);
        let of_track = self.held.iter().filter(|held| held.track() == track).count();
        if of_track >= BELIEVED || self.held.len() >= MAX_HELD {
            self.jump(track, out);
        }
    }

    /// Places what is held, whatever its time says: nothing comes any more.
    pub(super) fn flush(&mut self, out: &mut Vec<Placed>) {
        for packet in std::mem::take(&mut self.held) {
            self.follow(packet, out);
        }
    }

    /// Lays the time line so that the stream's time `dts` is at `start`.
    fn lay(&mut self, start: i64, dts: i128) {
        self.offset = Some(i128::from(start) - dts);
        self.start = start;
        self.end = self.end.max(start);
        self.hole = 0;
        self.cursors = Default::default();
    }

    fn jump(&mut self, track: Track, out: &mut Vec<Placed>) {
        let held = std::mem::take(&mut self.held);
        let Some(first) = held.iter().find(|held| held.track() == track) else { return };
        let dts = i128::from(first.dts.nanos());
        let by = dts + self.offset.unwrap_or_default() - i128::from(self.end);
        let is_kept = (1..=i128::from(LONGEST_HOLE)).contains(&by) && self.end < LONGEST;
        let start = if is_kept { self.end + by as i64 } else { self.end };
        self.jumps.push((start, (by / 1_000_000).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64));
        // A stream that jumps all the time is not torn at every packet.
        self.jumped = start - self.start >= LEAP || is_kept;
        self.lay(start, dts);
        for packet in held {
            if let Err(packet) = self.place(packet, out) {
                self.held.push(packet);
            }
        }
    }

    /// Places a packet that fits, after those of its track that did not; gives back one that does not.
    fn place(&mut self, packet: Packet, out: &mut Vec<Placed>) -> Result<(), Packet> {
        let track = index(packet.track());
        let at = i128::from(packet.dts.nanos()) + self.offset.unwrap_or_default();
        let (low, high) = match self.cursors[track].last {
            Some(last) => (last - LEAP, self.end.max(last) + LEAP),
            None => (self.start - APART, self.end + APART),
        };
        if at < i128::from(low) || at > i128::from(high) {
            return Err(packet);
        }
        let at = at as i64;
        if at < self.start - LEAP {
            self.dropped[track] += 1;
            return Ok(());
        }
        if !self.held.is_empty() {
            let (of_track, others) =
                std::mem::take(&mut self.held).into_iter().partition(|held| held.track() == packet.track());
            self.held = others;
            for held in of_track {
                self.follow(held, out);
            }
        }
        self.put(packet, at, out);
        Ok(())
    }

    /// Places a packet a step after the last of its track.
    fn follow(&mut self, packet: Packet, out: &mut Vec<Placed>) {
        let cursor = self.cursors[index(packet.track())];
        let at = cursor.last.map_or(self.end, |last| last + cursor.step.max(STEP));
        self.put(packet, at, out);
    }

    fn put(&mut self, packet: Packet, at: i64, out: &mut Vec<Placed>) {
        let track = packet.track();
        let cursor = &mut self.cursors[index(track)];
        let at = match (cursor.last, track) {
            (Some(last), Track::Video) => at.max(last + STEP),
            (Some(last), Track::Audio) => at.max(last),
            (None, _) => at.max(self.start),
        };
        cursor.step = cursor.last.map_or(STEP, |last| (at - last).min(LEAP));
        cursor.last = Some(at);
        self.end = self.end.max(at + cursor.step);
        out.push(Placed { packet, at, jumped: std::mem::take(&mut self.jumped) });
    }
}

fn index(track: Track) -> usize {
    match track {
        Track::Video => 0,
        Track::Audio => 1,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::{Codec, Role, VideoCodec};

    fn placed(stamps: &[i64]) -> (Vec<i64>, Vec<bool>, Timeline) {
        let mut line = Timeline::new(Duration::ZERO);
        let mut out = Vec::new();
        for stamp in stamps {
            let at = Timestamp::from_millis(*stamp);
            let codec = Codec::Video(VideoCodec::H264);
            line.push(Packet { codec, role: Role::Delta, pts: at, dts: at, data: Bytes::new() }, &mut out);
        }
        line.flush(&mut out);
        let at = out.iter().map(|placed| placed.at / STEP).collect();
        (at, out.iter().map(|placed| placed.jumped).collect(), line)
    }

    #[test]
    fn the_first_stamp_is_zero_and_falling_ones_are_lifted() {
        assert_eq!(placed(&[500, 540, 540, 530, 620]).0, [0, 40, 41, 42, 120]);
    }

    #[test]
    fn a_single_wrong_stamp_moves_nothing() {
        let (at, jumped, line) = placed(&[0, 40, 9_000_000, 120, 160, -77_000, 240]);
        assert_eq!(at, [0, 40, 80, 120, 160, 200, 240]);
        assert!(line.jumps.is_empty() && !jumped.contains(&true));
    }

    #[test]
    fn a_hole_is_kept_and_a_new_clock_is_not() {
        let mut stamps: Vec<i64> = (0..50).map(|frame| frame * 40).collect();
        stamps.extend((0..4).map(|frame| 7000 + frame * 40));
        stamps.extend((0..4).map(|frame| i64::from(u32::MAX) + frame * 40));
        let (at, jumped, line) = placed(&stamps);
        assert_eq!(at[49..], [1960, 7000, 7040, 7080, 7120, 7160, 7200, 7240, 7280]);
        assert!(jumped[50] && line.jumps.len() == 2);
    }
}
