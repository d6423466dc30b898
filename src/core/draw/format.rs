//! Pixel formats: I420 and planar RGB in memory, and colours in each.

use image::{Rgb, RgbImage};

use crate::{
    layout::Color,
    media::{Rect, Size},
};

/// A layout of three planes of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Y, U and V in BT.709, limited range; U and V have half as many columns and rows. The format of the stage.
    I420,
    /// Red, green and blue, all of the same size.
    Rgb,
}

impl Format {
    /// Subsampling: how often a plane's columns and rows are halved.
    pub fn shift(self, plane: usize) -> u32 {
        u32::from(self == Self::I420 && plane > 0)
    }

    /// A colour's three samples.
    pub fn samples(self, color: Color) -> [u8; 3] {
        match self {
            Self::I420 => yuv(color),
            Self::Rgb => [color.red, color.green, color.blue],
        }
    }
}

/// A colour in BT.709, limited range.
pub fn yuv(color: Color) -> [u8; 3] {
    let [r, g, b] = [color.red, color.green, color.blue].map(|c| f32::from(c) / 255.0);
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (u, v) = ((b - y) / 1.8556, (r - y) / 1.5748);
    [16.0 + 219.0 * y, 128.0 + 224.0 * u, 128.0 + 224.0 * v].map(|x| x.round() as u8)
}

/// The sRGB bytes of a colour in BT.709, limited range: the inverse of [`yuv`].
pub fn rgb([y, u, v]: [u8; 3]) -> [u8; 3] {
    let (y, u, v) = ((f32::from(y) - 16.0) / 219.0, (f32::from(u) - 128.0) / 224.0, (f32::from(v) - 128.0) / 224.0);
    let (red, blue) = (y + 1.5748 * v, y + 1.8556 * u);
    let green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152;
    [red, green, blue].map(|c| (c * 255.0).round().clamp(0.0, 255.0) as u8)
}

/// One plane to read: its samples, and bytes from row to row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaneRef<'a> {
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// One plane to paint on.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    pub data: &'a mut [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// A picture to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View<'a> {
    /// Layout of the planes; the same as the surface's on which the picture is painted.
    pub format: Format,
    pub size: Size,
    pub planes: [PlaneRef<'a>; 3],
    /// Alpha of each pixel, in the picture's full size; `None` is opaque everywhere.
    pub alpha: Option<PlaneRef<'a>>,
    /// The rectangles that are not transparent, if they are known: even numbers, px from the picture's corner.
    pub inked: Option<&'a [Rect]>,
}

/// A picture to paint on.
#[derive(Debug)]
pub struct Surface<'a> {
    /// Layout of the planes.
    pub format: Format,
    /// px, even
    pub size: Size,
    pub planes: [PlaneMut<'a>; 3],
}

impl Surface<'_> {
    pub fn bounds(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.size.width, height: self.size.height }
    }

    /// Samples in a row of a plane, and number of rows.
    pub fn extent(&self, plane: usize) -> (usize, usize) {
        let shift = self.format.shift(plane);
        ((self.size.width >> shift) as usize, (self.size.height >> shift) as usize)
    }
}

/// A picture of red, green and blue planes.
#[derive(Debug)]
pub struct RgbPlanes {
    size: Size,
    planes: [Vec<u8>; 3],
}

impl RgbPlanes {
    pub fn new(size: Size) -> Self {
        let black = vec![0; size.width as usize * size.height as usize];
        Self { size, planes: [black.clone(), black.clone(), black] }
    }

    pub fn surface(&mut self) -> Surface<'_> {
        let stride = self.size.width as usize;
        let planes = self.planes.each_mut().map(|plane| PlaneMut { data: plane, stride });
        Surface { format: Format::Rgb, size: self.size, planes }
    }

    pub fn to_image(&self) -> RgbImage {
        let [red, green, blue] = &self.planes;
        let at = |x: u32, y: u32| y as usize * self.size.width as usize + x as usize;
        RgbImage::from_fn(self.size.width, self.size.height, |x, y| {
            let at = at(x, y);
            Rgb([red[at], green[at], blue[at]])
        })
    }
}
