//! Video decoding: packets of one feed → pictures in the sizes of its tiles.
//!
//! This folder owns one thread per visible feed, its decoder and its scaler. It never decides what is visible and never
//! touches the stage: pictures wait in [`Pictures`] until the tick takes them. A decoder ends by [`Decoding::leave`].
//! Hostile or broken packets are counted, and cost at most the pictures up to the next keyframe. [`Decoding::look`]
//! detects a decoder that hangs or panicked; a thread that hangs is abandoned.

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
    //! On other processors swscale does all of this.

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

/// A decoder hangs if it makes no progress for this long although packets wait and its thread neither runs nor waits
/// for a CPU. By then its tile shows a card.
const HUNG: Duration = Duration::from_secs(2);

/// A decoder that makes no progress for this long hangs in any case: no packet takes so long to decode.
const ENDLESS: Duration = Duration::from_secs(10);

/// What the sender says of a picture beside the bitstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Aside {
    /// The display rotation.
    pub turn: Rotation,
    /// The colours, where the bitstream does not say.
    pub color: ColorSpace,
}

/// The state of one feed's video, shared by the link's reader, the decoder and the tick.
#[derive(Debug)]
pub struct FeedVideo {
    pub feed: Feed,
    /// The jitter buffer: when its pictures are to be shown.
    pub playout: Arc<Mutex<Playout>>,
    /// Finished pictures.
    pub pictures: Pictures,
    /// What became of them.
    pub counters: Counters,
    /// True: every other picture is only decoded and not shown, on a machine that is too slow for all.
    pub halved: AtomicBool,
    /// True if the feed's first picture was high definition; colours without a description are guessed by this. A
    /// sender that changes its size does not change its colours.
    high: OnceLock<bool>,
    /// True if pictures come so regularly that a pause tells something.
    pub steady: AtomicBool,
    trouble: Mutex<Option<String>>,
    /// Why none of its packets is decoded now.
    unusable: Mutex<Option<String>>,
}

/// Counters from the feed's start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Width (upper half) and height of the newest picture, px.
    size: AtomicU64,
    pub decoded: AtomicU64,
    /// Packets that were refused or damaged.
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

    /// Notes a problem of its stream, for the operator.
    fn note(&self, trouble: String) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// Notes why none of its packets is decoded now; `None` when they are decoded.
    fn set_unusable(&self, why: Option<String>) {
        *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why none of its packets is decoded now; `None` when they are decoded.
    pub fn unusable(&self) -> Option<String> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The problem that was noted since the last call.
    pub fn take_trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// How a decoder was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It makes no progress.
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

    /// Hands over the feed's next video packet and what its sender says of the picture. Never waits. False when packets
    /// were dropped: then nothing can be decoded before the next keyframe.
    pub fn push(&self, replay: bool, aside: Aside, packet: Packet) -> bool {
        self.inbox.push(replay, aside, packet)
    }

    /// True when packets came since the last call, and none of them can be decoded before the next keyframe.
    pub fn starves(&self) -> bool {
        self.inbox.starves()
    }

    /// Changes the shapes of the tiles.
    pub fn set_targets(&self, targets: Targets) {
        self.inbox.set_targets(targets);
    }

    /// Whether the decoder is lost.
    pub fn look(&mut self, now: Timestamp) -> Option<Lost> {
        if self.thread.is_finished() {
            return Some(Lost::Panicked);
        }
        let id = self.id.load(Ordering::Relaxed);
        let still = self.suspect.look(now, &self.inbox.beat, || effort(Threads::One(id)));
        let hung = still.time >= ENDLESS || still.time >= HUNG && still.busy == Some(false);
        hung.then_some(Lost::Hung)
    }

    /// Ends the decoder after its current work; `leavers` waits for the thread. `hung` is true when it is known to
    /// hang.
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

    /// Looks on simulated time until the decoder is lost; also returns how long that took, ms.
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
        // The thread waits for work before anything else.
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
        // The thread came to, and so it ends.
        while leavers.sweep() > 0 {
            std::thread::yield_now();
        }
    }
}
