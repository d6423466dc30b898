//! Room document (desired state, spec): what a room should be. REST accepts and returns it, and the store keeps it.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

use crate::{
    base::{OutputId, ParticipantId, Secret},
    layout::{Canvas, LayoutChoice},
    speaker::{Mode, Rules, Sensitivity},
};

/// Most participants in one room: as many as one program can show and mix.
pub const MAX_PARTICIPANTS: usize = 64;
/// Most outputs of one room.
pub const MAX_OUTPUTS: usize = 32;
/// Most pins: with more than this, a pin is no distinction.
pub const MAX_PINS: usize = 16;
/// Largest absolute value of a participant's order.
pub const MAX_ORDER: i32 = 1000;
/// Longest display name, bytes.
pub const MAX_NAME_BYTES: usize = 256;
/// Shortest publish key and viewer token, characters: the limiter for guesses (`front/net/guess.rs`) is designed for
/// this.
pub const MIN_KEY_CHARACTERS: usize = 8;
/// Longest publish key, bytes.
pub const MAX_KEY_BYTES: usize = 256;
/// Longest token for another server, bytes: signed tokens carry claims.
pub const MAX_TOKEN_BYTES: usize = 4096;

/// A whole room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RoomDocument {
    /// The program's picture.
    pub canvas: Canvas,
    /// Which template arranges it.
    pub layout: LayoutChoice,
    /// The layout that replaces `layout` at a given time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_layout: Option<NextLayout>,
    /// Everyone who may be in it, by id, in order of id.
    pub participants: BTreeMap<ParticipantId, Participant>,
    /// Participants whom the operator pinned, in this order: templates may give them a place. At most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub pins: Vec<ParticipantId>,
    /// How the floor (active speaker) is chosen.
    pub speaker: Speaker,
    /// How the program's picture is encoded.
    pub video: Video,
    /// How the program's sound is encoded.
    pub audio: Audio,
    /// The targets that the program is pushed to.
    pub outputs: BTreeMap<OutputId, Output>,
    /// The token that viewers of the program send by WHEP or RTMP, 8 characters or more, at most 256 bytes. Left out,
    /// everybody who reaches this server may watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 8, max_length = 256)]
    pub viewer_token: Option<Secret>,
}

/// A layout that waits for its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextLayout {
    /// When, RFC 3339, such as `2026-11-22T15:00:00.5Z`. One that has passed is made true at once.
    pub at: String,
    /// The frame it begins with: the first that is not before this time of the program, ms, as `status.program.pts_ms`
    /// counts; left out, the frame of that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts_ms: Option<i64>,
    /// The layout from that time on.
    pub layout: LayoutChoice,
}

impl RoomDocument {
    /// A participant's publish key, if it has one.
    pub fn key(&self, id: &ParticipantId) -> Option<&Secret> {
        self.participants.get(id)?.key()
    }

    /// True when `wanted` differs from this document only in what an operator changes during a meeting: the layout and
    /// the one that waits, pins, the mode of the floor, and of each participant gain, mute, hiding and order.
    pub fn differs_live(&self, wanted: &Self) -> bool {
        let mut rest = wanted.clone();
        rest.layout = self.layout.clone();
        rest.next_layout.clone_from(&self.next_layout);
        rest.pins.clone_from(&self.pins);
        rest.speaker = self.speaker;
        for (id, participant) in &mut rest.participants {
            if let Some(present) = self.participants.get(id) {
                participant.gain_db = present.gain_db;
                participant.muted = present.muted;
                participant.hidden = present.hidden;
                participant.order = present.order;
            }
        }
        rest == *self
    }

    /// Gives these participants the keys that they have in `present`, if they have any there.
    pub fn keep_keys<'a>(&mut self, of: impl IntoIterator<Item = &'a ParticipantId>, present: &Self) {
        for id in of {
            if let (Some(participant), Some(key)) = (self.participants.get_mut(id), present.key(id)) {
                participant.source = Source::Publish { key: key.clone() };
            }
        }
    }
}

impl Participant {
    /// The publish key, if there is one.
    pub fn key(&self) -> Option<&Secret> {
        match &self.source {
            Source::Publish { key } => Some(key),
            Source::Pull { .. } | Source::Whep { .. } => None,
        }
    }
}

impl NextLayout {
    /// The time; `None` if the text is no time.
    pub fn time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(&self.at, &Rfc3339).ok()
    }
}

/// One person or device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// The name on the placeholder card; any script, at most 256 bytes. The id when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role by which templates cast, such as `presenter` or `screen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The source of the participant's media.
    pub source: Source,
    /// Gain of the sound, -60 to +20 dB.
    #[serde(default)]
    #[schema(minimum = -60, maximum = 20)]
    pub gain_db: f32,
    /// True keeps the sound out of the program.
    #[serde(default)]
    pub muted: bool,
    /// True keeps the picture out of the program.
    #[serde(default)]
    pub hidden: bool,
    /// Place among the others, lower first, -1000 to 1000; between equals, who joined first.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(minimum = -1000, maximum = 1000)]
    pub order: i32,
    /// The system that added the participant and removes it again. Left out for a participant who was added by hand,
    /// and stays until removed by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought_by: Option<BroughtBy>,
}

impl Participant {
    /// A participant with this source and defaults.
    pub fn of(source: Source) -> Self {
        let (name, role, brought_by) = (None, None, None);
        Self { name, role, source, gain_db: 0.0, muted: false, hidden: false, order: 0, brought_by }
    }
}

/// See [`Participant::brought_by`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BroughtBy {
    /// A stream that is published to the SRS beside this server; the participant leaves when it ends.
    Srs,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// The source of a participant's media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The participant connects to us with this key, or to the SRS beside us.
    Publish {
        /// 8 characters or more, at most 256 bytes. With null the server keeps the key that is there, or makes one of
        /// 128 bits, in characters that a URL takes, and tells it in the answer.
        #[schema(value_type = Option<String>, required = true, min_length = 8, max_length = 256)]
        key: Secret,
    },
    /// We connect to this address, by RTMP.
    Pull {
        /// `rtmp://`, `rtmps://`, or the `http://` or `https://` of an HTTP-FLV stream, whose path ends in `.flv`;
        /// checked against the address allow-list.
        url: String,
    },
    /// We connect to this address, by WebRTC (draft-ietf-wish-whep).
    Whep {
        /// `http://` or `https://`, checked against the address allow-list: the server's WHEP endpoint of the stream.
        url: String,
        /// The token that the server expects as `Authorization: Bearer`; 1 to 4096 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Secret>,
    },
}

/// How the floor (active speaker) is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Speaker {
    /// `auto` listens; `manual` waits for `PUT speaker`.
    pub mode: Mode,
    /// Shortest time anybody keeps the floor against other voices, 500 to 60 000 ms.
    #[schema(minimum = 500, maximum = 60_000)]
    pub hold_ms: u32,
    /// How readily a new speaker takes the floor.
    pub sensitivity: Sensitivity,
}

impl Default for Speaker {
    fn default() -> Self {
        Self { mode: Mode::Auto, hold_ms: 2000, sensitivity: Sensitivity::Normal }
    }
}

impl Speaker {
    /// The rules of the floor.
    pub fn rules(&self) -> Rules {
        let Self { mode, hold_ms, sensitivity } = *self;
        Rules { mode, hold: Duration::from_millis(hold_ms.into()), sensitivity }
    }
}

/// How the program's picture is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Video {
    /// Only `h264`.
    pub codec: VideoCodec,
    /// A file of `pipelines/video/` without its ending: `x264`, `openh264`, or one the operator added.
    pub encoder: String,
    /// The encoder's own preset; for x264 `ultrafast` … `medium`.
    pub preset: String,
    /// kbit/s, 100 to 50 000
    #[schema(minimum = 100, maximum = 50_000)]
    pub bitrate_kbps: u32,
    /// Longest time between keyframes, 1 to 10 s.
    #[schema(minimum = 1, maximum = 10)]
    pub keyframe_seconds: u32,
    /// Time over which the rate is kept, 100 to 3000 ms, by encoders whose launch text has `{buffer_ms}`, such as
    /// `x264`. The more, the better the picture at the same rate, and the larger the bursts: a recorder or another
    /// server takes 1000, a viewer's line at its limit 300.
    #[schema(minimum = 100, maximum = 3000)]
    pub buffer_ms: u32,
}

/// See [`Video::codec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VideoCodec {
    /// ITU-T H.264.
    #[default]
    H264,
}

impl Default for Video {
    fn default() -> Self {
        Self {
            codec: VideoCodec::H264,
            encoder: "x264".to_owned(),
            preset: "veryfast".to_owned(),
            bitrate_kbps: 2500,
            keyframe_seconds: 2,
            buffer_ms: 300,
        }
    }
}

/// How the program's sound is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Audio {
    /// Only `aac`.
    pub codec: AudioCodec,
    /// kbit/s, 32 to 320
    #[schema(minimum = 32, maximum = 320)]
    pub bitrate_kbps: u32,
}

/// See [`Audio::codec`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AudioCodec {
    /// AAC-LC, 48 kHz stereo.
    #[default]
    Aac,
}

impl Default for Audio {
    fn default() -> Self {
        Self { codec: AudioCodec::Aac, bitrate_kbps: 128 }
    }
}

/// A target of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Output {
    /// An RTMP push.
    Rtmp {
        /// `rtmp://` or `rtmps://`, checked against the address allow-list.
        url: String,
    },
    /// A WebRTC push (RFC 9725): H.264 and Opus.
    Whip {
        /// `http://` or `https://`, checked against the address allow-list: the server's WHIP endpoint of the stream.
        url: String,
        /// The token that the server expects as `Authorization: Bearer`; 1 to 4096 bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Secret>,
    },
}
