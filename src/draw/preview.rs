//! What a template looks like, with people who are not there.

use image::{Rgb, RgbImage, imageops::replace};

use super::{Fonts, card};
use crate::layout::{
    Canvas, MAX_TILES, Person, Template, solve,
    template::{Cast, When},
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

/// Draws a template for `count` people, at most [`MAX_TILES`], as large as the canvas. Each role the template asks for is
/// played by one of them, the last ones first, while someone without a role is left; the floor is with the first.
pub fn preview(fonts: &mut Fonts, template: &Template, count: usize, canvas: &Canvas) -> RgbImage {
    let people = stand_ins(template, count.min(MAX_TILES));
    let background = canvas.background;
    let ground = Rgb([background.red, background.green, background.blue]);
    let mut picture = RgbImage::from_pixel(canvas.width, canvas.height, ground);
    for tile in solve(template, &people, canvas, people.first().map(|person| &person.id)).tiles {
        let index = people.iter().position(|person| person.id == tile.participant);
        let name = index.map_or_else(String::new, |index| name(index, people[index].role.as_deref()));
        let card = card(fonts, tile.rect.size(), &name, background);
        replace(&mut picture, &card, tile.rect.x.into(), tile.rect.y.into());
    }
    picture
}

fn stand_ins(template: &Template, count: usize) -> Vec<Person> {
    let mut roles = roles(template);
    roles.truncate(count.saturating_sub(1));
    let plain = count - roles.len();
    let person = |index: usize| Person {
        id: format!("person-{index}").parse().expect("a valid id"),
        role: index.checked_sub(plain).map(|role| roles[role].to_owned()),
    };
    (0..count).map(person).collect()
}

/// Every role the template names, once, in its order.
fn roles(template: &Template) -> Vec<&str> {
    let mut roles: Vec<&str> = Vec::new();
    for arrangement in &template.arrangements {
        let asked = arrangement.when.as_ref().and_then(|When { role, .. }| role.as_deref());
        let cast = arrangement.places.iter().flat_map(|place| &place.cast).filter_map(|rule| match rule {
            Cast::Role(role) => Some(role.as_str()),
            _ => None,
        });
        for role in asked.into_iter().chain(cast) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    roles
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
