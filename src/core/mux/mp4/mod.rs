//! The plain MP4 of a recording: `moov` first with whole sample tables (ISO/IEC 14496-12 §8.5 to §8.7), and a map of where the media lie.
//!
//! Nothing is copied. [`plan`] makes the file's head of some [`Index`]es and says which bytes of the recording's files follow it, so that
//! a caller serves any range of the plain file from them: [`Plan::slices`].
//!
//! A track has one codec. Where a recording's initialization segments differ in size or configuration alone, the track has several sample
//! descriptions. Where they differ in the codec, the codec that lasts longest is kept, and [`Plan::left_out`] says what is not.

mod tables;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Range, time::Duration};

use bytes::Bytes;

use super::{
    boxes::{Kind, Writer},
    cmaf::{ftyp, mvhd},
    index::{Index, Run, TrackInfo},
};
use crate::media::Track;
use tables::Table;

/// Most sample descriptions of a track. Each change of size takes one.
const MAX_ENTRIES: usize = 256;

/// A plain MP4 that is not written anywhere.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `ftyp`, `moov`, and what heads the media.
    head: Bytes,
    pieces: Vec<Piece>,
    len: u64,
    duration: Duration,
    left_out: Vec<LeftOut>,
}

/// Bytes of a source that follow each other in the plain file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// In the plain file.
    at: u64,
    source: usize,
    offset: u64,
    len: u64,
}

/// Bytes of the plain file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// These.
    Head(Bytes),
    /// Those of the file of the index with this number.
    Source {
        /// As the indexes were given to [`plan`].
        source: usize,
        /// First byte in that file.
        offset: u64,
        /// Bytes.
        len: u64,
    },
}

/// A part of the recording that the plain file does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Of which track.
    pub track: Track,
    /// Its codec string.
    pub codec: String,
    /// Where it begins in the plain file.
    pub from: Duration,
    /// Where it ends.
    pub to: Duration,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let track = if self.track == Track::Video { "picture" } else { "sound" };
        let (from, to) = (self.from.as_secs_f64(), self.to.as_secs_f64());
        write!(
            f,
            "the {track} from {from:.1} s to {to:.1} s is {}, which cannot be in one track with the rest",
            self.codec
        )
    }
}

/// Why there is no plain file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The recording has no fragment yet.
    #[error("the recording holds no media")]
    Empty,
    /// The tables cannot tell so much.
    #[error("the recording is too long for one MP4")]
    TooLong,
}

/// What tells whether two tracks may be one: the sample entry's name, and for `mp4a` whether it is AAC or MP3.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    kind: Kind,
    name: String,
}

impl Kept {
    fn of(info: &TrackInfo) -> Self {
        let name = super::codec::name_of(&info.entry);
        let name = if name.starts_with("mp4a") { name.chars().take(7).collect() } else { String::new() };
        Self { kind: info.kind(), name }
    }
}

/// Plans the plain MP4 of a recording's files, in their order. They share one time line.
///
/// # Errors
/// [`Error`], where there is nothing to play or too much.
pub fn plan(indexes: &[&Index]) -> Result<Plan, Error> {
    let spans = indexes.iter().filter_map(|index| index.span());
    let (start, end) = spans.reduce(|all, span| (all.0.min(span.0), all.1.max(span.1))).ok_or(Error::Empty)?;
    let mut left_out = Vec::new();
    let mut tables: Vec<Table<'_>> = Vec::new();
    for track in [Track::Video, Track::Audio] {
        if let Some(kept) = longest(indexes, track) {
            tables.push(table(indexes, track, &kept, start, &mut left_out));
        }
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut payload = 0;
    for (source, index) in indexes.iter().enumerate() {
        for number in 0..index.fragments.len() {
            let stored = &index.fragments[number];
            for run in index.runs_of(number) {
                let Some(table) = tables.iter_mut().find(|table| table.track == run.track) else { continue };
                let info = index.inits[stored.init as usize].tracks[place(run.track)].as_ref();
                if !info.is_some_and(|info| table.push(index, info, run, payload)) {
                    continue;
                }
                match pieces.last_mut().filter(|last| last.source == source && last.offset + last.len == run.offset) {
                    Some(last) => last.len += run.len,
                    None => pieces.push(Piece { at: payload, source, offset: run.offset, len: run.len }),
                }
                payload += run.len;
            }
        }
    }
    tables.retain_mut(Table::finish);
    if tables.is_empty() {
        return Err(Error::Empty);
    }
    let head = head(&tables, payload).ok_or(Error::TooLong)?;
    pieces.iter_mut().for_each(|piece| piece.at += head.len() as u64);
    let len = head.len() as u64 + payload;
    Ok(Plan { head, pieces, len, duration: end.saturating_sub(start), left_out })
}

/// The codec that lasts longest in a track.
fn longest(indexes: &[&Index], track: Track) -> Option<Kept> {
    let mut sums: Vec<(Kept, Duration)> = Vec::new();
    each_run(indexes, track, |info, run| {
        let lasts = super::index::time(run.duration, info.rate);
        let kept = Kept::of(info);
        match sums.iter_mut().find(|(of, _)| *of == kept) {
            Some((_, sum)) => *sum = sum.saturating_add(lasts),
            None => sums.push((kept, lasts)),
        }
    });
    sums.into_iter().rev().max_by_key(|(_, sum)| *sum).map(|(kept, _)| kept)
}

/// The table of a track, with its sample descriptions and without samples; what it cannot take is said.
fn table<'a>(
    indexes: &[&'a Index],
    track: Track,
    kept: &Kept,
    start: Duration,
    left_out: &mut Vec<LeftOut>,
) -> Table<'a> {
    let mut table = Table::new(track, start);
    each_run(indexes, track, |info, run| {
        if Kept::of(info) == *kept && table.describe(info, MAX_ENTRIES) {
            return;
        }
        let time = |ticks| super::index::time(ticks, info.rate).saturating_sub(start);
        let (from, to) = (time(run.dts), time(run.dts + run.duration));
        let codec = super::codec::name_of(&info.entry);
        const TOGETHER: Duration = Duration::from_secs(1);
        match left_out
            .last_mut()
            .filter(|last| last.track == track && last.codec == codec && from <= last.to + TOGETHER)
        {
            Some(last) => last.to = last.to.max(to),
            None => left_out.push(LeftOut { track, codec, from, to }),
        }
    });
    table
}

fn each_run<'a>(indexes: &[&'a Index], track: Track, mut each: impl FnMut(&'a TrackInfo, &'a Run)) {
    for index in indexes {
        for (number, stored) in index.fragments.iter().enumerate() {
            let Some(info) = &index.inits[stored.init as usize].tracks[place(track)] else { continue };
            index.runs_of(number).iter().filter(|run| run.track == track).for_each(|run| each(info, run));
        }
    }
}

/// `ftyp`, `moov` and the header of `mdat`, with the places of all chunks.
fn head(tables: &[Table<'_>], payload: u64) -> Option<Bytes> {
    // Room for the head itself below the limit of 32 bits.
    const HEAD: u64 = 256 << 20;
    let wide = payload + HEAD > u64::from(u32::MAX);
    let mut out = Writer::new();
    ftyp(&mut out, false);
    let mut places = Vec::new();
    let duration = tables.iter().map(Table::millis).max()?;
    out.boxed(b"moov", |out| {
        mvhd(out, duration);
        for table in tables {
            places.push((table.write(out, wide), table));
        }
    });
    if out.len() as u64 + 16 > HEAD {
        return None;
    }
    // The long form of a box's size, whatever the size is.
    out.u32(1).bytes(b"mdat").u64(payload + 16);
    let base = out.len() as u64;
    for (place, table) in places {
        table.place(&mut out, place, wide, base);
    }
    Some(out.into_bytes().into())
}

impl Plan {
    /// Bytes of the plain file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Never, as a file has its head.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// What the plain file does not have.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Where the bytes of a range are, in order. What is beyond the end is cut off.
    pub fn slices(&self, range: Range<u64>) -> impl Iterator<Item = Slice> {
        let range = range.start.min(self.len)..range.end.min(self.len);
        let in_head = range.start.min(self.head.len() as u64) as usize..range.end.min(self.head.len() as u64) as usize;
        let head = (!in_head.is_empty()).then(|| Slice::Head(self.head.slice(in_head)));
        let first = self.pieces.partition_point(|piece| piece.at + piece.len <= range.start);
        let pieces = self.pieces[first..].iter().take_while({
            let end = range.end;
            move |piece| piece.at < end
        });
        head.into_iter().chain(pieces.filter_map(move |piece| {
            let from = range.start.max(piece.at);
            let to = range.end.min(piece.at + piece.len);
            let offset = piece.offset + (from - piece.at);
            (to > from).then_some(Slice::Source { source: piece.source, offset, len: to - from })
        }))
    }
}

fn place(track: Track) -> usize {
    usize::from(track == Track::Audio)
}
