//! CMAF segments (ISO/IEC 23000-19) of a stream: initialization segment, parts of a few hundred milliseconds, segments of seconds.
//!
//! [`Segmenter`] takes [`Packet`](crate::media::Packet)s of up to one picture and one sound track, in the order they came, and yields
//! [`Event`]s. A part is one `moof` and `mdat` with both tracks in it. A segment is a row of parts; it begins at a keyframe unless none
//! comes for long.
//!
//! The output has one time line of its own, which begins at zero, never falls and goes on through every change: of codec, size or
//! configuration, a lost worker, a publisher who comes back, time stamps that jump. What the decoder must begin anew for is marked
//! as a discontinuity.

mod cut;
mod formats;
mod segmenter;
#[cfg(test)]
pub(super) mod tests;
mod timeline;
mod write;

use std::time::Duration;

use bytes::Bytes;

use super::codec::{AudioFormat, VideoFormat};
use crate::media::{Codec, Timestamp, Track};
pub use segmenter::Segmenter;
pub(super) use write::{AUDIO, Head, VIDEO, ftyp, mvhd, trak};

/// How a stream is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Longest part. Parts have 85 % of it at least, but for the last of a segment (RFC 8216bis §4.4.4.9).
    pub part: Duration,
    /// A segment ends at the first keyframe after three quarters of this.
    pub segment: Duration,
    /// A segment ends after this without a keyframe. Playlists round it to their target duration.
    pub longest: Duration,
    /// How long the segmenter waits for the second track before it begins with the first alone.
    pub patience: Duration,
    /// Which tracks are taken.
    pub tracks: Tracks,
    /// G.711 is written as QuickTime's `alaw` and `ulaw`, which browsers do not play but FFmpeg and VLC do: for recordings.
    pub g711: bool,
    /// Where an earlier run of the same recording ended.
    pub resume: Resume,
}

impl Default for Settings {
    /// 300 ms holds whole frames at 10, 15, 20, 24, 25, 30, 50 and 60 a second within the 85 %, and players stay 900 ms behind. Segments
    /// follow keyframes every two seconds, the rate of our own encoder; a segment of four still lets players begin within it.
    fn default() -> Self {
        Self {
            part: Duration::from_millis(300),
            segment: Duration::from_secs(2),
            longest: Duration::from_secs(4),
            patience: Duration::from_secs(1),
            tracks: Tracks::Both,
            g711: false,
            resume: Resume::default(),
        }
    }
}

/// Which tracks of a stream are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracks {
    /// What comes.
    Both,
    /// One alone; the other is passed over without a word.
    Only(Track),
}

/// What goes on when a recording is continued in another process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resume {
    /// Number of the next segment.
    pub segment: u64,
    /// Number of the next initialization segment.
    pub init: u32,
    /// Sequence number of the next fragment.
    pub sequence: u32,
    /// Where the time line goes on. Time that passed meanwhile may be added, or is left out.
    pub end: Duration,
}

/// What the segmenter says. Drained with [`Segmenter::next_event`] after every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A new initialization segment, before the first segment that needs it.
    Init(Init),
    /// A segment begins: before its first part.
    Begin(Begin),
    /// A part is whole.
    Part(Part),
    /// A segment is whole.
    End(End),
    /// Time stamps jumped. The output goes on without a hole, or with the hole the stream has.
    Jumped {
        /// Where on the output's time line.
        at: Duration,
        /// How far the stream's time stamps went, in milliseconds; negative is back.
        by_ms: i64,
    },
    /// Packets were left out, since the last such event.
    Dropped {
        /// Of which track.
        track: Track,
        /// Why.
        why: Why,
        /// How many.
        packets: u64,
    },
    /// The container does not take a codec; the other track goes on. Said once a codec.
    Refused(Refused),
}

/// An initialization segment: `ftyp` and `moov`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Counts up; segments name it.
    pub number: u32,
    /// The picture track, which has the id 1.
    pub video: Option<VideoFormat>,
    /// The sound track, which has the id 2.
    pub audio: Option<AudioFormat>,
    /// The bytes.
    pub data: Bytes,
}

impl Init {
    /// RFC 6381 codec strings, picture before sound, with commas between.
    pub fn codecs(&self) -> String {
        let video = self.video.iter().map(|video| &video.name[..]);
        video.chain(self.audio.iter().map(|audio| &audio.name[..])).collect::<Vec<_>>().join(",")
    }
}

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// Media sequence number.
    pub segment: u64,
    /// Which initialization segment it needs.
    pub init: u32,
    /// Where on the output's time line.
    pub start: Duration,
    /// The stream's own time at this place, for a caller who knows what clock that is.
    pub source: Timestamp,
    /// The first picture is a keyframe, or there are none.
    pub independent: bool,
    /// A decoder must begin anew, or time leaps: `EXT-X-DISCONTINUITY`.
    pub discontinuity: bool,
}

/// A part of a segment: one `moof` and one `mdat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Of which segment.
    pub segment: u64,
    /// Its place in the segment, from 0.
    pub index: u32,
    /// Where on the output's time line.
    pub start: Duration,
    /// Never zero.
    pub duration: Duration,
    /// Decoding can begin with it.
    pub independent: bool,
    /// The bytes.
    pub data: Bytes,
}

/// The end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Which segment.
    pub segment: u64,
    /// The sum of its parts.
    pub duration: Duration,
    /// How many parts.
    pub parts: u32,
    /// Bytes of its parts.
    pub bytes: u64,
}

/// Why packets were left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// A picture that needs one which is not there: before the first keyframe, or after a discontinuity.
    NoKeyframe,
    /// The decoder's configuration has not come, or cannot be read.
    NoFormat,
    /// Sound from a time that is already over, or from before the first picture.
    Late,
    /// Larger than [`MAX_SAMPLE`], or empty.
    Size,
    /// More came at one time than is held.
    Full,
}

/// Largest frame. 8 MiB is a 4K picture without loss; a larger one is no stream of a meeting.
pub const MAX_SAMPLE: usize = 8 << 20;

/// A codec that the container does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{codec:?} cannot be kept in MP4 that browsers play; the stream goes on without this track")]
pub struct Refused {
    /// Which.
    pub codec: Codec,
}
