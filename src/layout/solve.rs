//! From a template and a meeting to a scene.

use super::{
    Canvas, MAX_TILES, Scene, Template, Tile,
    cast::cast,
    pack::pack,
    template::{Arrangement, Orientation, When},
};
use crate::{base::ParticipantId, media::Size};

/// One of those who may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique among those given.
    pub id: ParticipantId,
    /// What templates cast by.
    pub role: Option<String>,
}

/// Arranges `people`, in the room's order and without those who are hidden, on `canvas`.
///
/// Every tile is wholly on the canvas, even in all four numbers and at least 2x2 px; nobody has two; tiles come back to front
/// and are numbered so. Only the first [`MAX_TILES`] people are considered, and of those the template may leave some out.
/// Checked templates and canvases make sense; others make a scene too, if a useless one.
pub fn solve(template: &Template, people: &[Person], canvas: &Canvas, floor: Option<&ParticipantId>) -> Scene {
    let people = &people[..people.len().min(MAX_TILES)];
    let size = Size { width: canvas.width & !1, height: canvas.height & !1 };
    let suited = template.arrangements.iter().find(|arrangement| arrangement.suits(people, size));
    let Some(Arrangement { places, .. }) = suited.filter(|_| size.width > 0 && size.height > 0) else {
        return Scene::default();
    };
    let mut tiles = Vec::with_capacity(people.len());
    for (place, crowd) in places.iter().zip(cast(places, people, floor)) {
        for (index, rect) in crowd.members().zip(pack(place, crowd.len(), size)) {
            tiles.push(Tile { participant: people[index].id.clone(), rect, z: place.z, fit: place.fit });
        }
    }
    // Stable, so that equals keep the template's order.
    tiles.sort_by_key(|tile| tile.z);
    for (tile, z) in tiles.iter_mut().zip(0..) {
        tile.z = z;
    }
    Scene { tiles }
}

impl Arrangement {
    fn suits(&self, people: &[Person], canvas: Size) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(people, canvas))
    }
}

impl When {
    fn holds(&self, people: &[Person], canvas: Size) -> bool {
        let count = people.len() as u32;
        let present = |role: &String| people.iter().any(|person| person.role.as_ref() == Some(role));
        let stands = if canvas.width >= canvas.height { Orientation::Landscape } else { Orientation::Portrait };
        self.min_people.is_none_or(|min| count >= min)
            && self.max_people.is_none_or(|max| count <= max)
            && self.role.as_ref().is_none_or(present)
            && self.orientation.is_none_or(|wanted| wanted == stands)
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
