//! Writing tag bodies.

use super::super::chunk::kind;
use crate::media::{AudioCodec, Codec, Packet, Role, VideoCodec};

/// What goes before a packet's bytes in its message, at most 8 bytes.
pub struct Head {
    /// Message type id.
    pub kind: u8,
    bytes: [u8; 8],
    length: usize,
}

impl Head {
    /// The head of `packet`'s tag body; its first bytes are those of §E.4.2.1 and §E.4.3.1, or Enhanced RTMP's where the codec
    /// has no number.
    pub fn of(packet: &Packet) -> Self {
        match packet.codec {
            Codec::Video(codec) => video(codec, packet),
            Codec::Audio(codec) => audio(codec, packet.role),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn new(kind: u8, parts: &[&[u8]]) -> Self {
        let mut head = Self { kind, bytes: [0; 8], length: 0 };
        for part in parts {
            head.bytes[head.length..head.length + part.len()].copy_from_slice(part);
            head.length += part.len();
        }
        head
    }
}

fn video(codec: VideoCodec, packet: &Packet) -> Head {
    let frame_type: u8 = if packet.role == Role::Delta { 0x20 } else { 0x10 };
    let coded = u8::from(packet.role != Role::Config);
    let shift = (packet.pts.millis() - packet.dts.millis()).clamp(-0x80_0000, 0x7f_ffff) as i32;
    let composition = if coded == 1 { &shift.to_be_bytes()[1..] } else { &[0; 3] };
    let enhanced = [0x80 | frame_type | coded];
    match codec {
        VideoCodec::H264 => Head::new(kind::VIDEO, &[&[frame_type | 7, coded], composition]),
        VideoCodec::Hevc if coded == 1 => Head::new(kind::VIDEO, &[&enhanced, b"hvc1", composition]),
        VideoCodec::Hevc => Head::new(kind::VIDEO, &[&enhanced, b"hvc1"]),
        VideoCodec::Vp8 => Head::new(kind::VIDEO, &[&enhanced, b"vp08"]),
        VideoCodec::Vp9 => Head::new(kind::VIDEO, &[&enhanced, b"vp09"]),
        VideoCodec::Av1 => Head::new(kind::VIDEO, &[&enhanced, b"av01"]),
    }
}

fn audio(codec: AudioCodec, role: Role) -> Head {
    let coded = u8::from(role != Role::Config);
    match codec {
        AudioCodec::Aac => Head::new(kind::AUDIO, &[&[0xaf, coded]]),
        AudioCodec::Mp3 => Head::new(kind::AUDIO, &[&[0x2f]]),
        AudioCodec::Pcma => Head::new(kind::AUDIO, &[&[0x72]]),
        AudioCodec::Pcmu => Head::new(kind::AUDIO, &[&[0x82]]),
        AudioCodec::Opus => Head::new(kind::AUDIO, &[&[0x90 | coded], b"Opus"]),
    }
}
