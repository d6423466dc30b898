//! Layout previews: a template drawn with synthetic people.

use std::{collections::HashMap, sync::Arc};

use image::{RgbImage, RgbaImage};
use serde::{Deserialize, Serialize};

use super::{CardStyle, Face, Fonts, Marks, card, render};
use crate::{
    base::{AssetHash, ParticipantId},
    layout::{self, Canvas, Layout, MAX_TILES, Meeting, Person, Scene},
    media::Size,
};

/// Names of the synthetic people, from several scripts, so that an admin sees that every script works.
const NAMES: [&str; 16] = [
    "Alice Martin",
    "Bruno Costa",
    "陈静",
    "Dana Levi",
    "Emeka Obi",
    "Fatima Zahra",
    "Goran Petrović",
    "田中 花子",
    "Ines Ferreira",
    "Jan Kowalski",
    "Кира Орлова",
    "Liam O’Brien",
    "Maja Lindqvist",
    "Νίκος Παπάς",
    "Olga Sánchez",
    "Priya Sharma",
];

/// The time of day on a preview: 14:05:09, whose digits all differ from their neighbours.
const TIME: i64 = 50_709;

/// A synthetic meeting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// How many people take part; at most [`MAX_TILES`] are shown.
    pub participants: usize,
    /// How many of them are screen shares, the last ones. `None`: one if the layout asks for one.
    pub screens: Option<usize>,
    /// Who has the floor and spoke last, counted from 1; 0 is nobody.
    pub speaking: usize,
    /// Who is pinned, counted from 1; 0 is nobody.
    pub pinned: usize,
    /// For how many seconds this state has lasted.
    pub seconds: u64,
}

impl Rehearsal {
    /// Why such a meeting is impossible, as a sentence; `None` when it is possible.
    pub fn fault(&self) -> Option<String> {
        let Self { participants, screens, speaking, pinned, seconds } = *self;
        if participants > MAX_TILES {
            return Some(format!("participants is {participants}; ask for 0 to {MAX_TILES}"));
        }
        let among = [("screen", screens.unwrap_or(0)), ("speaking", speaking), ("pinned", pinned)];
        let beyond = among.into_iter().find(|(_, number)| *number > participants);
        // A meeting without people need not say that nobody speaks.
        let beyond = beyond.filter(|(name, number)| (*name, *number, participants) != ("speaking", 1, 0));
        if let Some((name, number)) = beyond {
            return Some(format!("{name} is {number}, of {participants} participants; ask for 0 to {participants}"));
        }
        (seconds > MAX_SECONDS).then(|| format!("seconds is {seconds}; ask for 0 to {MAX_SECONDS}"))
    }
}

/// Largest `seconds` of a rehearsal: an hour turns every page.
const MAX_SECONDS: u64 = 3600;

/// Draws a layout for a synthetic meeting, in the canvas's size; see [`Layout::parts`] for the assignment of roles.
/// `images` has the pictures that the layout shows; a missing one is left out.
pub fn preview(
    fonts: &mut Fonts,
    layout: &Layout,
    rehearsal: &Rehearsal,
    canvas: &Canvas,
    images: &dyn Fn(AssetHash) -> Option<Arc<RgbaImage>>,
) -> RgbImage {
    let people = stand_ins(layout, rehearsal);
    let nth = |number: usize| number.checked_sub(1).and_then(|index| people.get(index)).map(|person| person.id.clone());
    let (floor, pinned) = (nth(rehearsal.speaking), nth(rehearsal.pinned));
    let recent: Vec<_> = floor.iter().cloned().chain(people.iter().map(|person| person.id.clone())).collect();
    let silence = std::time::Duration::from_secs(if floor.is_some() { 0 } else { rehearsal.seconds });
    let meeting = Meeting {
        floor: floor.as_ref(),
        pinned: pinned.as_slice(),
        recent: &recent,
        silence,
        room: "weekly",
        ..Meeting::of(&people, canvas)
    };
    let mut director = layout::Director::default();
    director.direct(layout, &meeting, std::time::Duration::ZERO);
    let scene = director.direct(layout, &meeting, std::time::Duration::from_secs(rehearsal.seconds));
    let faces: HashMap<&ParticipantId, Face> = people
        .iter()
        .filter_map(|person| Some((&person.id, stand_in(fonts, person, &scene, floor.as_ref() == Some(&person.id))?)))
        .collect();
    render(fonts, &scene, canvas, &|id| faces.get(id).cloned().unwrap_or_default(), images, TIME)
}

/// The synthetic camera picture of a person, as large as the scene needs it; `None` if the scene does not show it. It
/// has a camera's aspect ratio, so that it is cut, or leaves bars, like a camera's picture.
fn stand_in(fonts: &mut Fonts, person: &Person, scene: &Scene, speaking: bool) -> Option<Face> {
    let tiles = || scene.tiles.iter().filter(|tile| tile.participant == person.id);
    let tile = tiles().max_by_key(|tile| u64::from(tile.rect.width) * u64::from(tile.rect.height))?;
    let (size, seen) = (camera(tile.rect.size()), tile.rect);
    let own = CardStyle::of(tile);
    let named = tiles().all(|tile| tile.label.is_none());
    // The tile cuts the picture equally above and below; the disc keeps out of there as it would of a label.
    let cut = if tile.fit == layout::Fit::Cover { (size.height - seen.height) / 2 } else { 0 };
    let clear = (own.clear.0.saturating_add(cut), own.clear.1.saturating_add(cut));
    let style = CardStyle { named, clear, side: Some(seen.width.min(seen.height)), ..own };
    let picture = card(fonts, size, &person.name, scene.background.color, style);
    Some(Face { name: person.name.clone(), picture: Some(picture), marks: Marks { speaking, ..Marks::default() } })
}

/// The smallest size with a camera's aspect ratio that covers a tile; the tile's own size where they differ only by
/// rounding.
fn camera(Size { width, height }: Size) -> Size {
    let (across, down) = (height * 16 / 9, width * 9 / 16);
    if across.abs_diff(width) <= 2 || down.abs_diff(height) <= 2 {
        Size { width, height }
    } else if across > width {
        Size { width: across, height }
    } else {
        Size { width, height: down }
    }
}

fn stand_ins(layout: &Layout, rehearsal: &Rehearsal) -> Vec<Person> {
    let parts = layout.parts(rehearsal.participants.min(MAX_TILES), rehearsal.screens);
    parts.into_iter().enumerate().map(|(index, role)| person(index, role)).collect()
}

fn person(index: usize, role: Option<&str>) -> Person {
    Person {
        id: format!("person-{index}").parse().expect("a valid id"),
        name: name(index, role),
        role: role.map(str::to_owned),
        face: layout::Face::Picture,
    }
}

/// What a stand-in is called.
fn name(index: usize, role: Option<&str>) -> String {
    let capitalised = |role: &str| {
        let mut letters = role.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    role.map(capitalised)
        .or_else(|| NAMES.get(index).map(|name| (*name).to_owned()))
        .unwrap_or_else(|| format!("Person {}", index + 1))
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;
