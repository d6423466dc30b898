//! Sheets (cached layers with alpha): a drawn label, caption, logo or backdrop, kept while it is shown.

use image::{RgbImage, RgbaImage};

use super::format::{Format, PlaneRef, View};
use crate::{
    layout::Color,
    media::{Rect, Size},
};

/// Rows of a band in which ink is searched. A logo in a corner of a large sheet is found to a few thousand pixels, and
/// even a 4K sheet has fewer than a hundred bands.
const BAND: u32 = 32;

/// Colours and alpha, ready to paint on a surface of one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    format: Format,
    size: Size,
    planes: [Vec<u8>; 3],
    alpha: Option<Vec<u8>>,
    inked: Vec<Rect>,
}

impl Sheet {
    /// From an image with straight alpha, whose width and height are even.
    pub fn from_rgba(image: &RgbaImage, format: Format) -> Self {
        let size = Size { width: image.width(), height: image.height() };
        let planes = [0, 1, 2].map(|plane| {
            let side = 1 << format.shift(plane);
            let (width, height) = (size.width / side, size.height / side);
            let cells = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            cells.map(|(x, y)| format.samples(mean(image, x * side, y * side, side))[plane]).collect()
        });
        let alpha: Vec<u8> = image.pixels().map(|pixel| pixel.0[3]).collect();
        let opaque = alpha.iter().all(|alpha| *alpha == 255);
        let inked = if opaque { vec![whole(size)] } else { inked(&alpha, size) };
        Self { format, size, planes, alpha: (!opaque).then_some(alpha), inked }
    }

    /// From an opaque image, whose width and height are even.
    pub fn from_rgb(image: &RgbImage, format: Format) -> Self {
        let opaque = RgbaImage::from_fn(image.width(), image.height(), |x, y| {
            let [red, green, blue] = image.get_pixel(x, y).0;
            image::Rgba([red, green, blue, 255])
        });
        Self::from_rgba(&opaque, format)
    }

    pub fn size(&self) -> Size {
        self.size
    }

    pub fn view(&self) -> View<'_> {
        let plane = |data, shift: u32| PlaneRef { data, stride: (self.size.width >> shift) as usize };
        let [a, b, c] = [0, 1, 2].map(|index| plane(&self.planes[index][..], self.format.shift(index)));
        let alpha = self.alpha.as_ref().map(|alpha| plane(alpha, 0));
        View { format: self.format, size: self.size, planes: [a, b, c], alpha, inked: Some(&self.inked) }
    }

    /// The rectangles that are not transparent, with even numbers, px from the sheet's corner.
    pub fn inked(&self) -> &[Rect] {
        &self.inked
    }

    /// Memory of the sheet, bytes.
    pub fn bytes(&self) -> usize {
        self.planes.iter().map(Vec::len).sum::<usize>() + self.alpha.as_ref().map_or(0, Vec::len)
    }
}

fn whole(size: Size) -> Rect {
    Rect { x: 0, y: 0, width: size.width, height: size.height }
}

/// The mean colour of a square of pixels, weighted by alpha.
fn mean(image: &RgbaImage, left: u32, top: u32, side: u32) -> Color {
    let mut sums = [0u32; 4];
    for y in top..top + side {
        for x in left..left + side {
            let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u32::from);
            for (sum, part) in sums.iter_mut().zip([red * alpha, green * alpha, blue * alpha, alpha]) {
                *sum += part;
            }
        }
    }
    let [red, green, blue] = [0, 1, 2].map(|index| ((sums[index] + sums[3] / 2) / sums[3].max(1)) as u8);
    Color { red, green, blue }
}

fn inked(alpha: &[u8], size: Size) -> Vec<Rect> {
    let mut found: Vec<Rect> = Vec::new();
    for top in (0..size.height).step_by(BAND as usize) {
        let height = BAND.min(size.height - top);
        let rows = alpha.chunks_exact(size.width as usize).skip(top as usize).take(height as usize);
        let (mut left, mut right) = (size.width, 0);
        for row in rows {
            if let Some(first) = row.iter().position(|alpha| *alpha > 0) {
                let last = row.iter().rposition(|alpha| *alpha > 0).unwrap_or(first);
                left = left.min(first as u32 & !1);
                right = right.max((last as u32 + 2) & !1);
            }
        }
        if left >= right {
            continue;
        }
        match found.last_mut() {
            Some(above)
                if above.x as u32 == left && above.width == right - left && above.y as u32 + above.height == top =>
            {
                above.height += height;
            }
            _ => found.push(Rect { x: left as i32, y: top as i32, width: right - left, height }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_ink_is_found_and_its_edges_keep_their_colour() {
        let mut image = RgbaImage::new(64, 100);
        image.put_pixel(13, 40, image::Rgba([255, 0, 0, 255]));
        let sheet = Sheet::from_rgba(&image, Format::I420);
        assert_eq!(sheet.inked(), [Rect { x: 12, y: 32, width: 2, height: 32 }]);
        // Three transparent black pixels beside it do not weaken its chroma.
        let view = sheet.view();
        assert_eq!((view.planes[1].data[20 * 32 + 6], view.planes[2].data[20 * 32 + 6]), (102, 240));
        assert!(Sheet::from_rgba(&RgbaImage::new(4, 4), Format::Rgb).inked().is_empty());
    }
}
