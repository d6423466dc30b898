//! Scene builder: tiles for the people in places, and overlays, with their looks in px.

use std::time::Duration;

use super::{
    Anchor, Backdrop, Border, Color, Content, Label, MAX_OVERLAYS, MAX_TILES, Overlay, Paint, Part, Scene, Shadow,
    Text, Tile, Weight,
    cast::Company,
    crowd::Line,
    meeting::{Face, Meeting, Person},
    pack::{Area, Packing, even, pack, rect},
    place::Beyond,
    plan::{Cover, Holds, Look, Rung, Slot, Writing},
    style,
    words::{Facts, fill},
};
use crate::media::{Rect, Size};

/// How far a label must keep out of a round corner, as a share of the radius: 1 - 1/√2.
const CORNER: f64 = 0.293;

/// A scene under construction.
pub(super) struct Painter<'a> {
    rung: &'a Rung,
    company: &'a Company<'a>,
    meeting: &'a Meeting<'a>,
    size: Size,
    areas: Vec<Area>,
    ground: Color,
    tiles: Vec<Shown>,
    overlays: Vec<Overlay>,
}

/// A tile and its participant.
struct Shown {
    person: usize,
    /// The place shows people twice.
    twice: bool,
    tile: Tile,
}

impl<'a> Painter<'a> {
    /// An empty scene on a canvas of this even size.
    pub fn new(rung: &'a Rung, company: &'a Company<'a>, meeting: &'a Meeting<'a>, size: Size) -> Self {
        Self {
            rung,
            company,
            meeting,
            size,
            areas: rung.areas(meeting.canvas),
            ground: rung.background.unwrap_or(meeting.canvas.background),
            tiles: Vec::with_capacity(company.people.len()),
            overlays: Vec::with_capacity(rung.covers.len()),
        }
    }

    fn short(&self) -> u32 {
        self.size.width.min(self.size.height)
    }

    /// A fraction of the shorter side in px; a length above 0 is at least 1 px.
    fn px(&self, fraction: f64) -> u32 {
        let px = (fraction * f64::from(self.short())).round() as u32;
        if fraction > 0.0 { px.max(1) } else { 0 }
    }

    /// Adds the tiles of a place for these people; the arrangement has been on for `shown`.
    pub fn slot(&mut self, index: usize, slot: &Slot, seats: &Line, shown: Duration) {
        let seats = seats.people();
        if seats.is_empty() || (self.tiles.len() >= MAX_TILES && slot.beyond != Beyond::Count) {
            // The tiles would be invisible.
            return;
        }
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
        let mut rects = pack(&packing, shares, room);
        for (person, rect) in visible.iter().zip(rects.by_ref()) {
            if self.tiles.len() < MAX_TILES {
                let person = usize::from(*person);
                let tile = self.tile(slot, person, rect);
                self.tiles.push(Shown { person, twice: slot.twice, tile });
            }
        }
        if slot.beyond == Beyond::Count
            && over
            && let Some(rect) = rects.next()
        {
            self.more(index, slot, rect, seats.len() - visible.len());
        }
    }

    fn tile(&self, slot: &Slot, person: usize, rect: Rect) -> Tile {
        let person = self.company.people[person];
        let Look { opacity, radius, border, shadow, highlight, label } = &slot.look;
        let (radius, border) = (self.radius(*radius, rect), self.line(*border));
        // A highlight narrower than the border would leave a line of two colours.
        let widest = |line: Border| Border { px: line.px.max(border.map_or(0, |border| border.px)), ..line };
        Tile {
            participant: person.id.clone(),
            copy: 0,
            rect,
            z: slot.z,
            fit: slot.fit,
            focus: slot.focus,
            crop: slot.crop,
            opacity: *opacity as f32,
            radius,
            border,
            card: person.face == Face::Hidden,
            shadow: shadow.filter(|shadow| !shadow.color.is_none()).map(|shadow| Shadow {
                blur: self.px(shadow.blur),
                x: (shadow.x * f64::from(self.short())).round() as i32,
                y: (shadow.y * f64::from(self.short())).round() as i32,
                color: shadow.color,
            }),
            highlight: self.line(*highlight).map(widest),
            label: label.as_ref().and_then(|(writing, badges)| {
                let mut text = self.text(writing, Some(person));
                text.inset = text.inset.max((f64::from(radius) * CORNER).ceil() as u32);
                (!text.parts.is_empty()).then(|| Label { text, badges: badges.clone() })
            }),
        }
    }

    fn radius(&self, fraction: f64, rect: Rect) -> u32 {
        self.px(fraction).min(rect.width.min(rect.height) / 2)
    }

    fn line(&self, line: Option<style::Line>) -> Option<Border> {
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

    /// The tile that says how many people have no tile.
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
            anchor: Anchor::Center,
            inset: 0,
        };
        self.overlays.push(Overlay {
            // No name in a template contains a plus.
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

    /// Adds an overlay, if the person it is about is there.
    pub fn cover(&mut self, cover: &Cover) {
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

    /// The finished scene, with copies and depths numbered.
    pub fn finish(mut self) -> Scene {
        // A tile of a place that shows nobody twice is the participant's first tile.
        let mut order: Vec<usize> = (0..self.tiles.len()).collect();
        order.sort_by_key(|index| self.tiles[*index].twice);
        let mut copies = vec![0; self.company.people.len()];
        for index in order {
            let Shown { person, tile, .. } = &mut self.tiles[index];
            tile.copy = copies[*person];
            copies[*person] += 1;
        }
        let mut tiles: Vec<Tile> = self.tiles.into_iter().map(|shown| shown.tile).collect();
        let mut overlays = self.overlays;
        overlays.truncate(MAX_OVERLAYS);
        // The sort is stable, so that equals keep the template's order.
        tiles.sort_by_key(|tile| tile.z);
        overlays.sort_by_key(|overlay| overlay.z);
        let (mut next, mut overlay) = (0, 0);
        for tile in &mut tiles {
            // An overlay of the same depth as a tile lies in front of it.
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
