//! Drawing cache (render cache): keeps drawings while they are shown, and for a while after.

use std::collections::{HashMap, HashSet};

use super::draw_thread::{DrawThread, Drawn, Subject};
use tilecast_core::media::Timestamp;

/// Most bytes of drawings that are kept: two dozen full-screen images at 720p or four at 4K, and everything else a
/// scene can hold.
const MAX_BYTES: usize = 96 << 20;

/// Drawings by their subject.
pub struct DrawingCache {
    draw_thread: DrawThread,
    kept: HashMap<Subject, Kept>,
    asked: HashSet<Subject>,
    bytes: usize,
    most: usize,
    now: u64,
}

struct Kept {
    drawn: Drawn,
    used: u64,
    /// Bytes of the drawing that did not fit.
    refused: Option<usize>,
}

impl DrawingCache {
    pub fn new(draw_thread: DrawThread) -> Self {
        Self::holding(MAX_BYTES, draw_thread)
    }

    fn holding(most: usize, draw_thread: DrawThread) -> Self {
        Self { draw_thread, kept: HashMap::new(), asked: HashSet::new(), bytes: 0, most, now: 0 }
    }

    /// The drawing if it is there; otherwise it is requested.
    pub fn get(&mut self, subject: &Subject) -> Option<Drawn> {
        if let Some(kept) = self.kept.get_mut(subject) {
            kept.used = self.now;
            match kept.refused.filter(|_| self.now.is_multiple_of(LOOK_AGAIN)) {
                Some(bytes) if self.makes_room(bytes) => drop(self.kept.remove(subject)),
                _ => return self.kept.get(subject).map(|kept| kept.drawn.clone()),
            }
        }
        if !self.asked.contains(subject) && self.draw_thread.ask(subject.clone()) {
            self.asked.insert(subject.clone());
        }
        None
    }

    /// Adds a finished drawing. False if there is no space for it beside the visible ones.
    pub fn put(&mut self, subject: Subject, drawn: Drawn) -> bool {
        self.asked.remove(&subject);
        let bytes = drawn.bytes();
        let fits = self.makes_room(bytes);
        let (drawn, refused) = if fits { (drawn, None) } else { (Drawn::Nothing, Some(bytes)) };
        self.bytes += drawn.bytes();
        if let Some(before) = self.kept.insert(subject, Kept { drawn, used: self.now, refused }) {
            self.bytes -= before.drawn.bytes();
        }
        fits
    }

    pub fn ticked(&mut self) {
        self.now += 1;
    }

    /// Checks the drawing thread: what to tell the operator if a drawing was lost. A lost drawing is not requested
    /// again.
    pub fn look(&mut self, now: Timestamp) -> Option<String> {
        let (lost, text) = self.draw_thread.look(now)?;
        if let Some(subject) = lost {
            self.put(subject, Drawn::Nothing);
        }
        Some(text)
    }

    /// Drops the drawings that were not shown for longest, but no visible one. False if this many bytes still do not
    /// fit.
    fn makes_room(&mut self, bytes: usize) -> bool {
        while self.bytes + bytes > self.most || self.kept.len() > MAX_KEPT {
            let unused = self.kept.iter().filter(|(_, kept)| kept.used + 1 < self.now);
            let Some(oldest) = unused.min_by_key(|(_, kept)| kept.used).map(|(subject, _)| subject.clone()) else {
                break;
            };
            if let Some(gone) = self.kept.remove(&oldest) {
                self.bytes -= gone.drawn.bytes();
            }
        }
        self.bytes + bytes <= self.most
    }
}

/// Most drawings that are kept, however small: each second of a clock is another drawing.
const MAX_KEPT: usize = 1024;

/// Ticks between two checks for space for a drawing that did not fit: about a second.
const LOOK_AGAIN: u64 = 32;

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixStream, sync::Arc, sync::mpsc::channel};

    use image::RgbaImage;

    use super::*;
    use crate::{out::Writer, stage::Assets};
    use tilecast_core::{
        base::AssetHash,
        draw::{Format, Sheet},
        layout::Fit,
        media::Size,
    };

    fn image(asset: AssetHash) -> Subject {
        Subject::Image { asset, fit: Fit::Cover, size: Size { width: 64, height: 64 } }
    }

    #[test]
    fn what_did_not_fit_is_asked_for_again_once_there_is_room() {
        let (link, _front) = UnixStream::pair().expect("sockets");
        let (out, _writer) = Writer::start(&link).expect("a thread");
        let (told, asked) = channel();
        let done = move |subject, _| told.send(subject).expect("the test listens");
        let assets = Assets::default();
        let [one, other] = ["one", "other"].map(|file| {
            let asset = AssetHash::of(file.as_bytes());
            assets.keep(asset, file.into()).expect("it fits");
            image(asset)
        });
        let draw_thread = DrawThread::start(assets, out, Timestamp::ZERO, done).expect("a thread");
        let drawn =
            || Drawn::Sheet(Arc::new(Sheet::from_rgba(&RgbaImage::from_pixel(64, 64, [9; 4].into()), Format::I420)));
        let mut drawings = DrawingCache::holding(drawn().bytes() * 3 / 2, draw_thread);
        assert!(drawings.put(one.clone(), drawn()));
        assert!(!drawings.put(other.clone(), drawn()), "both do not fit");
        for _ in 0..LOOK_AGAIN {
            drawings.ticked();
            assert!(drawings.get(&one).is_some() && drawings.get(&other).is_some(), "the first is shown");
        }
        for _ in 0..LOOK_AGAIN {
            drawings.ticked();
            drawings.get(&other);
        }
        assert_eq!(asked.recv().expect("an artist"), other);
    }
}
