//! Pictures from nothing but words and numbers: the card of a camera that is off, and the preview of a template.
//!
//! Pure Rust over the system's fonts; decodes nothing, knows no room and no clock. Nothing here starts, so nothing stops.

mod card;
mod palette;
mod preview;
mod shape;
mod text;

use image::{ImageEncoder, RgbImage, codecs::png::PngEncoder};

pub use card::card;
pub use preview::preview;
pub use text::Fonts;

/// The picture as a PNG file.
pub fn png(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    encoder
        .write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
        .expect("a picture has as many bytes as its size says, and memory takes them");
    file
}

#[cfg(test)]
mod tests;
