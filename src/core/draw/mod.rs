//! Drawing (2D rendering): cards, labels, lines, shadows and the order in which a scene's parts lie over each other.
//!
//! The stage paints with this folder on frames that GStreamer composed; a preview is painted with it entirely. It is
//! pure Rust over the system's fonts. It decodes uploaded images within limits, and no other media; it knows no room
//! and no clock. Nothing starts here, so nothing stops. Only `upload` decodes strangers' files, and only a process that
//! may die calls it.

mod badge;
mod blur;
mod card;
pub mod dress;
mod folders;
mod format;
pub mod job;
mod kind;
pub mod limits;
mod outline;
mod palette;
mod picture;
mod preview;
pub mod raster;
mod render;
mod sample;
mod scale;
mod shape;
mod sheet;
mod stroke;
mod text;
pub mod upload;
mod words;

use image::{ImageEncoder, RgbImage, codecs::png::PngEncoder};

pub use blur::blur_around;
pub use card::{CardStyle, card};
pub use dress::Marks;
pub use folders::font_folders;
pub use format::{Format, PlaneMut, PlaneRef, RgbPlanes, Surface, View, rgb, yuv};
pub use kind::{Kind, MAX_FILE_BYTES};
pub use outline::{Outline, Shape};
pub use picture::{fitted, lay_on};
pub use preview::{Rehearsal, preview};
pub use render::{Face, render, render_placed};
pub use sheet::Sheet;
pub use stroke::{Ink, Scratch, Stroke, contains, intersection, meet, paint};
pub use text::Fonts;
pub use words::{anchored, label, say, words};

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
mod frame_tests;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
