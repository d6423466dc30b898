//! Anti-aliased coverage: how much of each pixel lies inside a round-cornered rectangle, on a line along its edge, or
//! in its shadow.

use std::ops::Range;

use crate::media::Rect;

/// A rectangle with round corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// px of the canvas
    pub rect: Rect,
    /// Corner radius, px; at most half of the shorter side counts.
    pub radius: u32,
}

/// Which part of an [`Outline`] is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The whole inside.
    Inside,
    /// A line of this width, px, along the inside of the edge.
    Edge(u32),
    /// A blurred edge: full colour at this distance inside of the edge, nothing at the same distance outside, px.
    Haze(u32),
}

impl Outline {
    /// The radius, limited by the rectangle.
    pub fn radius(&self) -> u32 {
        self.radius.min(self.rect.width / 2).min(self.rect.height / 2)
    }

    /// Writes the coverage of each pixel of row `y`, columns `xs`, 0 to 255. `out` is as long as `xs`.
    pub fn cover(&self, shape: Shape, y: i32, xs: Range<i32>, out: &mut [u8]) {
        match shape {
            Shape::Haze(blur) if blur > 0 => self.haze(blur as f32, y, xs, out),
            Shape::Inside | Shape::Haze(_) => self.inside(y, xs, out),
            Shape::Edge(width) => {
                self.inside(y, xs.clone(), out);
                if let Some(inner) = self.inner(width) {
                    inner.runs(y, xs, |run, coverage| {
                        out[run].iter_mut().for_each(|sample| *sample = sample.saturating_sub(coverage));
                    });
                }
            }
        }
    }

    fn inside(&self, y: i32, xs: Range<i32>, out: &mut [u8]) {
        out.fill(0);
        self.runs(y, xs, |run, coverage| out[run].fill(coverage));
    }

    /// The outline, inset by this many px.
    fn inner(&self, by: u32) -> Option<Self> {
        let Rect { x, y, width, height } = self.rect;
        let narrow = |side: u32| side.checked_sub(by.saturating_mul(2)).filter(|side| *side > 0);
        let (width, height) = (narrow(width)?, narrow(height)?);
        let rect = Rect { x: x + by as i32, y: y + by as i32, width, height };
        Some(Self { rect, radius: self.radius().saturating_sub(by) })
    }

    /// Calls `put` for each run of equally covered pixels of a row, counted from the start of `xs`. Runs without
    /// coverage are left out.
    fn runs(&self, y: i32, xs: Range<i32>, mut put: impl FnMut(Range<usize>, u8)) {
        let Rect { x, y: top, width, height } = self.rect;
        let (right, bottom, radius) = (x + width as i32, top + height as i32, self.radius() as i32);
        if y < top || y >= bottom {
            return;
        }
        let mut run = |from: i32, to: i32, coverage: u8| {
            let (from, to) = (from.max(xs.start), to.min(xs.end));
            if from < to && coverage > 0 {
                put((from - xs.start) as usize..(to - xs.start) as usize, coverage);
            }
        };
        // How far the row lies beyond the corners' centres.
        let beyond = radius - (y - top).min(bottom - 1 - y);
        if beyond <= 0 {
            return run(x, right, 255);
        }
        let beyond = beyond as f32 - 0.5;
        for column in 0..radius {
            let aside = (radius - column) as f32 - 0.5;
            let coverage = (radius as f32 - aside.hypot(beyond) + 0.5).clamp(0.0, 1.0);
            let coverage = (coverage * 255.0).round() as u8;
            run(x + column, x + column + 1, coverage);
            run(right - 1 - column, right - column, coverage);
        }
        run(x + radius, right - radius, 255);
    }

    fn haze(&self, blur: f32, y: i32, xs: Range<i32>, out: &mut [u8]) {
        let Rect { x, y: top, width, height } = self.rect;
        let radius = self.radius() as f32;
        let middle = |start: i32, side: u32| start as f32 + side as f32 / 2.0;
        let outside = |at: i32, middle: f32, side: u32| (at as f32 + 0.5 - middle).abs() - side as f32 / 2.0 + radius;
        let down = outside(y, middle(top, height), height);
        for (x_at, sample) in xs.zip(out) {
            let across = outside(x_at, middle(x, width), width);
            // Signed distance of a rounded box (Inigo Quilez, "2D distance functions").
            let distance = across.max(0.0).hypot(down.max(0.0)) + across.max(down).min(0.0) - radius;
            let t = ((blur - distance) / (2.0 * blur)).clamp(0.0, 1.0);
            *sample = (t * t * (3.0 - 2.0 * t) * 255.0).round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect { x: 4, y: 2, width: 40, height: 30 };

    fn total(radius: u32, shape: Shape) -> f64 {
        let mut row = [0; 64];
        let outline = Outline { rect: RECT, radius };
        let mut sum = 0.0;
        for y in -20..64 {
            outline.cover(shape, y, -10..54, &mut row);
            sum += row.iter().map(|sample| f64::from(*sample) / 255.0).sum::<f64>();
        }
        sum
    }

    #[test]
    fn areas_are_those_of_geometry() {
        let corners = |r: f64| (4.0 - std::f64::consts::PI) * r * r;
        let near = |a: f64, b: f64| assert!((a - b).abs() < 4.0, "{a} is not {b}");
        near(total(0, Shape::Inside), 1200.0);
        near(total(10, Shape::Inside), 1200.0 - corners(10.0));
        near(total(400, Shape::Inside), 1200.0 - corners(15.0));
        near(total(0, Shape::Edge(3)), 1200.0 - 34.0 * 24.0);
        near(total(10, Shape::Edge(3)), 1200.0 - corners(10.0) - (34.0 * 24.0 - corners(7.0)));
        near(total(10, Shape::Edge(100)), 1200.0 - corners(10.0));
    }

    #[test]
    fn a_shadow_is_half_there_at_the_edge() {
        let mut row = [0; 60];
        Outline { rect: RECT, radius: 4 }.cover(Shape::Haze(8), 17, -6..54, &mut row);
        assert_eq!((row[0], row[1]), (0, 0));
        assert!(row[9].abs_diff(row[10]) < 40 && (100..156).contains(&row[9]), "{row:?}");
        assert_eq!(row[20], 255);
    }
}
