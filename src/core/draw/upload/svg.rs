//! SVG: parsing, cost estimate, drawing.

use image::RgbaImage;
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{ClipPath, Group, ImageHrefResolver, Mask, Node, NonZeroRect, Options, Tree},
};

use super::{MAX_SVG_BYTES, UploadError};
use crate::media::Size;

/// Canvas sizes for an SVG: it is drawn for the first one that is not too much work. An SVG with too much work for the
/// last is refused: it is a picture rather than a drawing.
const CANVASES: [Size; 3] =
    [Size { width: 3840, height: 2160 }, Size { width: 1920, height: 1080 }, Size { width: 1280, height: 720 }];
/// Most shapes and groups, each counted as often as it is drawn.
const MAX_NODES: u64 = 20_000;
/// Most pixels that the shapes may cover together, at the drawn size: under a second of work on one core.
const MAX_PAINTED: f64 = 400e6;
/// Most memory of simultaneous layers including the picture itself, bytes: the child process's limit, less the tree of
/// a large file.
const MAX_LAYERS: f64 = (176 << 20) as f64;
/// How much larger than the picture the renderer lets a layer be: five times in both directions.
const MAX_LAYER: f64 = 25.0;
/// Bytes of a pixel of a layer.
const DEPTH: f64 = 4.0;

/// Refused elements, and what to do instead. Elements that would only be ignored are refused too, so that nobody
/// wonders.
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

pub fn parse(file: &[u8]) -> Result<Tree, UploadError> {
    if file.len() > MAX_SVG_BYTES {
        return Err(UploadError::Bytes(file.len(), MAX_SVG_BYTES));
    }
    let text = std::str::from_utf8(file).map_err(|_| UploadError::Broken("it is not UTF-8".to_owned()))?;
    for tag in text.split('<').skip(1) {
        let name = tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default();
        if let Some((name, instead)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            return Err(UploadError::Svg(name, instead));
        }
    }
    let options = Options {
        // The default resolvers read files and data addresses.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(text, &options).map_err(|error| UploadError::Broken(error.to_string()))
}

/// The SVG's own size, rounded.
pub fn size(tree: &Tree) -> Size {
    let side = |length: f32| length.round().clamp(0.0, f32::from(u16::MAX)) as u32;
    Size { width: side(tree.size().width()).max(1), height: side(tree.size().height()).max(1) }
}

pub fn draw(tree: &Tree) -> Result<RgbaImage, UploadError> {
    let Plan { size: Size { width, height }, scale } = plan(tree)?;
    let mut pixmap = Pixmap::new(width, height).ok_or(UploadError::Pixels(width, height))?;
    resvg::render(tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    let mut pixels = pixmap.take();
    pixels.chunks_exact_mut(4).for_each(straighten);
    RgbaImage::from_raw(width, height, pixels).ok_or(UploadError::Work)
}

/// Converts a premultiplied pixel to straight alpha.
fn straighten(pixel: &mut [u8]) {
    let &mut [ref mut red, ref mut green, ref mut blue, alpha] = pixel else { return };
    if alpha != 0 && alpha != 255 {
        let alpha = u16::from(alpha);
        for channel in [red, green, blue] {
            *channel = ((u16::from(*channel) * 255 + alpha / 2) / alpha).min(255) as u8;
        }
    }
}

/// The size in which an SVG is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub size: Size,
    /// px per unit of the SVG.
    scale: f32,
}

/// The largest size that is not too much work.
pub fn plan(tree: &Tree) -> Result<Plan, UploadError> {
    let plans = CANVASES.iter().map(|canvas| Plan::new(tree, *canvas));
    plans.into_iter().find(|plan| plan.is_affordable(tree)).ok_or(UploadError::Work)
}

impl Plan {
    fn new(tree: &Tree, canvas: Size) -> Self {
        let (width, height) = (tree.size().width(), tree.size().height());
        let scale = (canvas.width as f32 / width).min(canvas.height as f32 / height).max(f32::MIN_POSITIVE);
        let side = |length: f32, most: u32| ((length * scale).round() as u32).clamp(1, most);
        Self { size: Size { width: side(width, canvas.width), height: side(height, canvas.height) }, scale }
    }

    fn is_affordable(&self, tree: &Tree) -> bool {
        let whole = f64::from(self.size.width) * f64::from(self.size.height);
        let scale = f64::from(self.scale);
        let mut work = Work { nodes: 0, painted: 0.0, layers: 0.0, scale: scale * scale, whole };
        work.hold(whole).and_then(|()| work.group(tree.root(), whole)).is_ok()
    }
}

/// The amount of work, counted before drawing.
struct Work {
    nodes: u64,
    painted: f64,
    /// Memory of the layers that exist at the same time, bytes.
    layers: f64,
    /// Pixels of one square unit of the SVG.
    scale: f64,
    /// Pixels of the whole picture.
    whole: f64,
}

struct TooMuch;

impl Work {
    /// A group, on a layer of this many pixels or on its own layer.
    fn group(&mut self, group: &Group, below: f64) -> Result<(), TooMuch> {
        let own = group.should_isolate().then(|| self.area(group.abs_layer_bounding_box()).min(self.whole * MAX_LAYER));
        let layer = own.unwrap_or(below);
        if own.is_some() {
            self.hold(layer)?;
            self.paint(layer)?;
        }
        for node in group.children() {
            self.count()?;
            match node {
                Node::Group(inner) => self.group(inner, layer)?,
                // The part of a shape outside of the layer is not painted.
                shape => {
                    self.paint(shape.abs_layer_bounding_box().map_or(0.0, |bounds| self.area(bounds)).min(layer))?
                }
            }
        }
        // Each filter makes a few passes over the layer, and needs additional layers.
        self.paint(layer * 8.0 * group.filters().len() as f64)?;
        if let Some(clip) = group.clip_path() {
            self.clip(clip, layer)?;
        }
        if let Some(mask) = group.mask() {
            self.mask(mask, layer)?;
        }
        self.layers -= own.map_or(0.0, |own| own * DEPTH);
        Ok(())
    }

    /// A clip path is drawn on a layer as large as the one that it cuts, while that one exists; the same holds for clip
    /// paths that cut it.
    fn clip(&mut self, clip: &ClipPath, layer: f64) -> Result<(), TooMuch> {
        self.cut(layer)?;
        self.group(clip.root(), layer)?;
        if let Some(clip) = clip.clip_path() {
            self.clip(clip, layer)?;
        }
        self.layers -= layer * DEPTH;
        Ok(())
    }

    fn mask(&mut self, mask: &Mask, layer: f64) -> Result<(), TooMuch> {
        self.cut(layer)?;
        self.group(mask.root(), layer)?;
        if let Some(mask) = mask.mask() {
            self.mask(mask, layer)?;
        }
        self.layers -= layer * DEPTH;
        Ok(())
    }

    fn cut(&mut self, layer: f64) -> Result<(), TooMuch> {
        self.count()?;
        self.hold(layer)?;
        self.paint(layer * 2.0)
    }

    fn count(&mut self) -> Result<(), TooMuch> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(TooMuch) } else { Ok(()) }
    }

    fn paint(&mut self, pixels: f64) -> Result<(), TooMuch> {
        self.painted += pixels;
        if self.painted > MAX_PAINTED { Err(TooMuch) } else { Ok(()) }
    }

    fn hold(&mut self, pixels: f64) -> Result<(), TooMuch> {
        self.layers += pixels * DEPTH;
        if self.layers > MAX_LAYERS { Err(TooMuch) } else { Ok(()) }
    }

    fn area(&self, bounds: NonZeroRect) -> f64 {
        let area = f64::from(bounds.width()) * f64::from(bounds.height()) * self.scale;
        if area.is_finite() { area } else { f64::MAX / 4.0 }
    }
}
