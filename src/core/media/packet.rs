//! Packets (access units): one encoded unit of a stream.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Track {
    Video,
    Audio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// ITU-T H.264. If the stream has a [`Role::Config`] packet (an `avcC` record, ISO/IEC 14496-15 §5.3.3.1), units
    /// have length prefixes as that record says. Without that packet, units are in Annex B form.
    H264,
    /// ITU-T H.265, with the same convention for `hvcC`.
    Hevc,
    /// VP8 (RFC 6386), one frame per packet. VP8, VP9 and AV1 need no [`Role::Config`]: their keyframes carry all
    /// parameters.
    Vp8,
    /// VP9, one superframe per packet.
    Vp9,
    /// AV1, one temporal unit per packet: OBUs with size fields, with or without temporal delimiters.
    Av1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioCodec {
    /// AAC, raw access units; the [`Role::Config`] packet holds the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac,
    /// MPEG-1/2 layer III frames.
    Mp3,
    /// Opus packets (RFC 6716), 48 kHz. The [`Role::Config`] packet is optional; it holds the OpusHead (RFC 7845 §5.1).
    Opus,
    /// G.711 A-law (ITU-T G.711), 8 kHz, one channel, one byte per sample.
    Pcma,
    /// G.711 µ-law, otherwise like A-law.
    Pcmu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    Video(VideoCodec),
    Audio(AudioCodec),
}

impl Codec {
    /// Every codec. On the link, a codec's number is its index in this list.
    pub const ALL: [Self; 10] = [
        Self::Video(VideoCodec::H264),
        Self::Video(VideoCodec::Hevc),
        Self::Video(VideoCodec::Vp8),
        Self::Video(VideoCodec::Vp9),
        Self::Video(VideoCodec::Av1),
        Self::Audio(AudioCodec::Aac),
        Self::Audio(AudioCodec::Mp3),
        Self::Audio(AudioCodec::Opus),
        Self::Audio(AudioCodec::Pcma),
        Self::Audio(AudioCodec::Pcmu),
    ];

    /// The track that this codec encodes.
    pub fn track(self) -> Track {
        match self {
            Self::Video(_) => Track::Video,
            Self::Audio(_) => Track::Audio,
        }
    }
}

/// What a packet is to a decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Parameters that the decoder needs before the packets that follow. The packet has no picture and no sound of its
    /// own.
    Config,
    /// Decodable with nothing but the config before it: a keyframe, or any sound packet.
    Key,
    /// Decodable only after the packets before it.
    Delta,
}

/// One encoded unit: a frame of video, a frame of sound, or a decoder's configuration. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// How it is coded.
    pub codec: Codec,
    /// What it is to a decoder.
    pub role: Role,
    /// Presentation time, on the stream's own time line.
    pub pts: Timestamp,
    /// Decoding time; it never decreases within a track of one stream.
    pub dts: Timestamp,
    pub data: Bytes,
}

impl Packet {
    pub fn track(&self) -> Track {
        self.codec.track()
    }

    /// True for a video keyframe, where a new reader can start.
    pub fn is_keyframe(&self) -> bool {
        self.track() == Track::Video && self.role == Role::Key
    }
}
