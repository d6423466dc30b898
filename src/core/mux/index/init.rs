//! Reads an initialization segment's `moov`.

use bytes::Bytes;

use super::TrackInfo;
use crate::{
    media::Size,
    mux::boxes::{Reader, children, find},
};

/// Longest sample entry that is kept; one with a dozen parameter sets has a few kilobytes.
const MAX_ENTRY: usize = 64 << 10;

/// Most tracks that are looked at.
const MAX_TRACKS: usize = 8;

/// The first picture track and the first sound track.
pub(super) fn tracks(moov: &[u8]) -> Result<[Option<TrackInfo>; 2], &'static str> {
    let mut tracks = [None, None];
    for (_, trak) in children(moov).filter(|(kind, _)| kind == b"trak").take(MAX_TRACKS) {
        let (place, info) = track(trak).ok_or("a track of the initialization segment cannot be read")?;
        if let Some(place) = place.filter(|place| tracks[*place].is_none()) {
            tracks[place] = Some(info);
        }
    }
    if tracks == [None, None] {
        return Err("the initialization segment has neither picture nor sound");
    }
    Ok(tracks)
}

fn track(trak: &[u8]) -> Option<(Option<usize>, TrackInfo)> {
    let mut tkhd = Reader(find(trak, &[b"tkhd"])?);
    let (version, _) = tkhd.version_flags()?;
    tkhd.take(if version == 1 { 16 } else { 8 })?;
    let id = tkhd.u32()?;
    tkhd.take(if version == 1 { 12 } else { 8 } + 52)?;
    let size = Size { width: tkhd.u32()? >> 16, height: tkhd.u32()? >> 16 };
    let mut mdhd = Reader(find(trak, &[b"mdia", b"mdhd"])?);
    let (version, _) = mdhd.version_flags()?;
    mdhd.take(if version == 1 { 16 } else { 8 })?;
    let rate = mdhd.u32().filter(|rate| *rate > 0)?;
    let handler = find(trak, &[b"mdia", b"hdlr"])?.get(8..12)?;
    let place = match handler {
        b"vide" => Some(0),
        b"soun" => Some(1),
        _ => None,
    };
    let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?.get(8..)?;
    let (_, body) = children(stsd).next()?;
    let entry = stsd.get(..body.len() + 8).filter(|entry| entry.len() <= MAX_ENTRY)?;
    // The entry's own size must be the plain one: what is copied is the box as it stands.
    let is_plain = crate::mux::boxes::header(entry).is_some_and(|head| head.header == 8);
    is_plain.then(|| (place, TrackInfo { id, rate, entry: Bytes::copy_from_slice(entry), size }))
}
