//! Picture queue: finished tiles of one feed between its decoder and the tick.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{clock::Clock, i420::Picture, playout::Playout};
use tilecast_core::media::Timestamp;

/// Most pictures that wait for their time. When the queue is full the decoder waits: packets have a hundredth of their
/// pictures' size, so a long playout delay is kept in packets.
const MAX_AHEAD: usize = 4;

/// A picture that is due later than this is shown at once: its time line has jumped, and waiting for it would freeze
/// the tile.
const MAX_WAIT: Duration = Duration::from_secs(3);

/// How often a waiting decoder shows that it is alive.
const LOOK: Duration = Duration::from_millis(500);

/// The queue. The decoder puts pictures in, the tick takes them out.
#[derive(Debug, Default)]
pub struct Pictures {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// The decoder whose pictures are accepted. Decoders are numbered, so that an abandoned one adds nothing.
    decoder: Option<Decoder>,
    decoders: u64,
}

/// The number of a feed's decoder, counted from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoder(u64);

#[derive(Debug)]
struct Waiting {
    /// Presentation time on the feed's time line; `None` for at once.
    pts: Option<Timestamp>,
    /// When it was put in.
    ready: Timestamp,
    pictures: Vec<Picture>,
}

/// A picture that was taken for a tick.
#[derive(Debug)]
pub struct Taken {
    /// The newest due picture, in the sizes that the decoder was asked for.
    pub pictures: Vec<Picture>,
    /// How long it was both due and ready.
    pub waited: Duration,
    /// How long ago it and the skipped ones were due, ns, on average.
    pub late: i64,
    /// Number of older pictures that were skipped.
    pub passed: u64,
}

impl Waiting {
    /// When the picture is to be shown; `now` or earlier for at once.
    fn due(&self, playout: &Mutex<Playout>, now: Timestamp) -> Timestamp {
        let playout = playout.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.pts.and_then(|pts| playout.due(pts));
        due.filter(|due| due.since(now) <= MAX_WAIT).unwrap_or(now)
    }
}

impl Pictures {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a picture, in all its sizes, to be shown at `pts` or at once. Waits while the queue is full of pictures
    /// that are not due yet, and calls `waits` from time to time. Returns how many pictures were dropped because a
    /// newer one is due already.
    pub fn push(
        &self,
        decoder: Decoder,
        (pts, pictures): (Option<Timestamp>, Vec<Picture>),
        playout: &Mutex<Playout>,
        clock: Clock,
        waits: impl Fn(),
    ) -> u64 {
        let mut state = self.lock();
        let mut gave_way = 0;
        while state.waiting.len() >= MAX_AHEAD && state.decoder == Some(decoder) {
            let now = clock.now();
            let second = state.waiting.get(1).map_or(now, |second| second.due(playout, now));
            if second <= now {
                state.waiting.pop_front();
                gave_way += 1;
            } else {
                let patience = second.since(now).min(LOOK);
                waits();
                state = self.room.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if state.decoder == Some(decoder) {
            state.waiting.push_back(Waiting { pts, ready: clock.now(), pictures });
        }
        gave_way
    }

    /// Accepts the pictures of the feed's next decoder, and of no other. Returns that decoder's number.
    pub fn open(&self) -> Decoder {
        let mut state = self.lock();
        state.decoders += 1;
        let decoder = Decoder(state.decoders);
        state.decoder = Some(decoder);
        state.waiting.clear();
        self.room.notify_all();
        decoder
    }

    /// Accepts no more pictures of that decoder: drops the queued ones and ends a waiting [`Pictures::push`].
    pub fn close(&self, decoder: Decoder) {
        let mut state = self.lock();
        if state.decoder == Some(decoder) {
            state.decoder = None;
            state.waiting.clear();
            self.room.notify_all();
        }
    }

    /// The newest picture that is due.
    pub fn take_due(&self, playout: &Mutex<Playout>, now: Timestamp) -> Option<Taken> {
        let mut state = self.lock();
        if state.waiting.is_empty() {
            return None;
        }
        let taken = state.waiting.iter().take_while(|waiting| waiting.due(playout, now) <= now).count();
        // Skipped pictures count too: what begins with them is first seen now.
        let late = state.waiting.iter().take(taken).map(|waiting| now.nanos() - waiting.due(playout, now).nanos());
        let late = late.sum::<i64>() / (taken as i64).max(1);
        let newest = state.waiting.drain(..taken).next_back()?;
        drop(state);
        self.room.notify_one();
        let waited = now.since(newest.due(playout, now).max(newest.ready));
        Some(Taken { pictures: newest.pictures, waited, late, passed: taken as u64 - 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::media::{Rect, Size, Track};

    fn picture(width: u32) -> Vec<Picture> {
        gstreamer::init().expect("GStreamer starts");
        vec![Picture {
            size: Size { width, height: 2 },
            seen: Rect { x: 0, y: 0, width, height: 2 },
            buffer: gstreamer::Buffer::new(),
        }]
    }

    #[test]
    fn the_newest_that_is_due_is_taken() {
        let (pictures, clock) = (Pictures::default(), Clock::start());
        let decoder = pictures.open();
        let ms = Timestamp::from_millis;
        let playout = Mutex::new(Playout::new());
        playout.lock().expect("not poisoned").arrived(Track::Video, ms(0), ms(0));
        for at in [0, 30, 60] {
            pictures.push(decoder, (Some(ms(at)), picture(at as u32)), &playout, clock, || ());
        }
        let due = |media| playout.lock().expect("not poisoned").due(ms(media)).expect("anchored");
        let taken = |now| pictures.take_due(&playout, now).map(|taken| (taken.pictures[0].size.width, taken.passed));
        assert_eq!(taken(due(30)), Some((30, 1)));
        assert_eq!(taken(due(59)), None);
        assert_eq!(taken(due(60)), Some((60, 0)));
    }

    #[test]
    fn what_a_slow_tick_will_not_show_gives_way() {
        let (pictures, playout, clock) = (Pictures::default(), Mutex::new(Playout::new()), Clock::start());
        let decoder = pictures.open();
        let gave_way: u64 = (0..30).map(|n| pictures.push(decoder, (None, picture(n)), &playout, clock, || ())).sum();
        let newest = pictures.take_due(&playout, clock.now()).expect("some are due");
        assert_eq!((newest.pictures[0].size.width, gave_way + newest.passed), (29, 29));
    }

    #[test]
    fn a_decoder_that_was_given_up_shows_nothing_any_more() {
        let (pictures, playout, clock) = (Pictures::default(), Mutex::new(Playout::new()), Clock::start());
        let (hung, next) = (pictures.open(), pictures.open());
        pictures.push(next, (None, picture(2)), &playout, clock, || ());
        pictures.push(hung, (None, picture(1)), &playout, clock, || ());
        pictures.close(hung);
        let taken = pictures.take_due(&playout, clock.now()).expect("the next one's");
        assert_eq!((taken.pictures[0].size.width, taken.passed), (2, 0));
    }
}
