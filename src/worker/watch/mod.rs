//! Watchdog of a worker: checks whether its parts make progress, and tells the front which part does not, and why.
//!
//! It owns one thread, which holds no lock that others hold for long, and so never hangs with them. It decides nothing:
//! the front judges by the program alone, and uses these reports to decide whether to be patient and which part to
//! name.

mod beat;
mod suspect;
mod threads;

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub use self::{
    beat::Beat,
    suspect::{Standstill, Suspect},
    threads::{Effort, Threads, effort, this_thread},
};
use crate::{clock::Clock, leavers, out::Out};
use tilecast_core::{
    link::{Cause, Part, Report},
    media::Timestamp,
};

/// Time between two checks. A check of healthy parts reads ten counters.
const LOOK: Duration = Duration::from_millis(100);

/// Time without progress after which a part is reported: half of the front's own limit, so that the front knows in
/// time.
const LATE: Duration = Duration::from_millis(700);

/// Time between two reports while it lasts.
const AGAIN: Duration = Duration::from_millis(500);

/// Longest time for the watch to end: it only sleeps.
const END: Duration = Duration::from_millis(300);

/// The progress of every part.
#[derive(Debug)]
pub struct Heartbeat {
    /// Counts each tick.
    pub stage: Beat,
    /// Counts each composed frame.
    pub compositor: Beat,
    /// Counts each packet of video.
    pub encoder: Beat,
    /// Counts each turn of the sound thread.
    pub sound: Beat,
    /// Counts each message, and several times a second without one.
    pub reader: Beat,
}

impl Heartbeat {
    /// Counters at zero.
    pub fn new() -> Self {
        Self {
            stage: Beat::steady(),
            compositor: Beat::idle(),
            encoder: Beat::idle(),
            sound: Beat::steady(),
            reader: Beat::steady(),
        }
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}

/// One part under observation.
struct Watched {
    part: Part,
    of: fn(&Heartbeat) -> &Beat,
    threads: Threads,
    late: Duration,
    suspect: Suspect,
    told: Option<Timestamp>,
}

/// The running watchdog; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts the watchdog. The calling thread is the one that reads the link; the stage has another frame every
    /// `frame`.
    pub fn start(pulse: Arc<Heartbeat>, frame: Duration, clock: Clock, out: Out) -> io::Result<Self> {
        let watched = |part, of, threads| {
            let late = if part == Part::Stage { LATE + frame } else { LATE };
            Watched { part, of, threads, late, suspect: Suspect::new(clock.now()), told: None }
        };
        // The names are those of our own threads, and GStreamer's names for the launch texts' elements. An encoder's
        // own threads inherit the name of the thread that starts them.
        let mut parts = [
            watched(Part::Compositor, |pulse| &pulse.compositor, Threads::Named("stage:src")),
            watched(Part::Encoder, |pulse| &pulse.encoder, Threads::Named("in:src")),
            watched(Part::Stage, |pulse| &pulse.stage, Threads::Named("stage")),
            watched(Part::Sound, |pulse| &pulse.sound, Threads::Named("sound")),
            watched(Part::Reader, |pulse| &pulse.reader, Threads::One(this_thread())),
        ];
        let (stop, stopped) = channel();
        let run = move || run(&mut parts, &pulse, clock, &out, &stopped);
        let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            leavers::join_by("watch", thread, Instant::now() + END);
        }
    }
}

fn run(parts: &mut [Watched], pulse: &Heartbeat, clock: Clock, out: &Out, stopped: &Receiver<()>) {
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
        let now = clock.now();
        let mut late: Vec<(Part, Cause)> = Vec::new();
        for watched in parts.iter_mut() {
            if let Some(cause) = watched.look(pulse, now) {
                late.push((watched.part, cause));
            }
        }
        // A stage that waits for its compositor or its encoder is late because of them.
        let waits = late.iter().any(|(part, _)| matches!(part, Part::Compositor | Part::Encoder));
        late.retain(|(part, _)| *part != Part::Stage || !waits);
        for (part, cause) in late {
            let watched = parts.iter_mut().find(|watched| watched.part == part);
            if watched.is_some_and(|watched| watched.tells(now)) {
                out.report(Report::Late { part, cause });
            }
        }
    }
}

impl Watched {
    /// The cause, if the part is late and the cause can be told.
    fn look(&mut self, pulse: &Heartbeat, now: Timestamp) -> Option<Cause> {
        let standstill = self.suspect.look(now, (self.of)(pulse), || effort(self.threads));
        if standstill.time < self.late {
            self.told = None;
            return None;
        }
        standstill.busy.map(|busy| if busy { Cause::Busy } else { Cause::Hung })
    }

    fn tells(&mut self, now: Timestamp) -> bool {
        let due = self.told.is_none_or(|told| now.since(told) >= AGAIN);
        if due {
            self.told = Some(now);
        }
        due
    }
}
