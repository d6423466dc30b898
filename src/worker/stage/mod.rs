//! Ticks, tiles and the compositor: one composed frame a tick, to the encoder.
//!
//! Owns the tick's thread and, through it, the compositor, what is painted over its frames, the video encoder, the artist and
//! the snapshots. Never waits for a
//! participant: a tick takes what is ready. A tick at which the encoder is behind is left out and counted. Ends by
//! [`Stage::stop`], or by itself when GStreamer fails, which ends the worker.

mod artist;
mod assets;
mod check;
mod compositor;
mod dress;
mod ground;
mod ladder;
mod motion;
mod phase;
mod snapshot;
mod source;
mod thread;
mod ticks;
mod tile;
mod tiles;
mod wardrobe;

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use self::{
    artist::{Artist, Drawn, Subject},
    thread::Thread,
};
pub use self::{
    assets::Assets,
    check::{SceneError, canvas_is_sane, check},
    compositor::CompositorError,
};
use super::{clock::Clock, decode::FeedVideo, encode::EncodeError, out::Out};
use crate::{
    base::ParticipantId,
    layout::{Scene, Transition},
    link::message::{Settings, State},
    media::Timestamp,
};

/// Commands that may wait for a tick. The sender waits beyond it, which only holds up the link.
const MAX_COMMANDS: usize = 256;

/// Why there is no stage (any more).
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The compositor.
    #[error(transparent)]
    Compositor(#[from] CompositorError),
    /// The video encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Threads or buffers could not be had.
    #[error("the stage cannot start: {0}")]
    Resources(String),
    /// A bug here.
    #[error("the stage's thread panicked")]
    Panicked,
}

/// One participant as the stage knows them.
#[derive(Debug, Clone)]
pub struct Person {
    /// What a card says.
    pub name: String,
    /// Where pictures come from, if they are connected.
    pub video: Option<Arc<FeedVideo>>,
    /// Their sound is kept out of the program.
    pub muted: bool,
}

/// Who is heard and whose connection is bad.
pub type States = HashMap<ParticipantId, State>;

/// Everyone in the room.
pub type People = HashMap<ParticipantId, Person>;

/// What the stage is told.
pub enum Command {
    /// Everyone in the room now.
    People(People),
    /// Another scene, already checked.
    Scene {
        /// The target.
        scene: Scene,
        /// How the change takes place.
        transition: Transition,
        /// The program time it begins at; `None` is the next tick.
        at: Option<Timestamp>,
    },
    /// Target rate of the program's video, kbit/s.
    Bitrate(u32),
    /// The next frame is to be a keyframe.
    Keyframe,
    /// The newest frame is to be sent as JPEG under this number.
    Snapshot(u64),
    /// Who is heard and whose connection is bad now; replaces what was said before.
    States(States),
    /// From the artist.
    Drawn(Subject, Drawn),
    /// Finish.
    Stop,
}

/// What the stage did.
#[derive(Debug, Default)]
pub struct Timings {
    /// Frames composed since the start.
    pub frames: u64,
    /// Ticks without a frame since the start.
    pub missed: u64,
    /// Times from tick to composed frame since last asked.
    pub compose: Vec<Duration>,
    /// Times from composed to encoded frame since last asked.
    pub encode: Vec<Duration>,
}

struct EndsLink(Out);

impl Drop for EndsLink {
    fn drop(&mut self) {
        self.0.end_link();
    }
}

/// The running stage.
pub struct Stage {
    commands: SyncSender<Command>,
    timings: Arc<Mutex<Timings>>,
    assets: Assets,
    thread: JoinHandle<Result<(), StageError>>,
}

impl Stage {
    /// Starts ticking, with an empty scene. When it fails later, it ends the link.
    pub fn start(settings: &Settings, clock: Clock, out: &Out) -> Result<Self, StageError> {
        let (commands, inbox) = sync_channel(MAX_COMMANDS);
        let timings = Arc::<Mutex<Timings>>::default();
        let assets = Assets::default();
        let from_artist = commands.clone();
        let artist = Artist::start(assets.clone(), out.clone(), move |subject, drawn| {
            // It only fails when the stage has ended.
            let _ = from_artist.send(Command::Drawn(subject, drawn));
        });
        let artist = artist.map_err(|error| StageError::Resources(error.to_string()))?;
        let thread = Thread::new(settings, clock, out.clone(), inbox, artist, Arc::clone(&timings))?;
        let guard = EndsLink(out.clone());
        let work = move || {
            // Also when it panics: a worker without a stage is of no use.
            let _guard = guard;
            thread.run()
        };
        let spawned = std::thread::Builder::new().name("stage".to_owned()).spawn(work);
        let thread = spawned.map_err(|error: io::Error| StageError::Resources(error.to_string()))?;
        Ok(Self { commands, timings, assets, thread })
    }

    /// Tells it something; it is done at the next tick.
    pub fn tell(&self, command: Command) {
        // It only fails when the stage has failed, which stop() reports.
        let _ = self.commands.send(command);
    }

    /// Where uploaded images are kept for it.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// What it did since last asked.
    pub fn take_timings(&self) -> Timings {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let (compose, encode) = (std::mem::take(&mut timings.compose), std::mem::take(&mut timings.encode));
        Timings { frames: timings.frames, missed: timings.missed, compose, encode }
    }

    /// Finishes what is in the encoder and joins every thread.
    pub fn stop(self) -> Result<(), StageError> {
        self.tell(Command::Stop);
        self.thread.join().unwrap_or(Err(StageError::Panicked))
    }
}
