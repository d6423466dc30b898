//! Uploaded images and stand-in pictures, cut and scaled to where they are shown.

use image::{Rgb, RgbImage, Rgba, RgbaImage, imageops};

use super::{
    blur::blur_around,
    format::{PlaneMut, RgbPlanes},
    scale::scaled,
};
use crate::{
    layout::{
        Color, Fit,
        fit::{Plan, Wish, plan},
    },
    media::{Rect, Size},
};

/// The image as it meets a rectangle of `size`, clear where it does not reach.
pub fn fitted(image: &RgbaImage, size: Size, wish: Wish) -> RgbaImage {
    let Plan { source, target } = planned(image.dimensions(), size, wish);
    let scaled = scaled(image, source, target.size);
    if target.size == size {
        return scaled;
    }
    let mut whole = RgbaImage::new(size.width, size.height);
    imageops::replace(&mut whole, &scaled, target.x.into(), target.y.into());
    whole
}

/// The picture as it meets a tile of `size`; bars are of the colour `around`.
pub(super) fn tile(picture: &RgbImage, size: Size, wish: Wish, around: Color) -> RgbImage {
    let plan = planned(picture.dimensions(), size, wish);
    let Plan { source, target } = plan;
    let used = imageops::crop_imm(picture, source.x, source.y, source.size.width, source.size.height).to_image();
    let scaled = imageops::resize(&used, target.size.width, target.size.height, imageops::FilterType::Triangle);
    let mut whole = RgbImage::from_pixel(size.width, size.height, Rgb([around.red, around.green, around.blue]));
    imageops::replace(&mut whole, &scaled, target.x.into(), target.y.into());
    if wish.fit != Fit::Blur || target.size == size {
        return whole;
    }
    let mut planes = RgbPlanes::new(size);
    let mut surface = planes.surface();
    for (index, PlaneMut { data, .. }) in surface.planes.iter_mut().enumerate() {
        for (sample, pixel) in data.iter_mut().zip(whole.pixels()) {
            *sample = pixel.0[index];
        }
    }
    let Size { width, height } = target.size;
    blur_around(&mut surface, Rect { x: target.x as i32, y: target.y as i32, width, height });
    planes.to_image()
}

/// What [`tile`] leaves of a picture between bars.
pub(super) fn seen(picture: &RgbImage, size: Size, wish: Wish) -> Rect {
    planned(picture.dimensions(), size, wish).seen(size, wish.fit)
}

fn planned((width, height): (u32, u32), size: Size, wish: Wish) -> Plan {
    plan(Size { width, height }, 1.0, size, wish)
}

/// Makes an image opaque, with `color` where it is clear.
pub fn lay_on(image: &mut RgbaImage, color: Color) {
    for pixel in image.pixels_mut() {
        let Rgba([red, green, blue, alpha]) = *pixel;
        let mix = |over: u8, under: u8| {
            let sum = u16::from(over) * u16::from(alpha) + u16::from(under) * (255 - u16::from(alpha));
            ((sum + 127) / 255) as u8
        };
        *pixel = Rgba([mix(red, color.red), mix(green, color.green), mix(blue, color.blue), 255]);
    }
}
