//! Uploaded images: what they are, and their pixels, within limits of bytes, pixels and work.
//!
//! Everything here is pure Rust. An SVG is shapes alone: it reads no file, no font and no address.

use image::{ImageDecoder, ImageFormat, ImageReader, Limits, RgbaImage};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Group, ImageHrefResolver, Node, Options, Tree},
};

use crate::media::Size;

/// Largest file, bytes: a photograph for a 4K canvas at good quality.
pub const MAX_FILE_BYTES: usize = 4 << 20;
/// Largest SVG, bytes: a map of shapes; more is a photograph in disguise.
pub const MAX_SVG_BYTES: usize = 512 << 10;
/// Most pixels of an image: a 4K canvas and twice as much. Decoded, that is 66 MB.
pub const MAX_PIXELS: u64 = 3840 * 2160 * 2;
/// Longest side, px: a banner across two 4K canvases.
pub const MAX_SIDE: u32 = 8192;
/// Memory a decoder may take beside the picture, bytes.
const MAX_ALLOC: u64 = 256 << 20;
/// Most shapes and groups of an SVG.
const MAX_NODES: u64 = 20_000;
/// Most pixels that an SVG's shapes may cover together, at the size it is drawn: under a second of work on one core.
const MAX_PAINTED: f64 = 400e6;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ISO/IEC 15948
    Png,
    /// ITU-T T.81
    Jpeg,
    /// RFC 9649
    Webp,
    /// W3C SVG 1.1, of shapes
    Svg,
}

impl Kind {
    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    /// What the first bytes of a file say it is.
    fn of(file: &[u8]) -> Option<Self> {
        if file.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        if file.starts_with(b"\xff\xd8\xff") {
            return Some(Self::Jpeg);
        }
        if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
            return Some(Self::Webp);
        }
        let head = String::from_utf8_lossy(&file[..file.len().min(4096)]);
        let head = head.trim_start_matches('\u{feff}').trim_start();
        (head.starts_with('<') && head.contains("<svg")).then_some(Self::Svg)
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inspected {
    /// Its format.
    pub kind: Kind,
    /// px; an SVG's own size, rounded.
    pub size: Size,
}

/// Why a file is no image that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssetError {
    /// Too many bytes.
    #[error("the file is {0} bytes; at most {1} are possible")]
    Bytes(usize, usize),
    /// Another format, or none.
    #[error("the file is no PNG, JPEG, WebP or SVG")]
    Format,
    /// Too many pixels.
    #[error(
        "the image is {0}x{1} px; at most {MAX_SIDE} px a side and {MAX_PIXELS} px in all are possible, so scale it down"
    )]
    Pixels(u32, u32),
    /// The decoder's reason.
    #[error("the image cannot be read: {0}")]
    Broken(String),
    /// An SVG with something other than shapes.
    #[error("the SVG has <{0}>, which is not drawn here; {1}")]
    Svg(&'static str, &'static str),
    /// An SVG that takes too long.
    #[error("the SVG has too much to draw; simplify it or upload it as PNG")]
    Work,
}

/// Says what a file is, without its pixels.
///
/// # Errors
/// Any [`AssetError`] that its head shows.
pub fn inspect(file: &[u8]) -> Result<Inspected, AssetError> {
    if file.len() > MAX_FILE_BYTES {
        return Err(AssetError::Bytes(file.len(), MAX_FILE_BYTES));
    }
    let kind = Kind::of(file).ok_or(AssetError::Format)?;
    let size = match kind {
        Kind::Svg => svg_size(&svg(file)?),
        raster => {
            let decoder = reader(file, raster).into_decoder().map_err(|error| AssetError::Broken(error.to_string()))?;
            let (width, height) = decoder.dimensions();
            Size { width, height }
        }
    };
    bounded(size)?;
    Ok(Inspected { kind, size })
}

/// The pixels, not multiplied by alpha. An SVG is drawn as large as fits into `wanted`, or at its own size; what is made of
/// pixels comes as it is.
///
/// # Errors
/// Any [`AssetError`].
pub fn decode(file: &[u8], wanted: Option<Size>) -> Result<RgbaImage, AssetError> {
    let Inspected { kind, .. } = inspect(file)?;
    if kind == Kind::Svg {
        return draw(&svg(file)?, wanted);
    }
    let picture = reader(file, kind).decode().map_err(|error| AssetError::Broken(error.to_string()))?;
    Ok(picture.into_rgba8())
}

fn bounded(Size { width, height }: Size) -> Result<(), AssetError> {
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS {
        return Err(AssetError::Pixels(width, height));
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
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    reader.limits(limits);
    reader
}

/// What is refused in an SVG, and what to do instead. What would only be left out is refused too, so that nobody wonders.
const REFUSED: [(&str, &str); 8] = [
    ("text", "turn its texts into paths"),
    ("image", "draw it from shapes, or upload it as PNG"),
    ("filter", "upload it as PNG"),
    ("pattern", "upload it as PNG"),
    ("foreignObject", "draw it from shapes"),
    ("script", "remove it"),
    ("style", "write styles as attributes of the shapes"),
    ("!ENTITY", "write out what it stands for"),
];

fn svg(file: &[u8]) -> Result<Tree, AssetError> {
    if file.len() > MAX_SVG_BYTES {
        return Err(AssetError::Bytes(file.len(), MAX_SVG_BYTES));
    }
    let text = std::str::from_utf8(file).map_err(|_| AssetError::Broken("it is not UTF-8".to_owned()))?;
    for tag in text.split('<').skip(1) {
        let name = tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default();
        if let Some((name, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(AssetError::Svg(name, instead));
        }
    }
    let options = Options {
        // By default these read files and data addresses.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(text, &options).map_err(|error| AssetError::Broken(error.to_string()))
}

fn svg_size(tree: &Tree) -> Size {
    let side = |length: f32| length.round().clamp(0.0, f32::from(u16::MAX)) as u32;
    Size { width: side(tree.size().width()).max(1), height: side(tree.size().height()).max(1) }
}

fn draw(tree: &Tree, wanted: Option<Size>) -> Result<RgbaImage, AssetError> {
    let own = svg_size(tree);
    let wanted = wanted.unwrap_or(own);
    bounded(wanted)?;
    let scale = (wanted.width as f32 / tree.size().width())
        .min(wanted.height as f32 / tree.size().height())
        .max(f32::MIN_POSITIVE);
    let side = |length: f32, most: u32| ((length * scale).round() as u32).clamp(1, most);
    let (width, height) = (side(tree.size().width(), wanted.width), side(tree.size().height(), wanted.height));
    let mut work = Work { nodes: 0, painted: 0.0, scale: f64::from(scale), most: f64::from(width) * f64::from(height) };
    work.group(tree.root())?;
    let mut pixmap = Pixmap::new(width, height).ok_or(AssetError::Pixels(width, height))?;
    resvg::render(tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    let pixels = pixmap.pixels().iter().flat_map(|pixel| {
        let pixel = pixel.demultiply();
        [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
    });
    RgbaImage::from_raw(width, height, pixels.collect()).ok_or(AssetError::Work)
}

/// How much there is to draw, before it is drawn.
struct Work {
    nodes: u64,
    painted: f64,
    scale: f64,
    /// Pixels of the whole picture.
    most: f64,
}

impl Work {
    fn group(&mut self, group: &Group) -> Result<(), AssetError> {
        for node in group.children() {
            self.nodes += 1;
            let bounds = node.abs_stroke_bounding_box();
            let area = f64::from(bounds.width()) * f64::from(bounds.height()) * self.scale * self.scale;
            // What lies off the picture is not painted; a layer is a picture of its own.
            self.painted += if area.is_finite() { area.min(self.most) } else { self.most };
            if self.nodes > MAX_NODES || self.painted > MAX_PAINTED {
                return Err(AssetError::Work);
            }
            if let Node::Group(inner) = node {
                self.group(inner)?;
                let layers = u32::from(inner.mask().is_some()) + u32::from(inner.clip_path().is_some());
                self.painted += self.most * f64::from(layers);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "asset_tests.rs"]
mod tests;
