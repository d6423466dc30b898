//! H.264: `avc1` (ISO/IEC 14496-15 §5.4.2.1), the size from the sequence parameter set (ITU-T H.264 §7.3.2.1.1).

use std::borrow::Cow;

use super::{VideoFormat, nal, visual_entry};
use crate::{
    media::{Size, VideoCodec},
    mux::{
        bits::{Bits, unescaped},
        boxes::Reader,
    },
};

/// Profiles whose sequence parameter set tells of chroma (§7.3.2.1.1).
const WITH_CHROMA: [u32; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Of the record, or without one of the parameter sets in the keyframe.
pub(super) fn format(config: Option<&[u8]>, keyframe: &[u8]) -> Option<VideoFormat> {
    let annex_b = config.is_none() && nal::is_byte_stream(keyframe);
    let record = match config {
        Some(record) => Cow::Borrowed(record),
        None if annex_b => {
            let of = |kind| nal::byte_stream(keyframe).filter(move |unit| unit[0] & 0x1f == kind).map(<[u8]>::to_vec);
            Cow::Owned(crate::media::nal::avc_record(&of(7).collect::<Vec<_>>(), &of(8).collect::<Vec<_>>())?.to_vec())
        }
        None => Cow::Owned(crate::media::nal::record_within(keyframe)?.to_vec()),
    };
    let mut read = Reader(&record);
    let (version, profile, compatibility, level) = (read.u8()?, read.u8()?, read.u8()?, read.u8()?);
    read.u8()?;
    let sets = read.u8()? & 0x1f;
    if version != 1 || sets == 0 {
        return None;
    }
    let length = read.u16()?;
    let size = size(read.take(usize::from(length))?)?;
    let name = format!("avc1.{profile:02x}{compatibility:02x}{level:02x}");
    let entry = visual_entry(b"avc1", size, |out| _ = out.boxed(b"avcC", |out| _ = out.bytes(&record)));
    Some(VideoFormat { codec: VideoCodec::H264, size, name, entry, annex_b })
}

/// Of the shown picture, from a sequence parameter set.
fn size(sps: &[u8]) -> Option<Size> {
    let payload = unescaped(sps.get(1..)?, nal::MAX_SET);
    let mut bits = Bits::new(&payload);
    let profile = bits.read(8)?;
    bits.skip(16)?;
    bits.ue()?;
    let mut chroma = 1;
    if WITH_CHROMA.contains(&profile) {
        chroma = bits.ue()?;
        if chroma == 3 && bits.bit()? {
            // Planes coded apart crop as one without chroma.
            chroma = 0;
        }
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
        if bits.bit()? {
            for list in 0..if chroma == 3 { 12 } else { 8 } {
                if bits.bit()? {
                    skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    bits.ue()?;
    match bits.ue()? {
        0 => _ = bits.ue()?,
        1 => {
            bits.skip(1)?;
            bits.se()?;
            bits.se()?;
            for _ in 0..bits.ue()?.min(255) {
                bits.se()?;
            }
        }
        _ => {}
    }
    bits.ue()?;
    bits.skip(1)?;
    let (width, height) = (bits.ue()?.checked_add(1)?, bits.ue()?.checked_add(1)?);
    let frames_only = bits.bit()?;
    if !frames_only {
        bits.skip(1)?;
    }
    bits.skip(1)?;
    let field = if frames_only { 1 } else { 2 };
    let mut crop = [0; 4];
    if bits.bit()? {
        for side in &mut crop {
            *side = bits.ue()?;
        }
    }
    let (x, y) = match chroma {
        1 => (2, 2 * field),
        2 => (2, field),
        _ => (1, field),
    };
    let cropped = |blocks: u32, of: u32, first: u32, last: u32, unit: u32| {
        blocks.checked_mul(16 * of)?.checked_sub(first.checked_add(last)?.checked_mul(unit)?)
    };
    Some(Size { width: cropped(width, 1, crop[0], crop[1], x)?, height: cropped(height, field, crop[2], crop[3], y)? })
}

/// §7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, count: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..count {
        if next != 0 {
            next = (last + i64::from(bits.se()?)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

#[cfg(test)]
pub(in crate::mux) mod tests {
    use super::*;

    /// x264's record of 640x360, High profile, level 3.0.
    pub(in crate::mux) const RECORD: &[u8] = &[
        1, 0x64, 0, 0x1e, 0xff, 0xe1, 0, 0x19, 0x67, 0x64, 0, 0x1e, 0xac, 0xd9, 0x40, 0xa0, 0x2f, 0xf9, 0x61, 0, 0, 3,
        0, 1, 0, 0, 3, 0, 0x32, 0x0f, 0x16, 0x2d, 0x96, 1, 0, 4, 0x68, 0xeb, 0xec, 0xb2,
    ];

    #[test]
    fn a_record_tells_size_and_profile() {
        let format = format(Some(RECORD), &[]).expect("a record of x264");
        assert_eq!(format.size, Size { width: 640, height: 360 });
        assert_eq!(format.name, "avc1.64001e");
        assert!(format.entry.ends_with(RECORD));
        assert!(super::format(Some(&RECORD[..12]), &[]).is_none());
        assert!(super::format(None, &[0, 0, 0, 1, 0x65, 1]).is_none(), "a keyframe without its parameter sets");
    }

    #[test]
    fn a_byte_stream_brings_its_own_record() {
        let (sps, pps) = (&RECORD[8..33], &RECORD[36..]);
        let stream = [&[0, 0, 0, 1], sps, &[0, 0, 0, 1], pps, &[0, 0, 1, 0x65, 9]].concat();
        let format = format(None, &stream).expect("parameter sets are there");
        assert!(format.annex_b && format.entry.ends_with(RECORD));
    }
}
