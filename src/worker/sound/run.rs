//! The sound thread.

use std::{
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use super::{BLOCK, Command, LAG, SharedStats, Sink, lock, mixer::Mixer, time_of};
use crate::{
    link::{FromWorker, Report, message::AudioSettings},
    media::Timestamp,
    worker::{clock::Clock, encode::Audio},
};

/// Blocks mixed in one turn after the machine stood still, so that commands are heard in between: 0.5 s.
const MAX_BLOCKS: usize = 50;

/// Time from one attempt to start a broken encoder to the next.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread owns.
pub struct Run {
    clock: Clock,
    /// First sample of the next block, counted from room time zero.
    next: i64,
    mixer: Mixer,
    encoder: Option<Audio>,
    recipe: (String, AudioSettings),
    failed: Timestamp,
    sink: Sink,
    stats: SharedStats,
}

impl Run {
    pub fn new(
        clock: Clock,
        begin: i64,
        encoder: Audio,
        recipe: (String, AudioSettings),
        sink: Sink,
        stats: SharedStats,
    ) -> Self {
        let (mixer, failed) = (Mixer::new(), Timestamp::ZERO);
        Self { clock, next: begin, mixer, encoder: Some(encoder), recipe, failed, sink, stats }
    }

    /// Runs until told to stop or the owner is gone.
    pub fn run(mut self, queue: &Receiver<Command>) {
        loop {
            std::thread::sleep(self.clock.until(time_of(self.next) + LAG));
            if !self.obey(queue) {
                break;
            }
            for _ in 0..MAX_BLOCKS {
                if time_of(self.next) + LAG > self.clock.now() {
                    break;
                }
                self.block();
            }
        }
        if let Some(encoder) = self.encoder {
            encoder.finish();
        }
    }

    fn obey(&mut self, queue: &Receiver<Command>) -> bool {
        // Bounded: whoever fills the queue meanwhile waits for the next turn.
        for command in queue.try_iter().take(super::MAX_WAITING) {
            match command {
                Command::Participants(participants) => self.mixer.participants(participants),
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

    fn block(&mut self) {
        let at = time_of(self.next);
        let (block, levels) = self.mixer.block(at);
        self.encode(&block);
        self.next += BLOCK as i64;
        if let Some(levels) = levels {
            self.report(levels);
            *lock(&self.stats) = self.mixer.stats().collect();
        }
    }

    fn encode(&mut self, block: &super::Block) {
        if self.encoder.is_none() && self.clock.now().since(self.failed) >= RETRY {
            self.failed = self.clock.now();
            match Audio::start(&self.recipe.0, &self.recipe.1, self.next, Arc::clone(&self.sink)) {
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
