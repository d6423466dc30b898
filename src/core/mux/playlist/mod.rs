//! HLS playlists (RFC 8216bis): low-latency with parts, plain from the same list, and the multivariant ("master") one.
//!
//! A [`Playlist`] takes what the segmenter says and is written for each request: [`Playlist::write`]. All that one packet brought is taken
//! before the list is shown, as a short part is the last of its segment, whose end comes with it. Whether a blocking request can be
//! answered yet is a question without I/O too: [`Playlist::answer`]. Names of files live here alone, in [`Resource`].

mod ask;
mod date;
mod master;
mod name;
#[cfg(test)]
mod tests;
mod write;

use std::{collections::VecDeque, time::Duration};

use super::{cmaf, index::Index};
pub use ask::{Answer, Ask, BadAsk};
pub use date::Date;
pub use master::{Variant, master};
pub use name::Resource;
pub use write::View;

/// Most segments of a list: five days of two seconds each. Beyond it the oldest go, whatever the list's kind.
pub const MAX_SEGMENTS: usize = 216_000;

/// Parts are listed for so many of the last segments; the RFC asks for three target durations (§6.2.2).
const WITH_PARTS: usize = 8;

/// Which segments a list keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those of the last so many seconds, and three target durations at least.
    Live {
        /// How far a viewer can go back.
        window: Duration,
    },
    /// All, while more come: `EVENT`.
    Event,
    /// All, and no more come: `VOD`.
    Vod,
}

/// How a list is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which segments are kept.
    pub kind: Kind,
    /// Longest part, as the segmenter's.
    pub part: Duration,
    /// Longest segment, as the segmenter's. Rounded up it is the target duration, which may never change.
    pub longest: Duration,
    /// Segments are byte ranges of this one file, by a name relative to the playlist; else each is a file of its own.
    pub file: Option<String>,
}

/// The list of a stream's segments.
#[derive(Debug, Clone)]
pub struct Playlist {
    settings: Settings,
    segments: VecDeque<Segment>,
    /// Media sequence number of the first segment, or of the first to come.
    first: u64,
    /// Discontinuities that went with the segments that were removed.
    discontinuities: u64,
    ended: bool,
    /// Bytes and time of every segment so far, and the most bits a second of one.
    bytes: u64,
    lasted: Duration,
    peak: u64,
}

#[derive(Debug, Clone)]
struct Segment {
    init: Map,
    discontinuity: bool,
    gap: bool,
    date: Option<Date>,
    duration: Duration,
    parts: Vec<Part>,
    /// Whole; else the parts are all there is.
    done: bool,
    /// Where in the file, if there is one: first byte and bytes.
    range: Option<(u64, u64)>,
}

/// An initialization segment, and where in the file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Map {
    number: u32,
    range: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    duration: Duration,
    independent: bool,
}

impl Playlist {
    /// An empty list, whose first segment will be the next that begins.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            segments: VecDeque::new(),
            first: 0,
            discontinuities: 0,
            ended: false,
            bytes: 0,
            lasted: Duration::ZERO,
            peak: 0,
        }
    }

    /// The list of a recording that is over, as byte ranges of its file.
    pub fn of_recording(index: &Index, file: &str, target: Duration, longest: Duration, begun: Option<Date>) -> Self {
        let segments = index.segments(target, longest);
        let longest = segments.iter().map(|segment| segment.duration).fold(longest, Duration::max);
        let file = Some(file.into());
        let mut list = Self::new(Settings { kind: Kind::Vod, part: longest, longest, file });
        let origin = segments.first().map_or(Duration::ZERO, |first| first.start);
        for segment in segments.into_iter().take(MAX_SEGMENTS) {
            let init = &index.inits()[segment.init];
            list.segments.push_back(Segment {
                init: Map { number: segment.init as u32, range: Some((init.offset, init.len)) },
                discontinuity: segment.discontinuity,
                gap: false,
                date: begun.map(|begun| begun.after(segment.start.saturating_sub(origin))),
                duration: segment.duration,
                parts: Vec::new(),
                done: true,
                range: Some((segment.offset, segment.len)),
            });
            list.count(segment.len, segment.duration);
        }
        list.ended = true;
        list
    }

    /// A segment begins. `date` is the wall clock at its first frame, if the caller knows it.
    pub fn begin(&mut self, begin: &cmaf::Begin, date: Option<Date>) {
        if self.segments.is_empty() {
            self.first = begin.segment;
        }
        // A segment that never ended has what its parts have.
        if let Some(last) = self.segments.back_mut() {
            last.done = true;
        }
        self.ended = false;
        self.segments.push_back(Segment {
            init: Map { number: begin.init, range: None },
            discontinuity: begin.discontinuity,
            gap: false,
            date,
            duration: Duration::ZERO,
            parts: Vec::new(),
            done: false,
            range: None,
        });
    }

    /// A part of the segment that began last is there.
    pub fn part(&mut self, part: &cmaf::Part) {
        if let Some(open) = self.segments.back_mut().filter(|last| !last.done) {
            open.duration += part.duration;
            open.parts.push(Part { duration: part.duration, independent: part.independent });
        }
    }

    /// The segment that began last is whole. Gives back the numbers of segments that the list no longer has; their media are to be kept
    /// for as long as the list lasts once more (§6.2.2).
    pub fn end(&mut self, end: &cmaf::End) -> std::ops::Range<u64> {
        if let Some(open) = self.segments.back_mut().filter(|last| !last.done) {
            open.duration = end.duration;
            open.done = true;
            self.count(end.bytes, end.duration);
        }
        if let Some(old) = self.segments.len().checked_sub(WITH_PARTS + 1) {
            self.segments[old].parts = Vec::new();
        }
        self.slide()
    }

    /// The media of a segment are lost; players pass over it (`EXT-X-GAP`).
    pub fn lose(&mut self, segment: u64) {
        let place = segment.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(lost) = place.and_then(|place| self.segments.get_mut(place)) {
            lost.gap = true;
        }
    }

    /// Nothing more comes: `EXT-X-ENDLIST`.
    pub fn finish(&mut self) {
        if let Some(open) = self.segments.back_mut() {
            open.done = true;
        }
        self.ended = true;
    }

    fn count(&mut self, bytes: u64, lasted: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.lasted = self.lasted.saturating_add(lasted);
        // A segment of a moment says nothing of a rate.
        if lasted >= Duration::from_millis(500) {
            self.peak = self.peak.max(bits_a_second(bytes, lasted));
        }
    }

    fn slide(&mut self) -> std::ops::Range<u64> {
        let from = self.first;
        let mut total: Duration = self.segments.iter().map(|segment| segment.duration).sum();
        let least = match self.settings.kind {
            Kind::Live { window } => window.max(Duration::from_secs(3 * self.target())),
            Kind::Event | Kind::Vod => Duration::MAX,
        };
        while let Some(oldest) = self.segments.front().filter(|oldest| oldest.done) {
            let rest = total.saturating_sub(oldest.duration);
            if rest < least && self.segments.len() <= MAX_SEGMENTS {
                break;
            }
            total = rest;
            self.discontinuities += u64::from(oldest.discontinuity);
            self.first += 1;
            self.segments.pop_front();
        }
        from..self.first
    }

    /// The target duration, s.
    pub fn target(&self) -> u64 {
        (self.settings.longest.as_millis() as u64).div_ceil(1000).max(1)
    }

    /// Number of the first segment of the list.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of the segment to come next or that is open, and how many parts it has.
    pub fn next(&self) -> (u64, u64) {
        let all = self.first + self.segments.len() as u64;
        match self.segments.back().filter(|last| !last.done) {
            Some(open) => (all - 1, open.parts.len() as u64),
            None => (all, 0),
        }
    }

    /// The most bits a second of one segment, and those of all: `BANDWIDTH` and `AVERAGE-BANDWIDTH`. Zeros before the first whole segment.
    pub fn rates(&self) -> (u64, u64) {
        let average = bits_a_second(self.bytes, self.lasted);
        (self.peak.max(average), average)
    }
}

fn bits_a_second(bytes: u64, lasted: Duration) -> u64 {
    let nanos = lasted.as_nanos().max(1_000_000);
    u64::try_from(u128::from(bytes) * 8_000_000_000 / nanos).unwrap_or(u64::MAX)
}
