//! Bilinear scaling of single rows, for pictures in motion, where nobody sees more sharpness.

use std::ops::Range;

use super::format::{PlaneRef, View};
use crate::media::Size;

/// Fraction bits of a position.
const BITS: u32 = 16;

impl View<'_> {
    /// Samples `columns` of row `row` of a plane (3 is alpha), as if the picture were `shown` px large. `kept` is the
    /// buffer for computed rows.
    pub(super) fn row<'r>(
        &'r self,
        plane: usize,
        row: usize,
        columns: Range<usize>,
        shown: Size,
        kept: &'r mut Vec<u8>,
    ) -> &'r [u8] {
        let shift = if plane < 3 { self.format.shift(plane) } else { 0 };
        let samples = if plane < 3 { self.planes[plane] } else { self.alpha.unwrap_or(self.planes[0]) };
        if shown == self.size {
            return &samples.data[row * samples.stride..][columns];
        }
        let length = |px: u32| (px >> shift).max(1) as usize;
        let across = Axis { from: length(self.size.width), to: length(shown.width) };
        let down = Axis { from: length(self.size.height), to: length(shown.height) };
        kept.clear();
        stretch(&samples, across, down, row, columns, kept);
        kept
    }
}

/// A scaling in one direction: from how many samples to how many.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
}

impl Axis {
    /// The source position of sample `to`: the sample before it, and the fraction beyond that sample, of 256.
    fn place(self, to: usize) -> (usize, u32) {
        // Samples are in the middle of their cells.
        let twice = (((2 * to + 1) * self.from) << BITS) / (2 * self.to);
        let place = twice.saturating_sub(1 << (BITS - 1)).min((self.from - 1) << BITS);
        (place >> BITS, ((place >> (BITS - 8)) & 0xFF) as u32)
    }
}

fn stretch(plane: &PlaneRef<'_>, across: Axis, down: Axis, row: usize, columns: Range<usize>, out: &mut Vec<u8>) {
    let (above, lower) = down.place(row);
    let line = |row: usize| &plane.data[row.min(down.from - 1) * plane.stride..][..across.from];
    let (above, below) = (line(above), line(above + 1));
    let last = across.from - 1;
    out.extend(columns.map(|column| {
        let (left, right) = across.place(column);
        let next = (left + 1).min(last);
        let mix = |a: u8, b: u8, part: u32| u32::from(a) * (256 - part) + u32::from(b) * part;
        let (upper, under) = (mix(above[left], above[next], right), mix(below[left], below[next], right));
        ((upper * (256 - lower) + under * lower + (1 << 15)) >> 16) as u8
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Format;

    #[test]
    fn a_ramp_stays_a_ramp_and_edges_stay_put() {
        let data: Vec<u8> = (0..16).map(|x| x * 10).collect();
        let plane = PlaneRef { data: &data, stride: 16 };
        let view = View {
            format: Format::Rgb,
            size: Size { width: 16, height: 1 },
            planes: [plane; 3],
            alpha: None,
            inked: None,
        };
        let mut kept = Vec::new();
        let half = view.row(0, 0, 0..8, Size { width: 8, height: 1 }, &mut kept).to_vec();
        assert_eq!(half, [5, 25, 45, 65, 85, 105, 125, 145]);
        let twice = view.row(0, 1, 0..32, Size { width: 32, height: 2 }, &mut kept).to_vec();
        assert_eq!((twice[0], twice[1], twice[2], twice[31]), (0, 3, 8, 150));
        assert_eq!(view.row(0, 0, 3..5, view.size, &mut kept), [30, 40]);
    }
}
