//! All tiles of the stage: their pictures at a tick, and the words on them.

use std::collections::HashMap;

use super::{
    People, States,
    compositor::{Appearance, Compositor, CompositorError},
    draw_thread::{Drawn, Subject},
    drawing_cache::DrawingCache,
    motion::Motion,
    phase::Phase,
    source::Source,
    tile::Tile,
};
use crate::{i420::Picture, out::Out};
use tilecast_core::{
    base::ParticipantId,
    draw::{CardStyle, Marks},
    layout::{self, transition::Placed},
    media::{Size, Timestamp},
};

/// The tiles and their picture sources.
pub struct Tiles {
    tiles: HashMap<(ParticipantId, u32), Tile>,
    sources: HashMap<ParticipantId, Source>,
    /// Everyone in the room.
    pub people: People,
    /// Who is speaking, and whose connection is bad.
    pub states: States,
    /// True: small tiles of people who do not speak move at half their rate.
    pub spare: bool,
    blank: Picture,
}

impl Tiles {
    /// No tiles yet. `blank` is shown while there is no card.
    pub fn new(blank: Picture) -> Self {
        Self {
            tiles: HashMap::new(),
            sources: HashMap::new(),
            people: People::new(),
            states: States::new(),
            spare: false,
            blank,
        }
    }

    /// Forgets people who are gone, and takes the pictures that are due at this tick, for the frame of program time
    /// `pts`.
    pub fn update(&mut self, placed: &[Placed<'_>], (tick, pts): (Timestamp, Timestamp), out: &Out, phase: &mut Phase) {
        let tiles = placed.iter().filter_map(Placed::tile);
        self.tiles.retain(|(id, copy), _| tiles.clone().any(|tile| tile.participant == *id && tile.copy == *copy));
        self.sources.retain(|id, source| {
            let stays = tiles.clone().any(|tile| tile.participant == *id);
            if !stays {
                source.leave(out);
            }
            stays
        });
        for tile in tiles {
            if !self.sources.contains_key(&tile.participant) {
                self.sources.insert(tile.participant.clone(), Source::default());
            }
        }
        for (id, source) in &mut self.sources {
            let moving = |placed: &&Placed<'_>| placed.tile().is_some_and(|tile| tile.participant == *id && !tile.card);
            let shown = placed.iter().filter(moving);
            let person = self.people.get(id).filter(|_| shown.clone().next().is_some());
            if let Some(waited) = source.update(person, (tick, pts), out) {
                let area = shown.map(|placed| f64::from(placed.rect.width) * f64::from(placed.rect.height)).sum();
                phase.waited(waited, area);
            }
        }
        self.spare_the_small(placed);
    }

    /// Tells decoders whose pictures may move at half their rate. Speakers are excluded, and the participant whose tile
    /// is larger than all others.
    fn spare_the_small(&self, placed: &[Placed<'_>]) {
        let area = |id: &ParticipantId| -> u64 {
            let tiles = placed.iter().filter(|placed| placed.tile().is_some_and(|tile| tile.participant == *id));
            tiles.map(|placed| u64::from(placed.rect.width) * u64::from(placed.rect.height)).max().unwrap_or(0)
        };
        let largest = if self.spare { self.sources.keys().map(area).max().unwrap_or(0) } else { 0 };
        let alone = self.spare && self.sources.keys().filter(|id| area(id) == largest).count() == 1;
        for (id, source) in &self.sources {
            let speaks = self.states.get(id).is_some_and(|state| state.speaking);
            source.halve(self.spare && !speaks && !(alone && area(id) == largest));
        }
    }

    /// Positions a tile with its present content.
    pub fn show(
        &mut self,
        placed: &Placed<'_>,
        tile: &layout::Tile,
        motion: &Motion,
        utc: i64,
        drawings: &mut DrawingCache,
        compositor: &Compositor,
    ) -> Result<(), CompositorError> {
        let (id, size) = (&tile.participant, motion.resting_size(placed));
        let marks = self.marks(id);
        let key = (id.clone(), tile.copy);
        let seat = self.tiles.entry(key).or_insert_with(|| Tile::new(self.blank.clone()));
        seat.write(tile.label.as_ref(), marks, size, utc, drawings);
        let source = self.sources.get(id).filter(|_| !tile.card);
        let picture = source.and_then(|source| source.picture(tile.copy)).cloned();
        if picture.is_none() {
            let name = self.people.get(id).map_or(id.as_str(), |person| &person.name).to_owned();
            let (background, style) = (motion.backdrop().color, CardStyle::of(tile));
            if let Some(Drawn::Picture(card)) = drawings.get(&Subject::Card { name, size, background, style }) {
                seat.card = Some(card);
            }
        }
        let face = match picture {
            Some(picture) => picture,
            None => {
                let shared = seat.card.clone().unwrap_or_else(|| self.blank.clone());
                seat.own(&shared)?
            }
        };
        seat.show(face, compositor, Appearance { rect: placed.rect, z: placed.z, alpha: placed.opacity })
    }

    /// Gives the compositor this tick's pictures.
    pub fn feed_compositor(&mut self, frame: u64) -> Result<(), CompositorError> {
        self.tiles.values_mut().try_for_each(|tile| tile.feed_compositor(frame))
    }

    /// A tile of the scene as it is shown.
    pub fn get(&self, tile: &layout::Tile) -> Option<&Tile> {
        self.tiles.get(&(tile.participant.clone(), tile.copy))
    }

    /// The present states of a participant.
    pub fn marks(&self, id: &ParticipantId) -> Marks {
        let state = self.states.get(id).copied().unwrap_or_default();
        Marks {
            muted: self.people.get(id).is_some_and(|person| person.muted),
            speaking: state.speaking,
            weak: state.weak,
            lost: self.sources.get(id).is_some_and(Source::lost),
        }
    }
}

impl Tile {
    fn write(
        &mut self,
        label: Option<&layout::Label>,
        marks: Marks,
        room: Size,
        utc: i64,
        drawings: &mut DrawingCache,
    ) {
        let Some(label) = label else {
            self.label = None;
            return;
        };
        match drawings.get(&Subject::words(&label.text, Some(marks.badges(label)), room, utc)) {
            Some(Drawn::Sheet(sheet)) => self.label = Some(sheet),
            Some(_) => self.label = None,
            None => {}
        }
    }
}
