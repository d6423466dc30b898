//! Blurred background of a picture that does not fill its tile: a large, blurred copy of the picture itself.

use super::format::{PlaneMut, Surface};
use crate::media::Rect;

/// Columns and rows of the blurred copy: the detail that is left of a picture out of focus.
const CELLS: (usize, usize) = (16, 10);
/// One of this many samples is read, in both directions.
const STEP: usize = 3;
/// Brightness of the copy, of 256, so that the picture in front stands out.
const BRIGHTNESS: i32 = 150;

/// Paints everything around `inside` with a blurred and darker copy of what is inside. The numbers of `inside` are
/// even.
pub fn blur_around(surface: &mut Surface<'_>, inside: Rect) {
    let whole = surface.bounds();
    for plane in 0..3 {
        let shift = surface.format.shift(plane);
        let (width, height) = surface.extent(plane);
        let of = |px: i64| (px >> shift) as usize;
        let span = |start: i32, length: u32| of(start.into())..of(i64::from(start) + i64::from(length));
        let area = (span(inside.x, inside.width), span(inside.y, inside.height));
        // Chroma fades towards its middle value, everything else towards black.
        let black = if surface.format.shift(1) == 0 { 0 } else { [16, 128, 128][plane] };
        // The part of the picture that has the tile's shape.
        let (across, down) = (inside.width as f64 / whole.width as f64, inside.height as f64 / whole.height as f64);
        let part = across.min(down);
        let cut = |range: &std::ops::Range<usize>, keep: f64| {
            let length = ((range.len() as f64 * keep) as usize).clamp(1, range.len().max(1));
            let start = range.start + (range.len() - length) / 2;
            start..start + length
        };
        let used = (cut(&area.0, part / across), cut(&area.1, part / down));
        let cells = Cells::of(&surface.planes[plane], used, black);
        cells.paint(&mut surface.planes[plane], (width, height), &area);
    }
}

struct Cells([[f32; CELLS.0]; CELLS.1]);

impl Cells {
    /// The mean values of a part of the plane.
    fn of(plane: &PlaneMut<'_>, (columns, rows): (std::ops::Range<usize>, std::ops::Range<usize>), black: i32) -> Self {
        let mut cells = [[0.0; CELLS.0]; CELLS.1];
        let part = |range: &std::ops::Range<usize>, index: usize, count: usize| {
            let at = |index: usize| range.start + range.len() * index / count;
            at(index)..at(index + 1).max(at(index) + 1).min(range.end.max(at(index) + 1))
        };
        for (y, line) in cells.iter_mut().enumerate() {
            for (x, cell) in line.iter_mut().enumerate() {
                let (mut sum, mut count) = (0u32, 0u32);
                for row in part(&rows, y, CELLS.1).step_by(STEP) {
                    for column in part(&columns, x, CELLS.0).step_by(STEP) {
                        sum += u32::from(plane.data[row * plane.stride + column]);
                        count += 1;
                    }
                }
                let mean = sum as f32 / count.max(1) as f32;
                *cell = black as f32 + (mean - black as f32) * BRIGHTNESS as f32 / 256.0;
            }
        }
        Self(cells)
    }

    /// Spreads the cells over the whole plane except `inside`.
    fn paint(
        &self,
        plane: &mut PlaneMut<'_>,
        (width, height): (usize, usize),
        (columns, rows): &(std::ops::Range<usize>, std::ops::Range<usize>),
    ) {
        let across: Vec<(usize, [f32; 4])> = (0..width).map(|x| weights(x, width, CELLS.0)).collect();
        for y in 0..height {
            let outer = if rows.contains(&y) { [0..columns.start, columns.end..width] } else { [0..width, 0..0] };
            if outer.iter().all(std::ops::Range::is_empty) {
                continue;
            }
            let (top, down) = weights(y, height, CELLS.1);
            // Edge cells are repeated, so that every column finds four.
            let mut line = [0.0f32; CELLS.0 + 3];
            for (index, cell) in line.iter_mut().enumerate() {
                let column = index.saturating_sub(1).min(CELLS.0 - 1);
                let row = |tap: usize| (top + tap).saturating_sub(1).min(CELLS.1 - 1);
                *cell = (0..4).map(|tap| self.0[row(tap)][column] * down[tap]).sum();
            }
            let samples = &mut plane.data[y * plane.stride..][..width];
            for range in outer {
                for (sample, (left, taps)) in samples[range.clone()].iter_mut().zip(&across[range]) {
                    let four = &line[*left..*left + 4];
                    let sum: f32 = four.iter().zip(taps).map(|(cell, tap)| cell * tap).sum();
                    *sample = (sum + 0.5) as u8;
                }
            }
        }
    }
}

/// The four cells that sample `at` of `length` is made of, as the index of the first (counted from one before the first
/// cell), and their weights. This is a uniform cubic B-spline: its slope and curvature have no jumps that the eye would
/// see.
fn weights(at: usize, length: usize, cells: usize) -> (usize, [f32; 4]) {
    let place = ((at as f32 + 0.5) * cells as f32 / length as f32 - 0.5).max(0.0);
    let first = (place as usize).min(cells - 1);
    let t = place - first as f32;
    let back = 1.0 - t;
    let six = [
        back * back * back,
        3.0 * t * t * t - 6.0 * t * t + 4.0,
        3.0 * back * back * back - 6.0 * back * back + 4.0,
        t * t * t,
    ];
    (first, six.map(|weight| weight / 6.0))
}
