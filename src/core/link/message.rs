//! Messages of the link (IPC protocol) between front and worker.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    base::{AssetHash, ParticipantId, RoomId},
    layout::{Canvas, Scene, Transition},
    media::{ColorSpace, Heard, Levels, Packet, Timestamp},
};

/// Version of the link's messages. Front and worker must have the same version; a worker with another version reports
/// it and exits.
pub const VERSION: u32 = 9;

/// Most mixes at the same time; a longer list is refused. Each mix costs half a hundredth of a core. A room has at most
/// 64 participants, each with one mix-minus, and viewers share the program mix.
pub const MAX_LISTENERS: usize = 65;

/// One connection of one participant. Each connection gets a new feed, so that state of an old connection (decoder,
/// clock) never reaches the new one. A number is never used again within a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Feed(pub u32);

#[derive(Debug, Clone, PartialEq)]
pub enum ToWorker {
    Control(Control),
    /// One packet of one feed.
    Packet {
        feed: Feed,
        /// True when the packet comes from a GOP cache. Such a packet arrives late, so its arrival time is no measure
        /// of jitter.
        replay: bool,
        /// The packet itself, on the feed's own time line.
        packet: Packet,
    },
    /// The finished picture of an uploaded image. It is sent before the first scene that names it, or later when the
    /// link has no space for it before. The worker keeps it until [`Control::ForgetAssets`].
    Asset {
        /// The hash by which scenes name the image.
        hash: AssetHash,
        /// A PNG or JPEG file that a drawing process of ours wrote, never an uploaded file.
        file: Bytes,
    },
}

/// Messages from front to worker, except media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// The first message of a link; it comes once.
    Start(Box<Settings>),
    /// Everyone in the room; replaces the previous list.
    Participants(Vec<Participant>),
    /// Every tile of the program from the next tick on; replaces the previous scene.
    Scene {
        scene: Scene,
        /// How the change is animated.
        transition: Transition,
        /// The first frame of the change: the first frame whose program time, on the worker's own time line, is not
        /// before this time. `None` means the next frame. If another scene comes while one waits, the new scene
        /// replaces it, and keeps its time unless the new scene has a time of its own.
        at: Option<Timestamp>,
    },
    /// Who is speaking and whose connection is bad, for highlights and badges; replaces the previous list.
    States(Vec<(ParticipantId, State)>),
    /// These assets, sent by [`ToWorker::Asset`], are no longer needed.
    ForgetAssets(Vec<AssetHash>),
    /// Display rotation of this feed's pictures. It applies to every packet after this message until the next such
    /// message, in the order of the link. A feed begins at 0; a new worker gets the message again.
    Rotation {
        /// The feed; known from [`Control::Participants`].
        feed: Feed,
        /// Quarter turns clockwise, modulo 4, as in the coordination of video orientation (3GPP TS 26.114 §7.4.5).
        quarter_turns: u8,
    },
    /// All mixes that are encoded as Opus from now on; replaces the previous list. The worker answers with
    /// [`FromWorker::Sound`] while a mix is listed, and with at most three more packets after that. An empty list
    /// encodes nothing; a worker begins with it. The list has at most [`MAX_LISTENERS`] entries, each number once. The
    /// worker refuses any other list with a fault, and changes nothing.
    Listeners(Vec<Listener>),
    /// Target rate of the program's video from now on, kbit/s.
    VideoBitrate(u32),
    /// The next program frame is to be a keyframe.
    Keyframe,
    /// Asks for the newest program frame as JPEG. The answer is [`FromWorker::Snapshot`] with the same number.
    Snapshot(u64),
    /// A heartbeat. The thread that reads the link answers at once with [`Report::Pong`] of the same number.
    Ping(u64),
    /// Finish what is in the encoders, then exit.
    Stop,
    /// Colour space of this feed's pictures where their bitstream does not say. It applies in order, like
    /// [`Control::Rotation`]; a feed begins with nothing said.
    Color {
        /// The feed; known from [`Control::Participants`].
        feed: Feed,
        /// The colour space that the sender says.
        space: ColorSpace,
    },
    /// Feeds that are decoded while nobody sees them, so that a picture is ready at once: their keyframes are too rare
    /// to wait for. Replaces the previous list; a worker begins with none.
    Warm(Vec<Feed>),
}

/// Everything a worker must know before its first tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// [`VERSION`] of the front.
    pub version: u32,
    /// The room's id, for log lines and thread names.
    pub room: RoomId,
    pub canvas: Canvas,
    /// How the picture is encoded.
    pub video: VideoSettings,
    /// How the sound is encoded.
    pub audio: AudioSettings,
    /// Launch texts of `pipelines/`, with placeholders.
    pub pipelines: Pipelines,
}

/// Launch texts with `{placeholders}`, as in `pipelines/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipelines {
    pub stage: String,
    /// The chosen video encoder.
    pub video: String,
    /// The Opus encoder of each [`Listener`].
    pub opus: String,
}

/// How the program's picture is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoSettings {
    /// Value of `{preset}`. The front has checked it against the encoder's own list.
    pub preset: String,
    /// Target rate, kbit/s.
    pub bitrate_kbps: u32,
    /// Most frames from one keyframe to the next.
    pub keyframe_frames: u32,
    /// Time over which the rate is kept (VBV buffer), ms.
    pub buffer_ms: u32,
}

/// How the program's sound is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSettings {
    /// Target rate, kbit/s.
    pub bitrate_kbps: u32,
}

/// A mix of the program's sound that is encoded as Opus for listeners: the program mix or a mix-minus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The front's number for the listener. While number and mix stay the same, the sound goes on without a break.
    pub id: u32,
    /// The participant who is left out (mix-minus), so that they do not hear themselves; `None` for the program mix.
    pub without: Option<ParticipantId>,
}

/// One participant, with what the worker needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    pub id: ParticipantId,
    /// The name on a placeholder card, in any script.
    pub name: String,
    /// The present connection, if there is one.
    pub feed: Option<Feed>,
    /// Gain of the sound, dB.
    pub gain_db: f32,
    /// True keeps the sound out of the mix. It is still metered.
    pub muted: bool,
}

/// States of a participant that the worker cannot know itself. A participant who is not listed has neither state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub speaking: bool,
    /// The participant's connection loses or delays media.
    pub weak: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FromWorker {
    Report(Report),
    /// One packet of the program. Time zero is the worker's start; the first packet of each track is its config.
    Program(Packet),
    /// One Opus packet of a listener's mix: 48 kHz stereo, 20 ms, without config, on the time line of
    /// [`FromWorker::Program`].
    Sound {
        listener: u32,
        packet: Packet,
    },
    /// The newest program frame.
    Snapshot {
        /// The number from the front's request.
        id: u64,
        /// JPEG, canvas size.
        jpeg: Bytes,
    },
}

/// Messages from worker to front, except media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// The stage is running; the first message of the worker.
    Ready {
        /// [`VERSION`] of the worker.
        version: u32,
        /// Process id on its machine.
        pid: u32,
    },
    /// The feed's tile changed from card to moving picture (true) or back (false).
    Showing {
        feed: Feed,
        /// True for the picture, false for the card.
        showing: bool,
    },
    /// Audio levels, ten times a second.
    Levels {
        /// Every participant with sound, before gain and mute.
        participants: Vec<(ParticipantId, Heard)>,
        /// The mix as it is encoded.
        program: Levels,
    },
    /// Statistics, once a second.
    Stats(Stats),
    /// A problem that the worker handled: a feed that cannot be decoded, a missing font.
    Fault {
        /// The feed, if the problem concerns one feed.
        feed: Option<Feed>,
        /// A sentence for the operator.
        text: String,
    },
    /// The machine is too slow for the room and the room does without something (degradation), or the machine keeps up
    /// again.
    Eased {
        /// Degradation level: how many things are left out now; 0 is none.
        level: u32,
        /// What changed and why, a sentence for the operator.
        text: String,
    },
    Pong(u64),
    /// A part of the worker has work and makes no progress. Repeated every half second while that lasts.
    Late {
        part: Part,
        /// The cause, as far as the worker's threads show it.
        cause: Cause,
    },
    /// Packets of this feed were lost within the worker: nothing can be decoded before the feed's next keyframe.
    Lost {
        feed: Feed,
        /// True when the decoder is new and healthy: the packets since the last keyframe would give it a picture at
        /// once. False while the decoder cannot cope with those packets.
        replay: bool,
    },
}

/// A part of a worker that must make progress for the program to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The thread of the tick.
    Stage,
    Compositor,
    Encoder,
    /// The thread that mixes and encodes the sound.
    Sound,
    /// The thread that reads the link.
    Reader,
}

/// Why a part is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Its threads run, or wait for a CPU or for memory: the machine is overloaded.
    Busy,
    /// Its threads neither run nor wait for a CPU.
    Hung,
}

/// Statistics of the worker, counted from its start unless a field says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    pub frames: u64,
    /// Ticks that passed without a frame because the machine was too slow.
    pub missed: u64,
    /// Median time over the last second from tick to composed frame, µs.
    pub compose_us: u32,
    /// Median time over the last second from composed to encoded frame, µs.
    pub encode_us: u32,
    /// CPU time of the whole process, ms.
    pub cpu_ms: u64,
    /// Resident memory, KiB.
    pub rss_kib: u64,
    pub feeds: Vec<FeedStats>,
}

/// Statistics of one feed, counted from its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedStats {
    pub feed: Feed,
    /// Size of the feed's newest picture, px; 0 by 0 before the first.
    pub width: u32,
    pub height: u32,
    pub decoded: u64,
    /// Packets that the decoder refused.
    pub corrupt: u64,
    /// Pictures that were decoded and never shown, since a newer picture was due.
    pub skipped: u64,
    /// Delay that the playout clock (jitter buffer) adds now, ms.
    pub delay_ms: f32,
    /// Times the sound ran dry (underruns).
    pub underruns: u64,
    /// Why none of the feed's video is decoded although packets come: a sentence for the operator.
    pub video_trouble: Option<String>,
    /// The same of its sound.
    pub audio_trouble: Option<String>,
}
