//! Cuts the samples of one run, in which the formats stay, into parts and segments.
//!
//! Parts end at pictures, as the next picture tells how long the last one lasts. While pictures are rare, and without pictures, sound
//! ends them.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use super::{Begin, End, Event, Part, Resume, Settings, Why, write, write::Sample};
use crate::{
    media::{Timestamp, Track},
    mux::codec::VIDEO_RATE,
};

const SECOND: i64 = 1_000_000_000;

/// Sound may be so far from where it is due before it is moved, in ns: a millisecond is RTMP's rounding, tens are a sender's jitter.
const JITTER: i64 = 60_000_000;

/// Longest way from decoding to showing, in ns. Reordering takes fractions of a second.
const LONGEST_OFFSET: i64 = 10 * SECOND;

/// Most frames and bytes of a part. A part of 300 ms at 100 Mbit/s has 4 MB.
const MAX_SAMPLES: usize = 4096;
const MAX_BYTES: usize = 32 << 20;

/// What goes on from run to run.
#[derive(Debug, Default)]
pub(super) struct Out {
    pub(super) events: VecDeque<Event>,
    /// Of the segment that is open, or comes next.
    pub(super) segment: u64,
    pub(super) sequence: u32,
    /// Where the parts so far end, in ns.
    pub(super) end: i64,
    /// Where the pictures end, in ticks, and the sound, in ns.
    video_end: u64,
    audio_end: i64,
    /// From the stream's time to the output's, ns.
    pub(super) source: Option<Timestamp>,
    pub(super) source_at: i64,
    dropped: Vec<(Track, Why, u64)>,
}

impl Out {
    pub(super) fn new(resume: &Resume) -> Self {
        let end = i64::try_from(resume.end.as_nanos()).unwrap_or(0);
        Self { segment: resume.segment, sequence: resume.sequence, end, ..Self::default() }
    }

    /// The stream's own time at a place of the output.
    fn source_of(&self, at: i64) -> Timestamp {
        let source = self.source.unwrap_or_default().nanos();
        Timestamp::from_nanos(source.saturating_add(at.saturating_sub(self.source_at)))
    }

    /// Counts what is left out. The first is told at once, the others with the next part.
    pub(super) fn drop(&mut self, track: Track, why: Why) {
        match self.dropped.iter_mut().find(|(of, because, _)| (*of, *because) == (track, why)) {
            Some((_, _, packets)) => *packets += 1,
            None => {
                self.dropped.push((track, why, 0));
                self.events.push_back(Event::Dropped { track, why, packets: 1 });
            }
        }
    }

    pub(super) fn tell_dropped(&mut self) {
        for (track, why, packets) in self.dropped.drain(..).filter(|(_, _, packets)| *packets > 0) {
            self.events.push_back(Event::Dropped { track, why, packets });
        }
    }
}

#[derive(Debug)]
pub(super) struct Cutter {
    part: i64,
    target: i64,
    longest: i64,
    init: u32,
    discontinuity: bool,
    has_video: bool,
    /// Ticks a second of the sound.
    rate: u32,
    /// In decoding order; the last has no duration until the next comes.
    video: Vec<Sample>,
    audio: Vec<Sample>,
    bytes: usize,
    /// Where the next frame of sound is due, ticks.
    due: Option<u64>,
    /// Of the last picture that has one, ticks.
    duration: u32,
    /// Where the next part begins, ns.
    at: i64,
    open: Option<Open>,
}

/// The segment that is open.
#[derive(Debug)]
struct Open {
    start: i64,
    independent: bool,
    parts: u32,
    bytes: u64,
}

impl Cutter {
    pub(super) fn new(settings: &Settings, init: u32, rate: Option<u32>, has_video: bool, at: i64) -> Self {
        let nanos =
            |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(SECOND).clamp(SECOND / 100, SECOND * 60);
        Self {
            part: nanos(settings.part),
            target: nanos(settings.segment),
            longest: nanos(settings.longest),
            init,
            discontinuity: false,
            has_video,
            rate: rate.unwrap_or(VIDEO_RATE),
            video: Vec::new(),
            audio: Vec::new(),
            bytes: 0,
            due: None,
            duration: VIDEO_RATE / 25,
            at,
            open: None,
        }
    }

    /// The first segment is marked as a discontinuity.
    pub(super) fn discontinue(&mut self) {
        self.discontinuity = true;
    }

    /// Takes a picture that is decoded at `at` and shown `offset` later, in ns.
    pub(super) fn video(&mut self, at: i64, offset: i64, key: bool, data: Bytes, out: &mut Out) {
        let dts = ticks(at, VIDEO_RATE).max(out.video_end);
        self.complete(Some(dts));
        let ends = key && self.ends_at(at);
        self.advance(at, out);
        if ends {
            self.cut(at, false, out);
            self.end(out);
        }
        let offset = offset.clamp(-LONGEST_OFFSET, LONGEST_OFFSET);
        let offset = (i128::from(offset) * i128::from(VIDEO_RATE) / i128::from(SECOND)) as i32;
        out.video_end = dts + 1;
        self.bytes += data.len();
        self.video.push(Sample { dts, duration: 0, offset, key, data });
        self.bound(at, out);
    }

    /// Takes a frame of sound of so many ticks that is due at `at`, in ns.
    pub(super) fn audio(&mut self, at: i64, duration: u32, data: Bytes, out: &mut Out) {
        let want = ticks(at, self.rate);
        let due = self.due.unwrap_or_else(|| want.max(ticks(out.audio_end, self.rate)));
        let jitter = ticks(JITTER, self.rate);
        if want + jitter < due {
            return out.drop(Track::Audio, Why::Late);
        }
        let dts = if want > due + jitter { want } else { due };
        let now = nanos(dts, self.rate);
        if !self.has_video {
            self.advance(now, out);
            if self.open.as_ref().is_some_and(|open| self.at - open.start >= self.target - self.part / 2) {
                self.end(out);
            }
        } else {
            while now - self.at > 2 * self.part && self.cut(self.at + self.part, false, out) {}
        }
        // A hole lasts as long as the frame before it.
        if let Some(last) = self.audio.last_mut() {
            last.duration = u32::try_from(dts.saturating_sub(last.dts)).unwrap_or(u32::MAX).max(1);
        }
        self.due = Some(dts + u64::from(duration));
        out.audio_end = nanos(dts + u64::from(duration), self.rate);
        self.bytes += data.len();
        self.audio.push(Sample { dts, duration, offset: 0, key: true, data });
        self.bound(now, out);
    }

    /// Ends the run. Whoever knows where the next begins says so; else the last picture lasts as long as the one before it.
    pub(super) fn close(mut self, end: Option<i64>, out: &mut Out) {
        self.complete(end.map(|end| ticks(end, VIDEO_RATE)));
        let of_video = self.video.last().map_or(0, |last| nanos(last.dts + u64::from(last.duration), VIDEO_RATE));
        let of_audio = self.audio.last().map_or(0, |last| nanos(last.dts + u64::from(last.duration), self.rate));
        let end = end.unwrap_or(of_video.max(of_audio)).max(self.at + SECOND / 1000);
        if let Some(last) = self.video.last() {
            out.video_end = last.dts + u64::from(last.duration);
        }
        self.advance(end, out);
        // Sound beyond the end is part of it.
        self.cut(end.max(self.at + SECOND / 1000), true, out);
        self.end(out);
        out.tell_dropped();
    }

    /// Whether the segment ends before a keyframe.
    fn ends_at(&self, at: i64) -> bool {
        match &self.open {
            Some(open) => !open.independent || at - open.start >= self.target / 4 * 3,
            None => at - self.at >= self.target / 4 * 3,
        }
    }

    /// Gives the last picture its duration.
    fn complete(&mut self, next: Option<u64>) {
        if let Some(last) = self.video.last_mut().filter(|last| last.duration == 0) {
            let duration =
                next.map_or(self.duration, |next| u32::try_from(next.saturating_sub(last.dts)).unwrap_or(u32::MAX));
            last.duration = duration.max(1);
            self.duration = last.duration.min(VIDEO_RATE);
        }
    }

    /// Cuts what makes whole parts before `now`, ns.
    fn advance(&mut self, now: i64, out: &mut Out) {
        while now - self.at >= self.part / 100 * 85 {
            if now - self.at <= self.part {
                self.cut(now, false, out);
                return;
            }
            if self.has_after(self.at + self.part) && self.cut(self.at + self.part, false, out) {
                continue;
            }
            // A frame lasts longer than a part. It is a segment of its own, so that a list can have the segment without parts.
            let last = self.last();
            if (1..=self.part).contains(&(last - self.at)) {
                self.cut(last, false, out);
            }
            self.end(out);
            self.cut(now, false, out);
            return self.end(out);
        }
    }

    /// Where the last whole frame begins, ns.
    fn last(&self) -> i64 {
        let whole = self.video.iter().rev().find(|sample| sample.duration > 0);
        let of_video = whole.map_or(0, |sample| nanos(sample.dts, VIDEO_RATE));
        of_video.max(self.audio.last().map_or(0, |sample| nanos(sample.dts, self.rate)))
    }

    /// Whether there are whole samples at or after a time, ns.
    fn has_after(&self, at: i64) -> bool {
        let of_video = ticks(at, VIDEO_RATE);
        let of_audio = ticks(at, self.rate);
        self.video.iter().rev().take(2).any(|sample| sample.duration > 0 && sample.dts >= of_video)
            || self.audio.last().is_some_and(|sample| sample.dts >= of_audio)
    }

    /// Stamps that do not advance must not make a part without end.
    fn bound(&mut self, now: i64, out: &mut Out) {
        if self.video.len() + self.audio.len() >= MAX_SAMPLES || self.bytes >= MAX_BYTES {
            self.cut(now.max(self.at + SECOND / 1000), false, out);
        }
        // What is left is the last picture, and sound that is ahead of it.
        if self.audio.len() >= MAX_SAMPLES {
            self.cut(now.max(self.at + SECOND / 1000), true, out);
        }
    }

    /// Makes a part of the samples before `end`, ns, or of all; false when there are none.
    fn cut(&mut self, end: i64, all: bool, out: &mut Out) -> bool {
        let before = |samples: &[Sample], rate: u32| {
            let end = ticks(end, rate);
            samples.iter().take_while(|sample| sample.duration > 0 && (all || sample.dts < end)).count()
        };
        let (of_video, of_audio) = (before(&self.video, VIDEO_RATE), before(&self.audio, self.rate));
        if of_video + of_audio == 0 || end <= self.at {
            return false;
        }
        let video: Vec<_> = self.video.drain(..of_video).collect();
        let audio: Vec<_> = self.audio.drain(..of_audio).collect();
        self.bytes = self.video.iter().chain(&self.audio).map(|sample| sample.data.len()).sum();
        let independent = if self.has_video { video.first().is_some_and(|first| first.key) } else { true };
        let at = self.at;
        let open = self.open.get_or_insert_with(|| {
            out.events.push_back(Event::Begin(Begin {
                segment: out.segment,
                init: self.init,
                start: duration(at),
                source: out.source_of(at),
                independent,
                discontinuity: std::mem::take(&mut self.discontinuity),
            }));
            Open { start: at, independent, parts: 0, bytes: 0 }
        });
        let data = write::fragment(out.sequence, &video, &audio);
        out.sequence = out.sequence.wrapping_add(1);
        out.tell_dropped();
        let (index, bytes) = (open.parts, data.len() as u64);
        open.parts += 1;
        open.bytes += bytes;
        out.events.push_back(Event::Part(Part {
            segment: out.segment,
            index,
            start: duration(at),
            duration: duration(end - at),
            independent,
            data,
        }));
        let start = open.start;
        self.at = end;
        out.end = end;
        if end - start + self.part > self.longest {
            self.end(out);
        }
        true
    }

    fn end(&mut self, out: &mut Out) {
        if let Some(open) = self.open.take() {
            let duration = duration(self.at - open.start);
            let (parts, bytes) = (open.parts, open.bytes);
            out.events.push_back(Event::End(End { segment: out.segment, duration, parts, bytes }));
            out.segment += 1;
        }
    }
}

pub(super) fn ticks(nanos: i64, rate: u32) -> u64 {
    let ticks = (i128::from(nanos.max(0)) * i128::from(rate) + i128::from(SECOND / 2)) / i128::from(SECOND);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

pub(super) fn nanos(ticks: u64, rate: u32) -> i64 {
    i64::try_from(i128::from(ticks) * i128::from(SECOND) / i128::from(rate)).unwrap_or(i64::MAX)
}

pub(super) fn duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
