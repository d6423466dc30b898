//! VP8 and VP9: `vp08` and `vp09` (VP Codec ISO Media File Format Binding), from the frame's own header.

use super::{VideoFormat, visual_entry};
use crate::{
    media::{Size, VideoCodec},
    mux::{bits::Bits, boxes::Kind},
};

/// RFC 6386 §9.1.
pub(super) fn vp8(keyframe: &[u8]) -> Option<VideoFormat> {
    let head = keyframe.get(..10)?;
    if head[0] & 1 == 1 || head[3..6] != [0x9d, 1, 0x2a] {
        return None;
    }
    let side = |low: u8, high: u8| u32::from(low) | u32::from(high & 0x3f) << 8;
    let size = Size { width: side(head[6], head[7]), height: side(head[8], head[9]) };
    Some(format(VideoCodec::Vp8, size, 0, 8, 1))
}

/// VP9 bitstream specification §6.2, of a keyframe.
pub(super) fn vp9(keyframe: &[u8]) -> Option<VideoFormat> {
    let mut bits = Bits::new(keyframe);
    if bits.read(2)? != 2 {
        return None;
    }
    let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    // Not shown again, a keyframe; then whether it is shown, and its resilience.
    if bits.bit()? || bits.bit()? {
        return None;
    }
    bits.skip(2)?;
    if bits.read(24)? != 0x49_8342 {
        return None;
    }
    let depth = match profile {
        0 | 1 => 8,
        _ if bits.bit()? => 12,
        _ => 10,
    };
    const RGB: u32 = 7;
    let mut chroma = 1;
    if bits.read(3)? == RGB {
        chroma = 3;
        if profile & 1 == 1 {
            bits.skip(1)?;
        }
    } else {
        bits.skip(1)?;
        if profile & 1 == 1 {
            chroma = match (bits.bit()?, bits.bit()?) {
                (true, true) => 1,
                (true, false) => 2,
                _ => 3,
            };
            bits.skip(1)?;
        }
    }
    let size = Size { width: bits.read(16)? + 1, height: bits.read(16)? + 1 };
    Some(format(VideoCodec::Vp9, size, profile, depth, chroma))
}

fn format(codec: VideoCodec, size: Size, profile: u8, depth: u8, chroma: u8) -> VideoFormat {
    let kind: &Kind = if codec == VideoCodec::Vp8 { b"vp08" } else { b"vp09" };
    let level = level(size);
    let name = format!("{}.{profile:02}.{level}.{depth:02}", String::from_utf8_lossy(kind));
    let entry = visual_entry(kind, size, |out| {
        out.full(b"vpcC", 1, 0, |out| {
            // Colours are unspecified (ITU-T H.273), no bytes of initialization.
            out.u8(profile).u8(level).u8(depth << 4 | chroma << 1).u8(2).u8(2).u8(2).u16(0);
        });
    });
    VideoFormat { codec, size, name, entry, annex_b: false }
}

/// The lowest level that takes such pictures at 30 a second; the stream does not tell its own.
fn level(size: Size) -> u8 {
    const LEVELS: [(u64, u8); 11] = [
        (829_440, 10),
        (2_764_800, 11),
        (4_608_000, 20),
        (9_216_000, 21),
        (20_736_000, 30),
        (36_864_000, 31),
        (83_558_400, 40),
        (160_432_128, 41),
        (311_951_360, 50),
        (588_251_136, 51),
        (1_176_502_272, 52),
    ];
    let rate = u64::from(size.width) * u64::from(size.height) * 30;
    LEVELS.iter().find(|(most, _)| rate <= *most).map_or(62, |(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_the_size() {
        let vp8 = vp8(&[0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0]).expect("a keyframe");
        assert_eq!((vp8.size, &vp8.name[..]), (Size { width: 320, height: 180 }, "vp08.00.11.08"));
        // Profile 0: marker, shown keyframe, sync code, colours, then 319 and 179.
        let vp9 = vp9(&[0x82, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0b, 0x30, 0]).expect("a keyframe");
        assert_eq!((vp9.size, &vp9.name[..]), (Size { width: 320, height: 180 }, "vp09.00.11.08"));
        assert!(super::vp9(&[0x86, 0x49, 0x83, 0x42, 0x20, 0x13, 0xf0, 0x0b, 0x30, 0]).is_none(), "no keyframe");
    }
}
