//! Smooth-edged shapes.

use image::{Rgb, RgbImage, RgbaImage};

/// A circle, px from the picture's corner; centres and radii may be fractions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circle {
    pub x: f32,
    pub y: f32,
    pub radius: f32,
}

impl Circle {
    /// How much of the pixel at column `x`, row `y` lies inside, 0 to 1.
    fn coverage(self, x: u32, y: u32) -> f32 {
        let distance = (x as f32 + 0.5 - self.x).hypot(y as f32 + 0.5 - self.y);
        (self.radius - distance + 0.5).clamp(0.0, 1.0)
    }
}

/// Mixes `color` into one pixel; off the picture, nothing happens.
pub(super) fn blend(picture: &mut RgbImage, x: i64, y: i64, color: Rgb<u8>, alpha: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(pixel) = picture.get_pixel_mut_checked(x, y) else { return };
    for (under, over) in pixel.0.iter_mut().zip(color.0) {
        let mixed = f32::from(*under) + (f32::from(over) - f32::from(*under)) * alpha;
        *under = mixed.round() as u8;
    }
}

/// Lays `color` over one pixel of an image with straight alpha; off the image, nothing happens.
pub(super) fn blend_over(image: &mut RgbaImage, x: i64, y: i64, color: Rgb<u8>, alpha: f32) {
    let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else { return };
    let Some(pixel) = image.get_pixel_mut_checked(x, y) else { return };
    let before = f32::from(pixel.0[3]) / 255.0;
    let whole = alpha + before * (1.0 - alpha);
    if whole <= 0.0 {
        return;
    }
    for (under, over) in pixel.0.iter_mut().zip(color.0) {
        let mixed = f32::from(*under) + (f32::from(over) - f32::from(*under)) * alpha / whole;
        *under = mixed.round() as u8;
    }
    pixel.0[3] = (whole * 255.0).round() as u8;
}

/// Paints a line of `width` px along the inside of the picture's edge.
pub(super) fn frame(picture: &mut RgbImage, width: u32, color: Rgb<u8>) {
    let (columns, rows) = picture.dimensions();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        if x.min(columns - 1 - x).min(y).min(rows - 1 - y) < width {
            *pixel = color;
        }
    }
}

/// Paints a circle, where given only what also lies in `within`.
pub(super) fn circle(picture: &mut RgbImage, circle: Circle, within: Option<Circle>, color: Rgb<u8>) {
    let span = |centre: f32, most: u32| {
        let start = (centre - circle.radius - 1.0).max(0.0) as u32;
        let end = ((centre + circle.radius + 2.0).max(0.0) as u32).min(most);
        start..end
    };
    for y in span(circle.y, picture.height()) {
        for x in span(circle.x, picture.width()) {
            let inside = within.map_or(1.0, |within| within.coverage(x, y));
            let alpha = circle.coverage(x, y) * inside;
            if alpha > 0.0 {
                blend(picture, x.into(), y.into(), color, alpha);
            }
        }
    }
}

/// A head and shoulders on a disc, for whom there are no letters.
pub(super) fn silhouette(picture: &mut RgbImage, disc: Circle, color: Rgb<u8>) {
    let Circle { x, y, radius } = disc;
    circle(picture, Circle { x, y: y - radius * 0.22, radius: radius * 0.32 }, None, color);
    let clear = Circle { x, y, radius: radius * 0.86 };
    circle(picture, Circle { x, y: y + radius * 0.88, radius: radius * 0.62 }, Some(clear), color);
}
