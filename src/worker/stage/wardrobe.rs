//! What the artist has drawn, kept for as long as it is shown and a while longer.

use std::collections::{HashMap, HashSet};

use super::artist::{Artist, Drawn, Subject};
use crate::media::Timestamp;

/// Most bytes of drawings kept: two dozen full-screen images at 720p, four at 4K, and everything else a scene can hold.
const MAX_BYTES: usize = 96 << 20;

/// Drawings by what they show.
pub struct Wardrobe {
    artist: Artist,
    kept: HashMap<Subject, Kept>,
    asked: HashSet<Subject>,
    bytes: usize,
    /// Counts ticks.
    now: u64,
}

struct Kept {
    drawn: Drawn,
    used: u64,
}

impl Wardrobe {
    /// Empty.
    pub fn new(artist: Artist) -> Self {
        Self { artist, kept: HashMap::new(), asked: HashSet::new(), bytes: 0, now: 0 }
    }

    /// The drawing if it is there; else it is asked for.
    pub fn get(&mut self, subject: &Subject) -> Option<Drawn> {
        if let Some(kept) = self.kept.get_mut(subject) {
            kept.used = self.now;
            return Some(kept.drawn.clone());
        }
        if !self.asked.contains(subject) && self.artist.ask(subject.clone()) {
            self.asked.insert(subject.clone());
        }
        None
    }

    /// Takes what the artist has finished. False if there is no room for it beside what is on the stage.
    pub fn put(&mut self, subject: Subject, drawn: Drawn) -> bool {
        self.asked.remove(&subject);
        let bytes = drawn.bytes();
        self.make_room(bytes);
        let fits = self.bytes + bytes <= MAX_BYTES;
        let drawn = if fits { drawn } else { Drawn::Nothing };
        self.bytes += drawn.bytes();
        if let Some(before) = self.kept.insert(subject, Kept { drawn, used: self.now }) {
            self.bytes -= before.drawn.bytes();
        }
        fits
    }

    /// Counts a tick.
    pub fn ticked(&mut self) {
        self.now += 1;
    }

    /// Looks after the artist: what to tell the operator if a drawing was lost. It is not asked for again.
    pub fn look(&mut self, now: Timestamp) -> Option<String> {
        let (lost, text) = self.artist.look(now)?;
        if let Some(subject) = lost {
            self.put(subject, Drawn::Nothing);
        }
        Some(text)
    }

    /// Lets go of what has not been shown for longest, but of nothing that is shown.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes + bytes > MAX_BYTES || self.kept.len() > MAX_KEPT {
            let unused = self.kept.iter().filter(|(_, kept)| kept.used + 1 < self.now);
            let Some(oldest) = unused.min_by_key(|(_, kept)| kept.used).map(|(subject, _)| subject.clone()) else {
                return;
            };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes -= gone.drawn.bytes();
            }
        }
    }
}

/// Most drawings kept, however small: every second of a clock is another.
const MAX_KEPT: usize = 1024;
