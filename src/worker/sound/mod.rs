//! Sound (audio mixing): every feed is decoded, read at its playout clock's pace, mixed in float, measured, and encoded
//! once.
//!
//! One thread does all of this every 20 ms: [`decode`] to 48 kHz, [`timeline`] by media time, [`reader`] against clock
//! drift, [`voice`] for gain, [`vad`] for voice activity, [`mixer`] and [`limiter`] for the sum, [`AacEncoder`] and,
//! for listeners (`listeners`), [`OpusEncoder`]. The thread never waits for a participant: missing sound is silence. It
//! stops when [`Sound::end`] is called or the [`Sound`] is dropped, and finishes its encoder.

mod amplitude;
pub mod decode;
pub mod limiter;
mod listeners;
pub mod meter;
pub mod mixer;
pub mod opus;
pub mod reader;
mod run;
pub mod sinc;
pub mod timeline;
pub mod vad;
pub mod voice;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    clock::Clock,
    encode::{AacEncoder, AacError, OpusEncoder, OpusEncoderError},
    leavers,
    mailbox::Mailbox,
    playout::Playout,
    watch::Heartbeat,
};
use tilecast_core::{
    link::{
        Feed, FromWorker, Listener,
        message::{AudioSettings, Participant},
    },
    media::{Packet, Timestamp},
};

/// Samples a second in the mix.
pub const RATE: u32 = 48_000;

/// Samples in a block of the mix: 10 ms, half of the shortest codec frame, so that mixing adds little delay.
pub const BLOCK: usize = RATE as usize / 100;

/// A sample of the mix, left and right, full scale 1.0.
pub type Stereo = [f32; 2];

/// 10 ms of the mix.
pub type Block = [Stereo; BLOCK];

/// Lag of the sound. Sound of program time `t` is mixed this long after `t`, or one block later, and stamped `t`. The
/// picture of `t` leaves at `t`; a player synchronises both by their stamps, so lips match whatever the lag is. The lag
/// must cover late sound: a frame of AAC begins 21 ms before it is complete (43 ms at 24 kHz) and leaves its encoder
/// one frame later. RTMP senders also hold it for the next picture: FFmpeg's comes up to 40 ms after the picture of its
/// time. 80 ms is enough for that without holding the picture, and is less than any player buffers. 5 ms more are the
/// limiter's ([`limiter::AHEAD`]).
pub const LAG: Duration = Duration::from_millis(85);

/// Time from one attempt to start a broken encoder to the next.
const RETRY: Duration = Duration::from_secs(1);

/// Most packets waiting for the thread: 2 s of sixteen feeds with 8 ms frames. It empties the queue every 20 ms.
const MAX_WAITING: usize = 4096;

/// Most commands that wait: the packets, the newest of every other command, and one farewell of each feed.
const MAX_COMMANDS: usize = MAX_WAITING + 1024;

/// Longest time for the thread to finish when the caller gives none: its encoders take a second at most.
const END: Duration = Duration::from_millis(1200);

/// Longest packet that is accepted, bytes: AAC of eight channels has at most 6 KiB. The limit also bounds the queue.
const MAX_PACKET: usize = 16 << 10;

/// Dropped packets from one log line to the next: 10 s of one feed.
const LOG_EVERY: u64 = 500;

/// The receiver of messages to the front. It must not wait.
pub type Sink = Arc<dyn Fn(FromWorker) + Send + Sync>;

/// Counters of one feed's sound, from its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SoundStats {
    /// Times it ran dry (underruns).
    pub underruns: u64,
    /// Packets that the decoder refused.
    pub corrupt: u64,
}

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The encoder does not start.
    #[error(transparent)]
    Encoder(#[from] AacError),
    /// The thread does not start.
    #[error("the sound thread does not start: {0}; raise the limit of threads (ulimit -u, TasksMax)")]
    Thread(#[from] std::io::Error),
}

/// How sound is encoded.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub settings: AudioSettings,
    /// Launch text of a listener's encoder, from `pipelines/audio/`.
    pub opus: String,
}

impl Recipe {
    /// Starts the program's encoder, whose first sample has index `begin`, counted from room time zero.
    fn program(&self, begin: i64, sink: &Sink) -> Result<AacEncoder, AacError> {
        AacEncoder::start(&self.settings, begin, Arc::clone(sink))
    }

    /// Starts a listener's encoder; arguments as for `program`.
    fn listener(&self, number: u32, begin: i64, sink: &Sink) -> Result<OpusEncoder, OpusEncoderError> {
        OpusEncoder::start(&self.opus, &self.settings, number, begin, Arc::clone(sink))
    }
}

#[derive(Debug)]
enum Command {
    Participants(Vec<Participant>),
    Listeners(Vec<Listener>),
    Packet { feed: Feed, replay: bool, packet: Packet, playout: Arc<Mutex<Playout>> },
    Forget(Feed),
    Stop,
}

impl Command {
    /// Replaces an older command that this one makes unnecessary.
    fn replaces(&mut self, older: &Self) -> bool {
        match (self, older) {
            (Self::Participants(_), Self::Participants(_))
            | (Self::Listeners(_), Self::Listeners(_))
            | (Self::Stop, _) => true,
            (Self::Forget(feed), Self::Forget(before)) => feed == before,
            _ => false,
        }
    }
}

/// What the thread reports about the feeds.
#[derive(Debug, Default)]
struct Told {
    stats: BTreeMap<Feed, SoundStats>,
    /// Why the sound of a feed is not decoded.
    troubles: BTreeMap<Feed, String>,
}

type SharedStats = Arc<Mutex<Told>>;

fn lock(stats: &SharedStats) -> MutexGuard<'_, Told> {
    // It is replaced whole.
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program's sound, running.
#[derive(Debug)]
pub struct Sound {
    commands: Arc<Mailbox<Command>>,
    stats: SharedStats,
    dropped: AtomicU64,
    thread: Option<JoinHandle<()>>,
}

impl Sound {
    /// Starts the program's encoder and the thread. Packets and reports go to `sink`, with sound from now on, on the
    /// time line of `clock`.
    pub fn start(clock: Clock, recipe: Recipe, sink: Sink, pulse: Arc<Heartbeat>) -> Result<Self, SoundError> {
        let begin = block_at(clock.now());
        let encoder = recipe.program(begin, &sink)?;
        let commands = Arc::new(Mailbox::new(MAX_COMMANDS));
        let queue = Arc::clone(&commands);
        let stats = SharedStats::default();
        let run = run::Run::new(clock, begin, encoder, recipe, sink, Arc::clone(&stats));
        let work = move || run.run(&queue, &pulse.sound);
        let thread = std::thread::Builder::new().name("sound".to_owned()).spawn(work)?;
        Ok(Self { commands, stats, dropped: AtomicU64::new(0), thread: Some(thread) })
    }

    /// Everyone in the room; replaces the previous list.
    pub fn participants(&self, participants: &[Participant]) {
        self.control(Command::Participants(participants.to_vec()));
    }

    /// Every mix that is encoded as Opus for a listener; replaces the previous list.
    pub fn listeners(&self, listeners: Vec<Listener>) {
        self.control(Command::Listeners(listeners));
    }

    /// One packet of a feed: sound, or config of sound; others are ignored. `playout` is the feed's playout clock, to
    /// which the caller has reported the arrival unless the packet is a replay. Never waits: beyond the bounds the
    /// packet is dropped.
    pub fn packet(&self, feed: Feed, replay: bool, packet: Packet, playout: &Arc<Mutex<Playout>>) {
        let playout = Arc::clone(playout);
        let fits = packet.data.len() <= MAX_PACKET;
        if !fits || self.commands.put_within(MAX_WAITING, Command::Packet { feed, replay, packet, playout }).is_err() {
            let before = self.dropped.fetch_add(1, Ordering::Relaxed);
            if before.is_multiple_of(LOG_EVERY) {
                tracing::warn!(
                    feed = feed.0,
                    before,
                    "a packet of sound is dropped: it is too long, or the thread is behind"
                );
            }
        }
    }

    /// The feed has ended: it fades out within 20 ms and is forgotten.
    pub fn forget(&self, feed: Feed) {
        self.control(Command::Forget(feed));
    }

    /// Counters of a feed, at most 100 ms old; zero for a feed that never sent sound.
    pub fn stats(&self, feed: Feed) -> SoundStats {
        lock(&self.stats).stats.get(&feed).copied().unwrap_or_default()
    }

    /// Why the feed's sound is not decoded now; `None` if it is.
    pub fn trouble(&self, feed: Feed) -> Option<String> {
        lock(&self.stats).troubles.get(&feed).cloned()
    }

    /// False once the thread has ended by itself. That is a defect: the worker should end too.
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Tells the thread to finish the encoder's content and end.
    pub fn end(&self) {
        self.control(Command::Stop);
    }

    /// Waits for its end, at most until the deadline.
    pub fn join(mut self, deadline: Instant) {
        self.join_by(deadline);
    }

    fn join_by(&mut self, deadline: Instant) {
        let Some(thread) = self.thread.take() else { return };
        if leavers::join_by("sound", thread, deadline).is_some_and(|joined| joined.is_err()) {
            tracing::error!("the sound thread panicked");
        }
    }

    /// Control commands are never lost: the queue has space for all there can be.
    fn control(&self, command: Command) {
        if self.commands.put_newest(command, Command::replaces).is_err() {
            tracing::error!("the sound thread does not take what it is told");
        }
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.end();
        self.join_by(Instant::now() + END);
    }
}

/// First sample of the block at this program time.
fn block_at(time: Timestamp) -> i64 {
    time.nanos() / 10_000_000 * BLOCK as i64
}

/// Program time of a sample.
fn time_of(sample: i64) -> Timestamp {
    Timestamp::from_units(sample, RATE)
}

#[cfg(test)]
mod tests;
