//! AV1: `av01` (AV1 Codec ISO Media File Format Binding §2.2, §2.3, §5), from the sequence header (AV1 specification §5.5).

use bytes::Bytes;

use super::{VideoFormat, visual_entry};
use crate::{
    media::{Size, VideoCodec, nal::av1_unit},
    mux::bits::Bits,
};

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;

/// Most open bitstream units of a temporal unit that are looked at.
const MAX_UNITS: usize = 64;

/// Of the sequence header in the keyframe.
pub(super) fn format(keyframe: &[u8]) -> Option<VideoFormat> {
    let (unit, payload) = units(keyframe).take(MAX_UNITS).find(|(unit, _)| kind(unit) == SEQUENCE_HEADER)?;
    let seq = sequence(payload)?;
    let tier = if seq.high_tier { 'H' } else { 'M' };
    let name = format!("av01.{}.{:02}{tier}.{:02}", seq.profile, seq.level, seq.depth);
    let entry = visual_entry(b"av01", seq.size, |out| {
        out.boxed(b"av1C", |out| {
            out.u8(0x81).u8(seq.profile << 5 | seq.level);
            let deep = u8::from(seq.depth > 8) << 6 | u8::from(seq.depth == 12) << 5;
            out.u8(u8::from(seq.high_tier) << 7 | deep | seq.chroma).u8(0).bytes(unit);
        });
    });
    Some(VideoFormat { codec: VideoCodec::Av1, size: seq.size, name, entry, annex_b: false })
}

/// The container forbids temporal delimiters in samples (§2.4).
pub(super) fn without_delimiter(data: &Bytes) -> Bytes {
    match units(data).next() {
        Some((unit, _)) if kind(unit) == TEMPORAL_DELIMITER => data.slice(unit.len()..),
        _ => data.clone(),
    }
}

fn kind(unit: &[u8]) -> u8 {
    unit[0] >> 3 & 15
}

/// Open bitstream units with their size fields (§5.3): each whole, and its payload.
fn units(mut data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let payload = av1_unit(data)?;
        let (whole, rest) = data.split_at_checked(payload.end)?;
        data = rest;
        Some((whole, &whole[payload.start..]))
    })
}

struct Sequence {
    profile: u8,
    level: u8,
    high_tier: bool,
    depth: u8,
    /// Monochrome, subsampling both ways, and where chroma samples lie, as the low five bits of the record have them.
    chroma: u8,
    size: Size,
}

/// §5.5.1, as far as the colours.
fn sequence(payload: &[u8]) -> Option<Sequence> {
    let mut bits = Bits::new(payload);
    let profile = bits.read(3)? as u8;
    bits.skip(1)?;
    let (mut level, mut high_tier) = (0, false);
    if bits.bit()? {
        level = bits.read(5)? as u8;
    } else {
        let (mut decoder_model, mut delay) = (false, 0);
        if bits.bit()? {
            bits.skip(64)?;
            if bits.bit()? {
                bits.ue()?;
            }
            decoder_model = bits.bit()?;
            if decoder_model {
                delay = bits.read(5)? + 1;
                bits.skip(42)?;
            }
        }
        let initial_delay = bits.bit()?;
        for point in 0..=bits.read(5)? {
            bits.skip(12)?;
            let of_point = bits.read(5)? as u8;
            let high = of_point > 7 && bits.bit()?;
            if point == 0 {
                (level, high_tier) = (of_point, high);
            }
            if decoder_model && bits.bit()? {
                bits.skip(2 * delay as usize + 1)?;
            }
            if initial_delay && bits.bit()? {
                bits.skip(4)?;
            }
        }
    }
    let (width_bits, height_bits) = (bits.read(4)? + 1, bits.read(4)? + 1);
    let size = Size { width: bits.read(width_bits)? + 1, height: bits.read(height_bits)? + 1 };
    skip_tools(&mut bits)?;
    let (depth, chroma) = colors(&mut bits, profile)?;
    Some(Sequence { profile, level, high_tier, depth, chroma, size })
}

/// From the frame ids to the switches of the loop filters.
fn skip_tools(bits: &mut Bits<'_>) -> Option<()> {
    // A reduced header has none of these; no encoder of streams makes one, and its size is told all the same.
    if bits.bit()? {
        bits.skip(7)?;
    }
    bits.skip(3)?;
    bits.skip(4)?;
    let order_hint = bits.bit()?;
    if order_hint {
        bits.skip(2)?;
    }
    let forced = if bits.bit()? { 2 } else { bits.read(1)? };
    if forced > 0 && !bits.bit()? {
        bits.skip(1)?;
    }
    if order_hint {
        bits.skip(3)?;
    }
    bits.skip(3)
}

/// Bits of a sample, and the record's bits of chroma (§5.5.2).
fn colors(bits: &mut Bits<'_>, profile: u8) -> Option<(u8, u8)> {
    let high = bits.bit()?;
    let depth = match (profile, high) {
        (2, true) if bits.bit()? => 12,
        (_, true) => 10,
        (_, false) => 8,
    };
    let mono = profile != 1 && bits.bit()?;
    let mut told = [1, 2, 2];
    if bits.bit()? {
        told = [bits.read(8)?, bits.read(8)?, bits.read(8)?];
    }
    if mono {
        return Some((depth, 0b1_1100));
    }
    if told == [1, 13, 0] {
        return Some((depth, 0));
    }
    bits.skip(1)?;
    let (x, y) = match (profile, depth) {
        (0, _) => (true, true),
        (1, _) => (false, false),
        (_, 12) => {
            let x = bits.bit()?;
            (x, x && bits.bit()?)
        }
        _ => (true, false),
    };
    let place = if x && y { bits.read(2)? as u8 } else { 0 };
    Some((depth, u8::from(x) << 3 | u8::from(y) << 2 | place))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SVT-AV1's sequence header of 320x180, after a temporal delimiter.
    const KEYFRAME: &[u8] = &[0x12, 0, 0x0a, 0x0b, 0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 2, 0xf8, 2, 0x40, 0x32, 1, 0x10];

    #[test]
    fn a_sequence_header_tells_size_and_profile() {
        let format = format(KEYFRAME).expect("a sequence header");
        assert_eq!((format.size, &format.name[..]), (Size { width: 320, height: 180 }, "av01.0.00M.08"));
        let record = [&[0x81, 0, 0x0d, 0], &KEYFRAME[2..15]].concat();
        assert!(format.entry.ends_with(&record), "as SVT-AV1's own muxer has it");
        let data = Bytes::from_static(KEYFRAME);
        assert_eq!(without_delimiter(&data)[..], KEYFRAME[2..]);
        assert_eq!(without_delimiter(&data.slice(2..))[..], KEYFRAME[2..]);
        assert!(super::format(&[0x32, 1, 0x10]).is_none());
    }
}
