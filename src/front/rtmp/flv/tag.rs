//! Reading tag bodies.

use bytes::{Buf, Bytes};

use crate::media::{AudioCodec, Codec, Role, Track, VideoCodec};

/// Media that nothing here decodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A picture codec.
    #[error(
        "the picture is coded as {0}, which is not taken; set the encoder to H.264 (or H.265, AV1, VP8 or VP9 by enhanced RTMP)"
    )]
    Video(String),
    /// A sound codec.
    #[error("the sound is coded as {0}, which is not taken; set the encoder to AAC (or MP3, or Opus by enhanced RTMP)")]
    Audio(String),
    /// A picture or sound beside the first one.
    #[error("the stream carries several {0} tracks at once, of which the first is taken; set the encoder to send one")]
    Multitrack(&'static str),
    /// Pictures of which the decoder's parameters did not come.
    #[error(
        "the picture comes without its sequence header (SPS and PPS), so nothing of it can be decoded; start the encoder anew, or set \
         it to repeat the header with every keyframe"
    )]
    VideoHeader,
    /// Raw AAC of which the configuration did not come.
    #[error(
        "the AAC sound comes without its sequence header (AudioSpecificConfig), so nothing of it can be decoded; start the encoder \
         anew, or set it to send AAC with ADTS headers"
    )]
    AacHeader,
}

impl Unsupported {
    /// Which track it is of.
    pub fn track(&self) -> Track {
        match self {
            Self::Video(_) | Self::VideoHeader | Self::Multitrack(VIDEO) => Track::Video,
            Self::Audio(_) | Self::AacHeader | Self::Multitrack(_) => Track::Audio,
        }
    }
}

/// Of [`Unsupported::Multitrack`].
const VIDEO: &str = "video";
/// See [`VIDEO`].
const AUDIO: &str = "audio";

/// One tag's content, still without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// How it is coded.
    pub codec: Codec,
    /// What it is to a decoder.
    pub role: Role,
    /// Presentation less decoding time, ms.
    pub composition: i32,
    /// The coded bytes, which share the tag's.
    pub data: Bytes,
    /// True when the tag holds more tracks of its kind, which are left out.
    pub others: bool,
}

/// Packet types of enhanced tags that matter here.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const CODED_FRAMES_X: u8 = 3;
const MULTITRACK_AUDIO: u8 = 5;
const MULTITRACK_VIDEO: u8 = 6;
const MODIFIER: u8 = 7;

/// How many tracks a multitrack tag holds: one, or several of one codec; a third kind has several of several.
const ONE_TRACK: u8 = 0;
const MANY_TRACKS: u8 = 1;

/// What is to be told of the tracks beside the one that was taken.
pub(super) fn others(track: Track) -> Unsupported {
    Unsupported::Multitrack(if track == Track::Video { VIDEO } else { AUDIO })
}

/// Reads a video tag's body (§E.4.3). `None` for what carries no picture: end of sequence, seek commands, metadata, and tags
/// too short to be anything.
pub fn video(mut tag: Bytes) -> Result<Option<Unit>, Unsupported> {
    let Some(first) = next_byte(&mut tag) else { return Ok(None) };
    let frame_type = (first >> 4) & 7;
    if frame_type == 5 {
        return Ok(None);
    }
    let role = if matches!(frame_type, 1 | 4) { Role::Key } else { Role::Delta };
    if first & 0x80 != 0 {
        return enhanced_video(first & 0x0f, role, tag);
    }
    let codec = match first & 0x0f {
        7 => VideoCodec::H264,
        // Never in Adobe's list, but what SRS and many encoders used for H.265 before enhanced RTMP.
        12 => VideoCodec::Hevc,
        other => return Err(Unsupported::Video(legacy_video_name(other))),
    };
    if tag.len() < 4 {
        return Ok(None);
    }
    let packet_type = tag.get_u8();
    let composition = signed24(&mut tag);
    Ok(match packet_type {
        0 => unit(Codec::Video(codec), Role::Config, 0, tag),
        1 => unit(Codec::Video(codec), role, composition, tag),
        _ => None,
    })
}

fn enhanced_video(packet_type: u8, role: Role, mut tag: Bytes) -> Result<Option<Unit>, Unsupported> {
    let Some(packet_type) = skip_modifiers(packet_type, &mut tag) else { return Ok(None) };
    let Some(Part { packet_type, name, mut data, others }) = (match packet_type {
        MULTITRACK_VIDEO => first_track(tag, VIDEO)?,
        single => Part::single(single, tag),
    }) else {
        return Ok(None);
    };
    let codec = match &name {
        b"avc1" => VideoCodec::H264,
        b"hvc1" => VideoCodec::Hevc,
        b"av01" => VideoCodec::Av1,
        b"vp09" => VideoCodec::Vp9,
        b"vp08" => VideoCodec::Vp8,
        other => return Err(Unsupported::Video(other.escape_ascii().to_string())),
    };
    let reorders = matches!(codec, VideoCodec::H264 | VideoCodec::Hevc);
    let found = match packet_type {
        SEQUENCE_START => unit(Codec::Video(codec), Role::Config, 0, data),
        CODED_FRAMES if reorders && data.len() < 3 => None,
        CODED_FRAMES if reorders => {
            let composition = signed24(&mut data);
            unit(Codec::Video(codec), role, composition, data)
        }
        CODED_FRAMES | CODED_FRAMES_X => unit(Codec::Video(codec), role, 0, data),
        _ => None,
    };
    Ok(found.map(|unit| Unit { others, ..unit }))
}

/// Reads an audio tag's body (§E.4.2). `None` as for [`video`].
pub fn audio(mut tag: Bytes) -> Result<Option<Unit>, Unsupported> {
    let Some(first) = next_byte(&mut tag) else { return Ok(None) };
    match first >> 4 {
        // The rate, size and channel bits beside the format lie as often as not; the frames say it themselves.
        2 | 14 => Ok(unit(Codec::Audio(AudioCodec::Mp3), Role::Key, 0, tag)),
        10 => {
            let codec = Codec::Audio(AudioCodec::Aac);
            Ok(match next_byte(&mut tag) {
                Some(0) => unit(codec, Role::Config, 0, tag),
                Some(1) => unit(codec, Role::Key, 0, tag),
                _ => None,
            })
        }
        7 => Ok(unit(Codec::Audio(AudioCodec::Pcma), Role::Key, 0, tag)),
        8 => Ok(unit(Codec::Audio(AudioCodec::Pcmu), Role::Key, 0, tag)),
        9 => enhanced_audio(first & 0x0f, tag),
        other => Err(Unsupported::Audio(legacy_audio_name(other))),
    }
}

fn enhanced_audio(packet_type: u8, mut tag: Bytes) -> Result<Option<Unit>, Unsupported> {
    let Some(packet_type) = skip_modifiers(packet_type, &mut tag) else { return Ok(None) };
    let Some(Part { packet_type, name, data, others }) = (match packet_type {
        MULTITRACK_AUDIO => first_track(tag, AUDIO)?,
        single => Part::single(single, tag),
    }) else {
        return Ok(None);
    };
    let codec = match &name {
        b"mp4a" => AudioCodec::Aac,
        b".mp3" => AudioCodec::Mp3,
        b"Opus" => AudioCodec::Opus,
        other => return Err(Unsupported::Audio(other.escape_ascii().to_string())),
    };
    let found = match packet_type {
        SEQUENCE_START => unit(Codec::Audio(codec), Role::Config, 0, data),
        CODED_FRAMES => unit(Codec::Audio(codec), Role::Key, 0, data),
        _ => None,
    };
    Ok(found.map(|unit| Unit { others, ..unit }))
}

/// What an enhanced tag holds of the track that is taken.
struct Part {
    packet_type: u8,
    name: [u8; 4],
    data: Bytes,
    others: bool,
}

impl Part {
    fn single(packet_type: u8, mut tag: Bytes) -> Option<Self> {
        let name = four_cc(&mut tag)?;
        Some(Self { packet_type, name, data: tag, others: false })
    }
}

/// Track 0 of a multitrack tag (Enhanced RTMP v2), which is the one that is also sent outside of such tags; the error when there
/// are others alone.
fn first_track(mut tag: Bytes, what: &'static str) -> Result<Option<Part>, Unsupported> {
    let Some(kinds) = next_byte(&mut tag) else { return Ok(None) };
    let (kind, packet_type) = (kinds >> 4, kinds & 0x0f);
    let common = if kind <= MANY_TRACKS { four_cc(&mut tag) } else { None };
    let (mut first, mut others) = (None, false);
    while !tag.is_empty() {
        let Some(name) = common.or_else(|| four_cc(&mut tag)) else { break };
        let Some(track) = next_byte(&mut tag) else { break };
        let length = match kind {
            ONE_TRACK => tag.len(),
            _ if tag.len() < 3 => break,
            _ => tag.get_uint(3) as usize,
        };
        if length > tag.len() {
            break;
        }
        let data = tag.split_to(length);
        match track {
            0 if first.is_none() => first = Some((name, data)),
            _ => others = true,
        }
    }
    match first {
        Some((name, data)) => Ok(Some(Part { packet_type, name, data, others })),
        None if others => Err(Unsupported::Multitrack(what)),
        None => Ok(None),
    }
}

fn unit(codec: Codec, role: Role, composition: i32, data: Bytes) -> Option<Unit> {
    (!data.is_empty()).then_some(Unit { codec, role, composition, data, others: false })
}

/// Steps over modifiers (Enhanced RTMP v2, "ModEx"), which add nanoseconds at most; the packet type behind them.
fn skip_modifiers(mut packet_type: u8, tag: &mut Bytes) -> Option<u8> {
    while packet_type == MODIFIER {
        let mut length = usize::from(next_byte(tag)?) + 1;
        if length == 256 {
            length = usize::from(next_byte(tag)?) << 8 | usize::from(next_byte(tag)?);
            length += 1;
        }
        if tag.len() < length {
            return None;
        }
        tag.advance(length);
        packet_type = next_byte(tag)? & 0x0f;
    }
    Some(packet_type)
}

fn next_byte(tag: &mut Bytes) -> Option<u8> {
    tag.has_remaining().then(|| tag.get_u8())
}

fn four_cc(tag: &mut Bytes) -> Option<[u8; 4]> {
    (tag.len() >= 4).then(|| tag.get_u32().to_be_bytes())
}

fn signed24(tag: &mut Bytes) -> i32 {
    (tag.get_uint(3) as i32) << 8 >> 8
}

fn legacy_video_name(id: u8) -> String {
    match id {
        2 => "Sorenson H.263".to_owned(),
        3 | 6 => "Screen Video".to_owned(),
        4 | 5 => "On2 VP6".to_owned(),
        other => format!("FLV video codec {other}"),
    }
}

fn legacy_audio_name(id: u8) -> String {
    match id {
        0 | 3 => "PCM".to_owned(),
        1 => "ADPCM".to_owned(),
        4..=6 => "Nellymoser".to_owned(),
        11 => "Speex".to_owned(),
        other => format!("FLV sound format {other}"),
    }
}
