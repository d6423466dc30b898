//! The index of a recording's file: initialization segments and fragments (ISO/IEC 14496-12 §8.8), appended one after the other.
//!
//! A file that was being written when the power went has a torn tail. [`Scanner`] reads such a file through a caller who does the I/O
//! and tells where the last whole fragment ends. It reads the boxes alone, never the media: two hours take some ten megabytes of a
//! file of gigabytes. While a recording runs, [`Index::append`] keeps the same index without reading anything back.
//!
//! Files may be hostile: every size is checked against what holds it, and what is kept is bounded.

mod fragment;
mod init;
mod scan;
#[cfg(test)]
pub(super) mod tests;

use std::time::Duration;

use bytes::Bytes;

use super::boxes::Kind;
use crate::media::{Size, Track};
pub use scan::Scanner;

/// Most frames of one index: more than a day of 30 pictures a second and AAC, in 96 MB.
pub const MAX_SAMPLES: usize = 8 << 20;

/// Most initialization segments. A stream that changes every second for an hour has so many.
pub const MAX_INITS: usize = 4096;

/// What a file of fragments holds.
#[derive(Debug, Clone, Default)]
pub struct Index {
    pub(super) inits: Vec<Init>,
    pub(super) fragments: Vec<Stored>,
    pub(super) runs: Vec<Run>,
    /// Of pictures, and of sound.
    pub(super) samples: [Vec<Sample>; 2],
    end: u64,
    sequence: u32,
    tail: Tail,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// With a whole fragment.
    #[default]
    Whole,
    /// Within a box, or with zeros: the writer was interrupted. What is behind [`Index::end`] can be cut off.
    Torn,
    /// With bytes that no writer of ours makes; the reason is a sentence. More of the recording may lie behind them.
    Broken(&'static str),
}

/// An initialization segment in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Its first byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// The picture track, if there is one, and the sound track.
    pub tracks: [Option<TrackInfo>; 2],
}

impl Init {
    /// RFC 6381 codec strings, with commas between.
    pub fn codecs(&self) -> String {
        let names = self.tracks.iter().flatten().map(|track| super::codec::name_of(&track.entry));
        names.collect::<Vec<_>>().join(",")
    }
}

/// A track as an initialization segment tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackInfo {
    /// Its id in the fragments.
    pub id: u32,
    /// Ticks a second.
    pub rate: u32,
    /// The sample entry: a whole box.
    pub entry: Bytes,
    /// Of pictures; zero for sound.
    pub size: Size,
}

impl TrackInfo {
    /// The sample entry's name, `avc1` say.
    pub fn kind(&self) -> Kind {
        self.entry.get(4..8).and_then(|kind| kind.try_into().ok()).unwrap_or_default()
    }
}

/// A fragment: `moof` and `mdat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// Its first byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Which of [`Index::inits`] it needs.
    pub init: usize,
    /// Where on the output's time line.
    pub start: Duration,
    /// Where its last frame ends.
    pub end: Duration,
    /// Decoding can begin with it.
    pub independent: bool,
}

/// A segment: fragments in a row, to be listed as one byte range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its first byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// Which of [`Index::inits`] it needs.
    pub init: usize,
    /// Where on the output's time line.
    pub start: Duration,
    /// To the next segment, or to the end of the last frame.
    pub duration: Duration,
    /// Decoding can begin with it.
    pub independent: bool,
    /// Another initialization segment than the one before, or a hole in time before it.
    pub discontinuity: bool,
}

/// A place to which a player can seek.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyframe {
    /// When it is decoded.
    pub at: Duration,
    /// First byte of the fragment it is in.
    pub fragment: u64,
    /// Its own first byte, and how many.
    pub offset: u64,
    /// Bytes of the picture.
    pub len: u32,
    /// Which of [`Index::inits`] it needs.
    pub init: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    offset: u64,
    len: u64,
    pub(super) init: u32,
    /// Index of its first run; the last is before the next fragment's.
    pub(super) first_run: u32,
}

/// Frames of one track that lie together in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) track: Track,
    /// Of the first frame, ticks.
    pub(super) dts: u64,
    /// Of the first frame, in the file.
    pub(super) offset: u64,
    /// Bytes of all.
    pub(super) len: u64,
    /// Index of the first frame, and how many.
    pub(super) first: u32,
    pub(super) count: u32,
    pub(super) duration: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) duration: u32,
    /// Bytes; the highest bit marks a keyframe.
    size: u32,
    /// From decoding to showing, ticks.
    pub(super) offset: i32,
}

const KEY: u32 = 1 << 31;

impl Sample {
    fn new(duration: u32, size: u32, offset: i32, key: bool) -> Self {
        Self { duration, size: size & !KEY | if key { KEY } else { 0 }, offset }
    }

    pub(super) fn size(self) -> u32 {
        self.size & !KEY
    }

    pub(super) fn key(self) -> bool {
        self.size & KEY != 0
    }
}

impl Index {
    /// Of an empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an initialization segment or a fragment that was just written behind what the index knows.
    ///
    /// # Errors
    /// With a sentence, where the bytes are neither. The boxes before the faulty one are kept.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let mut done = 0;
        while done < bytes.len() {
            match scan::step(self, &bytes[done..], (bytes.len() - done) as u64)? {
                scan::Step::Passed(size) => done += usize::try_from(size).unwrap_or(bytes.len()),
                scan::Step::Needs(_) | scan::Step::Torn => return Err("the box is not whole"),
            }
        }
        Ok(())
    }

    /// Bytes from the beginning of the file to the end of the last whole box: where the next fragment is written, and the file is
    /// truncated before.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How the file ends.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Sequence number of the next fragment.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Initialization segments in the order of the file.
    pub fn inits(&self) -> &[Init] {
        &self.inits
    }

    /// Fragments in the order of the file.
    pub fn fragments(&self) -> impl Iterator<Item = Fragment> {
        (0..self.fragments.len()).map(|number| self.fragment(number))
    }

    fn fragment(&self, number: usize) -> Fragment {
        let stored = &self.fragments[number];
        let (mut start, mut end) = (Duration::MAX, Duration::ZERO);
        let mut independent = true;
        for run in self.runs_of(number) {
            let rate = self.rate(stored.init, run.track);
            start = start.min(time(run.dts, rate));
            end = end.max(time(run.dts.saturating_add(run.duration), rate));
        }
        if self.inits[stored.init as usize].tracks[0].is_some() {
            let first = self.runs_of(number).iter().find(|run| run.track == Track::Video);
            independent = first.is_some_and(|run| self.samples[0][run.first as usize].key());
        }
        let start = if start > end { end } else { start };
        let (offset, len, init) = (stored.offset, stored.len, stored.init as usize);
        Fragment { offset, len, init, start, end, independent }
    }

    pub(super) fn runs_of(&self, fragment: usize) -> &[Run] {
        let first = self.fragments[fragment].first_run as usize;
        let next = self.fragments.get(fragment + 1).map_or(self.runs.len(), |next| next.first_run as usize);
        &self.runs[first..next]
    }

    pub(super) fn rate(&self, init: u32, track: Track) -> u32 {
        let tracks = &self.inits[init as usize].tracks;
        tracks[usize::from(track == Track::Audio)].as_ref().map_or(1, |info| info.rate)
    }

    /// Keyframes in the order of the file.
    pub fn keyframes(&self) -> impl Iterator<Item = Keyframe> {
        (0..self.fragments.len()).flat_map(move |number| {
            let stored = &self.fragments[number];
            let rate = self.rate(stored.init, Track::Video);
            let runs = self.runs_of(number).iter().filter(|run| run.track == Track::Video);
            runs.flat_map(move |run| {
                let samples = &self.samples[0][run.first as usize..(run.first + run.count) as usize];
                let mut at = run.dts;
                let mut offset = run.offset;
                samples.iter().filter_map(move |sample| {
                    let (dts, from) = (at, offset);
                    at = at.saturating_add(u64::from(sample.duration));
                    offset += u64::from(sample.size());
                    sample.key().then(|| Keyframe {
                        at: time(dts, rate),
                        fragment: stored.offset,
                        offset: from,
                        len: sample.size(),
                        init: stored.init as usize,
                    })
                })
            })
        })
    }

    /// Where the first frame begins and the last one ends on the output's time line; `None` without fragments.
    pub fn span(&self) -> Option<(Duration, Duration)> {
        let start = self.fragments().map(|fragment| fragment.start).min()?;
        Some((start, self.fragments().map(|fragment| fragment.end).max()?))
    }

    /// The fragments as segments that begin at keyframes, of three quarters of `target` at least while keyframes come, and of `longest`
    /// at most.
    pub fn segments(&self, target: Duration, longest: Duration) -> Vec<Segment> {
        const HOLE: Duration = Duration::from_millis(500);
        let mut segments: Vec<Segment> = Vec::new();
        let mut end = Duration::ZERO;
        for fragment in self.fragments() {
            let is_new = match segments.last_mut() {
                None => true,
                Some(last) => {
                    let sofar = fragment.start.saturating_sub(last.start);
                    let is_torn = last.init != fragment.init || fragment.start > end + HOLE;
                    let is_due = fragment.independent && (sofar >= target / 4 * 3 || !last.independent);
                    let is_long = fragment.end.saturating_sub(last.start) > longest;
                    let is_new = is_torn || is_due || is_long;
                    last.duration = if is_torn { end.saturating_sub(last.start) } else { sofar };
                    is_new
                }
            };
            if is_new {
                let before = segments.last();
                let discontinuity =
                    before.is_some_and(|last| last.init != fragment.init || fragment.start > end + HOLE);
                let Fragment { offset, len, init, start, independent, .. } = fragment;
                segments.push(Segment {
                    offset,
                    len,
                    init,
                    start,
                    duration: Duration::ZERO,
                    independent,
                    discontinuity,
                });
            } else if let Some(last) = segments.last_mut() {
                last.len = fragment.offset + fragment.len - last.offset;
            }
            end = end.max(fragment.end);
            if let Some(last) = segments.last_mut() {
                last.duration = end.saturating_sub(last.start);
            }
        }
        segments
    }
}

/// Time of so many ticks. A rate of zero is none that is kept.
pub(super) fn time(ticks: u64, rate: u32) -> Duration {
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
