//! Packing (grid layout): fractions become whole, even px, and one rectangle is divided among many tiles.

use super::{
    Anchor,
    place::{Aspect, Pack},
};
use crate::media::{Rect, Size};

/// A rectangle in fractions of the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub const WHOLE: Self = Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0 };
}

/// The even px nearest to a fraction of a length, which is even itself.
pub(super) fn even(fraction: f64, length: u32) -> u32 {
    let px = fraction * f64::from(length);
    // A cast from a float saturates, and NaN becomes 0.
    ((px / 2.0).round() as u32).min(length / 2) * 2
}

/// An area's rectangle on the canvas. Edges are rounded, not sizes, so that places which touch in fractions touch in
/// px.
pub(super) fn rect(area: Area, canvas: Size) -> Rect {
    let span = |from: f64, length: f64, whole: u32| {
        let start = even(from, whole).min(whole - 2);
        let end = even(from + length, whole).clamp(start + 2, whole);
        (start as i32, end - start)
    };
    let (x, width) = span(area.x, area.width, canvas.width);
    let (y, height) = span(area.y, area.height, canvas.height);
    Rect { x, y, width, height }
}

/// The largest size of this aspect ratio that fits, even and at least 2 px.
fn shaped(aspect: Aspect, room: Size) -> Size {
    let (a, b) = (f64::from(aspect.width), f64::from(aspect.height));
    let (width, height) = (f64::from(room.width), f64::from(room.height));
    let side = |px: f64, most: u32| (((px / 2.0).round() as u32) * 2).clamp(2, most);
    if width * b <= height * a {
        Size { width: room.width, height: side(width * b / a, room.height) }
    } else {
        Size { width: side(height * a / b, room.width), height: room.height }
    }
}

/// How tiles are packed in a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Packing {
    pub pack: Pack,
    /// px, even
    pub gap: u32,
    pub aspect: Option<Aspect>,
    pub anchor: Anchor,
}

/// The rectangles of `count` tiles in `room`, in order; fewer where they would be smaller than 2x2 px.
pub(super) fn pack(packing: &Packing, count: usize, room: Rect) -> impl Iterator<Item = Rect> {
    let most = match packing.pack {
        Pack::Grid => (room.width / 2) * (room.height / 2),
        Pack::Row => room.width / 2,
        Pack::Column => room.height / 2,
    };
    let count = (count as u32).min(most);
    // Where gaps would leave no space for tiles, the gaps are dropped.
    let grid =
        Grid::best(packing, count, room.size(), packing.gap).or_else(|| Grid::best(packing, count, room.size(), 0));
    grid.into_iter().flat_map(move |grid| (0..count).map(move |index| grid.rect(index, room)))
}

/// Equal tiles in rows and columns.
#[derive(Clone, Copy)]
struct Grid {
    count: u32,
    columns: u32,
    rows: u32,
    tile: Size,
    gap: u32,
    /// Tiles fill the room to its edges: the first columns and rows take the px of the remainder.
    fill: bool,
    /// The share of the unused space that lies left of and above the tiles.
    gather: (f64, f64),
    /// The first tile is the last of its line.
    reversed: bool,
}

/// A grid of fewer columns is preferred only if its tiles are larger by this factor. Otherwise rounding would turn a
/// row of two into a stack of two.
const CLEARLY: f64 = 1.02;

impl Grid {
    /// The grid with the largest tiles. Between equals, a wide room prefers more columns, a high one more rows.
    fn best(packing: &Packing, count: u32, room: Size, gap: u32) -> Option<Self> {
        let Packing { pack, aspect, anchor, .. } = *packing;
        let rows = match pack {
            Pack::Grid => 1..=count,
            Pack::Row => 1..=1,
            Pack::Column => count..=count,
        };
        let gather = anchor.fractions();
        let reversed = match pack {
            Pack::Grid => false,
            Pack::Row => gather.0 == 1.0,
            Pack::Column => gather.1 == 1.0,
        };
        let wide = room.width >= room.height;
        let mut best: Option<(f64, Self)> = None;
        let mut tried = 0;
        for step in rows.clone() {
            let rows = if wide { step } else { *rows.start() + *rows.end() - step };
            let columns = count.div_ceil(rows);
            // Most row counts give the same number of columns as the one before.
            if std::mem::replace(&mut tried, columns) == columns {
                continue;
            }
            let rows = count.div_ceil(columns);
            let Some(cell) = cell(room, columns, rows, gap) else { continue };
            let seen = shaped(aspect.unwrap_or(Aspect::WIDE), cell);
            let area = f64::from(seen.width) * f64::from(seen.height);
            if best.as_ref().is_none_or(|(most, _)| area > most * CLEARLY) {
                let tile = if aspect.is_some() { seen } else { cell };
                let fill = aspect.is_none();
                best = Some((area, Self { count, columns, rows, tile, gap, fill, gather, reversed }));
            }
        }
        best.map(|(_, grid)| grid)
    }

    /// The rectangle of tile `index` in `room`.
    fn rect(&self, index: u32, room: Rect) -> Rect {
        let index = if self.reversed { self.count - 1 - index } else { index };
        let (row, column) = (index / self.columns, index % self.columns);
        let in_row = self.columns.min(self.count - row * self.columns);
        let (x, width) = self.along(column, in_row, self.columns, self.tile.width, room.width, self.gather.0);
        let (y, height) = self.along(row, self.rows, self.rows, self.tile.height, room.height, self.gather.1);
        Rect { x: room.x + x as i32, y: room.y + y as i32, width, height }
    }

    /// Start and length of tile `index` in a line of `present` tiles, where a full line has `full`.
    fn along(&self, index: u32, present: u32, full: u32, tile: u32, room: u32, gather: f64) -> (u32, u32) {
        let over = if self.fill { (room + self.gap - full * (tile + self.gap)) / 2 } else { 0 };
        let start = |index: u32| index * (tile + self.gap) + index.min(over) * 2;
        let line = start(present) - self.gap;
        // Rounded down to even px.
        let before = (f64::from(room.saturating_sub(line)) * gather / 2.0) as u32 * 2;
        (before + start(index), tile + if index < over { 2 } else { 0 })
    }
}

/// The size of a cell, even and at least 2x2 px.
fn cell(room: Size, columns: u32, rows: u32, gap: u32) -> Option<Size> {
    let share = |whole: u32, parts: u32| {
        let share = (whole.checked_sub(gap * (parts - 1))? / parts) & !1;
        (share >= 2).then_some(share)
    };
    Some(Size { width: share(room.width, columns)?, height: share(room.height, rows)? })
}
