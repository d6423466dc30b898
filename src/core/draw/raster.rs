//! Finished pictures (rasters) of uploads. Our own process writes them from pixels, so that nobody who shows one has to
//! read a stranger's file.

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits, RgbaImage,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
};

use super::scale::scaled;
use crate::{layout::fit::Area, media::Size};

/// Most pixels: a 4K canvas. Decoded, they take 33 MB.
pub const MAX_PIXELS: u64 = 3840 * 2160;
/// Longest side, px: a banner across two 4K canvases.
pub const MAX_SIDE: u32 = 8192;
/// Largest file, bytes: a photograph of a 4K canvas has 4 MB, and a frame of the link to a worker may have 16 MiB.
pub const MAX_BYTES: usize = 6 << 20;

/// JPEG qualities (ITU-T T.81 annex K's tables, scaled as libjpeg does) that are tried before the picture is made
/// smaller: at the first, no difference is visible; at the second, the difference is acceptable.
const QUALITIES: [u8; 2] = [90, 75];
/// How often a picture is made smaller until its file is small enough: each step removes at least a tenth.
const MAX_TRIES: usize = 8;

/// Why a file is no raster of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RasterError {
    /// Larger than any raster of ours.
    #[error("it is {0}x{1} px in {2} bytes, and no finished picture is so large")]
    TooLarge(u32, u32, usize),
    #[error("it does not read: {0}")]
    Broken(String),
}

/// True if a raster may have this size.
pub fn is_sane(Size { width, height }: Size) -> bool {
    width > 0
        && height > 0
        && width <= MAX_SIDE
        && height <= MAX_SIDE
        && u64::from(width) * u64::from(height) <= MAX_PIXELS
}

/// Writes a file of at most `most` bytes and returns the size of its picture, which is smaller than the pixels' if
/// necessary. The format is JPEG for opaque pixels from a lossy source, PNG for all others. `None` if no picture of
/// this file size can show them.
pub fn encode(mut pixels: RgbaImage, lossy: bool, most: usize) -> Option<(Size, Vec<u8>)> {
    let opaque = pixels.as_raw().chunks_exact(4).all(|pixel| pixel[3] == 255);
    for _ in 0..MAX_TRIES {
        let file = write(&pixels, opaque, lossy, most)?;
        let size = Size { width: pixels.width(), height: pixels.height() };
        if file.len() <= most {
            return Some((size, file));
        }
        let share = ((most as f64 / file.len() as f64).sqrt() * 0.97).min(0.9);
        let side = |length: u32| ((f64::from(length) * share) as u32).max(1);
        let smaller = Size { width: side(size.width), height: side(size.height) };
        pixels = scaled(&pixels, Area { x: 0, y: 0, size }, smaller);
    }
    None
}

fn write(pixels: &RgbaImage, opaque: bool, lossy: bool, most: usize) -> Option<Vec<u8>> {
    let (width, height) = pixels.dimensions();
    let color = if opaque { ExtendedColorType::Rgb8 } else { ExtendedColorType::Rgba8 };
    let bare: Vec<u8>;
    let bytes = if opaque {
        bare = pixels.as_raw().chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        &bare
    } else {
        pixels.as_raw()
    };
    let mut file = Vec::new();
    if !(opaque && lossy) {
        let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
        encoder.write_image(bytes, width, height, color).ok()?;
        return Some(file);
    }
    for quality in QUALITIES {
        file.clear();
        JpegEncoder::new_with_quality(&mut file, quality).encode(bytes, width, height, color).ok()?;
        if file.len() <= most {
            break;
        }
    }
    Some(file)
}

/// The pixels, with straight alpha.
///
/// # Errors
/// When [`encode`] did not write the file.
pub fn decode(file: &[u8]) -> Result<RgbaImage, RasterError> {
    let format = if file.starts_with(b"\xff\xd8\xff") { ImageFormat::Jpeg } else { ImageFormat::Png };
    let mut reader = ImageReader::with_format(std::io::Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_PIXELS * 4);
    reader.limits(limits);
    let broken = |error: image::ImageError| RasterError::Broken(error.to_string());
    let decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if file.len() > MAX_BYTES || !is_sane(Size { width, height }) || decoder.total_bytes() > MAX_PIXELS * 4 {
        return Err(RasterError::TooLarge(width, height, file.len()));
    }
    DynamicImage::from_decoder(decoder).map(DynamicImage::into_rgba8).map_err(broken)
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    fn noise(width: u32, height: u32, alpha: u8) -> RgbaImage {
        let mut seed = 1u32;
        RgbaImage::from_fn(width, height, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = (seed >> 4).to_le_bytes();
            Rgba([a, b, c, alpha])
        })
    }

    #[test]
    fn what_is_written_is_read() {
        let clear = noise(33, 20, 200);
        let (size, file) = encode(clear.clone(), true, MAX_BYTES).expect("written");
        assert_eq!((size, decode(&file)), (Size { width: 33, height: 20 }, Ok(clear)), "alpha is never lossy");
        let opaque = noise(33, 20, 255);
        let (_, file) = encode(opaque.clone(), false, MAX_BYTES).expect("written");
        assert_eq!(decode(&file), Ok(opaque));
        let flat = RgbaImage::from_pixel(64, 64, Rgba([200, 30, 90, 255]));
        let (_, file) = encode(flat, true, MAX_BYTES).expect("written");
        assert!(file.starts_with(b"\xff\xd8\xff"));
        let read = decode(&file).expect("read");
        assert!(read.pixels().all(|pixel| pixel[0].abs_diff(200) < 4 && pixel[3] == 255), "{:?}", read.get_pixel(9, 9));
    }

    #[test]
    fn it_becomes_as_small_as_it_must() {
        for (lossy, alpha) in [(false, 255), (true, 255), (false, 9)] {
            let (size, file) = encode(noise(400, 200, alpha), lossy, 20_000).expect("written");
            assert!(file.len() <= 20_000 && file.len() > 8_000, "{}", file.len());
            assert!(size.width < 400 && size.width.abs_diff(size.height * 2) <= 2, "{size:?}");
            assert_eq!(decode(&file).expect("read").dimensions(), (size.width, size.height));
        }
        assert_eq!(encode(noise(400, 200, 255), false, 10), None);
    }

    #[test]
    fn what_is_none_of_ours_is_not_decoded() {
        let mut wide = Vec::new();
        let encoder = PngEncoder::new(&mut wide);
        encoder.write_image(&vec![0; 8193 * 3], 8193, 1, ExtendedColorType::Rgb8).expect("written");
        let webp = b"RIFF\x24\0\0\0WEBPVP8 ";
        for bad in [&wide[..], b"", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", webp, b"\xff\xd8\xff\xe0"] {
            assert!(decode(bad).is_err(), "{bad:?}");
        }
        let (_, mut file) = encode(noise(40, 40, 255), false, MAX_BYTES).expect("written");
        file.truncate(file.len() / 2);
        assert!(matches!(decode(&file), Err(RasterError::Broken(_))));
        let mut heavy = encode(noise(4, 4, 255), false, MAX_BYTES).expect("written").1;
        heavy.resize(MAX_BYTES + 1, 0);
        assert_eq!(decode(&heavy), Err(RasterError::TooLarge(4, 4, MAX_BYTES + 1)));
    }
}
