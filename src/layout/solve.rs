//! From a layout and a meeting to a scene.

use std::time::Duration;

use super::{
    Backdrop, Border, Canvas, Color, Content, Label, Layout, MAX_OVERLAYS, MAX_TILES, Overlay, Paint, Part, Scene,
    Shadow, Text, Tile, Weight,
    cast::{Company, Seating},
    pack::{Area, Packing, even, pack, rect},
    place::Beyond,
    plan::{Cover, Holds, Look, Rung, Slot, Writing},
    style::Line,
    template::{Orientation, Show, When},
    words::{Facts, fill},
};
use crate::{
    base::ParticipantId,
    media::{Rect, Size},
};

/// One of those who are in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique among those given.
    pub id: ParticipantId,
    /// What labels say.
    pub name: String,
    /// What templates cast by.
    pub role: Option<String>,
    /// What there is to see of them.
    pub face: Face,
}

/// What there is to see of somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Face {
    /// A picture.
    #[default]
    Picture,
    /// Sound only.
    AudioOnly,
    /// They are not connected.
    Absent,
    /// The room hides them.
    Hidden,
}

/// A meeting at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Meeting<'a> {
    /// Everyone, in the room's order.
    pub people: &'a [Person],
    /// The program's picture.
    pub canvas: &'a Canvas,
    /// Who has the floor.
    pub floor: Option<&'a ParticipantId>,
    /// Whom the operator pinned, in that order.
    pub pinned: &'a [ParticipantId],
    /// Who spoke, the last one first.
    pub recent: &'a [ParticipantId],
    /// How long nobody has spoken.
    pub silence: Duration,
    /// What `{room}` says.
    pub room: &'a str,
}

impl<'a> Meeting<'a> {
    /// These people on this canvas; nobody has spoken or is pinned.
    pub fn of(people: &'a [Person], canvas: &'a Canvas) -> Self {
        Self { people, canvas, floor: None, pinned: &[], recent: &[], silence: Duration::ZERO, room: "" }
    }
}

/// A scene and what the next one needs to know of it.
pub(super) struct Solved {
    pub scene: Scene,
    pub seating: Seating,
}

impl Layout {
    /// Those who count, at most [`MAX_TILES`]: in the room's order, except that those whom the template wants last are.
    pub(super) fn admit<'a>(&self, people: &'a [Person]) -> Vec<&'a Person> {
        let show = |person: &Person| match person.face {
            Face::Picture => Show::Card,
            Face::AudioOnly => self.people.audio_only,
            Face::Absent => self.people.absent,
            Face::Hidden => self.people.hidden,
        };
        let of = |wanted: Show| people.iter().filter(move |person| show(person) == wanted);
        of(Show::Card).chain(of(Show::Last)).take(MAX_TILES).collect()
    }

    /// The first arrangement that suits.
    pub(super) fn suited(&self, company: &Company<'_>, meeting: &Meeting<'_>) -> Option<usize> {
        self.rungs.iter().position(|rung| rung.when.as_ref().is_none_or(|when| self.holds(when, company, meeting)))
    }

    fn holds(&self, when: &When, company: &Company<'_>, meeting: &Meeting<'_>) -> bool {
        let count = company.people.len() as u32;
        let present = |role: &String| self.roles.get(role).is_some_and(|role| company.has_role(*role));
        let canvas = meeting.canvas;
        let stands = if canvas.width >= canvas.height { Orientation::Landscape } else { Orientation::Portrait };
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
    /// Every rectangle is wholly on the canvas, even in all four numbers and at least 2x2 px; nobody has two tiles unless the
    /// template says so; tiles and overlays come back to front and are numbered so.
    pub(super) fn arrange(
        &self,
        rung: usize,
        company: &Company<'_>,
        meeting: &Meeting<'_>,
        before: &Seating,
        shown: Duration,
    ) -> Solved {
        let Some(rung) = self.rungs.get(rung) else { return Solved::nothing() };
        let size = Size { width: meeting.canvas.width & !1, height: meeting.canvas.height & !1 };
        if size.width == 0 || size.height == 0 {
            return Solved::nothing();
        }
        let seats = company.seat(&rung.slots, before);
        let mut painter = Painter {
            rung,
            company,
            meeting,
            size,
            areas: rung.areas(meeting.canvas),
            ground: rung.background.unwrap_or(meeting.canvas.background),
            tiles: Vec::with_capacity(company.people.len()),
            overlays: Vec::with_capacity(rung.covers.len()),
        };
        for (index, (slot, seats)) in rung.slots.iter().zip(&seats).enumerate() {
            painter.slot(index, slot, seats, shown);
        }
        for cover in &rung.covers {
            painter.cover(cover);
        }
        let ids = |seats: &Vec<usize>| seats.iter().map(|person| company.people[*person].id.clone()).collect();
        let seating = Seating(seats.iter().map(ids).collect());
        Solved { scene: painter.finish(), seating }
    }
}

impl Solved {
    fn nothing() -> Self {
        Self { scene: Scene::default(), seating: Seating::default() }
    }
}

/// A scene in the making.
struct Painter<'a> {
    rung: &'a Rung,
    company: &'a Company<'a>,
    meeting: &'a Meeting<'a>,
    size: Size,
    areas: Vec<Area>,
    ground: Color,
    /// With whether the place shows people twice.
    tiles: Vec<(bool, Tile)>,
    overlays: Vec<Overlay>,
}

impl Painter<'_> {
    fn short(&self) -> u32 {
        self.size.width.min(self.size.height)
    }

    /// A fraction of the shorter side in px; what is there at all is seen.
    fn px(&self, fraction: f64) -> u32 {
        let px = (fraction * f64::from(self.short())).round() as u32;
        if fraction > 0.0 { px.max(1) } else { 0 }
    }

    fn slot(&mut self, index: usize, slot: &Slot, seats: &[usize], shown: Duration) {
        let over = seats.len() > slot.tiles;
        let (visible, shares) = match slot.beyond {
            Beyond::Count if over => (&seats[..slot.tiles - 1], slot.tiles),
            Beyond::Pages(seconds) if over => {
                let pages = seats.len().div_ceil(slot.tiles) as u64;
                let page = (shown.as_secs() / u64::from(seconds.max(1)) % pages) as usize;
                let from = page * slot.tiles;
                (&seats[from..seats.len().min(from + slot.tiles)], slot.tiles)
            }
            _ => (&seats[..seats.len().min(slot.tiles)], seats.len().min(slot.tiles)),
        };
        let room = rect(slot.spot.area(&self.areas, self.meeting.canvas), self.size);
        let Slot { pack: shape, aspect, anchor, .. } = *slot;
        let packing = Packing { pack: shape, gap: even(slot.gap, self.short() & !1), aspect, anchor };
        let rects = pack(&packing, shares, room);
        for (person, rect) in visible.iter().zip(&rects) {
            if self.tiles.len() < MAX_TILES {
                let tile = self.tile(slot, *person, *rect);
                self.tiles.push((slot.twice, tile));
            }
        }
        if slot.beyond == Beyond::Count
            && over
            && let Some(rect) = rects.get(visible.len())
        {
            self.more(index, slot, *rect, seats.len() - visible.len());
        }
    }

    fn tile(&self, slot: &Slot, person: usize, rect: Rect) -> Tile {
        let person = self.company.people[person];
        let Look { opacity, radius, border, shadow, highlight, label } = &slot.look;
        Tile {
            participant: person.id.clone(),
            copy: 0,
            rect,
            z: slot.z,
            fit: slot.fit,
            focus: slot.focus,
            crop: slot.crop,
            opacity: *opacity as f32,
            radius: self.radius(*radius, rect),
            border: self.line(*border),
            card: person.face == Face::Hidden,
            shadow: shadow.filter(|shadow| !shadow.color.is_none()).map(|shadow| Shadow {
                blur: self.px(shadow.blur),
                x: (shadow.x * f64::from(self.short())).round() as i32,
                y: (shadow.y * f64::from(self.short())).round() as i32,
                color: shadow.color,
            }),
            highlight: self.line(*highlight),
            label: label.as_ref().and_then(|(writing, badges)| {
                let text = self.text(writing, Some(person));
                (!text.parts.is_empty()).then(|| Label { text, badges: badges.clone() })
            }),
        }
    }

    fn radius(&self, fraction: f64, rect: Rect) -> u32 {
        self.px(fraction).min(rect.width.min(rect.height) / 2)
    }

    fn line(&self, line: Option<Line>) -> Option<Border> {
        line.map(|line| Border { px: self.px(line.width), color: line.color }).filter(|border| border.px > 0)
    }

    fn text(&self, writing: &Writing, about: Option<&Person>) -> Text {
        let facts = Facts {
            name: about.map_or("", |person| &person.name),
            role: about.and_then(|person| person.role.as_deref()).unwrap_or_default(),
            room: self.meeting.room,
            participants: self.company.people.len(),
        };
        Text {
            parts: fill(&writing.words, writing.clock, facts),
            size: self.px(writing.size),
            weight: writing.weight,
            color: writing.color,
            background: writing.background,
            anchor: writing.anchor,
            inset: self.px(writing.inset),
        }
    }

    /// The tile that says how many people have none.
    fn more(&mut self, index: usize, slot: &Slot, rect: Rect, count: usize) {
        let Color { red, green, blue } = self.ground;
        let light = u32::from(red) * 3 + u32::from(green) * 6 + u32::from(blue) > 5 * 255;
        let ink = if light { Color { red: 0, green: 0, blue: 0 } } else { Paint::WHITE.color };
        let text = Text {
            parts: vec![Part::Words(format!("+{count}"))],
            size: (rect.height * 3 / 10).max(1),
            weight: Weight::Bold,
            color: ink.into(),
            background: Paint::NONE,
            anchor: super::Anchor::Center,
            inset: 0,
        };
        self.overlays.push(Overlay {
            // No name in a template has a plus.
            id: format!("+{index}"),
            rect,
            z: slot.z,
            opacity: slot.look.opacity as f32,
            radius: self.radius(slot.look.radius, rect),
            fill: Paint { color: ink, alpha: 0x24 },
            border: self.line(slot.look.border),
            content: Content::Text(text),
        });
    }

    fn cover(&mut self, cover: &Cover) {
        let about = self.company.first(&cover.about);
        if about.is_none() && !cover.about.is_empty() {
            return;
        }
        let rect = rect(cover.spot.area(&self.areas, self.meeting.canvas), self.size);
        let content = match &cover.holds {
            Holds::Nothing => Content::Plain,
            Holds::Image(image) => Content::Image(*image),
            Holds::Text(writing) => Content::Text(self.text(writing, about)),
        };
        self.overlays.push(Overlay {
            id: cover.name.clone(),
            rect,
            z: cover.z,
            opacity: cover.opacity as f32,
            radius: self.radius(cover.radius, rect),
            fill: cover.fill,
            border: self.line(cover.border),
            content,
        });
    }

    /// Numbers copies and depths.
    fn finish(mut self) -> Scene {
        // A tile of a place that shows nobody twice is the first of its participant's.
        let mut order: Vec<usize> = (0..self.tiles.len()).collect();
        order.sort_by_key(|index| self.tiles[*index].0);
        let mut copies = std::collections::HashMap::new();
        if self.tiles.iter().any(|(twice, _)| *twice) {
            for index in order {
                let tile = &mut self.tiles[index].1;
                let copies = copies.entry(tile.participant.clone()).or_insert(0);
                tile.copy = *copies;
                *copies += 1;
            }
        }
        let mut tiles: Vec<Tile> = self.tiles.into_iter().map(|(_, tile)| tile).collect();
        let mut overlays = self.overlays;
        overlays.truncate(MAX_OVERLAYS);
        // Stable, so that equals keep the template's order.
        tiles.sort_by_key(|tile| tile.z);
        overlays.sort_by_key(|overlay| overlay.z);
        let (mut next, mut overlay) = (0, 0);
        for tile in &mut tiles {
            // What has the same depth as a tile lies in front of it.
            while overlays.get(overlay).is_some_and(|overlay| overlay.z < tile.z) {
                overlays[overlay].z = next;
                (next, overlay) = (next + 1, overlay + 1);
            }
            tile.z = next;
            next += 1;
        }
        for (overlay, z) in overlays[overlay..].iter_mut().zip(next..) {
            overlay.z = z;
        }
        let background = Backdrop { color: self.ground, image: self.rung.image };
        Scene { background, tiles, overlays }
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
