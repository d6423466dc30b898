//! Reads a fragment's `moof`.

use std::ops::Range;

use super::{Index, MAX_SAMPLES, Run, Sample, TrackInfo};
use crate::{
    media::Track,
    mux::boxes::{Reader, children, find},
};

/// A sample's flag: it is no sync sample (§8.8.3.1).
const NO_SYNC: u32 = 0x1_0000;

/// Latest time of a frame in ticks: 2^62 leaves room for every sum.
const MAX_TIME: u64 = 1 << 62;

/// What is read before it is kept.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) sequence: u32,
    pub(super) runs: Vec<Run>,
    pub(super) samples: [Vec<Sample>; 2],
}

/// Reads a `moof` that lies at `at` in the file; the frames' bytes have to be within `media`.
pub(super) fn read(index: &Index, moof: &[u8], at: u64, media: &Range<u64>) -> Result<Read, &'static str> {
    let tracks = &index.inits.last().ok_or("a fragment comes before any initialization segment")?.tracks;
    let mut read = Read::default();
    for (kind, body) in children(moof) {
        match &kind {
            b"mfhd" => read.sequence = Reader(body.get(4..).unwrap_or_default()).u32().unwrap_or(0),
            b"traf" => traf(index, tracks, body, at, media, &mut read).ok_or("a fragment's tables cannot be read")?,
            _ => {}
        }
    }
    Ok(read)
}

fn traf(
    index: &Index,
    tracks: &[Option<TrackInfo>; 2],
    traf: &[u8],
    at: u64,
    media: &Range<u64>,
    read: &mut Read,
) -> Option<()> {
    let mut tfhd = Reader(find(traf, &[b"tfhd"])?);
    let (_, fields) = tfhd.version_flags()?;
    let id = tfhd.u32()?;
    let place = tracks.iter().position(|track| track.as_ref().is_some_and(|track| track.id == id))?;
    // An offset of its own base is nothing that segments may have (ISO/IEC 23000-19 §7.5.16).
    if fields & 1 != 0 {
        return None;
    }
    if fields & 2 != 0 {
        tfhd.u32()?;
    }
    let mut default = |bit: u32| if fields & bit != 0 { tfhd.u32() } else { Some(0) };
    let defaults = Defaults { duration: default(8)?, size: default(0x10)?, flags: default(0x20)? };
    let mut tfdt = Reader(find(traf, &[b"tfdt"])?);
    let (version, _) = tfdt.version_flags()?;
    let mut dts = if version == 1 { tfdt.u64()? } else { u64::from(tfdt.u32()?) };
    let track = [Track::Video, Track::Audio][place];
    for (_, trun) in children(traf).filter(|(kind, _)| kind == b"trun") {
        let first = index.samples[place].len() + read.samples[place].len();
        let mut run = run(trun, &defaults, at, media, &mut read.samples[place], MAX_SAMPLES.checked_sub(first)?)?;
        (run.track, run.dts, run.first) = (track, dts, u32::try_from(first).ok()?);
        dts = dts.checked_add(run.duration).filter(|dts| *dts <= MAX_TIME)?;
        if run.count > 0 {
            read.runs.push(run);
        }
    }
    Some(())
}

struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

fn run(
    trun: &[u8],
    defaults: &Defaults,
    at: u64,
    media: &Range<u64>,
    samples: &mut Vec<Sample>,
    most: usize,
) -> Option<Run> {
    let mut read = Reader(trun);
    let (_, fields) = read.version_flags()?;
    let count = read.u32()?;
    if fields & 1 == 0 {
        return None;
    }
    let offset = at.checked_add(u64::from(read.u32()?))?;
    let first_flags = if fields & 4 != 0 { Some(read.u32()?) } else { None };
    // Every frame must have its bytes in the table, or the count alone would fill the memory.
    let width = 4 * (fields & 0xf00).count_ones() as usize;
    if count as usize > most || width == 0 && count > 1 || read.0.len() < width.checked_mul(count as usize)? {
        return None;
    }
    let (mut len, mut duration) = (0u64, 0u64);
    for number in 0..count {
        let mut field = |bit: u32, default: u32| if fields & bit != 0 { read.u32() } else { Some(default) };
        let of = field(0x100, defaults.duration)?;
        let size = field(0x200, defaults.size)?;
        let flags = field(0x400, defaults.flags)?;
        let shown = field(0x800, 0)?;
        let flags = first_flags.filter(|_| number == 0).unwrap_or(flags);
        if size > i32::MAX as u32 {
            return None;
        }
        len += u64::from(size);
        duration += u64::from(of);
        samples.push(Sample::new(of, size, shown as i32, flags & NO_SYNC == 0));
    }
    let end = offset.checked_add(len)?;
    let is_within = count == 0 || media.start <= offset && end <= media.end;
    is_within.then_some(Run { track: Track::Video, dts: 0, offset, len, first: 0, count, duration })
}
