//! The card of somebody whose camera is off.

use image::RgbImage;

use super::{
    Fonts,
    palette::Palette,
    shape::{Circle, circle, frame, silhouette},
    text::initials,
    words,
};
use crate::{
    layout::{Color, Tile},
    media::Size,
};

/// Below this side, px, a card is its colour alone: nothing on it could be told apart.
const LEAST_DISC: f32 = 20.0;
/// Smallest disc, px, however large a label is.
const LEAST_RADIUS: f32 = 5.0;
/// Below this side, px, a card has no name: it would be smaller than anybody reads.
const LEAST_NAME: f32 = 80.0;
/// Smallest letters of a name, px.
const LEAST_LETTERS: f32 = 11.0;

/// How many times wider a card is than its edge.
const EDGE: f32 = 360.0;

/// What of a card the tile it is shown on makes needless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardStyle {
    /// The name below the disc; a label says it too.
    pub named: bool,
    /// A line along the edge, which is square; round tiles and such with a border do without.
    pub edged: bool,
    /// What a label may take of it above and below, px: the disc keeps out of there.
    pub clear: (u32, u32),
    /// Length that the disc is measured by, px, where it is not the card's shorter side: less of the card is seen.
    pub side: Option<u32>,
}

impl Default for CardStyle {
    fn default() -> Self {
        Self { named: true, edged: true, clear: (0, 0), side: None }
    }
}

impl CardStyle {
    /// For a tile of the scene.
    pub fn of(tile: &Tile) -> Self {
        let clear = tile.label.as_ref().map_or((0, 0), |label| {
            let height = words::line_height(&label.text).saturating_add(label.text.inset);
            match label.text.anchor.fractions().1 {
                0.0 => (height, 0),
                1.0 => (0, height),
                _ => (0, 0),
            }
        });
        let edged = tile.radius == 0 && tile.border.is_none();
        Self { named: tile.label.is_none(), edged, clear, side: None }
    }
}

/// A card `size` px large for `name`, on a program with this background: a disc with the initials, in a colour that belongs to
/// the name, and the name below, cut with an ellipsis where it does not fit.
///
/// Flat colours only: they cost the encoder nothing and show no bands.
pub fn card(fonts: &mut Fonts, size: Size, name: &str, background: Color, style: CardStyle) -> RgbImage {
    let palette = Palette::of(name, background);
    let (width, height) = (size.width as f32, size.height as f32);
    let side = style.side.map_or(width.min(height), |side| (side as f32).min(width).min(height));
    if side < LEAST_DISC {
        return RgbImage::from_pixel(size.width, size.height, palette.disc);
    }
    let mut picture = RgbImage::from_pixel(size.width, size.height, palette.surface);
    if style.edged {
        frame(&mut picture, (side / EDGE).round().max(1.0) as u32, palette.edge);
    }
    let letters = (side * 0.058).max(LEAST_LETTERS);
    let line = if side < LEAST_NAME || !style.named { None } else { fonts.line(name, letters, width * 0.86) };
    let gap = side * 0.065;
    // Disc, gap and the height of capitals are centred as one, or as near to it as a label leaves them.
    let below = if line.is_some() { gap + letters * 0.75 } else { 0.0 };
    let edge = |clear: u32| if clear > 0 { clear as f32 + gap / 2.0 } else { 0.0 };
    let (top, bottom) = (edge(style.clear.0), height - edge(style.clear.1));
    let radius = (side * if line.is_some() { 0.2 } else { 0.3 }).min((bottom - top - below) / 2.0).max(LEAST_RADIUS);
    let middle = ((height - below) / 2.0).min(bottom - below - radius).max(top + radius);
    let disc = Circle { x: width / 2.0, y: middle, radius };
    circle(&mut picture, disc, None, palette.disc);
    let initials = initials(name);
    let share = if initials.chars().count() > 1 { 0.76 } else { 0.9 };
    match fonts.line(&initials, radius * share, width) {
        Some(letters) => letters.paint_centred(&mut picture, disc.x, disc.y, palette.on_disc),
        None => silhouette(&mut picture, disc, palette.on_disc),
    }
    if let Some(line) = line {
        line.paint(&mut picture, disc.x, disc.y + radius + below, palette.text);
    }
    picture
}
