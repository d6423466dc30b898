//! Room status (actual state): what a room is, in contrast to what it should be.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Door, RoomDocument, tracks::TrackStatus};
use crate::{
    base::{OutputId, ParticipantId, RoomId},
    media::{Heard, Levels},
    speaker::{Mode, Score, Sensitivity, Thresholds, Why},
};

/// A room as REST gives it: the document, and under `status` what is true now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomView {
    /// Its name in URLs.
    pub id: RoomId,
    /// The desired state.
    #[serde(flatten)]
    pub document: RoomDocument,
    /// The actual state.
    pub status: RoomStatus,
}

/// The actual state of a room.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RoomStatus {
    /// The worker that makes the program.
    pub worker: WorkerStatus,
    /// Everyone, by id.
    pub participants: BTreeMap<ParticipantId, ParticipantStatus>,
    /// The participant who has the floor.
    pub floor: Option<ParticipantId>,
    /// True while an operator's `PUT speaker` holds it.
    pub floor_held: bool,
    /// The tiles on the program, back to front, with their rectangles in px.
    pub scene: Vec<TileStatus>,
    /// Every output, by id.
    pub outputs: BTreeMap<OutputId, OutputStatus>,
    /// The program itself.
    pub program: ProgramStatus,
    /// True while the disk takes nothing and a restart would undo the last changes; they are stored as soon as they can
    /// be.
    pub unsaved: bool,
}

/// The floor (active speaker), and the reasons for it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpeakerStatus {
    /// Who decides.
    pub mode: Mode,
    /// How readily a new speaker takes the floor.
    pub sensitivity: Sensitivity,
    /// The participant who has the floor; null for nobody.
    pub participant: Option<ParticipantId>,
    /// True while an operator's `PUT` holds it there.
    pub held: bool,
    /// When that ends by itself, RFC 3339; null when it does not.
    pub held_until: Option<String>,
    /// The reason for the last change of the floor; null as long as it never moved.
    pub why: Option<Why>,
    /// Since when the present participant has it, or nobody, RFC 3339.
    pub since: String,
    /// The participant who lost it then.
    pub lost: Option<ParticipantId>,
    /// The scores at that time, of everyone who could have had the floor.
    pub scores_then: Vec<Score>,
    /// The present scores of everyone who can have the floor, the highest first.
    pub scores: Vec<Score>,
    /// The thresholds for scores.
    pub thresholds: Thresholds,
    /// How long nobody has spoken, ms; 0 while somebody does.
    pub silence_ms: u64,
    /// Participants who are still here and have spoken: the present speakers first, then those who stopped, the newest
    /// first.
    pub recent: Vec<ParticipantId>,
}

/// The worker.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct WorkerStatus {
    /// The stage of its life.
    pub state: WorkerState,
    /// Process id, while it runs.
    pub pid: Option<u32>,
    /// Number of workers started since the room began; above 1 means some were replaced.
    pub started: u64,
    /// Why the last one ended.
    pub last_exit: Option<String>,
    /// The reason why the room has none yet, while it waits for one.
    pub delayed: Option<String>,
    /// CPU time of the present one, ms.
    pub cpu_ms: u64,
    /// Memory of the present one, KiB.
    pub rss_kib: u64,
    /// Messages of the present one that were refused, since they could not be true. One that goes on so is replaced.
    pub refused: u64,
}

/// See [`WorkerStatus::state`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Started, not yet making a program.
    #[default]
    Starting,
    /// Making the program.
    Running,
    /// Ended; another starts in a moment.
    Waiting,
}

/// The state of a participant's media.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaState {
    /// Not connected: never came, or left.
    #[default]
    Absent,
    /// Not connected: the connection broke less than 5 s ago.
    Lost,
    /// Connected, and nothing of it can be shown or heard: nothing came yet, or what comes cannot be used; `last_error`
    /// says why.
    Joining,
    /// Packets flow.
    Live,
    /// Connected, but nothing has come for 2 s, and nothing of it is on the program. Slides that come more seldom are
    /// live.
    Stalled,
}

/// One participant now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ParticipantStatus {
    /// The state of its media.
    pub state: MediaState,
    /// The door it came in by.
    pub door: Option<Door>,
    /// True while its picture, not its card, is on the program.
    pub showing: bool,
    /// Newest picture, px wide; 0 before the first.
    pub width: u32,
    /// Newest picture, px high.
    pub height: u32,
    /// Measured incoming rate over the last second, kbit/s.
    pub received_kbps: u32,
    /// Pictures decoded since it connected.
    pub decoded: u64,
    /// Packets its decoder refused since it connected.
    pub corrupt: u64,
    /// Delay its playout clock adds, ms.
    pub delay_ms: f32,
    /// Levels and speech of its sound, before gain and mute.
    pub levels: Option<Heard>,
    /// True while it speaks, with the floor or without.
    pub speaking: bool,
    /// Its picture, and why it cannot be used if that is so.
    pub video: TrackStatus,
    /// Its sound, likewise.
    pub audio: TrackStatus,
    /// Why a pull is not connected.
    pub last_error: Option<String>,
    /// Why its last connection was refused, though it had the right key, or was cut off; null again once media come.
    pub last_refusal: Option<String>,
}

/// A tile on the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TileStatus {
    /// The participant.
    pub participant: ParticipantId,
    /// px
    pub x: i32,
    /// px
    pub y: i32,
    /// px
    pub width: u32,
    /// px
    pub height: u32,
}

/// The stage of an output's life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputState {
    /// No program to send yet.
    #[default]
    Idle,
    /// Opening the connection.
    Connecting,
    /// Sending.
    Live,
    /// Failed; tries again after a backoff of 1 to 30 s, or within 5 s of being reachable again.
    Waiting,
}

/// One output now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct OutputStatus {
    /// The stage of its life.
    pub state: OutputState,
    /// Bytes of media sent since the room began.
    pub sent_bytes: u64,
    /// Packets lost because the target was slow.
    pub dropped_packets: u64,
    /// Times a connection was opened.
    pub connects: u64,
    /// Why the last connection ended or failed.
    pub last_error: Option<String>,
}

/// The program now.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct ProgramStatus {
    /// Frames composed by the present worker.
    pub frames: u64,
    /// Ticks it missed.
    pub missed: u64,
    /// How many things it does without, since the machine is too slow: 0 none, 1 small tiles move at half their rate, 2
    /// the preset is a step quicker, 3 the program has half its rate. An encoder without x264's presets has no step 2.
    pub eased: u32,
    /// Present position of the program's time line, ms.
    pub pts_ms: i64,
    /// People and outputs reading it now.
    pub readers: usize,
    /// Median tick to composed frame, µs.
    pub compose_us: u32,
    /// Median composed to encoded frame, µs.
    pub encode_us: u32,
    /// Audio levels of the mix.
    pub levels: Option<Levels>,
}
