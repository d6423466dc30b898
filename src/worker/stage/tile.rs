//! One tile of the stage: which picture it shows at a tick, or that it shows the card.

use std::{sync::Arc, time::Duration};

use super::{
    Person,
    compositor::{Appearance, Compositor, CompositorError, Input},
};
use crate::{
    link::{Feed, Report},
    media::{Size, Timestamp},
    worker::{decode::FeedVideo, i420::Picture, out::Out},
};

/// A picture is shown for this long at most; then the card tells that the camera is off or lost.
const STALE: Duration = Duration::from_secs(2);

/// A tile and its place in the compositor.
#[derive(Default)]
pub struct Tile {
    input: Option<Input>,
    video: Option<Arc<FeedVideo>>,
    shown: Option<(Picture, Timestamp)>,
    /// What the front was last told of this feed.
    told: Option<Feed>,
    card: Option<(String, Picture)>,
    asked: Option<(String, Size)>,
}

impl Tile {
    /// Takes what is due at this tick. Returns how long a fresh picture was ready before.
    pub fn update(&mut self, person: Option<&Person>, tick: Timestamp, out: &Out) -> Option<Duration> {
        let video = person.and_then(|person| person.video.as_ref());
        if self.feed() != video.map(|video| video.feed) {
            self.video = video.cloned();
            self.told = None;
            if self.video.is_none() {
                self.shown = None;
            }
        }
        let mut waited = None;
        if let Some(video) = &self.video
            && let Some(taken) = video.pictures.take_due(&video.playout, tick)
        {
            video.counters.skipped.fetch_add(taken.passed, std::sync::atomic::Ordering::Relaxed);
            self.shown = Some((taken.picture, tick));
            waited = Some(taken.waited);
        }
        if self.shown.as_ref().is_some_and(|(_, since)| tick.since(*since) >= STALE) {
            self.shown = None;
        }
        self.tell(waited.is_some(), out);
        waited
    }

    fn feed(&self) -> Option<Feed> {
        self.video.as_ref().map(|video| video.feed)
    }

    fn tell(&mut self, fresh: bool, out: &Out) {
        if fresh && self.told.is_none() {
            self.told = self.feed();
            out.report_showing(self.told, true);
        } else if self.shown.is_none() && self.told.is_some() {
            out.report_showing(self.told.take(), false);
        }
    }

    /// The card that is missing, if it is needed: what it is to say, and its size.
    pub fn wants_card(&self, name: &str, size: Size) -> bool {
        let drawn = self.card.as_ref().is_some_and(|(said, card)| said == name && card.size == size);
        let asked = self.asked.as_ref().is_some_and(|(said, asked)| said == name && *asked == size);
        self.shown.is_none() && !drawn && !asked
    }

    /// The card has been asked for.
    pub fn asked(&mut self, name: String, size: Size) {
        self.asked = Some((name, size));
    }

    /// A card has been drawn.
    pub fn set_card(&mut self, name: String, card: Picture) {
        self.card = Some((name, card));
        self.asked = None;
    }

    /// What is seen: the participant's picture, else the card, else `blank`.
    fn face<'a>(&'a self, blank: &'a Picture) -> &'a Picture {
        let card = self.card.as_ref().map(|(_, card)| card);
        self.shown.as_ref().map(|(picture, _)| picture).or(card).unwrap_or(blank)
    }

    /// Makes sure of an input of the right size, in its place, before any input is fed.
    pub fn take_place(
        &mut self,
        compositor: &Compositor,
        appearance: Appearance,
        blank: &Picture,
    ) -> Result<(), CompositorError> {
        let size = self.face(blank).size;
        if self.input.as_ref().is_none_or(|input| input.size() != size) {
            self.input = None;
            self.input = Some(compositor.input(size)?);
        }
        if let Some(input) = &mut self.input {
            input.appear(appearance);
        }
        Ok(())
    }

    /// Gives the compositor this tick's picture.
    pub fn feed_compositor(&self, blank: &Picture, frame: u64) -> Result<(), CompositorError> {
        self.input.as_ref().map_or(Ok(()), |input| input.feed(self.face(blank), frame))
    }
}

impl Out {
    fn report_showing(&self, feed: Option<Feed>, showing: bool) {
        if let Some(feed) = feed {
            self.report(Report::Showing { feed, showing });
        }
    }
}
