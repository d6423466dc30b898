//! A participant's picture source on the stage: the newest due picture, in all its sizes, until it is stale.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::Person;
use crate::{decode::FeedVideo, i420::Picture, out::Out};
use tilecast_core::{
    link::{Feed, Report},
    media::Timestamp,
};

/// Longest time that a picture stays without a new one, where pictures came regularly. Then a card says that the camera
/// is off or lost. Slides have no rate: their picture stays while the participant is connected.
const STALE: Duration = Duration::from_secs(2);

/// The content of a participant's tiles.
#[derive(Default)]
pub struct Source {
    video: Option<Arc<FeedVideo>>,
    shown: Option<(Vec<Picture>, Timestamp)>,
    /// The last state that was reported to the front.
    told: Option<Feed>,
    lost: bool,
}

impl Source {
    /// Takes the picture that is due at this tick, for the frame of program time `pts`. Returns how long a new picture
    /// had been ready.
    pub fn update(
        &mut self,
        person: Option<&Person>,
        (tick, pts): (Timestamp, Timestamp),
        out: &Out,
    ) -> Option<Duration> {
        let video = person.and_then(|person| person.video.as_ref());
        if self.feed() != video.map(|video| video.feed) {
            self.leave(out);
            self.video = video.cloned();
            self.lost = false;
            if self.video.is_none() {
                self.shown = None;
            }
        }
        let mut waited = None;
        if let Some(video) = &self.video
            && let Some(taken) = video.pictures.take_due(&video.playout, tick)
        {
            video.counters.skipped.fetch_add(taken.passed, Ordering::Relaxed);
            let late = taken.late + pts.nanos() - tick.nanos();
            video.playout.lock().unwrap_or_else(PoisonError::into_inner).seen(late);
            self.shown = Some((taken.pictures, tick));
            waited = Some(taken.waited);
        }
        let steady = self.video.as_ref().is_none_or(|video| video.steady.load(Ordering::Relaxed));
        if steady && self.shown.as_ref().is_some_and(|(_, since)| tick.since(*since) >= STALE) {
            self.shown = None;
        }
        self.tell(waited.is_some(), out);
        waited
    }

    /// The shown picture is gone: the feed has changed, or its participant has no tile.
    pub fn leave(&mut self, out: &Out) {
        out.report_showing(self.told.take(), false);
    }

    /// Halves the rate of its pictures, or not.
    pub fn halve(&self, halved: bool) {
        if let Some(video) = &self.video {
            video.halved.store(halved, Ordering::Relaxed);
        }
    }

    fn feed(&self) -> Option<Feed> {
        self.video.as_ref().map(|video| video.feed)
    }

    fn tell(&mut self, fresh: bool, out: &Out) {
        if fresh && self.told.is_none() {
            self.told = self.feed();
            self.lost = false;
            out.report_showing(self.told, true);
        } else if self.shown.is_none() && self.told.is_some() {
            self.lost = true;
            out.report_showing(self.told.take(), false);
        }
    }

    /// True if the picture stopped coming while the participant is connected.
    pub fn lost(&self) -> bool {
        self.lost
    }

    /// The picture for the tile with this number; another size of it while that one is missing.
    pub fn picture(&self, copy: u32) -> Option<&Picture> {
        let (pictures, _) = self.shown.as_ref()?;
        pictures.get(copy as usize).or(pictures.last())
    }
}

impl Out {
    fn report_showing(&self, feed: Option<Feed>, showing: bool) {
        if let Some(feed) = feed {
            self.report(Report::Showing { feed, showing });
        }
    }
}
