//! One encoded unit of a stream.

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
    /// ITU-T H.264. With a [`Role::Config`] packet (an `avcC` record, ISO/IEC 14496-15 §5.3.3.1) units are length-prefixed as
    /// that record says; without one they are Annex B.
    H264,
    /// ITU-T H.265, same convention with `hvcC`.
    Hevc,
    /// VP8 (RFC 6386), one frame a packet. Like the two below it needs no [`Role::Config`]: keyframes carry everything.
    Vp8,
    /// VP9, one superframe a packet.
    Vp9,
    /// AV1, one temporal unit a packet: OBUs with their size fields, without temporal delimiters or with.
    Av1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioCodec {
    /// AAC, raw access units; the [`Role::Config`] packet holds the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
    Aac,
    /// MPEG-1/2 layer III frames.
    Mp3,
    /// Opus packets (RFC 6716), 48 kHz. A [`Role::Config`] packet, which may be absent, holds the OpusHead (RFC 7845 §5.1).
    Opus,
    /// G.711 A-law (ITU-T G.711), 8 kHz, one channel, a byte a sample.
    Pcma,
    /// G.711 µ-law, the same.
    Pcmu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    Video(VideoCodec),
    Audio(AudioCodec),
}

impl Codec {
    /// Every one. The link numbers them by their place here.
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

    /// Which track it codes.
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
    /// Parameters that must reach the decoder before what follows; no picture or sound itself.
    Config,
    /// Decodes without anything before it but the config: a keyframe, or any sound packet.
    Key,
    /// Needs what came before it.
    Delta,
}

/// One encoded unit: a frame of video, a frame of sound, or a decoder's configuration. Cloning shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// How it is coded.
    pub codec: Codec,
    /// What it is to a decoder.
    pub role: Role,
    /// When it is to be shown or heard, on its stream's time line.
    pub pts: Timestamp,
    /// When it is to be decoded; never falls within a track of one stream.
    pub dts: Timestamp,
    pub data: Bytes,
}

impl Packet {
    pub fn track(&self) -> Track {
        self.codec.track()
    }

    /// A video keyframe: where a newcomer can start.
    pub fn is_keyframe(&self) -> bool {
        self.track() == Track::Video && self.role == Role::Key
    }
}
