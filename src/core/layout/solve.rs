//! The layout solver: from a layout and a meeting to a scene.

use std::time::Duration;

use super::{
    Layout, MAX_TILES, Scene,
    cast::{Company, Seating},
    meeting::{Face, Meeting, Person},
    painter::Painter,
    template::{Orientation, Show, When},
};
use crate::media::Size;

/// A scene, and what the next one needs to know of it.
pub(super) struct Solved {
    pub scene: Scene,
    pub seating: Seating,
}

impl Layout {
    /// The people who count, at most [`MAX_TILES`], in the room's order. People whom the template wants last come after
    /// the others; people who are not connected come after everybody who is.
    pub(super) fn admit<'a>(&self, people: &'a [Person]) -> Vec<&'a Person> {
        let is_absent = |person: &Person| person.face == Face::Absent;
        let show = |person: &Person| match person.face {
            Face::Picture | Face::Lost => Show::Card,
            Face::AudioOnly => self.people.audio_only,
            Face::Absent => self.people.absent,
            Face::Hidden => self.people.hidden,
        };
        let present = |wanted: Show| people.iter().filter(move |person| !is_absent(person) && show(person) == wanted);
        let absent = people.iter().filter(|person| is_absent(person) && show(person) != Show::Never);
        present(Show::Card).chain(present(Show::Last)).chain(absent).take(MAX_TILES).collect()
    }

    /// The first arrangement whose conditions hold.
    pub(super) fn suited(&self, company: &Company<'_>, meeting: &Meeting<'_>) -> Option<usize> {
        self.rungs.iter().position(|rung| rung.when.as_ref().is_none_or(|when| self.holds(when, company, meeting)))
    }

    fn holds(&self, when: &When, company: &Company<'_>, meeting: &Meeting<'_>) -> bool {
        let count = company.people.len() as u32;
        let present = |role: &String| self.named.roles.get(role).is_some_and(|role| company.has_role(*role));
        let stands = Orientation::of(meeting.canvas);
        when.min_people.is_none_or(|min| count >= min)
            && when.max_people.is_none_or(|max| count <= max)
            && when.role.as_ref().is_none_or(present)
            && when.pinned.is_none_or(|wanted| company.has_pinned() == wanted)
            && when.floor.is_none_or(|wanted| company.has_floor() == wanted)
            && when.silence_ms.is_none_or(|ms| meeting.silence >= Duration::from_millis(ms.into()))
            && when.orientation.is_none_or(|wanted| wanted == stands)
    }

    /// The scene of one arrangement. `shown` is how long it has been on, for pages.
    ///
    /// Every rectangle lies wholly on the canvas, is even in all four numbers and has at least 2x2 px. Nobody has two
    /// tiles unless the template says so. Tiles and overlays are sorted back to front and numbered in that order.
    pub(super) fn arrange(
        &self,
        rung: usize,
        company: &Company<'_>,
        meeting: &Meeting<'_>,
        before: Seating,
        shown: Duration,
    ) -> Solved {
        let Some(rung) = self.rungs.get(rung) else { return Solved::nothing() };
        let size = Size { width: meeting.canvas.width & !1, height: meeting.canvas.height & !1 };
        if size.width == 0 || size.height == 0 {
            return Solved::nothing();
        }
        let seating = company.seat(&rung.slots, before);
        let mut painter = Painter::new(rung, company, meeting, size);
        for (index, (slot, seats)) in rung.slots.iter().zip(&seating.seats).enumerate() {
            painter.slot(index, slot, seats, shown);
        }
        for cover in &rung.covers {
            painter.cover(cover);
        }
        Solved { scene: painter.finish(), seating }
    }
}

impl Solved {
    fn nothing() -> Self {
        Self { scene: Scene::default(), seating: Seating::default() }
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
