//! Compiled templates, ready for solving.

use std::{collections::BTreeSet, time::Duration};

use foldhash::HashMap;

use super::{
    Anchor, Badge, Canvas, Color, Crop, Fit, Focus, Image, Paint, SCREEN, Transition, Weight,
    choice::PeopleWish,
    pack::Area,
    place::{Aspect, Beyond, Pack},
    style::{ClockSpec, Line, ShadowSpec},
    template::{People, When},
    words::Word,
};
use crate::base::{AssetHash, ParticipantId};

/// A template with a room's arguments and the images there are: what scenes are made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub(super) dwell: Duration,
    pub(super) people: People,
    pub(super) rungs: Vec<Rung>,
    pub(super) named: Named,
}

/// What a layout's rules name, numbered: rules compare numbers, not texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Named {
    pub roles: HashMap<String, usize>,
    pub people: HashMap<ParticipantId, usize>,
}

/// An arrangement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rung {
    pub when: Option<When>,
    pub transition: Transition,
    pub background: Option<Color>,
    pub image: Option<Image>,
    /// Each region lies in the canvas or in an earlier region.
    pub regions: Vec<Spot>,
    pub slots: Vec<Slot>,
    pub covers: Vec<Cover>,
}

/// A rectangle that does not depend on the canvas yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    pub within: Option<usize>,
    pub at: At,
    pub width: f64,
    pub height: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum At {
    Corner { x: f64, y: f64 },
    Anchor { anchor: Anchor, inset: f64 },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub spot: Spot,
    pub rules: Vec<Rule>,
    pub twice: bool,
    /// Most people it is given.
    pub capacity: usize,
    /// Most tiles it shows.
    pub tiles: usize,
    pub beyond: Beyond,
    /// Number of places, from this one on, that ask for recent speakers.
    pub recents: usize,
    pub pack: Pack,
    pub gap: f64,
    pub anchor: Anchor,
    pub aspect: Option<Aspect>,
    pub z: u32,
    pub fit: Fit,
    pub focus: Focus,
    pub crop: Crop,
    pub look: Look,
}

/// A rule whose names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Floor,
    Pinned,
    Recent,
    Joined,
    Rest,
    Participant(usize),
    Role(usize),
}

/// The look of tiles; lengths are fractions of the canvas's shorter side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub opacity: f64,
    pub radius: f64,
    pub border: Option<Line>,
    pub shadow: Option<ShadowSpec>,
    pub highlight: Option<Line>,
    pub label: Option<(Writing, Vec<Badge>)>,
}

/// Words in one style.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Writing {
    pub words: Vec<Word>,
    pub clock: ClockSpec,
    pub size: f64,
    pub weight: Weight,
    pub color: Paint,
    pub background: Paint,
    pub anchor: Anchor,
    pub inset: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cover {
    pub name: String,
    pub spot: Spot,
    pub z: u32,
    pub opacity: f64,
    pub radius: f64,
    pub fill: Paint,
    pub border: Option<Line>,
    pub holds: Holds,
    pub about: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Holds {
    Nothing,
    Image(Image),
    Text(Writing),
}

impl Layout {
    /// The same layout, with the room's wishes about people without a picture.
    pub fn with_people(mut self, wish: PeopleWish) -> Self {
        let People { absent, audio_only, hidden } = self.people;
        self.people = People {
            absent: wish.absent.unwrap_or(absent),
            audio_only: wish.audio_only.unwrap_or(audio_only),
            hidden: wish.hidden.unwrap_or(hidden),
        };
        self
    }

    /// Every image that the scenes may show.
    pub fn images(&self) -> BTreeSet<AssetHash> {
        let covers = |rung: &Rung| {
            let of = |cover: &Cover| match &cover.holds {
                Holds::Image(image) => Some(image.asset),
                Holds::Nothing | Holds::Text(_) => None,
            };
            rung.covers.iter().filter_map(of).collect::<Vec<_>>()
        };
        let backs = self.rungs.iter().filter_map(|rung| rung.image).map(|image| image.asset);
        backs.chain(self.rungs.iter().flat_map(covers)).collect()
    }

    /// Every role that the rules name, in that order.
    pub fn roles(&self) -> Vec<&str> {
        let mut roles: Vec<(&String, &usize)> = self.named.roles.iter().collect();
        roles.sort_by_key(|(_, number)| **number);
        roles.into_iter().map(|(role, _)| role.as_str()).collect()
    }
}

impl Layout {
    /// The role of each of `count` people in a synthetic meeting. The last `screens` people share a screen; `None`
    /// means one if the layout asks for one and somebody else is there. The people before them take one each of the
    /// other roles of the layout, as long as one person is left without a role.
    pub fn parts(&self, count: usize, screens: Option<usize>) -> Vec<Option<&str>> {
        let asked = self.roles();
        let one = usize::from(asked.contains(&SCREEN) && count > 1);
        let screens = screens.unwrap_or(one).min(count);
        let others = asked.into_iter().filter(|role| *role != SCREEN);
        let mut parts: Vec<&str> = others.take(count.saturating_sub(screens + 1)).collect();
        parts.extend(std::iter::repeat_n(SCREEN, screens));
        let plain = std::iter::repeat_n(None, count - parts.len());
        plain.chain(parts.into_iter().map(Some)).collect()
    }
}

impl Rung {
    /// Every region on this canvas, in the order of `regions`.
    pub fn areas(&self, canvas: &Canvas) -> Vec<Area> {
        let mut areas = Vec::with_capacity(self.regions.len());
        for spot in &self.regions {
            let area = spot.area(&areas, canvas);
            areas.push(area);
        }
        areas
    }
}

impl Spot {
    /// The rectangle, given the regions.
    pub fn area(&self, regions: &[Area], canvas: &Canvas) -> Area {
        let outer = self.within.and_then(|within| regions.get(within).copied()).unwrap_or(Area::WHOLE);
        let (width, height) = (self.width * outer.width, self.height * outer.height);
        match self.at {
            At::Corner { x, y } => Area { x: outer.x + x * outer.width, y: outer.y + y * outer.height, width, height },
            At::Anchor { anchor, inset } => {
                let short = f64::from(canvas.width.min(canvas.height));
                let (across, down) = anchor.fractions();
                let along = |from: f64, room: f64, length: f64, inset: f64, part: f64| {
                    from + inset + (room - length - 2.0 * inset) * part
                };
                let (left, top) = (inset * short / f64::from(canvas.width), inset * short / f64::from(canvas.height));
                Area {
                    x: along(outer.x, outer.width, width, left, across),
                    y: along(outer.y, outer.height, height, top, down),
                    width,
                    height,
                }
            }
        }
    }
}
