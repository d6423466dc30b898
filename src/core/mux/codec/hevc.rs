//! H.265: `hvc1` (ISO/IEC 14496-15 §8.4.1), the size from the sequence parameter set (ITU-T H.265 §7.3.2.2).

use std::borrow::Cow;

use super::{VideoFormat, nal, visual_entry};
use crate::{
    media::{Size, VideoCodec},
    mux::{
        bits::{Bits, unescaped},
        boxes::{Reader, Writer},
    },
};

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// Of the record, or without one of the parameter sets in the keyframe.
pub(super) fn format(config: Option<&[u8]>, keyframe: &[u8]) -> Option<VideoFormat> {
    let annex_b = config.is_none() && nal::is_byte_stream(keyframe);
    let record = match config {
        Some(record) => Cow::Borrowed(record),
        None if annex_b => Cow::Owned(record(nal::byte_stream(keyframe))?),
        None => Cow::Owned(record(nal::prefixed(keyframe))?),
    };
    let size = shown(&sequence(&record)?)?.size;
    let entry = visual_entry(b"hvc1", size, |out| _ = out.boxed(b"hvcC", |out| _ = out.bytes(&record)));
    Some(VideoFormat { codec: VideoCodec::Hevc, size, name: name(&record)?, entry, annex_b })
}

/// ISO/IEC 14496-15 §E.3: profile, its compatibility in reverse, tier and level, then the constraint bytes that are not zero.
pub(super) fn name(record: &[u8]) -> Option<String> {
    let mut read = Reader(record);
    read.u8()?;
    let (profile, compatibility, constraints, level) = (read.u8()?, read.u32()?, read.take(6)?, read.u8()?);
    let space = ["", "A", "B", "C"][usize::from(profile >> 6)];
    let tier = if profile & 0x20 == 0 { 'L' } else { 'H' };
    let mut name = format!("hvc1.{space}{}.{:X}.{tier}{level}", profile & 0x1f, compatibility.reverse_bits());
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        name.push_str(&format!(".{byte:X}"));
    }
    Some(name)
}

/// The first sequence parameter set of a record (ISO/IEC 14496-15 §8.3.3.1.2).
fn sequence(record: &[u8]) -> Option<Vec<u8>> {
    let mut read = Reader(record);
    read.take(22)?;
    for _ in 0..read.u8()? {
        let kind = read.u8()? & 0x3f;
        for _ in 0..read.u16()? {
            let length = read.u16()?;
            let unit = read.take(usize::from(length))?;
            if kind == SPS {
                return Some(unit.to_vec());
            }
        }
    }
    None
}

/// What a sequence parameter set tells.
struct Shown {
    size: Size,
    /// Profile, tier and level, 12 bytes as the record has them.
    profile: Vec<u8>,
    chroma: u8,
    depths: [u8; 2],
}

fn shown(sps: &[u8]) -> Option<Shown> {
    let payload = unescaped(sps.get(2..)?, nal::MAX_SET);
    let mut bits = Bits::new(&payload);
    bits.skip(4)?;
    let layers = bits.read(3)?;
    bits.skip(1)?;
    let profile = payload.get(1..13)?.to_vec();
    bits.skip(12 * 8)?;
    skip_sub_layers(&mut bits, layers)?;
    bits.ue()?;
    let chroma = bits.ue()?;
    if chroma == 3 {
        bits.skip(1)?;
    }
    let (width, height) = (bits.ue()?, bits.ue()?);
    let mut crop = [0; 4];
    if bits.bit()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let (x, y) = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let cropped =
        |length: u32, first: u32, last: u32, unit: u32| length.checked_sub(first.checked_add(last)?.checked_mul(unit)?);
    let size = Size { width: cropped(width, crop[0], crop[1], x)?, height: cropped(height, crop[2], crop[3], y)? };
    let depths = [bits.ue()?.min(7) as u8, bits.ue()?.min(7) as u8];
    Some(Shown { size, profile, chroma: chroma.min(3) as u8, depths })
}

/// Profiles and levels of the temporal layers below the highest (§7.3.3).
fn skip_sub_layers(bits: &mut Bits<'_>, layers: u32) -> Option<()> {
    let mut told = Vec::new();
    for _ in 0..layers {
        told.push((bits.bit()?, bits.bit()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    for (profile, level) in told {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// An `hvcC` record of the parameter sets among a picture's units.
fn record<'a>(units: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let sets: Vec<(u8, &[u8])> = units
        .map(|unit| (unit[0] >> 1 & 0x3f, unit))
        .filter(|(kind, unit)| (VPS..=PPS).contains(kind) && unit.len() <= usize::from(u16::MAX))
        .take(16)
        .collect();
    let shown = shown(sets.iter().find(|(kind, _)| *kind == SPS)?.1)?;
    let mut out = Writer::new();
    out.u8(1).bytes(&shown.profile).u16(0xf000).u8(0xfc).u8(0xfc | shown.chroma);
    out.u8(0xf8 | shown.depths[0]).u8(0xf8 | shown.depths[1]).u16(0);
    // One temporal layer, lengths of four bytes, three arrays of sets.
    out.u8(0x0f).u8(3);
    for kind in [VPS, SPS, PPS] {
        let of: Vec<_> = sets.iter().filter(|(found, _)| *found == kind).collect();
        out.u8(0x80 | kind).u16(of.len() as u16);
        for (_, unit) in of {
            out.u16(unit.len() as u16).bytes(unit);
        }
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x265's parameter sets of 320x180, Main profile, level 2.
    const SETS: [&[u8]; 3] = [
        &[0x40, 1, 0x0c, 1, 0xff, 0xff, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0x95, 0x94, 9],
        &[
            0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0xa0, 0x0a, 8, 0x0c, 0x1f, 0x3e, 0x59,
            0x59, 0x52, 0x93, 0x0b, 0xc0, 0x5a, 0x70, 0x80, 0, 0, 3, 0, 0x80, 0, 0, 0x0c, 0x84,
        ],
        &[0x44, 1, 0xc0, 0x73, 0xc1, 0x89],
    ];

    #[test]
    fn parameter_sets_tell_size_and_profile() {
        let stream = SETS.map(|set| [&[0, 0, 0, 1], set].concat()).concat();
        let format = format(None, &stream).expect("parameter sets are there");
        assert_eq!(format.name, "hvc1.1.6.L60.90");
        assert_eq!(format.size, Size { width: 320, height: 180 });
        let at = format.entry.windows(4).position(|four| four == b"hvcC").expect("a record") + 4;
        let again = super::format(Some(&format.entry[at..]), &[]).expect("its own record");
        assert_eq!((again.entry, again.name), (format.entry, format.name));
    }
}
