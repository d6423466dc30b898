//! The stage (compositor loop): ticks, tiles and the compositor. Each tick gives one composed frame to the encoder.
//!
//! The stage owns the tick's thread and, through it, the compositor, the painting over its frames, the video encoder,
//! the drawing thread and the snapshots. It never waits for a participant: a tick takes what is ready. When the encoder
//! is behind, the tick is left out and counted. The stage ends by [`Stage::end`], or by itself when GStreamer fails,
//! which ends the worker.

mod assets;
mod backdrop;
mod check;
mod compositor;
mod degradation;
mod draw_thread;
mod drawing_cache;
mod dress;
mod motion;
mod phase;
mod snapshot;
mod source;
mod thread;
mod ticks;
mod tile;
mod tiles;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub use self::{
    assets::Assets,
    check::{SceneError, canvas_is_sane, check},
    compositor::CompositorError,
};
use self::{
    draw_thread::{DrawThread, Drawn, Subject},
    thread::Thread,
};
use crate::{
    clock::Clock, decode::FeedVideo, encode::EncodeError, leavers, mailbox::Mailbox, out::Out, watch::Heartbeat,
};
use tilecast_core::{
    base::ParticipantId,
    layout::{Scene, Transition},
    link::message::{Settings, State},
    media::Timestamp,
};

/// Most commands that wait for a tick: as many drawings as may be requested, and the newest of everything else.
const MAX_COMMANDS: usize = 1024;

/// Why the stage does not start, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error(transparent)]
    Compositor(#[from] CompositorError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No threads or buffers were available.
    #[error("the stage cannot start: {0}")]
    Resources(String),
    #[error("the stage's thread panicked")]
    Panicked,
}

/// One participant as the stage knows them.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name on a card.
    pub name: String,
    /// The feed of the pictures, if the participant is connected.
    pub video: Option<Arc<FeedVideo>>,
    /// The participant's sound is kept out of the program.
    pub muted: bool,
}

/// Who is speaking, and whose connection is bad.
pub type States = HashMap<ParticipantId, State>;

/// Everyone in the room.
pub type People = HashMap<ParticipantId, Person>;

/// Messages to the stage.
pub enum Command {
    /// Everyone in the room now.
    People(People),
    /// Another scene; it is checked already.
    Scene {
        scene: Scene,
        /// How the change is animated.
        transition: Transition,
        /// The program time at which the change begins; `None` is the next tick.
        at: Option<Timestamp>,
    },
    /// Target rate of the program's video, kbit/s.
    Bitrate(u32),
    /// The next frame is to be a keyframe.
    Keyframe,
    /// Send the newest frame as JPEG under this number.
    Snapshot(u64),
    /// Who is speaking, and whose connection is bad; replaces the previous states.
    States(States),
    /// A result of the drawing thread.
    Drawn(Subject, Drawn),
    Stop,
}

/// Timing statistics of the stage.
#[derive(Debug, Default)]
pub struct Timings {
    /// Frames composed since the start.
    pub frames: u64,
    /// Ticks without a frame since the start.
    pub missed: u64,
    /// Times from tick to composed frame since the last call.
    pub compose: Vec<Duration>,
    /// Times from composed to encoded frame since the last call.
    pub encode: Vec<Duration>,
}

/// Why the stage has ended by itself, if it has.
type Failure = Arc<Mutex<Option<StageError>>>;

/// Ends the link however the stage ends, and before its parts are taken down, which may hang: a worker without a stage
/// is of no use.
struct EndsLink {
    out: Out,
    failure: Failure,
}

impl EndsLink {
    fn fail(&self, error: StageError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

impl Drop for EndsLink {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.fail(StageError::Panicked);
        }
        self.out.end_link();
    }
}

pub struct Stage {
    commands: Arc<Mailbox<Command>>,
    timings: Arc<Mutex<Timings>>,
    assets: Assets,
    failure: Failure,
    thread: JoinHandle<()>,
}

impl Command {
    /// Replaces an older command that this one makes unnecessary.
    fn replaces(&mut self, older: &Self) -> bool {
        match (self, older) {
            // A waiting scene leaves its time to the next one, wherever it waits.
            (Self::Scene { at, .. }, Self::Scene { at: before, .. }) => {
                *at = at.or(*before);
                true
            }
            (Self::People(_), Self::People(_))
            | (Self::States(_), Self::States(_))
            | (Self::Bitrate(_), Self::Bitrate(_))
            | (Self::Keyframe, Self::Keyframe)
            | (Self::Stop, _) => true,
            _ => false,
        }
    }
}

impl Stage {
    /// Starts ticking with an empty scene. When the stage fails later, it ends the link.
    pub fn start(settings: &Settings, clock: Clock, out: &Out, pulse: Arc<Heartbeat>) -> Result<Self, StageError> {
        let commands = Arc::new(Mailbox::new(MAX_COMMANDS));
        let timings = Arc::<Mutex<Timings>>::default();
        let assets = Assets::default();
        let from_artist = Arc::clone(&commands);
        let draw_thread = DrawThread::start(assets.clone(), out.clone(), clock.now(), move |subject, drawn| {
            // There is space for as many as are requested.
            let _ = from_artist.put(Command::Drawn(subject, drawn));
        });
        let resources = |error: io::Error| StageError::Resources(error.to_string());
        let (inbox, times) = (Arc::clone(&commands), Arc::clone(&timings));
        let thread = Thread::new(settings, clock, out.clone(), inbox, draw_thread.map_err(resources)?, times, pulse)?;
        let failure = Failure::default();
        let link = EndsLink { out: out.clone(), failure: Arc::clone(&failure) };
        let work = move || {
            // In this order, so that the link ends first even after a panic.
            let (mut thread, link) = (thread, link);
            if let Err(error) = thread.run() {
                link.fail(error);
            }
            drop(link);
        };
        let thread = std::thread::Builder::new().name("stage".to_owned()).spawn(work).map_err(resources)?;
        Ok(Self { commands, timings, assets, failure, thread })
    }

    /// Sends a command, which takes effect at the next tick. Never waits.
    pub fn tell(&self, command: Command) {
        if self.commands.put_newest(command, Command::replaces).is_err() {
            // Only requests for snapshots pile up, and nobody waits for those any more.
            tracing::debug!("the stage is told too much and misses something");
        }
    }

    /// The stage's store of uploaded images.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Timing statistics since the last call.
    pub fn take_timings(&self) -> Timings {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let (compose, encode) = (std::mem::take(&mut timings.compose), std::mem::take(&mut timings.encode));
        Timings { frames: timings.frames, missed: timings.missed, compose, encode }
    }

    /// Why the stage has ended, if it has.
    pub fn failure(&self) -> Option<StageError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells the stage to finish the encoder's content and end.
    pub fn end(&self) {
        self.tell(Command::Stop);
    }

    /// Waits for its end, at most until the deadline.
    pub fn join(self, deadline: Instant) -> Result<(), StageError> {
        let joined = leavers::join_by("stage", self.thread, deadline);
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (failure, joined) {
            (Some(error), _) => Err(error),
            (None, Some(Err(_))) => Err(StageError::Panicked),
            (None, Some(Ok(())) | None) => Ok(()),
        }
    }
}
