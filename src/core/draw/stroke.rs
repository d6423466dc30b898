//! The painter: a list of strokes, back to front, of which any part can be painted.
//!
//! The stage paints small parts of a frame that GStreamer composed; a preview is painted whole. Both use the same
//! strokes.

use super::{
    format::{Surface, View},
    outline::{Outline, Shape},
};
use crate::{
    layout::Paint,
    media::{Rect, Size},
};

/// The colour or picture of a stroke.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ink<'a> {
    Flat(Paint),
    /// A picture, stretched to a rectangle.
    Picture(View<'a>, Rect),
}

/// One painted thing. A later stroke lies in front.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stroke<'a> {
    pub outline: Outline,
    /// The part of the outline that is painted.
    pub shape: Shape,
    pub ink: Ink<'a>,
    /// 0 cannot be seen, 1 is opaque.
    pub opacity: f32,
    /// The stroke is visible only inside of this outline.
    pub within: Option<Outline>,
    /// The stroke is invisible inside of this outline: a shadow is not seen through its own tile.
    pub without: Option<Outline>,
}

/// Row buffers, reused from stroke to stroke.
#[derive(Debug, Default)]
pub struct Scratch {
    alpha: [Vec<u8>; 2],
    chroma: Vec<u8>,
    other: Vec<u8>,
    row: Vec<u8>,
}

impl Stroke<'_> {
    /// Every pixel that the stroke may change lies in this rectangle; even numbers.
    pub fn bounds(&self) -> Rect {
        let rect = match self.shape {
            Shape::Haze(blur) => grown(self.outline.rect, blur),
            Shape::Inside | Shape::Edge(_) => self.outline.rect,
        };
        let rect = self.within.map_or(Some(rect), |within| intersection(rect, within.rect));
        rect.map_or(Rect { width: 0, height: 0, ..self.outline.rect }, evened)
    }

    /// The same stroke without a borrowed picture, if it is of one colour.
    pub fn flat_ink(&self) -> Option<Stroke<'static>> {
        let Ink::Flat(paint) = self.ink else { return None };
        let Self { outline, shape, opacity, within, without, .. } = *self;
        Some(Stroke { outline, shape, ink: Ink::Flat(paint), opacity, within, without })
    }

    /// True if nothing behind the stroke is visible within `clip`.
    pub fn hides(&self, clip: Rect) -> bool {
        if !contains(self.outline.rect, clip) {
            return false;
        }
        let opaque = match self.ink {
            Ink::Flat(paint) => paint.alpha == 255,
            Ink::Picture(view, rect) => view.alpha.is_none() && contains(rect, clip),
        };
        let clear =
            |outline: &Outline| contains(outline.rect, clip) && !outline.corners().any(|corner| meet(corner, clip));
        let whole = self.within.is_none_or(|within| clear(&within)) && clear(&self.outline);
        opaque && self.opacity >= 1.0 && self.shape == Shape::Inside && self.without.is_none() && whole
    }

    /// Adds every rectangle that the stroke changes, with even numbers. They have fewer pixels than the bounds where
    /// much stays unchanged.
    pub fn touched(&self, add: &mut impl FnMut(Rect)) {
        let bounds = self.bounds();
        let mut add = |rect: Rect| {
            if let Some(rect) = intersection(rect, bounds) {
                add(rect);
            }
        };
        match (self.shape, &self.ink, &self.without) {
            (Shape::Edge(width), ..) => {
                let rect = self.outline.rect;
                let (side, shorter) = (width.max(self.outline.radius()), rect.width.min(rect.height));
                if side >= shorter / 2 {
                    return add(rect);
                }
                let even = |length: u32| (length + 1) & !1;
                let side = even(side);
                around(rect, inset(rect, even(width)), &mut add);
                Outline { rect, radius: side }.corners().for_each(add);
            }
            (_, _, Some(hole)) => {
                around(bounds, hole.rect, &mut add);
                hole.corners().for_each(add);
            }
            (Shape::Inside, Ink::Picture(View { inked: Some(inked), size, .. }, rect), _) if *size == rect.size() => {
                for part in *inked {
                    add(Rect { x: rect.x + part.x, y: rect.y + part.y, ..*part });
                }
            }
            _ => add(bounds),
        }
    }

    fn paint(&self, surface: &mut Surface<'_>, area: Rect, scratch: &mut Scratch) {
        let (left, right) = (area.x as usize, area.x as usize + area.width as usize);
        for y in (area.y..area.y + area.height as i32).step_by(2) {
            let Scratch { alpha, chroma, other, row } = scratch;
            for (line, alpha) in alpha.iter_mut().enumerate() {
                self.alpha(y + line as i32, area, alpha, other);
            }
            if alpha.iter().all(|alpha| alpha.iter().all(|alpha| *alpha == 0)) {
                continue;
            }
            for plane in 0..3 {
                let shift = surface.format.shift(plane);
                let target = &mut surface.planes[plane];
                let columns = left >> shift..right >> shift;
                if shift > 0 {
                    halve(alpha, chroma);
                }
                let lines = if shift > 0 { 1 } else { 2 };
                for line in 0..lines {
                    let alpha = if shift > 0 { &chroma[..] } else { &alpha[line][..] };
                    let at = (y as usize >> shift) + line;
                    let under = &mut target.data[at * target.stride..][columns.clone()];
                    match &self.ink {
                        Ink::Flat(paint) => flat(under, surface.format.samples(paint.color)[plane], alpha),
                        Ink::Picture(view, rect) => {
                            let origin = (rect.x >> shift) as isize;
                            let from = (columns.start as isize - origin) as usize;
                            let row_at = (at as isize - (rect.y >> shift) as isize) as usize;
                            let over = view.row(plane, row_at, from..from + columns.len(), size(*rect), row);
                            mix(under, over, alpha);
                        }
                    }
                }
            }
        }
    }

    /// The alpha of each pixel of a row.
    fn alpha(&self, y: i32, area: Rect, alpha: &mut Vec<u8>, other: &mut Vec<u8>) {
        let (width, xs) = (area.width as usize, area.x..area.x + area.width as i32);
        alpha.resize(width, 0);
        other.resize(width, 0);
        self.outline.cover(self.shape, y, xs.clone(), alpha);
        let mut opacity = self.opacity.clamp(0.0, 1.0);
        match &self.ink {
            Ink::Flat(paint) => opacity *= f32::from(paint.alpha) / 255.0,
            Ink::Picture(view, rect) if view.alpha.is_some() => {
                let from = (area.x - rect.x) as usize;
                times(alpha, view.row(3, (y - rect.y) as usize, from..from + width, size(*rect), other));
            }
            Ink::Picture(..) => {}
        }
        other.resize(width, 0);
        if let Some(within) = &self.within {
            within.cover(Shape::Inside, y, xs.clone(), other);
            times(alpha, other);
        }
        if let Some(without) = &self.without {
            without.cover(Shape::Inside, y, xs, other);
            other.iter_mut().for_each(|sample| *sample = 255 - *sample);
            times(alpha, other);
        }
        let opacity = (opacity * 255.0).round() as u8;
        if opacity < 255 {
            alpha.iter_mut().for_each(|alpha| *alpha = part(*alpha, opacity));
        }
    }
}

/// Paints the part of the strokes, back to front, that lies in `clip`, whose numbers are even.
pub fn paint(surface: &mut Surface<'_>, clip: Rect, strokes: &[Stroke<'_>], scratch: &mut Scratch) {
    let Some(clip) = intersection(clip, surface.bounds()) else { return };
    let seen = strokes.iter().rposition(|stroke| stroke.hides(clip)).unwrap_or(0);
    for stroke in &strokes[seen..] {
        let bounds = stroke.bounds();
        let bounds = match &stroke.ink {
            Ink::Picture(_, rect) => intersection(bounds, *rect),
            Ink::Flat(_) => Some(bounds),
        };
        if let Some(area) = bounds.and_then(|bounds| intersection(bounds, clip)) {
            stroke.paint(surface, area, scratch);
        }
    }
}

impl Outline {
    /// The four squares that the corners round off; none for square corners. The numbers are even if the rectangle's
    /// are.
    pub fn corners(&self) -> impl Iterator<Item = Rect> {
        let side = (self.radius() + 1) & !1;
        let Rect { x, y, width, height } = self.rect;
        let (right, bottom) = (x + width.saturating_sub(side) as i32, y + height.saturating_sub(side) as i32);
        let corners = [(x, y), (right, y), (x, bottom), (right, bottom)];
        let count = if side == 0 { 0 } else { 4 };
        corners.into_iter().take(count).map(move |(x, y)| Rect { x, y, width: side, height: side })
    }
}

/// `a · b / 255`, rounded.
fn part(a: u8, b: u8) -> u8 {
    let product = u16::from(a) * u16::from(b) + 128;
    ((product + (product >> 8)) >> 8) as u8
}

fn times(alpha: &mut [u8], other: &[u8]) {
    for (alpha, other) in alpha.iter_mut().zip(other) {
        *alpha = part(*alpha, *other);
    }
}

/// One row of alpha for a plane of half the size.
fn halve(alpha: &[Vec<u8>; 2], chroma: &mut Vec<u8>) {
    chroma.clear();
    let [upper, lower] = alpha.each_ref().map(|row| row.chunks_exact(2));
    chroma.extend(upper.zip(lower).map(|(a, b)| {
        let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
        ((sum + 2) / 4) as u8
    }));
}

/// `under` where alpha is 0, `over` where it is 255.
fn blended(under: u8, over: u8, alpha: u8) -> u8 {
    let alpha = u16::from(alpha);
    let sum = u16::from(under) * (255 - alpha) + u16::from(over) * alpha + 128;
    ((sum + (sum >> 8)) >> 8) as u8
}

fn flat(under: &mut [u8], over: u8, alpha: &[u8]) {
    for (under, alpha) in under.iter_mut().zip(alpha) {
        *under = blended(*under, over, *alpha);
    }
}

fn mix(under: &mut [u8], over: &[u8], alpha: &[u8]) {
    if alpha.iter().all(|alpha| *alpha == 255) {
        return under.copy_from_slice(over);
    }
    for ((under, over), alpha) in under.iter_mut().zip(over).zip(alpha) {
        *under = blended(*under, *over, *alpha);
    }
}

fn inset(rect: Rect, by: u32) -> Rect {
    let Rect { x, y, width, height } = rect;
    Rect { x: x + by as i32, y: y + by as i32, width: width - 2 * by, height: height - 2 * by }
}

/// Adds the part of `outer` outside of `hole`, in at most four pieces.
fn around(outer: Rect, hole: Rect, add: &mut impl FnMut(Rect)) {
    let Some(hole) = intersection(outer, hole) else { return add(outer) };
    let end = |rect: Rect| (rect.x + rect.width as i32, rect.y + rect.height as i32);
    let ((right, bottom), (hole_right, hole_bottom)) = (end(outer), end(hole));
    let mut piece = |x: i32, y: i32, right: i32, bottom: i32| {
        if x < right && y < bottom {
            add(Rect { x, y, width: (right - x) as u32, height: (bottom - y) as u32 });
        }
    };
    piece(outer.x, outer.y, right, hole.y);
    piece(outer.x, hole_bottom, right, bottom);
    piece(outer.x, hole.y, hole.x, hole_bottom);
    piece(hole_right, hole.y, right, hole_bottom);
}

fn size(rect: Rect) -> Size {
    rect.size()
}

fn grown(rect: Rect, by: u32) -> Rect {
    let Rect { x, y, width, height } = rect;
    Rect { x: x - by as i32, y: y - by as i32, width: width + 2 * by, height: height + 2 * by }
}

/// The smallest rectangle of even numbers around it.
fn evened(rect: Rect) -> Rect {
    let (x, y) = (rect.x & !1, rect.y & !1);
    let end = |start: i32, length: u32| (start + length as i32 + 1) & !1;
    let (right, bottom) = (end(rect.x, rect.width), end(rect.y, rect.height));
    Rect { x, y, width: (right - x) as u32, height: (bottom - y) as u32 }
}

/// The intersection of two rectangles; `None` if it is empty.
pub fn intersection(a: Rect, b: Rect) -> Option<Rect> {
    let end = |start: i32, length: u32| start + length as i32;
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let (right, bottom) = (end(a.x, a.width).min(end(b.x, b.width)), end(a.y, a.height).min(end(b.y, b.height)));
    (x < right && y < bottom).then(|| Rect { x, y, width: (right - x) as u32, height: (bottom - y) as u32 })
}

/// True if the intersection of two rectangles is not empty.
pub fn meet(a: Rect, b: Rect) -> bool {
    intersection(a, b).is_some()
}

/// True if `inner` lies in `outer`.
pub fn contains(outer: Rect, inner: Rect) -> bool {
    intersection(outer, inner) == Some(inner)
}
