//! Decoding of uploaded images: their format and their pixels, within limits of bytes, pixels and work.
//!
//! The code is pure Rust, but a process that must not die does not call it: a decoder may use all its memory and time.
//! The front leaves this work to a child process, `tilecast raster`. An SVG has only shapes: it reads no file, no font
//! and no address.

mod svg;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage, metadata::Orientation};

use super::{
    kind::{Kind, MAX_FILE_BYTES},
    raster,
    scale::scaled,
};
use crate::{layout::fit::Area, media::Size};

/// Largest SVG, bytes: enough for a map of shapes; a larger one holds a photograph.
pub const MAX_SVG_BYTES: usize = 512 << 10;
/// Most pixels of an image: twice a 4K canvas. Decoded, they take 66 MB.
pub const MAX_PIXELS: u64 = 3840 * 2160 * 2;
/// Memory that a decoder may take for the pixels, bytes: the largest image at 16 bits per channel. With another copy at
/// 8 bits it stays within the child process's limit.
const MAX_ALLOC: u64 = MAX_PIXELS * 8;

/// Why a file is no usable image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("the file is {0} bytes; at most {1} are possible")]
    Bytes(usize, usize),
    /// An unknown format.
    #[error("the file is no PNG, JPEG, WebP or SVG")]
    Format,
    #[error(
        "the image is {0}x{1} px; at most {max} px a side and {MAX_PIXELS} px in all are possible, so scale it down",
        max = raster::MAX_SIDE
    )]
    Pixels(u32, u32),
    #[error("the image cannot be read: {0}; save it anew with another program")]
    Broken(String),
    /// An SVG with something other than shapes.
    #[error("the SVG has <{0}>, which is not drawn here; {1}")]
    Svg(&'static str, &'static str),
    /// An SVG that would take too long.
    #[error("the SVG has too much to draw; simplify it or upload it as PNG")]
    Work,
}

/// A file's pixels, ready to become a raster.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub kind: Kind,
    /// The image's own size, px; an SVG's is rounded.
    pub size: Size,
    /// True if the source format is lossy: a lossy result then loses nothing visible.
    pub lossy: bool,
    /// Straight alpha; at most [`raster::MAX_PIXELS`].
    pub pixels: RgbaImage,
}

/// Format and size of a file, without its pixels.
///
/// # Errors
/// Any [`UploadError`] that the file's header shows.
pub fn inspect(file: &[u8]) -> Result<(Kind, Size), UploadError> {
    let kind = kind(file)?;
    let size = match kind {
        Kind::Svg => svg::size(&svg::parse(file)?),
        other => {
            let (width, height) = reader(file, other).into_decoder().map_err(broken)?.dimensions();
            Size { width, height }
        }
    };
    bounded(size)?;
    Ok((kind, size))
}

/// The pixels, as large as a canvas can use: an SVG in the largest of a few sizes that is not too much work, everything
/// else in its own size or smaller.
///
/// # Errors
/// Any [`UploadError`].
pub fn draw(file: &[u8]) -> Result<Drawn, UploadError> {
    let kind = kind(file)?;
    if kind == Kind::Svg {
        let tree = svg::parse(file)?;
        let size = svg::size(&tree);
        bounded(size)?;
        return Ok(Drawn { kind, size, lossy: false, pixels: svg::draw(&tree)? });
    }
    let (pixels, Size { width, height }, orientation) = decode(file, kind)?;
    let mut turned = DynamicImage::ImageRgba8(affordable(pixels));
    turned.apply_orientation(orientation);
    let pixels = turned.into_rgba8();
    let size = if is_on_its_side(orientation) { Size { width: height, height: width } } else { Size { width, height } };
    // A WebP that is not "lossless" (RFC 9649 section 2.6) is as lossy as a JPEG.
    let lossy = kind == Kind::Jpeg || (kind == Kind::Webp && file.get(12..16) != Some(b"VP8L"));
    Ok(Drawn { kind, size, lossy, pixels })
}

fn kind(file: &[u8]) -> Result<Kind, UploadError> {
    if file.len() > MAX_FILE_BYTES {
        return Err(UploadError::Bytes(file.len(), MAX_FILE_BYTES));
    }
    Kind::of(file).ok_or(UploadError::Format)
}

/// The pixels with their size, and the camera's orientation.
fn decode(file: &[u8], kind: Kind) -> Result<(RgbaImage, Size, Orientation), UploadError> {
    let mut decoder = reader(file, kind).into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let size = Size { width, height };
    bounded(size)?;
    if decoder.total_bytes() > MAX_ALLOC {
        return Err(UploadError::Pixels(width, height));
    }
    // A missing or invalid orientation counts as the usual one.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok((picture.into_rgba8(), size, orientation))
}

fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
}

/// The pixels, scaled down if a raster may not be so large.
fn affordable(pixels: RgbaImage) -> RgbaImage {
    let whole = Size { width: pixels.width(), height: pixels.height() };
    let count = f64::from(whole.width) * f64::from(whole.height);
    let share = (raster::MAX_PIXELS as f64 / count).sqrt();
    if share >= 1.0 {
        return pixels;
    }
    let side = |length: u32| ((f64::from(length) * share) as u32).max(1);
    let size = Size { width: side(whole.width), height: side(whole.height) };
    scaled(&pixels, Area { x: 0, y: 0, size: whole }, size)
}

fn broken(error: image::ImageError) -> UploadError {
    UploadError::Broken(error.to_string())
}

fn bounded(Size { width, height }: Size) -> Result<(), UploadError> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width > raster::MAX_SIDE || height > raster::MAX_SIDE || pixels > MAX_PIXELS {
        return Err(UploadError::Pixels(width, height));
    }
    Ok(())
}

fn reader(file: &[u8], kind: Kind) -> ImageReader<std::io::Cursor<&[u8]>> {
    let format = match kind {
        Kind::Jpeg => ImageFormat::Jpeg,
        Kind::Webp => ImageFormat::WebP,
        Kind::Png | Kind::Svg => ImageFormat::Png,
    };
    let mut reader = ImageReader::with_format(std::io::Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    limits.max_image_width = Some(raster::MAX_SIDE);
    limits.max_image_height = Some(raster::MAX_SIDE);
    reader.limits(limits);
    reader
}

#[cfg(test)]
mod tests;
