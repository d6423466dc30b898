//! MPEG-1/2 layer III: `mp4a` with an object type of its own and no configuration (ISO/IEC 11172-3 §2.4.2.3).

use super::{AudioFormat, audio_entry, esds};
use crate::media::AudioCodec;

/// Object type indications (ISO/IEC 14496-1 §7.2.6.6): of MPEG-1, and of the lower rates of MPEG-2.
const MPEG1: u8 = 0x6b;
const MPEG2: u8 = 0x69;

pub(super) fn format(frame: &[u8]) -> Option<AudioFormat> {
    let head = Head::read(frame)?;
    let object = if head.version == Version::One { MPEG1 } else { MPEG2 };
    let entry = audio_entry(b"mp4a", head.channels, head.rate, |out| esds(out, object, &[]));
    Some(AudioFormat { codec: AudioCodec::Mp3, rate: head.rate, name: format!("mp4a.{object:02x}"), entry })
}

/// Samples of a frame.
pub(super) fn frame_ticks(frame: &[u8]) -> u32 {
    match Head::read(frame) {
        Some(Head { version: Version::Two, .. }) => 576,
        _ => 1152,
    }
}

#[derive(PartialEq, Eq)]
enum Version {
    One,
    /// MPEG-2, and the unofficial 2.5 of yet lower rates.
    Two,
}

struct Head {
    version: Version,
    rate: u32,
    channels: u16,
}

impl Head {
    fn read(frame: &[u8]) -> Option<Self> {
        let head = frame.get(..4)?;
        let is_layer_3 = head[0] == 0xff && head[1] & 0xe6 == 0xe2;
        let base = *[44_100, 48_000, 32_000].get(usize::from(head[2] >> 2 & 3))?;
        let (version, rate) = match head[1] >> 3 & 3 {
            3 => (Version::One, base),
            2 => (Version::Two, base / 2),
            0 => (Version::Two, base / 4),
            _ => return None,
        };
        let channels = if head[3] >> 6 == 3 { 1 } else { 2 };
        is_layer_3.then_some(Self { version, rate, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_tells_rate_and_version() {
        let one = format(&[0xff, 0xfb, 0x90, 0x44]).expect("MPEG-1");
        assert_eq!((one.rate, &one.name[..]), (44_100, "mp4a.6b"));
        let two = format(&[0xff, 0xf3, 0x94, 0xc4]).expect("MPEG-2");
        assert_eq!((two.rate, &two.name[..], frame_ticks(&[0xff, 0xf3, 0x94, 0xc4])), (24_000, "mp4a.69", 576));
        assert!(format(&[0xff, 0xf1, 0x90, 0x44]).is_none(), "ADTS");
    }
}
