//! What a template looks like, with people who are not there.

use image::{Rgb, RgbImage, imageops::replace};

use super::{Fonts, card, shape::blend};
use crate::{
    layout::{
        Canvas, Color, Content, Face, Layout, MAX_TILES, Meeting, Overlay, Paint, Part, Person, Scene, transition,
        transition::{Element, Placed},
    },
    media::Rect,
};

/// Who stands in, from several scripts so that an admin sees that names of all kinds work.
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

/// The role of a screen share.
const SCREEN: &str = "screen";

/// A meeting that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// How many people, at most [`MAX_TILES`] are shown.
    pub participants: usize,
    /// How many of them are screen shares, the last ones; left out, one if the layout asks for one.
    pub screens: Option<usize>,
    /// Who has the floor and spoke last, counted from 1; 0 is nobody.
    pub speaking: usize,
    /// Who is pinned, counted from 1; 0 is nobody.
    pub pinned: usize,
    /// For how many seconds this has been so.
    pub seconds: u64,
}

/// Draws a layout for a meeting that is not there, as large as the canvas. Each role the layout asks for is played by one of the
/// people, the last ones first, while someone without a role is left.
pub fn preview(fonts: &mut Fonts, layout: &Layout, rehearsal: &Rehearsal, canvas: &Canvas) -> RgbImage {
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
    let mut director = crate::layout::Director::default();
    director.direct(layout, &meeting, std::time::Duration::ZERO);
    let scene = director.direct(layout, &meeting, std::time::Duration::from_secs(rehearsal.seconds));
    sketch(fonts, &scene, canvas, &people)
}

fn sketch(fonts: &mut Fonts, scene: &Scene, canvas: &Canvas, people: &[Person]) -> RgbImage {
    let mut picture = RgbImage::from_pixel(canvas.width, canvas.height, rgb(scene.background.color));
    for Placed { element, rect, .. } in transition::tween(scene, scene, 1.0) {
        match element {
            Element::Tile(tile) => {
                let name =
                    people.iter().find(|person| person.id == tile.participant).map(|person| person.name.as_str());
                let card = card(fonts, rect.size(), name.unwrap_or_default(), scene.background.color);
                replace(&mut picture, &card, rect.x.into(), rect.y.into());
            }
            Element::Overlay(overlay) => sketch_overlay(fonts, &mut picture, overlay),
        }
    }
    picture
}

fn rgb(Color { red, green, blue }: Color) -> Rgb<u8> {
    Rgb([red, green, blue])
}

fn sketch_overlay(fonts: &mut Fonts, picture: &mut RgbImage, overlay: &Overlay) {
    let Rect { x, y, width, height } = overlay.rect;
    let Paint { color, alpha } = overlay.fill;
    for row in 0..i64::from(height) {
        for column in 0..i64::from(width) {
            blend(picture, i64::from(x) + column, i64::from(y) + row, rgb(color), f32::from(alpha) / 255.0);
        }
    }
    let Content::Text(text) = &overlay.content else { return };
    let words: Vec<&str> = text
        .parts
        .iter()
        .map(|part| match part {
            Part::Words(words) => words.as_str(),
            Part::Clock { seconds: true, .. } => "14:05:09",
            Part::Clock { .. } => "14:05",
        })
        .collect();
    if let Some(line) = fonts.line(&words.concat(), text.size as f32, width as f32) {
        line.paint_centred(
            picture,
            x as f32 + width as f32 / 2.0,
            y as f32 + height as f32 / 2.0,
            rgb(text.color.color),
        );
    }
}

fn stand_ins(layout: &Layout, rehearsal: &Rehearsal) -> Vec<Person> {
    let count = rehearsal.participants.min(MAX_TILES);
    let asked = layout.roles();
    let screens = rehearsal.screens.unwrap_or(usize::from(asked.contains(&SCREEN))).min(count);
    let mut roles: Vec<&str> = asked.into_iter().filter(|role| *role != SCREEN).collect();
    roles.truncate(count.saturating_sub(screens + 1));
    if rehearsal.screens.is_none() && count == 1 {
        return vec![person(0, None)];
    }
    let plain = count - roles.len() - screens;
    let role = |index: usize| match index.checked_sub(plain) {
        Some(index) => Some(roles.get(index).copied().unwrap_or(SCREEN)),
        None => None,
    };
    (0..count).map(|index| person(index, role(index))).collect()
}

fn person(index: usize, role: Option<&str>) -> Person {
    Person {
        id: format!("person-{index}").parse().expect("a valid id"),
        name: name(index, role),
        role: role.map(str::to_owned),
        face: Face::Picture,
    }
}

/// What is written on a stand-in's card.
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
