//! Placeholder cards: what a tile shows for a participant without a picture.

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

/// Below this side, px, a card is only its colour: nothing on it would be legible.
const LEAST_DISC: f32 = 20.0;
/// Smallest disc, px, however large a label is.
const LEAST_RADIUS: f32 = 5.0;
/// Below this side, px, a card has no name: the letters would be too small to read.
const LEAST_NAME: f32 = 80.0;
/// Smallest letters of a name, px.
const LEAST_LETTERS: f32 = 11.0;

/// How many times wider than its edge line a card is.
const EDGE: f32 = 360.0;

/// Which parts of a card its tile makes unnecessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardStyle {
    /// Draw the name below the disc. False when a label shows the name.
    pub named: bool,
    /// Draw a line along the edge. The line is square, so round tiles and tiles with a border have none.
    pub edged: bool,
    /// Height that a label may cover above and below, px. The disc keeps out of there.
    pub clear: (u32, u32),
    /// Length from which the disc's size follows, px, if that is not the card's shorter side: only a part of the card
    /// is seen.
    pub side: Option<u32>,
}

impl Default for CardStyle {
    fn default() -> Self {
        Self { named: true, edged: true, clear: (0, 0), side: None }
    }
}

impl CardStyle {
    /// The style for a tile of the scene.
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

/// A card of `size` px for `name`, on a program with this background: a disc with the initials, in a colour that
/// depends on the name, and the name below, cut with an ellipsis where it does not fit.
///
/// All colours are flat: they cost the encoder nothing and show no banding.
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
    // Disc, gap and the height of capitals are centred as one block, or as near to the centre as a label allows.
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
