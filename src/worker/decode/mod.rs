//! Packets of one feed → pictures of its tiles' sizes.
//!
//! Owns one thread per visible feed, its decoder and its scaler. Never decides what is visible and never touches the stage:
//! pictures lie in [`Pictures`] until the tick takes them. A decoder ends when its [`Decoding`] is dropped; hostile or broken
//! packets are counted, and cost at most the pictures up to the next keyframe.

mod codec;
mod drift;
mod halve;
mod inbox;
mod pictures;
mod scale;
#[cfg(target_arch = "x86_64")]
mod shrink;
#[cfg(not(target_arch = "x86_64"))]
mod shrink {
    //! Elsewhere swscale does it all.

    use super::halve::Rows;

    pub enum Shrink {}

    impl Shrink {
        pub fn new(_: (usize, usize), _: (usize, usize)) -> Option<Self> {
            None
        }

        pub fn run(&mut self, _: Rows<'_>, _: &mut [u8], _: usize) {
            match *self {}
        }
    }
}
mod thread;
pub mod trial;
mod turn;

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use self::{inbox::Inbox, thread::Thread};
pub use self::{
    pictures::Pictures,
    scale::{Target, Targets},
    turn::Turn,
};
use crate::{
    link::Feed,
    media::Packet,
    worker::{clock::Clock, playout::Playout, process},
};

/// What is known of one feed's picture, shared by the link's reader, the decoder and the tick.
#[derive(Debug)]
pub struct FeedVideo {
    /// Which feed.
    pub feed: Feed,
    /// When its pictures are to be shown.
    pub playout: Arc<Mutex<Playout>>,
    /// Those that are ready.
    pub pictures: Pictures,
    /// What became of them.
    pub counters: Counters,
    /// Every other picture is decoded only, for a machine that is too slow for all.
    pub halved: AtomicBool,
    trouble: Mutex<Option<String>>,
}

/// Counted from the feed's start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Width (upper half) and height of the newest picture, px.
    size: AtomicU64,
    /// Pictures decoded.
    pub decoded: AtomicU64,
    /// Packets refused or damaged.
    pub corrupt: AtomicU64,
    /// Pictures never shown.
    pub skipped: AtomicU64,
}

impl Counters {
    /// Width and height of the newest picture, px.
    pub fn size(&self) -> (u32, u32) {
        let both = self.size.load(Ordering::Relaxed);
        ((both >> 32) as u32, both as u32)
    }
}

impl FeedVideo {
    /// A feed without pictures yet.
    pub fn new(feed: Feed) -> Self {
        let playout = Arc::new(Mutex::new(Playout::new()));
        Self {
            feed,
            playout,
            pictures: Pictures::default(),
            counters: Counters::default(),
            halved: AtomicBool::new(false),
            trouble: Mutex::default(),
        }
    }

    /// Notes what is wrong with its stream, for the operator.
    fn note(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// What was noted since last asked.
    pub fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A running decoder.
#[derive(Debug)]
pub struct Decoding {
    inbox: Arc<Inbox>,
    video: Arc<FeedVideo>,
    thread: Option<JoinHandle<()>>,
}

impl Decoding {
    /// Starts decoding for a participant's tiles.
    pub fn start(video: Arc<FeedVideo>, targets: Targets, clock: Clock) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::new(targets));
        video.pictures.open();
        let (work, shown) = (Arc::clone(&inbox), Arc::clone(&video));
        let name = format!("decode-{}", video.feed.0);
        let work = move || {
            process::yield_to_stage();
            Thread::new(work, shown, clock).run();
        };
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        Ok(Self { inbox, video, thread: Some(thread) })
    }

    /// Hands over the feed's next video packet, whose picture is to be turned so. Never waits.
    pub fn push(&self, replay: bool, turn: Turn, packet: Packet) {
        self.inbox.push(replay, turn, packet);
    }

    /// The tiles have new shapes.
    pub fn set_targets(&self, targets: Targets) {
        self.inbox.set_targets(targets);
    }
}

impl Drop for Decoding {
    fn drop(&mut self) {
        self.inbox.close();
        self.video.pictures.close();
        // At most the decoding of one picture.
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(feed = self.video.feed.0, "a decoder panicked");
        }
    }
}
