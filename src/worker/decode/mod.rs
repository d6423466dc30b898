//! Packets of one feed → pictures of its tiles' sizes.
//!
//! Owns one thread per visible feed, its decoder and its scaler. Never decides what is visible and never touches the stage:
//! pictures lie in [`Pictures`] until the tick takes them. A decoder ends by [`Decoding::leave`]; hostile or broken
//! packets are counted, and cost at most the pictures up to the next keyframe. One that hangs or panics is noticed by
//! [`Decoding::look`], and left alone.

mod cadence;
mod codec;
mod color;
mod halve;
mod inbox;
mod loop_filter;
pub mod pace;
mod pictures;
mod recolor;
mod scale;
#[cfg(target_arch = "x86_64")]
mod shrink;
#[cfg(not(target_arch = "x86_64"))]
mod shrink {
    //! Elsewhere swscale does it all.

    use super::{halve::Rows, siting::Shift};

    pub enum Shrink {}

    impl Shrink {
        pub fn new(_: (usize, usize), _: (usize, usize), _: (Shift, Shift)) -> Option<Self> {
            None
        }

        pub fn run(&mut self, _: Rows<'_>, _: &mut [u8], _: usize) {
            match *self {}
        }
    }
}
pub mod decode_cost;
mod rotation;
mod siting;
mod thread;

use std::{
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use self::{inbox::Inbox, thread::Thread};
pub use self::{
    pictures::Pictures,
    rotation::Rotation,
    scale::{Target, Targets},
};
use crate::{
    clock::Clock,
    leavers::Leavers,
    playout::Playout,
    process,
    watch::{Suspect, Threads, effort, this_thread},
};
use tilecast_core::{
    link::Feed,
    media::{ColorSpace, Packet, Timestamp},
};

/// A decoder that does not go on for so long, though packets wait and it neither runs nor waits for a CPU, hangs: by then its tile
/// is a card.
const HUNG: Duration = Duration::from_secs(2);

/// One that does not go on for so long hangs whatever it does: no packet takes that long to decode.
const ENDLESS: Duration = Duration::from_secs(10);

/// What the sender of a picture says beside the bitstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Aside {
    /// How it is to be turned.
    pub turn: Rotation,
    /// How it is coloured, where the bitstream does not say.
    pub color: ColorSpace,
}

/// What is known of one feed's picture, shared by the link's reader, the decoder and the tick.
#[derive(Debug)]
pub struct FeedVideo {
    pub feed: Feed,
    /// When its pictures are to be shown.
    pub playout: Arc<Mutex<Playout>>,
    /// Those that are ready.
    pub pictures: Pictures,
    /// What became of them.
    pub counters: Counters,
    /// Every other picture is decoded only, for a machine that is too slow for all.
    pub halved: AtomicBool,
    /// Whether its first picture was of high definition, by which colours are guessed of which nothing is said. A sender that changes
    /// its size does not change its colours.
    high: OnceLock<bool>,
    /// Its pictures come often enough that their absence tells something.
    pub steady: AtomicBool,
    trouble: Mutex<Option<String>>,
    /// Why none of its packets is decoded now.
    unusable: Mutex<Option<String>>,
}

/// Counted from the feed's start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Width (upper half) and height of the newest picture, px.
    size: AtomicU64,
    pub decoded: AtomicU64,
    /// Packets refused or damaged.
    pub corrupt: AtomicU64,
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
            high: OnceLock::new(),
            steady: AtomicBool::new(false),
            trouble: Mutex::default(),
            unusable: Mutex::default(),
        }
    }

    /// Notes what is wrong with its stream, for the operator.
    fn note(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// Notes why none of its packets is decoded now, or that they are.
    fn set_unusable(&self, why: Option<String>) {
        *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why none of its packets is decoded now, if that is so.
    pub fn unusable(&self) -> Option<String> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was noted since last asked.
    pub fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How a decoder was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It does not go on.
    Hung,
    Panicked,
}

#[derive(Debug)]
pub struct Decoding {
    inbox: Arc<Inbox>,
    video: Arc<FeedVideo>,
    number: pictures::Decoder,
    thread: JoinHandle<()>,
    /// The thread's number; 0 before it runs.
    id: Arc<AtomicU32>,
    suspect: Suspect,
}

impl Decoding {
    /// Starts decoding for a participant's tiles.
    pub fn start(video: Arc<FeedVideo>, targets: Targets, clock: Clock) -> io::Result<Self> {
        let inbox = Arc::new(Inbox::new(targets));
        let number = video.pictures.open();
        let (work, shown) = (Arc::clone(&inbox), Arc::clone(&video));
        let id = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&id);
        let run = move || {
            told.store(this_thread(), Ordering::Relaxed);
            process::yield_to_stage();
            Thread::new(work, shown, number, clock).run();
        };
        let thread = std::thread::Builder::new().name(name(&video)).spawn(run)?;
        Ok(Self { inbox, video, number, thread, id, suspect: Suspect::new(clock.now()) })
    }

    /// Hands over the feed's next video packet, and what is said of its picture. Never waits; false when packets were
    /// dropped, and nothing decodes before the next keyframe.
    pub fn push(&self, replay: bool, aside: Aside, packet: Packet) -> bool {
        self.inbox.push(replay, aside, packet)
    }

    /// True when packets came since this was last asked of which none decodes before the next keyframe.
    pub fn starves(&self) -> bool {
        self.inbox.starves()
    }

    /// The tiles have new shapes.
    pub fn set_targets(&self, targets: Targets) {
        self.inbox.set_targets(targets);
    }

    /// Whether it is lost.
    pub fn look(&mut self, now: Timestamp) -> Option<Lost> {
        if self.thread.is_finished() {
            return Some(Lost::Panicked);
        }
        let id = self.id.load(Ordering::Relaxed);
        let still = self.suspect.look(now, &self.inbox.beat, || effort(Threads::One(id)));
        let hung = still.time >= ENDLESS || still.time >= HUNG && still.busy == Some(false);
        hung.then_some(Lost::Hung)
    }

    /// Ends after what it is doing now, which is seen to by `leavers`; `hung` when it is known to do nothing any more.
    pub fn leave(self, leavers: &mut Leavers, hung: bool) {
        self.inbox.close();
        self.video.pictures.close(self.number);
        leavers.add(name(&self.video), self.thread, hung);
    }
}

fn name(video: &FeedVideo) -> String {
    format!("decode-{}", video.feed.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks on simulated time until it is lost, and how long that took, ms.
    fn lost(decoding: &mut Decoding, begun: Timestamp) -> (Lost, u128) {
        let mut now = begun;
        loop {
            now = now + Duration::from_millis(250);
            if let Some(lost) = decoding.look(now) {
                return (lost, now.since(begun).as_millis());
            }
            assert!(now.since(begun) < Duration::from_secs(60), "it is taken for well");
        }
    }

    #[test]
    fn a_decoder_that_takes_nothing_hangs_and_one_without_work_does_not() {
        let clock = Clock::start();
        let video = Arc::new(FeedVideo::new(Feed(1)));
        let mut decoding = Decoding::start(video, Targets::from([]), clock).expect("a thread");
        let inbox = Arc::clone(&decoding.inbox);
        // It waits for work before anything else.
        while effort(Threads::One(decoding.id.load(Ordering::Relaxed))).is_none_or(|effort| effort.runnable) {
            std::thread::yield_now();
        }
        for second in 0..100 {
            assert_eq!(decoding.look(clock.now() + Duration::from_secs(second)), None);
        }
        let held = inbox.lock();
        inbox.beat.waits(1);
        let (how, after) = lost(&mut decoding, clock.now() + Duration::from_secs(100));
        assert_eq!(how, Lost::Hung);
        assert!((1750..=2500).contains(&after), "{after} ms");
        drop(held);
        let mut leavers = Leavers::default();
        decoding.leave(&mut leavers, true);
        // It came to, and so it ends.
        while leavers.sweep() > 0 {
            std::thread::yield_now();
        }
    }
}
