//! Opus: `Opus` with `dOps` (Encapsulation of Opus in ISO Base Media File Format §4.3.2), 48 kHz.

use super::{AudioFormat, audio_entry};
use crate::{media::AudioCodec, mux::boxes::Reader};

/// Samples a second of the container, whatever the encoder took.
const RATE: u32 = 48_000;

/// Longest frame of a packet in samples: 120 ms (RFC 6716 §3.2.5).
const MAX_TICKS: u32 = 5760;

/// Of the OpusHead (RFC 7845 §5.1), if the stream sent one; else the packet tells whether it is stereo.
pub(super) fn format(head: Option<&[u8]>, packet: &[u8]) -> AudioFormat {
    let stereo = packet.first().is_none_or(|toc| toc & 4 == 4);
    let plain = Head { channels: if stereo { 2 } else { 1 }, pre_skip: 0, rate: RATE, gain: 0, mapping: &[0] };
    let head = head.and_then(Head::read).unwrap_or(plain);
    let entry = audio_entry(b"Opus", u16::from(head.channels), RATE, |out| {
        out.boxed(b"dOps", |out| {
            out.u8(0).u8(head.channels).u16(head.pre_skip).u32(head.rate).u16(head.gain).bytes(head.mapping);
        });
    });
    AudioFormat { codec: AudioCodec::Opus, rate: RATE, name: "opus".into(), entry }
}

/// RFC 6716 §3.1.
pub(super) fn frame_ticks(packet: &[u8]) -> u32 {
    let Some(toc) = packet.first() else { return 960 };
    let config = u32::from(toc >> 3);
    let frame = match config {
        0..12 => [480, 960, 1920, 2880][(config & 3) as usize],
        12..16 => [480, 960][(config & 1) as usize],
        _ => [120, 240, 480, 960][(config & 3) as usize],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(1, |count| u32::from(count & 0x3f)),
    };
    (frame * frames).clamp(120, MAX_TICKS)
}

struct Head<'a> {
    channels: u8,
    pre_skip: u16,
    rate: u32,
    gain: u16,
    /// From the family of the mapping on.
    mapping: &'a [u8],
}

impl<'a> Head<'a> {
    /// The numbers are little-endian here and big-endian in the box.
    fn read(head: &'a [u8]) -> Option<Self> {
        let mut read = Reader(head.strip_prefix(b"OpusHead")?);
        read.u8()?;
        let channels = read.u8().filter(|channels| *channels > 0)?;
        let (pre_skip, rate, gain) = (read.u16()?.swap_bytes(), read.u32()?.swap_bytes(), read.u16()?.swap_bytes());
        let mapping = match read.0.first()? {
            0 => read.take(1)?,
            _ => read.take(3 + usize::from(channels))?,
        };
        Some(Self { channels, pre_skip, rate, gain, mapping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_turned_round() {
        let head = *b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
        let format = format(Some(&head), &[]);
        assert!(format.entry.ends_with(b"dOps\0\x02\x01\x38\0\0\xbb\x80\0\0\0"));
        assert!(super::format(None, &[0xfc]).entry.ends_with(b"dOps\0\x02\0\0\0\0\xbb\x80\0\0\0"));
        assert!(super::format(Some(b"OpusHead"), &[0xf8]).entry.ends_with(b"dOps\0\x01\0\0\0\0\xbb\x80\0\0\0"));
    }

    #[test]
    fn a_packet_tells_how_long_it_lasts() {
        assert_eq!(frame_ticks(&[0xfc]), 960, "CELT, 20 ms");
        assert_eq!(frame_ticks(&[0x0b, 2]), 1920, "two of 20 ms");
        assert_eq!(frame_ticks(&[0x1b, 0x3f]), MAX_TICKS);
        assert_eq!(frame_ticks(&[0x03, 0]), 120);
    }
}
