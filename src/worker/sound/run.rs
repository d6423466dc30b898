//! Sound thread: mixes and encodes every 20 ms.

use std::time::Duration;

use super::{
    BLOCK, Command, LAG, RETRY, Recipe, SharedStats, Sink, Told, block_at, listeners::Listeners, lock, mixer::Mixer,
    time_of,
};
use crate::{clock::Clock, encode::AacEncoder, mailbox::Mailbox, watch::Beat};
use tilecast_core::{
    link::{FromWorker, Listener, Report},
    media::Timestamp,
};

/// Most blocks mixed in one turn after the machine stood still, so that commands are handled in between: 0.5 s.
const MAX_BLOCKS: usize = 50;

/// Sound that is later than this is left out: viewers have gone on, and an encoder must not receive a long standstill
/// at once.
const MAX_LATE: Duration = Duration::from_secs(1);

/// Blocks of one turn. Two blocks halve the wake-ups of this thread and of the listeners' encoders; sound leaves 5 ms
/// later on average. No codec's frame is shorter than these 20 ms.
const TURN_BLOCKS: i64 = 2;

/// What the thread owns.
pub struct Run {
    clock: Clock,
    /// First sample of the next block, counted from room time zero.
    next: i64,
    mixer: Mixer,
    encoder: Option<AacEncoder>,
    recipe: Recipe,
    listeners: Listeners,
    failed: Timestamp,
    sink: Sink,
    stats: SharedStats,
}

impl Run {
    pub fn new(clock: Clock, begin: i64, encoder: AacEncoder, recipe: Recipe, sink: Sink, stats: SharedStats) -> Self {
        let (mixer, listeners, failed) = (Mixer::new(), Listeners::default(), Timestamp::ZERO);
        Self { clock, next: begin, mixer, encoder: Some(encoder), recipe, listeners, failed, sink, stats }
    }

    /// Runs until told to stop, or until the owner is gone.
    pub fn run(mut self, queue: &Mailbox<Command>, beat: &Beat) {
        loop {
            beat.beat();
            let last = self.next + (TURN_BLOCKS - 1) * BLOCK as i64;
            std::thread::sleep(self.clock.until(time_of(last) + LAG));
            if !self.obey(queue) {
                break;
            }
            self.skip();
            for _ in 0..MAX_BLOCKS {
                if time_of(self.next) + LAG > self.clock.now() {
                    break;
                }
                self.block();
            }
        }
        self.listeners.finish();
        if let Some(Err(error)) = self.encoder.map(AacEncoder::finish) {
            tracing::warn!(%error, "the last of the sound is lost");
        }
    }

    fn obey(&mut self, queue: &Mailbox<Command>) -> bool {
        // Bounded: commands that come meanwhile wait for the next turn.
        for command in std::iter::from_fn(|| queue.try_next()).take(super::MAX_WAITING) {
            match command {
                Command::Participants(participants) => self.mixer.participants(participants),
                Command::Listeners(list) => {
                    if let Err(error) = self.listeners.set(list) {
                        self.report(Report::Fault { feed: None, text: error.to_string() });
                    }
                    self.mixer.leave_out(self.listeners.left_out());
                }
                Command::Packet { feed, replay, packet, playout } => {
                    if let Some(fault) = self.mixer.packet(feed, replay, packet, &playout) {
                        self.report(fault);
                    }
                }
                Command::Forget(feed) => self.mixer.forget(feed),
                Command::Stop => return false,
            }
        }
        true
    }

    /// Skips to the present if the last block is too long ago. Encoders count their packets' time from their start, so
    /// each one is replaced.
    fn skip(&mut self) {
        let now = self.clock.now();
        let late = now.since(time_of(self.next) + LAG);
        if late <= MAX_LATE {
            return;
        }
        self.next = block_at(now - LAG);
        (self.encoder, self.failed) = (None, Timestamp::ZERO);
        self.listeners.restart();
        let text = format!(
            "the sound of {} ms is left out: this machine stood still, or has too much to do",
            late.as_millis()
        );
        self.report(Report::Fault { feed: None, text });
    }

    fn block(&mut self) {
        let at = time_of(self.next);
        let (block, levels) = self.mixer.block(at);
        self.encode(&block);
        let start = |number| self.recipe.listener(number, self.next, &self.sink);
        let heard = |listener: &Listener| match &listener.without {
            None => Some(&block),
            Some(id) => self.mixer.without(id),
        };
        for error in self.listeners.push(heard, start, self.clock.now()) {
            (self.sink)(FromWorker::Report(Report::Fault { feed: None, text: error.to_string() }));
        }
        self.next += BLOCK as i64;
        if let Some(levels) = levels {
            self.report(levels);
            *lock(&self.stats) =
                Told { stats: self.mixer.stats().collect(), troubles: self.mixer.troubles().collect() };
        }
    }

    fn encode(&mut self, block: &super::Block) {
        if self.encoder.is_none() && self.clock.now().since(self.failed) >= RETRY {
            self.failed = self.clock.now();
            match self.recipe.program(self.next, &self.sink) {
                Ok(encoder) => self.encoder = Some(encoder),
                Err(error) => self.report(Report::Fault { feed: None, text: error.to_string() }),
            }
        }
        if let Some(Err(error)) = self.encoder.as_mut().map(|encoder| encoder.push(block)) {
            (self.encoder, self.failed) = (None, self.clock.now());
            self.report(Report::Fault { feed: None, text: error.to_string() });
        }
    }

    fn report(&self, report: Report) {
        (self.sink)(FromWorker::Report(report));
    }
}
