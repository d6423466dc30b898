//! Decorations (overlays): the strokes that a scene's tiles and overlays are painted with, in order, at rest and in
//! motion.

use super::{
    format::View,
    outline::{Outline, Shape},
    sheet::Sheet,
    stroke::{Ink, Stroke},
    words::anchored,
};
use crate::{
    layout::{Badge, Border, Content, Label, Overlay, Paint, Tile, transition::Placed},
    media::{Rect, Size},
};

/// The current states of a participant that badges show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Their sound is kept out.
    pub muted: bool,
    pub speaking: bool,
    /// Their connection is bad.
    pub weak: bool,
    /// Their picture stopped coming.
    pub lost: bool,
}

impl Marks {
    /// The badges of a label that are shown now.
    pub fn badges(self, label: &Label) -> Vec<Badge> {
        let holds = |badge: &Badge| match badge {
            Badge::Muted => self.muted,
            Badge::Speaking => self.speaking,
            Badge::Weak => self.weak,
            Badge::Lost => self.lost,
        };
        label.badges.iter().copied().filter(holds).collect()
    }
}

/// Adds a tile's strokes: its shadow, `face`, its lines, its label. Of the face, `seen` is the picture and the rest is
/// bars. Returns the index of the face among the new strokes.
pub fn tile<'a>(
    placed: &Placed<'_>,
    tile: &Tile,
    face: View<'a>,
    seen: Rect,
    label: Option<&'a Sheet>,
    speaking: bool,
    strokes: &mut Vec<Stroke<'a>>,
) -> usize {
    let outline = Outline { rect: placed.rect, radius: placed.radius };
    let plain = Stroke::new(outline, Ink::Picture(face, placed.rect), placed.opacity);
    if let Some(shadow) = tile.shadow.filter(|shadow| !shadow.color.is_none()) {
        let Rect { x, y, width, height } = placed.rect;
        // The largest distance from the tile at which anything can be seen.
        let moved = |by: i32| by.clamp(-FAR, FAR);
        let rect = Rect { x: x + moved(shadow.x), y: y + moved(shadow.y), width, height };
        strokes.push(Stroke {
            outline: Outline { rect, ..outline },
            shape: Shape::Haze(shadow.blur.min(FAR as u32)),
            ink: Ink::Flat(shadow.color),
            without: Some(outline),
            ..plain
        });
    }
    let at = strokes.len();
    strokes.push(plain);
    let highlight = tile.highlight.filter(|_| speaking);
    for line in tile.border.into_iter().chain(highlight) {
        edge(line, plain, strokes);
    }
    if let (Some(label), Some(sheet)) = (&tile.label, label) {
        let on = shown(placed.rect, face.size, seen, sheet.size());
        strokes.push(written(&anchored(on, &label.text, sheet.size()), sheet, plain));
    }
    at
}

/// The part of a tile that is picture and not bars. A side counts only where a label of this size fits into it.
fn shown(tile: Rect, face: Size, seen: Rect, label: Size) -> Rect {
    let side = |start: i32, side: u32, face: u32, from: i32, seen: u32, label: u32| {
        let scaled = |length: u32| (u64::from(length) * u64::from(side) / u64::from(face.max(1))) as u32;
        let (from, seen) = (scaled(from.unsigned_abs()), scaled(seen));
        if seen >= label && seen < side { (start + from as i32, seen) } else { (start, side) }
    };
    let (x, width) = side(tile.x, tile.width, face.width, seen.x, seen.width, label.width);
    let (y, height) = side(tile.y, tile.height, face.height, seen.y, seen.height, label.height);
    Rect { x, y, width, height }
}

/// Largest distance of a shadow from its tile, and largest blur, px: more than any canvas shows.
const FAR: i32 = 4096;

/// Adds an overlay's strokes: its fill, its content, its line.
pub fn overlay<'a>(placed: &Placed<'_>, overlay: &Overlay, content: Option<&'a Sheet>, strokes: &mut Vec<Stroke<'a>>) {
    let outline = Outline { rect: placed.rect, radius: placed.radius };
    let plain = Stroke::new(outline, Ink::Flat(overlay.fill), placed.opacity);
    if !overlay.fill.is_none() {
        strokes.push(plain);
    }
    match (&overlay.content, content) {
        (Content::Image(_), Some(sheet)) => strokes.push(written(&placed.rect, sheet, plain)),
        (Content::Text(text), Some(sheet)) => {
            strokes.push(written(&anchored(placed.rect, text, sheet.size()), sheet, plain));
        }
        _ => {}
    }
    if let Some(border) = overlay.border {
        edge(border, plain, strokes);
    }
}

fn edge<'a>(line: Border, plain: Stroke<'a>, strokes: &mut Vec<Stroke<'a>>) {
    if line.px > 0 && !line.color.is_none() {
        strokes.push(Stroke { shape: Shape::Edge(line.px), ink: Ink::Flat(line.color), ..plain });
    }
}

/// A sheet at a position, cut to the outline of what it lies on.
fn written<'a>(rect: &Rect, sheet: &'a Sheet, plain: Stroke<'a>) -> Stroke<'a> {
    Stroke {
        outline: Outline { rect: *rect, radius: 0 },
        ink: Ink::Picture(sheet.view(), *rect),
        within: Some(plain.outline),
        ..plain
    }
}

impl<'a> Stroke<'a> {
    /// A stroke that fills an outline.
    pub fn new(outline: Outline, ink: Ink<'a>, opacity: f64) -> Self {
        Self { outline, shape: Shape::Inside, ink, opacity: opacity as f32, within: None, without: None }
    }

    /// The backdrop: a picture of the whole canvas.
    pub fn ground(view: View<'a>) -> Self {
        let rect = Rect { x: 0, y: 0, width: view.size.width, height: view.size.height };
        Self::new(Outline { rect, radius: 0 }, Ink::Picture(view, rect), 1.0)
    }

    /// One colour over a whole canvas.
    pub fn flat(rect: Rect, paint: Paint) -> Self {
        Self::new(Outline { rect, radius: 0 }, Ink::Flat(paint), 1.0)
    }
}
