//! High-quality image scaling: separable Catmull-Rom (Keys 1981, a = -0.5), widened where the image shrinks so that no
//! sample is skipped.
//!
//! It works row by row. Beside source and result it holds only the rows that one result row is made of, so that an
//! image of 16 million px takes no more memory than its pixels.

use std::collections::VecDeque;

use image::RgbaImage;
use wide::f32x4;

use crate::{layout::fit::Area, media::Size};

/// Reach of the filter, in samples of the coarser side.
const REACH: f32 = 2.0;

/// The part `from` of an image with straight alpha, scaled to `to` px. Every pixel is weighted by its alpha:
/// transparent pixels have no colour.
pub fn scaled(image: &RgbaImage, from: Area, to: Size) -> RgbaImage {
    let columns = Taps::new(from.x, from.size.width, to.width);
    let rows = Taps::new(from.y, from.size.height, to.height);
    let mut result = RgbaImage::new(to.width, to.height);
    let mut held: VecDeque<Vec<f32x4>> = VecDeque::new();
    let (mut first, mut line, mut premultiplied) = (from.y as usize, Vec::new(), Vec::new());
    let mut sums = vec![f32x4::ZERO; to.width as usize];
    for (target, (start, weights)) in result.chunks_exact_mut(to.width as usize * 4).zip(rows.each()) {
        while first < start {
            line = held.pop_front().unwrap_or_default();
            first += 1;
        }
        while first + held.len() < start + weights.len() {
            let source = row(image, first + held.len(), &mut premultiplied);
            columns.narrow(source, &mut line);
            held.push_back(std::mem::take(&mut line));
        }
        sums.fill(f32x4::ZERO);
        for (line, weight) in held.iter().zip(weights) {
            let weight = f32x4::splat(*weight);
            sums.iter_mut().zip(line).for_each(|(sum, sample)| *sum += *sample * weight);
        }
        target.chunks_exact_mut(4).zip(&sums).for_each(|(pixel, sum)| pixel.copy_from_slice(&straight(*sum)));
    }
    result
}

/// A row, premultiplied by alpha.
fn row<'a>(image: &RgbaImage, row: usize, kept: &'a mut Vec<f32x4>) -> &'a [f32x4] {
    let length = image.width() as usize * 4;
    kept.clear();
    kept.extend(image.as_raw()[row * length..][..length].chunks_exact(4).map(|pixel| {
        let [red, green, blue, alpha] = [0, 1, 2, 3].map(|channel| f32::from(pixel[channel]));
        let part = alpha / 255.0;
        f32x4::new([red * part, green * part, blue * part, alpha])
    }));
    kept
}

/// The bytes of a premultiplied colour, with straight alpha.
fn straight(color: f32x4) -> [u8; 4] {
    let [red, green, blue, alpha] = color.to_array();
    if alpha < 0.5 {
        return [0; 4];
    }
    let whole = 255.0 / alpha.min(255.0);
    let byte = |channel: f32| (channel * whole + 0.5).clamp(0.0, 255.0) as u8;
    [byte(red), byte(green), byte(blue), (alpha + 0.5).clamp(0.0, 255.0) as u8]
}

/// Filter taps: the source samples of each result sample, and their weights.
struct Taps {
    /// For each result sample: the first source sample, and where its weights begin and end.
    spans: Vec<(usize, usize, usize)>,
    weights: Vec<f32>,
}

impl Taps {
    fn new(start: u32, length: u32, wanted: u32) -> Self {
        let ratio = length as f32 / wanted as f32;
        let spread = ratio.max(1.0);
        let mut taps = Self { spans: Vec::with_capacity(wanted as usize), weights: Vec::new() };
        for index in 0..wanted {
            // Samples are in the middle of their cells.
            let middle = (index as f32 + 0.5) * ratio;
            let first = ((middle - REACH * spread).floor().max(0.0) as u32).min(length - 1);
            let last = ((middle + REACH * spread).ceil() as u32).clamp(first + 1, length);
            let at = taps.weights.len();
            let distance = |sample: u32| (sample as f32 + 0.5 - middle) / spread;
            taps.weights.extend((first..last).map(|sample| catmull_rom(distance(sample))));
            let sum: f32 = taps.weights[at..].iter().sum();
            taps.weights[at..].iter_mut().for_each(|weight| *weight /= sum);
            taps.spans.push(((start + first) as usize, at, taps.weights.len()));
        }
        taps
    }

    fn each(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.spans.iter().map(|(start, from, to)| (*start, &self.weights[*from..*to]))
    }

    /// Scales one row to the result's width.
    fn narrow(&self, source: &[f32x4], line: &mut Vec<f32x4>) {
        line.clear();
        line.extend(self.each().map(|(start, weights)| {
            let samples = &source[start..start + weights.len()];
            samples.iter().zip(weights).fold(f32x4::ZERO, |sum, (sample, weight)| sum + *sample * *weight)
        }));
    }
}

fn catmull_rom(x: f32) -> f32 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    fn whole(image: &RgbaImage) -> Area {
        Area { x: 0, y: 0, size: Size { width: image.width(), height: image.height() } }
    }

    fn to(image: &RgbaImage, width: u32, height: u32) -> RgbaImage {
        scaled(image, whole(image), Size { width, height })
    }

    #[test]
    fn its_own_size_is_itself_and_flat_stays_flat() {
        let noise = RgbaImage::from_fn(37, 23, |x, y| Rgba([(x * 7) as u8, (y * 11) as u8, (x * y) as u8, 255]));
        assert_eq!(to(&noise, 37, 23), noise);
        for (width, height) in [(1, 1), (5, 100), (200, 3), (36, 24)] {
            let flat = to(&RgbaImage::from_pixel(37, 23, Rgba([10, 200, 90, 255])), width, height);
            assert!(flat.pixels().all(|pixel| pixel.0 == [10, 200, 90, 255]), "{width}x{height}");
        }
    }

    #[test]
    fn a_ramp_stays_a_ramp_and_a_part_is_that_part() {
        let ramp = RgbaImage::from_fn(256, 4, |x, _| Rgba([x as u8, x as u8, x as u8, 255]));
        let half = to(&ramp, 128, 4);
        assert!((4..124).all(|x| half.get_pixel(x, 2)[0].abs_diff((x * 2) as u8) <= 1));
        let part = Area { x: 100, y: 0, size: Size { width: 20, height: 4 } };
        let part = scaled(&ramp, part, Size { width: 40, height: 4 });
        assert!((4..36).all(|x| part.get_pixel(x, 2)[0].abs_diff((100 + x / 2) as u8) <= 1));
    }

    #[test]
    fn fine_lines_become_their_mean_and_no_pattern() {
        let lines = RgbaImage::from_fn(900, 300, |x, y| {
            let level = if (x + y) % 2 == 0 { 255 } else { 0 };
            Rgba([level, level, level, 255])
        });
        let small = to(&lines, 101, 33);
        assert!(small.pixels().all(|pixel| pixel[0].abs_diff(127) < 6), "{:?}", small.get_pixel(50, 16));
    }

    #[test]
    fn what_is_clear_lends_no_colour() {
        // Invisible green beside visible red.
        let image =
            RgbaImage::from_fn(64, 8, |x, _| if x < 32 { Rgba([0, 255, 0, 0]) } else { Rgba([255, 0, 0, 255]) });
        let small = to(&image, 15, 8);
        assert!(small.pixels().all(|pixel| pixel[3] == 0 || pixel[1] == 0), "{:?}", small.get_pixel(7, 4));
        assert_eq!((small.get_pixel(2, 4)[3], small.get_pixel(13, 4).0), (0, [255, 0, 0, 255]));
    }
}
