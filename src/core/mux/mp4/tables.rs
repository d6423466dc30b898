//! The tables of one track.

use std::time::Duration;

use bytes::Bytes;

use crate::{
    media::{Size, Track},
    mux::{
        boxes::Writer,
        cmaf::{AUDIO, Head, VIDEO, trak},
        index::{Index, Run, TrackInfo, time},
    },
};

/// A number and how often it comes in a row.
type Rows = Vec<(u32, u32)>;

#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) track: Track,
    /// Where the file's time begins.
    start: Duration,
    entries: Vec<&'a Bytes>,
    size: Size,
    /// Ticks a second; of the first sample description.
    rate: u32,
    /// Where the track's time begins, and where it stands, ticks.
    first: Option<u64>,
    at: u64,
    /// How long the last frame would last if nothing followed, ticks.
    last: u32,
    durations: Rows,
    offsets: Rows,
    has_offsets: bool,
    sizes: Vec<u32>,
    /// Numbers of keyframes, from 1.
    keys: Vec<u32>,
    /// Of each chunk: its place, how many frames, which sample description from 1.
    chunks: Vec<(u64, u32, u32)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(track: Track, start: Duration) -> Self {
        Self {
            track,
            start,
            entries: Vec::new(),
            size: Size { width: 0, height: 0 },
            rate: 0,
            first: None,
            at: 0,
            last: 0,
            durations: Rows::new(),
            offsets: Rows::new(),
            has_offsets: false,
            sizes: Vec::new(),
            keys: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Adds a sample description if it is new; false when there are too many.
    pub(super) fn describe(&mut self, info: &'a TrackInfo, most: usize) -> bool {
        if self.rate == 0 {
            self.rate = info.rate;
        }
        self.size.width = self.size.width.max(info.size.width);
        self.size.height = self.size.height.max(info.size.height);
        if self.entries.contains(&&info.entry) {
            return true;
        }
        let has_room = self.entries.len() < most;
        if has_room {
            self.entries.push(&info.entry);
        }
        has_room
    }

    /// Adds a run of frames whose bytes come at `place`; false when its sample description is none of these.
    pub(super) fn push(&mut self, index: &Index, info: &TrackInfo, run: &Run, place: u64) -> bool {
        let Some(entry) = self.entries.iter().position(|entry| **entry == info.entry) else { return false };
        let samples = &index.samples[super::place(self.track)][run.first as usize..(run.first + run.count) as usize];
        let mut dts = run.dts;
        for sample in samples {
            self.reach(rescale(dts, info.rate, self.rate));
            dts = dts.saturating_add(u64::from(sample.duration));
            self.last =
                (rescale(dts, info.rate, self.rate).saturating_sub(self.at)).clamp(1, u64::from(u32::MAX)) as u32;
            self.sizes.push(sample.size());
            if sample.key() {
                self.keys.push(self.sizes.len() as u32);
            }
            self.has_offsets |= sample.offset != 0;
            // Pictures have one rate for all, so that their offsets need no scaling.
            add(&mut self.offsets, sample.offset as u32);
        }
        self.chunks.push((place, run.count, entry as u32 + 1));
        true
    }

    /// The next frame begins here: the one before lasts until then, holes and all.
    fn reach(&mut self, dts: u64) {
        if self.first.is_none() {
            self.first = Some(dts);
            self.at = dts;
            return;
        }
        let lasts = dts.saturating_sub(self.at).clamp(1, u64::from(u32::MAX)) as u32;
        add(&mut self.durations, lasts);
        self.at += u64::from(lasts);
    }

    /// The last frame lasts as long as its fragment says. False for a track without frames.
    pub(super) fn finish(&mut self) -> bool {
        if self.sizes.is_empty() {
            return false;
        }
        add(&mut self.durations, self.last.max(1));
        self.at += u64::from(self.last.max(1));
        true
    }

    /// How far the track begins behind the file's beginning, in milliseconds.
    fn delay(&self) -> u64 {
        let first = time(self.first.unwrap_or_default(), self.rate);
        u64::try_from(first.saturating_sub(self.start).as_millis()).unwrap_or(u64::MAX)
    }

    fn ticks(&self) -> u64 {
        self.at - self.first.unwrap_or_default()
    }

    fn media_millis(&self) -> u64 {
        u64::try_from(time(self.ticks(), self.rate).as_millis()).unwrap_or(u64::MAX)
    }

    /// Where it ends in the file, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        self.delay().saturating_add(self.media_millis())
    }

    /// Writes the track; the place of its first chunk's offset.
    pub(super) fn write(&self, out: &mut Writer, wide: bool) -> usize {
        let is_video = self.track == Track::Video;
        let head = Head {
            id: if is_video { VIDEO } else { AUDIO },
            rate: self.rate,
            size: is_video.then_some(self.size),
            duration: self.millis(),
            media_duration: self.ticks(),
        };
        let mut place = 0;
        trak(
            out,
            &head,
            &self.entries,
            |out| self.edits(out),
            |out| {
                out.full(b"stts", 0, 0, |out| rows(out, &self.durations));
                if self.has_offsets {
                    out.full(b"ctts", 1, 0, |out| rows(out, &self.offsets));
                }
                out.full(b"stsc", 0, 0, |out| self.chunk_rows(out));
                out.full(b"stsz", 0, 0, |out| {
                    out.u32(0).u32(self.sizes.len() as u32);
                    self.sizes.iter().for_each(|size| _ = out.u32(*size));
                });
                if is_video && self.keys.len() < self.sizes.len() {
                    out.full(b"stss", 0, 0, |out| {
                        out.u32(self.keys.len() as u32);
                        self.keys.iter().for_each(|key| _ = out.u32(*key));
                    });
                }
                out.full(if wide { b"co64" } else { b"stco" }, 0, 0, |out| {
                    out.u32(self.chunks.len() as u32);
                    place = out.len();
                    out.zeros(self.chunks.len() * if wide { 8 } else { 4 });
                });
            },
        );
        place
    }

    /// A track that begins late has an empty edit before it (§8.6.6).
    fn edits(&self, out: &mut Writer) {
        let delay = self.delay();
        if delay == 0 {
            return;
        }
        out.boxed(b"edts", |out| {
            out.full(b"elst", 1, 0, |out| {
                out.u32(2);
                out.u64(delay).u64(u64::MAX).u32(0x1_0000);
                out.u64(self.media_millis()).u64(0).u32(0x1_0000);
            });
        });
    }

    /// Chunks alike in a row are one row (§8.7.4).
    fn chunk_rows(&self, out: &mut Writer) {
        let mut rows: Vec<(u32, u32, u32)> = Vec::new();
        for (number, (_, count, entry)) in self.chunks.iter().enumerate() {
            if rows.last().is_none_or(|last| (last.1, last.2) != (*count, *entry)) {
                rows.push((number as u32 + 1, *count, *entry));
            }
        }
        out.u32(rows.len() as u32);
        rows.into_iter().for_each(|(first, count, entry)| _ = out.u32(first).u32(count).u32(entry));
    }

    /// Sets the offsets of the chunks, once it is known where the media begin.
    pub(super) fn place(&self, out: &mut Writer, at: usize, wide: bool, base: u64) {
        for (number, (place, ..)) in self.chunks.iter().enumerate() {
            if wide {
                out.set_u64(at + 8 * number, base + place);
            } else {
                out.set_u32(at + 4 * number, u32::try_from(base + place).unwrap_or(u32::MAX));
            }
        }
    }
}

fn add(rows: &mut Rows, value: u32) {
    match rows.last_mut() {
        Some((last, count)) if *last == value => *count += 1,
        _ => rows.push((value, 1)),
    }
}

fn rows(out: &mut Writer, rows: &Rows) {
    out.u32(rows.len() as u32);
    rows.iter().for_each(|(value, count)| _ = out.u32(*count).u32(*value));
}

fn rescale(ticks: u64, from: u32, to: u32) -> u64 {
    if from == to {
        return ticks;
    }
    u64::try_from(u128::from(ticks) * u128::from(to) / u128::from(from.max(1))).unwrap_or(u64::MAX)
}
