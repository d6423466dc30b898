//! What crosses the link, and nothing else.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    base::{AssetHash, ParticipantId, RoomId},
    layout::{Canvas, Scene, Transition},
    media::{ColorSpace, Heard, Levels, Packet, Timestamp},
};

/// Version of the link's messages. Front and worker must agree exactly; a worker that does not says so and exits.
pub const VERSION: u32 = 9;

/// Most mixes that may be listened to at once; a longer list is refused. Each costs half a hundredth of a core. A room has at
/// most 64 participants, of whom each may want the sound without their own, and viewers want everyone's.
pub const MAX_LISTENERS: usize = 65;

/// One arrival of one participant's media. Each time a participant connects it gets a new feed, so that nothing of an old
/// connection (decoder state, clock) reaches the new one. Never reused within a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Feed(pub u32);

#[derive(Debug, Clone, PartialEq)]
pub enum ToWorker {
    Control(Control),
    /// One packet of one feed.
    Packet {
        feed: Feed,
        /// True when the packet comes from a GOP cache: it arrives later than it was meant to and says nothing of jitter.
        replay: bool,
        /// The media itself, on the feed's own time line.
        packet: Packet,
    },
    /// An uploaded image's finished picture, sent before the first scene that names it, or later where the link has no room for it before; kept
    /// until [`Control::ForgetAssets`].
    Asset {
        /// What scenes call it.
        hash: AssetHash,
        /// A file that the front's own side wrote, PNG or JPEG; never one that somebody uploaded.
        file: Bytes,
    },
}

/// Front to worker, everything but media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Control {
    /// First message of a link, and only then.
    Start(Box<Settings>),
    /// Everyone in the room now; replaces the list before.
    Participants(Vec<Participant>),
    /// Every tile of the program from the next tick on; replaces the scene before.
    Scene {
        scene: Scene,
        /// How the change takes place.
        transition: Transition,
        /// The frame that the change begins with: the first whose program time, on the worker's own time line, is not
        /// before this; `None` is the next frame. While one waits, another scene takes its place, and its time if it
        /// has none of its own.
        at: Option<Timestamp>,
    },
    /// Who is heard and whose connection is bad, for highlights and badges; replaces the list before.
    States(Vec<(ParticipantId, State)>),
    /// These assets, sent by [`ToWorker::Asset`], are needed no more.
    ForgetAssets(Vec<AssetHash>),
    /// How the pictures of this feed are to be turned before they are shown: applies to every packet after this message until
    /// the next, in the order of the link. A feed begins at 0; a new worker has to be told again.
    Rotation {
        /// Whose; known from [`Control::Participants`].
        feed: Feed,
        /// Quarter turns clockwise, modulo 4, as the coordination of video orientation says (3GPP TS 26.114 §7.4.5).
        quarter_turns: u8,
    },
    /// Every mix wanted as Opus from now on; replaces the list before. Each is answered by [`FromWorker::Sound`] while it is
    /// listed, and for three packets more at most; nothing is encoded for an empty list, and that is how a worker begins. At
    /// most [`MAX_LISTENERS`], each number once; else the list is refused by a fault and changes nothing.
    Listeners(Vec<Listener>),
    /// Target rate of the program's video from now on, kbit/s.
    VideoBitrate(u32),
    /// The next program frame is to be a keyframe.
    Keyframe,
    /// Asks for the newest program frame as JPEG; answered by [`FromWorker::Snapshot`] with the same number.
    Snapshot(u64),
    /// A heartbeat: answered at once by [`Report::Pong`] with the same number, by the thread that reads the link.
    Ping(u64),
    /// Finish what is in the encoders, then exit.
    Stop,
    /// How the pictures of this feed are coloured where their bitstream does not say: applies like [`Control::Rotation`], and a
    /// feed begins with nothing said.
    Color {
        /// Whose; known from [`Control::Participants`].
        feed: Feed,
        /// What the sender says.
        space: ColorSpace,
    },
    /// The pictures of these feeds are decoded though nobody sees them, so that there is one when somebody does: they have keyframes too
    /// seldom to wait for one. Replaces the list before; a worker begins with none.
    Warm(Vec<Feed>),
}

/// Everything a worker must know before its first tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// [`VERSION`] of the front.
    pub version: u32,
    /// For log lines and thread names.
    pub room: RoomId,
    pub canvas: Canvas,
    /// How the picture is encoded.
    pub video: VideoSettings,
    /// How the sound is encoded.
    pub audio: AudioSettings,
    /// Launch texts of `pipelines/`, placeholders still in them.
    pub pipelines: Pipelines,
}

/// Launch texts with `{placeholders}`, as found in `pipelines/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipelines {
    pub stage: String,
    /// The chosen video encoder.
    pub video: String,
    /// The audio encoder of each [`Listener`], Opus.
    pub opus: String,
}

/// How the program's picture is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoSettings {
    /// Value of `{preset}`; checked by the front against the encoder's own list.
    pub preset: String,
    /// Target rate, kbit/s.
    pub bitrate_kbps: u32,
    /// Frames from one keyframe to the next, at most.
    pub keyframe_frames: u32,
    /// Time over which the rate is kept, ms.
    pub buffer_ms: u32,
}

/// How the program's sound is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSettings {
    /// Target rate, kbit/s.
    pub bitrate_kbps: u32,
}

/// A mix of the program's sound that someone listens to as Opus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The front's number for it. As long as a listener keeps number and mix its sound goes on unbroken.
    pub id: u32,
    /// The participant who is left out, so that they do not hear themselves; `None` for the program's sound.
    pub without: Option<ParticipantId>,
}

/// One participant as the worker needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    pub id: ParticipantId,
    /// What a placeholder card says; any script.
    pub name: String,
    /// The present connection, if there is one.
    pub feed: Option<Feed>,
    /// Gain of the sound, dB.
    pub gain_db: f32,
    /// True keeps the sound out of the mix; it is still metered.
    pub muted: bool,
}

/// What a participant's tile may tell about them beside what the worker knows itself. Who is not listed is neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub speaking: bool,
    /// Their connection loses or delays media.
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
        /// The number the front asked with.
        id: u64,
        /// JPEG, canvas size.
        jpeg: Bytes,
    },
}

/// Worker to front, everything but media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Report {
    /// The stage ticks; first message of the worker.
    Ready {
        /// [`VERSION`] of the worker.
        version: u32,
        /// Process id on its machine.
        pid: u32,
    },
    /// The feed's tile went from card to moving picture (true) or back (false).
    Showing {
        feed: Feed,
        /// Picture, not card.
        showing: bool,
    },
    /// Ten a second.
    Levels {
        /// Every participant with sound, before gain and mute.
        participants: Vec<(ParticipantId, Heard)>,
        /// The mix as it is encoded.
        program: Levels,
    },
    /// Once a second.
    Stats(Stats),
    /// Something went wrong and was dealt with: a feed that cannot be decoded, a font that is missing.
    Fault {
        /// Whose, if it concerns one feed.
        feed: Option<Feed>,
        /// A sentence for the operator.
        text: String,
    },
    /// The machine is too slow for the room, which does without something; or it keeps up again.
    Eased {
        /// How many things are done without now; 0 is none.
        level: u32,
        /// What changed and why, a sentence for the operator.
        text: String,
    },
    Pong(u64),
    /// A part of the worker has something to do and makes no progress. Told again every half second while that lasts.
    Late {
        part: Part,
        /// Why, as far as it can be told from its threads.
        cause: Cause,
    },
    /// Packets of this feed were lost within the worker: nothing decodes before its next keyframe.
    Lost {
        feed: Feed,
        /// Its decoder is a new one and well: the packets since the last keyframe would give it a picture at once. False while
        /// those packets are what it cannot cope with.
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
    /// Its threads run, or wait for a CPU or for memory: the machine has too much to do.
    Busy,
    /// Its threads neither run nor wait for a CPU.
    Hung,
}

/// How the worker does, counted from its start unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stats {
    pub frames: u64,
    /// Ticks that passed without a frame because the machine was too slow.
    pub missed: u64,
    /// Median over the last second from tick to composed frame, µs.
    pub compose_us: u32,
    /// Median over the last second from composed to encoded frame, µs.
    pub encode_us: u32,
    /// CPU time of the whole process, ms.
    pub cpu_ms: u64,
    /// Resident memory, KiB.
    pub rss_kib: u64,
    pub feeds: Vec<FeedStats>,
}

/// How one feed does, counted from its start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedStats {
    pub feed: Feed,
    /// Size of its newest picture, px; 0 by 0 before the first.
    pub width: u32,
    pub height: u32,
    pub decoded: u64,
    /// Packets the decoder refused.
    pub corrupt: u64,
    /// Pictures decoded but never shown, since a newer one was due.
    pub skipped: u64,
    /// Delay its playout clock adds now, ms.
    pub delay_ms: f32,
    /// Times its sound ran dry.
    pub underruns: u64,
    /// Why nothing of its video is decoded now, though it comes: a sentence for the operator.
    pub video_trouble: Option<String>,
    /// The same of its sound.
    pub audio_trouble: Option<String>,
}
