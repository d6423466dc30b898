//! Frame counter in the picture (timecode): painting and reading it.
//!
//! A strip across the top of the picture, an eighth of its height, holds 22 blocks side by side: white, black, the
//! sixteen bits of the counter from the highest, four check bits. White is one. Blocks are large enough to survive
//! scaling to a quarter and coding at a few hundred kbit/s.

use crate::picture::Frame;
use tilecast::media::{Rect, Size};

const BLOCKS: u32 = 22;

/// Brightness of a one and a zero: broadcast white and black, so that no range conversion clips them.
const WHITE: u8 = 235;
const BLACK: u8 = 16;

/// Least difference of brightness between the white and the black block of a strip. Half of the painted difference
/// tolerates blur, and a picture without a strip rarely has it.
const LEAST_CONTRAST: f32 = 100.0;

/// The check bits: they differ for any change of one bit, and for a black or white strip.
fn check(value: u16) -> u8 {
    let nibbles = [value >> 12, value >> 8, value >> 4, value];
    (nibbles.iter().fold(0b0110, |sum, nibble| sum ^ nibble) & 0xf) as u8
}

/// Rectangle of the strip in a picture, or in a tile that shows a whole picture.
pub fn strip(tile: Rect) -> Rect {
    Rect { height: (tile.height / 8).max(2), ..tile }
}

/// Paints `value` into the brightness plane of a picture: `size.height` rows of `size.width` bytes.
pub fn paint(plane: &mut [u8], size: Size, value: u16) {
    let word = 0b10 << 20 | u32::from(value) << 4 | u32::from(check(value));
    let row: Vec<u8> = (0..size.width)
        .map(|x| {
            let block = x * BLOCKS / size.width;
            if word >> (BLOCKS - 1 - block) & 1 == 1 { WHITE } else { BLACK }
        })
        .collect();
    let rows = size.height / 8;
    for line in plane.chunks_exact_mut(size.width as usize).take(rows as usize) {
        line.copy_from_slice(&row);
    }
}

/// Reads the counter from the [`strip`] of a tile in a grey picture; `None` if there is no valid strip.
pub fn read(picture: &Frame, strip: Rect) -> Option<u16> {
    let block = |n: u32| {
        // The middle half of the block in both directions, out of reach of its neighbours' blur.
        let (left, width) = (strip.width * (4 * n + 1) / (4 * BLOCKS), strip.width / (2 * BLOCKS));
        let (x, y) = (strip.x + left as i32, strip.y + (strip.height / 4) as i32);
        picture.mean(Rect { x, y, width: width.max(1), height: (strip.height / 2).max(1) })[0]
    };
    let (white, black) = (block(0), block(1));
    if white - black < LEAST_CONTRAST {
        return None;
    }
    let threshold = (white + black) / 2.0;
    let bits = (2..BLOCKS).fold(0u32, |bits, n| bits << 1 | u32::from(block(n) > threshold));
    let value = (bits >> 4) as u16;
    (check(value) == (bits & 0xf) as u8).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn painted(size: Size, value: u16) -> Frame {
        let mut data = vec![128; (size.width * size.height) as usize];
        paint(&mut data, size, value);
        let height = size.height / 8;
        data.truncate((size.width * height) as usize);
        Frame { at: Instant::now(), index: 0, size: Size { height, ..size }, depth: 1, data }
    }

    fn read_whole(frame: &Frame) -> Option<u16> {
        read(frame, frame.whole())
    }

    #[test]
    fn reads_back_what_was_painted_at_any_size() {
        for size in
            [Size { width: 1280, height: 720 }, Size { width: 320, height: 180 }, Size { width: 426, height: 240 }]
        {
            for value in [0, 1, 0x8000, 0xffff, 0x1234, 1799] {
                assert_eq!(read_whole(&painted(size, value)), Some(value), "{size:?} {value}");
            }
        }
    }

    #[test]
    fn a_flipped_block_or_another_picture_is_no_clock() {
        let mut frame = painted(Size { width: 220, height: 80 }, 0x1234);
        for row in frame.data.chunks_exact_mut(220) {
            row[50..60].iter_mut().for_each(|byte| *byte = 255 - *byte);
        }
        assert_eq!(read_whole(&frame), None);
        frame.data.fill(90);
        assert_eq!(read_whole(&frame), None);
    }
}
