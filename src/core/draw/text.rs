//! Text rendering: texts are cleaned, shaped with the system's fonts, and painted.

use std::collections::HashMap;

use cosmic_text::{
    Align, Attrs, Buffer, Ellipsize, EllipsizeHeightLimit, Family, FontSystem, Metrics, Shaping, SwashCache,
    SwashContent, SwashImage, Weight, Wrap, fontdb,
};
use image::{Rgb, RgbImage, RgbaImage};

use super::shape::{blend, blend_over};
use crate::layout;

/// Longest text that is shaped, characters: more than any card shows.
const MAX_CHARS: usize = 128;
/// Most font families that are kept. A full set for every script has fewer than 200, and each family that is searched
/// for a rare character costs memory permanently.
const MAX_FAMILIES: usize = 256;
/// Font families of cards: the first one that is installed. Any other font replaces it where it lacks a character.
const FAMILIES: [&str; 7] =
    ["Inter", "Noto Sans", "Open Sans", "Roboto", "Source Sans 3", "Liberation Sans", "DejaVu Sans"];
/// Between the regular and the medium weight of a family.
const WEIGHT: Weight = Weight(450);
const BOLD: Weight = Weight::BOLD;

/// The system's fonts. Font files are mapped, not read: only the pages of drawn glyphs take memory.
pub struct Fonts {
    system: FontSystem,
    scaler: SwashCache,
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fonts({} faces)", self.system.db().len())
    }
}

impl Fonts {
    /// Searches the system's fonts, which takes some ms per hundred files. Without any font, cards have shapes and no
    /// letters.
    pub fn load() -> Self {
        let (locale, mut faces) = FontSystem::new().into_locale_and_db();
        let main = FAMILIES.iter().find(|family| has_family(&faces, family)).copied();
        keep_one_face_a_family(&mut faces, main);
        if let Some(family) = main {
            faces.set_sans_serif_family(family);
        }
        Self::over(locale, faces)
    }

    fn over(locale: String, faces: fontdb::Database) -> Self {
        Self { system: FontSystem::new_with_locale_and_db(locale, faces), scaler: SwashCache::new() }
    }

    /// The fonts of stored frames, whatever else is installed.
    #[cfg(test)]
    pub(super) fn of_tests() -> Self {
        let (_, mut faces) = FontSystem::new().into_locale_and_db();
        let ours = ["DejaVu Sans", "WenQuanYi Micro Hei", "Noto Color Emoji"];
        let others = faces.faces().filter(|face| !face.families.iter().any(|(name, _)| ours.contains(&name.as_str())));
        let others: Vec<fontdb::ID> = others.map(|face| face.id).collect();
        others.into_iter().for_each(|id| faces.remove_face(id));
        keep_one_face_a_family(&mut faces, Some("DejaVu Sans"));
        faces.set_sans_serif_family("DejaVu Sans");
        Self::over("en-US".to_owned(), faces)
    }

    /// No fonts at all.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self::over("en-US".to_owned(), fontdb::Database::new())
    }

    /// True if any font was found.
    pub fn has_text(&self) -> bool {
        !self.system.db().is_empty()
    }

    /// One line of at most `width` px, in letters `size` px high, without the characters that no font has. `None` if
    /// nothing is left.
    pub(super) fn line(&mut self, text: &str, size: f32, width: f32) -> Option<Line> {
        self.weighted_line(text, size, layout::Weight::Regular, width)
    }

    /// The same in another weight.
    pub(super) fn weighted_line(&mut self, text: &str, size: f32, weight: layout::Weight, width: f32) -> Option<Line> {
        let weight = match weight {
            layout::Weight::Regular => WEIGHT,
            layout::Weight::Bold => BOLD,
        };
        if !self.has_text() {
            return None;
        }
        let text = clean(text);
        let line = match self.shape(&text, size, weight, width) {
            Ok(line) => line,
            Err(missing) => {
                let known = |&(at, _): &(usize, char)| !missing.iter().any(|range| range.contains(&at));
                let known: String = text.char_indices().filter(known).map(|(_, char)| char).collect();
                self.shape(&clean(&known), size, weight, width).ok()?
            }
        };
        (!line.glyphs.is_empty()).then_some(line)
    }

    /// The line, or the byte ranges of `text` that no font can draw.
    fn shape(
        &mut self,
        text: &str,
        size: f32,
        weight: Weight,
        width: f32,
    ) -> Result<Line, Vec<std::ops::Range<usize>>> {
        let mut buffer = Buffer::new_empty(Metrics::new(size, size * 1.4));
        buffer.set_wrap(Wrap::None);
        buffer.set_ellipsize(Ellipsize::End(EllipsizeHeightLimit::Lines(1)));
        buffer.set_size(Some(width), None);
        let attrs = Attrs::new().family(Family::SansSerif).weight(weight);
        buffer.set_text(text, &attrs, Shaping::Advanced, Some(Align::Left));
        buffer.shape_until_scroll(&mut self.system, false);
        let glyphs = || buffer.layout_runs().take(1).flat_map(|run| run.glyphs);
        let missing: Vec<_> =
            glyphs().filter(|glyph| glyph.glyph_id == 0).map(|glyph| glyph.start..glyph.end).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut line = Line { glyphs: Vec::new(), start: f32::MAX, end: 0.0 };
        for glyph in glyphs() {
            line.start = line.start.min(glyph.x);
            line.end = line.end.max(glyph.x + glyph.w);
            let at = glyph.physical((0.0, 0.0), 1.0);
            // The scaler's cache never forgets, so it is not used: a card is drawn once for each name and size.
            if let Some(image) = self.scaler.get_image_uncached(&mut self.system, at.cache_key)
                && image.placement.width > 0
            {
                line.glyphs.push((at.x + image.placement.left, at.y - image.placement.top, image));
            }
        }
        Ok(line)
    }
}

/// Glyphs ready to paint, px right of the line's start and below its baseline.
pub(super) struct Line {
    glyphs: Vec<(i32, i32, SwashImage)>,
    start: f32,
    end: f32,
}

impl Line {
    /// Paints the line with its width centred on column `x` and its baseline on row `y`.
    pub(super) fn paint(&self, picture: &mut RgbImage, x: f32, y: f32, color: Rgb<u8>) {
        let left = (x - (self.start + self.end) / 2.0).round() as i64;
        self.each_dot(left, y.round() as i64, color, |x, y, color, alpha| blend(picture, x, y, color, alpha));
    }

    /// Its width, px.
    pub(super) fn width(&self) -> f32 {
        (self.end - self.start).max(0.0)
    }

    /// Paints the line on a transparent image from column `x` on, with its baseline on row `y`.
    pub(super) fn paint_over(&self, image: &mut RgbaImage, x: f32, y: f32, color: layout::Paint) {
        let left = (x - self.start).round() as i64;
        let strength = f32::from(color.alpha) / 255.0;
        let color = Rgb([color.color.red, color.color.green, color.color.blue]);
        self.each_dot(left, y.round() as i64, color, |x, y, color, alpha| {
            blend_over(image, x, y, color, alpha * strength);
        });
    }

    /// Paints the line so that its visible part is centred on a point in both directions.
    pub(super) fn paint_centred(&self, picture: &mut RgbImage, x: f32, y: f32, color: Rgb<u8>) {
        let across = middle(self.glyphs.iter().map(|(x, _, image)| (*x, image.placement.width)));
        let down = middle(self.glyphs.iter().map(|(_, y, image)| (*y, image.placement.height)));
        let (left, baseline) = ((x - across).round() as i64, (y - down).round() as i64);
        self.each_dot(left, baseline, color, |x, y, color, alpha| blend(picture, x, y, color, alpha));
    }

    fn each_dot(&self, left: i64, baseline: i64, color: Rgb<u8>, mut put: impl FnMut(i64, i64, Rgb<u8>, f32)) {
        for (x, y, image) in &self.glyphs {
            each_dot(left + i64::from(*x), baseline + i64::from(*y), image, color, &mut put);
        }
    }
}

/// The middle of the range that all spans (start and length) cover together.
fn middle(spans: impl Iterator<Item = (i32, u32)>) -> f32 {
    let whole = spans.map(|(start, length)| (start, start + length as i32)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    whole.map_or(0.0, |(start, end)| (start + end) as f32 / 2.0)
}

/// Letters take `color`; emoji have their own colours.
fn each_dot(left: i64, top: i64, image: &SwashImage, color: Rgb<u8>, put: &mut impl FnMut(i64, i64, Rgb<u8>, f32)) {
    let depth = if image.content == SwashContent::Mask { 1 } else { 4 };
    for (index, pixel) in image.data.chunks_exact(depth).enumerate() {
        let (row, column) =
            (index as i64 / i64::from(image.placement.width), index as i64 % i64::from(image.placement.width));
        let (color, alpha) = match pixel {
            [alpha] => (color, *alpha),
            [red, green, blue, alpha] => (Rgb([*red, *green, *blue]), *alpha),
            _ => continue,
        };
        if alpha > 0 {
            put(left + column, top + row, color, f32::from(alpha) / 255.0);
        }
    }
}

/// A text in one line that cannot change the direction of the text around it: without control characters and direction
/// overrides, with single spaces.
pub(super) fn clean(text: &str) -> String {
    let harmless = |char: &char| !matches!(char, '\u{200E}' | '\u{200F}' | '\u{061C}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    let spaced = |char: char| if char.is_control() || char == '\u{2028}' || char == '\u{2029}' { ' ' } else { char };
    let text: String = text.chars().filter(harmless).map(spaced).take(MAX_CHARS).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The initials of a name: of its first and last word, or one character where a script has no initials. Empty if the
/// name has no letters.
pub(super) fn initials(name: &str) -> String {
    let name = clean(name);
    let letter = |word: &str| word.chars().find(|char| char.is_alphanumeric());
    let letters: Vec<char> = name.split([' ', '-', '_', '.']).filter_map(letter).collect();
    // A joining script, or characters as wide as a word, give one character.
    let pairs =
        letters.iter().all(|letter| matches!(*letter, '0'..='9' | 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{58F}'));
    match (letters.first(), letters.last()) {
        (Some(first), Some(last)) if pairs && letters.len() > 1 => {
            first.to_uppercase().chain(last.to_uppercase()).collect()
        }
        (Some(first), _) => first.to_uppercase().collect(),
        _ => String::new(),
    }
}

fn has_family(faces: &fontdb::Database, family: &str) -> bool {
    faces.faces().any(|face| face.families.iter().any(|(name, _)| name == family))
}

/// Drops italics, condensed faces and all weights except the one nearest to ours and, in the `main` family, the one
/// nearest to bold. Every face that a search for a rare character reads costs time and memory.
fn keep_one_face_a_family(faces: &mut fontdb::Database, main: Option<&str>) {
    let mut best: HashMap<String, (u16, fontdb::ID)> = HashMap::new();
    for face in faces.faces() {
        let upright = face.style == fontdb::Style::Normal && face.stretch == fontdb::Stretch::Normal;
        let Some((family, _)) = face.families.first().filter(|_| upright) else { continue };
        let off = face.weight.0.abs_diff(WEIGHT.0);
        if best.get(family).map_or(best.len() < MAX_FAMILIES, |(least, _)| off < *least) {
            best.insert(family.clone(), (off, face.id));
        }
    }
    let bold = faces.faces().filter(|face| {
        let ours = face.families.first().is_some_and(|(family, _)| main == Some(family));
        ours && face.style == fontdb::Style::Normal && face.stretch == fontdb::Stretch::Normal
    });
    let bold = bold.min_by_key(|face| face.weight.0.abs_diff(BOLD.0)).map(|face| face.id);
    let all: Vec<fontdb::ID> = faces.faces().map(|face| face.id).collect();
    let kept = |id: &fontdb::ID| bold == Some(*id) || best.values().any(|(_, kept)| kept == id);
    for id in all.into_iter().filter(|id| !kept(id)) {
        faces.remove_face(id);
    }
}
