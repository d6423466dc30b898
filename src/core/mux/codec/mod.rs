//! What a container must know of a track: its sample entry (`stsd`), its RFC 6381 codec string, size, rate and the length of a frame.
//!
//! Everything is read from the stream itself: from the [`Role::Config`](crate::media::Role) packet, or from the keyframe. A reader
//! here stands hostile bytes: it answers `None`, and the caller keeps what the caller had.

mod aac;
mod av1;
mod h264;
mod hevc;
mod mp3;
mod nal;
mod named;
mod opus;
mod vpx;

use bytes::Bytes;
pub use named::name_of;

use super::boxes::{Kind, Writer};
use crate::media::{AudioCodec, Size, VideoCodec};

/// Ticks a second of every video track, the rate of MPEG.
pub const VIDEO_RATE: u32 = 90_000;

/// Longest side of a picture a `tkhd` box can tell, in px.
const MAX_SIDE: u32 = 0xffff;

/// A picture track as the container tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoFormat {
    /// How it is coded.
    pub codec: VideoCodec,
    /// Of the shown picture.
    pub size: Size,
    /// RFC 6381 §3.3, `avc1.64001f` say.
    pub name: String,
    /// The sample entry: a whole box.
    pub entry: Bytes,
    /// Units come with start codes and have to be given lengths.
    pub annex_b: bool,
}

/// A sound track as the container tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFormat {
    /// How it is coded.
    pub codec: AudioCodec,
    /// Samples a second, which is the track's tick too.
    pub rate: u32,
    /// RFC 6381, `mp4a.40.2` say.
    pub name: String,
    /// The sample entry: a whole box.
    pub entry: Bytes,
}

/// Reads a picture's format from the stream's config packet, if it sent one, and a keyframe. `None` where neither holds a format.
pub fn video(codec: VideoCodec, config: Option<&[u8]>, keyframe: &[u8]) -> Option<VideoFormat> {
    let format = match codec {
        VideoCodec::H264 => h264::format(config, keyframe),
        VideoCodec::Hevc => hevc::format(config, keyframe),
        VideoCodec::Vp8 => vpx::vp8(keyframe),
        VideoCodec::Vp9 => vpx::vp9(keyframe),
        VideoCodec::Av1 => av1::format(keyframe),
    };
    format.filter(|format| (1..=MAX_SIDE).contains(&format.size.width) && (1..=MAX_SIDE).contains(&format.size.height))
}

/// Reads a sound's format from the stream's config packet, if it sent one, and a frame.
pub fn audio(codec: AudioCodec, config: Option<&[u8]>, frame: &[u8]) -> Option<AudioFormat> {
    match codec {
        AudioCodec::Aac => aac::format(config?),
        AudioCodec::Mp3 => mp3::format(frame),
        AudioCodec::Opus => Some(opus::format(config, frame)),
        AudioCodec::Pcma => Some(g711(codec, b"alaw")),
        AudioCodec::Pcmu => Some(g711(codec, b"ulaw")),
    }
}

/// Ticks of the track that a frame of sound lasts; at least 1.
pub fn audio_ticks(format: &AudioFormat, config: Option<&[u8]>, frame: &[u8]) -> u32 {
    let ticks = match format.codec {
        AudioCodec::Aac => aac::frame_ticks(config),
        AudioCodec::Mp3 => mp3::frame_ticks(frame),
        AudioCodec::Opus => opus::frame_ticks(frame),
        AudioCodec::Pcma | AudioCodec::Pcmu => u32::try_from(frame.len()).unwrap_or(u32::MAX),
    };
    ticks.clamp(1, format.rate)
}

/// A picture's bytes as the container keeps them: with lengths, without what the container forbids.
pub fn video_sample(format: &VideoFormat, data: &Bytes) -> Bytes {
    match format.codec {
        VideoCodec::H264 | VideoCodec::Hevc if format.annex_b => nal::with_lengths(data),
        VideoCodec::Av1 => av1::without_delimiter(data),
        _ => data.clone(),
    }
}

/// QuickTime's entries of G.711. FFmpeg, VLC and QuickTime read them, browsers do not.
fn g711(codec: AudioCodec, kind: &Kind) -> AudioFormat {
    let name = String::from_utf8_lossy(kind).into_owned();
    AudioFormat { codec, rate: 8000, name, entry: audio_entry(kind, 1, 8000, |_| {}) }
}

/// A `VisualSampleEntry` (ISO/IEC 14496-12 §12.1.3).
fn visual_entry(kind: &Kind, size: Size, record: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::new();
    out.boxed(kind, |out| {
        out.zeros(6).u16(1); // the data reference
        out.zeros(16).u16(side(size.width)).u16(side(size.height));
        out.u32(0x0048_0000).u32(0x0048_0000); // 72 dpi
        out.u32(0).u16(1).zeros(32).u16(24).u16(0xffff);
        record(out);
    });
    out.into_bytes().into()
}

/// An `AudioSampleEntry` (§12.2.3). A rate beyond 16 bits stands in the codec's own box alone.
fn audio_entry(kind: &Kind, channels: u16, rate: u32, record: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::new();
    out.boxed(kind, |out| {
        out.zeros(6).u16(1); // the data reference
        out.zeros(8).u16(channels).u16(16).u32(0);
        out.u16(u16::try_from(rate).unwrap_or(0)).u16(0);
        record(out);
    });
    out.into_bytes().into()
}

/// An `esds` box (ISO/IEC 14496-1 §7.2.6.5) for sound of an object type, with its decoder's configuration.
fn esds(out: &mut Writer, object: u8, specific: &[u8]) {
    fn descriptor(tag: u8, body: &[u8]) -> Vec<u8> {
        let size = body.len() as u32;
        let mut out = vec![tag];
        // Four bytes of seven bits each, as every writer of MP4 has it.
        out.extend((0..4).rev().map(|part| (size >> (7 * part)) as u8 & 0x7f | if part > 0 { 0x80 } else { 0 }));
        out.extend_from_slice(body);
        out
    }
    // Audio stream; buffer size and bit rates are unknown beforehand.
    let mut config = vec![object, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    if !specific.is_empty() {
        config.extend(descriptor(5, specific));
    }
    let mut stream = vec![0, 0, 0];
    stream.extend(descriptor(4, &config));
    stream.extend(descriptor(6, &[2]));
    out.full(b"esds", 0, 0, |out| _ = out.bytes(&descriptor(3, &stream)));
}

fn side(px: u32) -> u16 {
    u16::try_from(px).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VIDEO: [VideoCodec; 5] =
        [VideoCodec::H264, VideoCodec::Hevc, VideoCodec::Vp8, VideoCodec::Vp9, VideoCodec::Av1];
    const AUDIO: [AudioCodec; 5] =
        [AudioCodec::Aac, AudioCodec::Mp3, AudioCodec::Opus, AudioCodec::Pcma, AudioCodec::Pcmu];

    proptest! {
        #[test]
        fn nothing_panics(a in proptest::collection::vec(any::<u8>(), 0..80), b in proptest::collection::vec(any::<u8>(), 0..80)) {
            for codec in VIDEO {
                for config in [None, Some(&a[..])] {
                    if let Some(format) = video(codec, config, &b) {
                        prop_assert!(format.size.width > 0 && format.size.height > 0);
                        let _ = video_sample(&format, &Bytes::from(b.clone()));
                    }
                }
            }
            for codec in AUDIO {
                if let Some(format) = audio(codec, Some(&a), &b) {
                    prop_assert!(format.rate > 0);
                    prop_assert!((1..=format.rate).contains(&audio_ticks(&format, Some(&a), &b)));
                }
            }
        }
    }
}
