//! Picture analysis: brightness, colour and motion of decoded pictures.

use std::time::Instant;

use tilecast::media::{Rect, Size};

/// One decoded picture: rows without padding, 1 byte per pixel (brightness) or 3 (red, green, blue).
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// When it came out of the decoder.
    pub at: Instant,
    /// Number of the picture in decoding order, from 0.
    pub index: u64,
    pub size: Size,
    /// Bytes a pixel, 1 or 3.
    pub depth: usize,
    /// `width * height * depth` bytes.
    pub data: Vec<u8>,
}

impl Frame {
    /// The rectangle of the whole picture.
    pub fn whole(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.size.width, height: self.size.height }
    }

    /// A rectangle of the canvas in this scaled picture of it, inset by a pixel at each edge, so that neighbours that
    /// scaling blended in do not count.
    pub fn part(&self, rect: Rect, canvas: Size) -> Rect {
        let across = |v: i64| v * i64::from(self.size.width) / i64::from(canvas.width);
        let down = |v: i64| v * i64::from(self.size.height) / i64::from(canvas.height);
        let (left, top) = (across(rect.x.into()) + 1, down(rect.y.into()) + 1);
        let right = across(i64::from(rect.x) + i64::from(rect.width)) - 1;
        let bottom = down(i64::from(rect.y) + i64::from(rect.height)) - 1;
        Rect {
            x: left as i32,
            y: top as i32,
            width: u32::try_from(right - left).unwrap_or(0),
            height: u32::try_from(bottom - top).unwrap_or(0),
        }
    }

    /// The rows of a rectangle, clipped to the picture.
    fn rows(&self, rect: Rect) -> impl Iterator<Item = &[u8]> {
        let clip = |start: i32, length: u32, limit: u32| {
            let from = i64::from(start).clamp(0, limit.into()) as usize;
            let to = (i64::from(start) + i64::from(length)).clamp(0, limit.into()) as usize;
            (from, to.max(from))
        };
        let (left, right) = clip(rect.x, rect.width, self.size.width);
        let (top, bottom) = clip(rect.y, rect.height, self.size.height);
        let stride = self.size.width as usize * self.depth;
        (top..bottom).map(move |y| &self.data[y * stride + left * self.depth..y * stride + right * self.depth])
    }

    /// Mean of each channel over a rectangle, 0 to 255: one number in grey (the first), three in colour.
    pub fn mean(&self, rect: Rect) -> [f32; 3] {
        let (mut sums, mut pixels) = ([0u64; 3], 0u64);
        for pixel in self.rows(rect).flat_map(|row| row.chunks_exact(self.depth)) {
            pixels += 1;
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*value);
            }
        }
        sums.map(|sum| sum as f32 / pixels.max(1) as f32)
    }
}

/// Change of a rectangle between two pictures of one size: mean absolute difference of its bytes, 0 to 255. An
/// encoder's noise on a still picture stays below about 0.3.
pub fn difference(before: &Frame, after: &Frame, rect: Rect) -> f32 {
    let pairs = before.rows(rect).flatten().zip(after.rows(rect).flatten());
    let (sum, count) = pairs.fold((0u64, 0u64), |(sum, n), (a, b)| (sum + u64::from(a.abs_diff(*b)), n + 1));
    sum as f32 / count.max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: Vec<u8>) -> Frame {
        Frame { at: Instant::now(), index: 0, size: Size { width: 4, height: 2 }, depth: 1, data }
    }

    #[test]
    fn a_change_counts_only_where_it_is() {
        let before = frame(vec![10; 8]);
        let mut after = before.clone();
        after.data[0] = 50;
        assert_eq!(difference(&before, &after, before.whole()), 5.0);
        assert_eq!(difference(&before, &after, Rect { x: 2, y: 0, width: 2, height: 2 }), 0.0);
        assert_eq!(difference(&before, &after, Rect { x: -1, y: -1, width: 2, height: 2 }), 40.0);
        assert_eq!(after.mean(before.whole())[0], 15.0);
    }

    #[test]
    fn a_tile_is_found_in_a_smaller_picture() {
        let small = Frame { size: Size { width: 320, height: 180 }, ..frame(Vec::new()) };
        let canvas = Size { width: 1280, height: 720 };
        let part = small.part(Rect { x: 640, y: 360, width: 640, height: 360 }, canvas);
        assert_eq!(part, Rect { x: 161, y: 91, width: 158, height: 88 });
    }
}
