//! Scene renderer: a whole scene as one picture, as the stage would show it, without media.

use std::{collections::HashMap, sync::Arc};

use image::{RgbImage, RgbaImage};

use super::{
    Fonts,
    card::{CardStyle, card},
    dress::{self, Marks},
    format::{Format, RgbPlanes},
    picture::{self, fitted, tile},
    sheet::Sheet,
    stroke::{Scratch, Stroke, paint},
    words::{label, say, words},
};
use crate::{
    base::{AssetHash, ParticipantId},
    layout::{
        Canvas, Content, Image, Overlay, Scene, Tile,
        fit::Wish,
        transition::{Placed, tween},
    },
    media::{Rect, Size},
};

/// What a tile shows.
#[derive(Debug, Clone, Default)]
pub struct Face {
    /// What a card says.
    pub name: String,
    /// The camera's picture; `None` shows a card.
    pub picture: Option<RgbImage>,
    /// The participant's current states.
    pub marks: Marks,
}

/// Draws a scene at rest on a canvas. `cast` gives each participant's face. `images` has the uploads that scenes name;
/// a missing one is left out. `utc` is the time of day for clocks, in seconds since 1970.
pub fn render(
    fonts: &mut Fonts,
    scene: &Scene,
    canvas: &Canvas,
    cast: &dyn Fn(&ParticipantId) -> Face,
    images: &dyn Fn(AssetHash) -> Option<Arc<RgbaImage>>,
    utc: i64,
) -> RgbImage {
    let placed = tween(scene, scene, 1.0);
    render_placed(fonts, scene, &placed, canvas, cast, images, utc)
}

/// Draws a scene in transition: everything at its place in `placed`, drawn in the size it has there.
pub fn render_placed(
    fonts: &mut Fonts,
    scene: &Scene,
    placed: &[Placed<'_>],
    canvas: &Canvas,
    cast: &dyn Fn(&ParticipantId) -> Face,
    images: &dyn Fn(AssetHash) -> Option<Arc<RgbaImage>>,
    utc: i64,
) -> RgbImage {
    let mut artist = Artist { fonts, scene, images, utc };
    let mut faces: HashMap<&ParticipantId, Face> = HashMap::new();
    for tile in placed.iter().filter_map(Placed::tile) {
        faces.entry(&tile.participant).or_insert_with(|| cast(&tile.participant));
    }
    let sheets: Vec<[Option<Sheet>; 2]> = placed
        .iter()
        .map(|placed| match (placed.tile(), placed.overlay()) {
            (Some(tile), _) => artist.tile(tile, placed.rect.size(), &faces[&tile.participant]),
            (_, Some(overlay)) => [None, artist.content(overlay, placed.rect.size())],
            (None, None) => [None, None],
        })
        .collect();
    let whole = Rect { x: 0, y: 0, width: canvas.width, height: canvas.height };
    let backdrop = scene.background.image.and_then(|image| artist.image(image, canvas.size()));
    let mut strokes = vec![Stroke::flat(whole, scene.background.color.into())];
    strokes.extend(backdrop.iter().map(|sheet| Stroke::ground(sheet.view())));
    for (placed, [face, writing]) in placed.iter().zip(&sheets) {
        if let (Some(tile), Some(face)) = (placed.tile(), face) {
            let speaking = faces[&tile.participant].marks.speaking;
            let seen = seen(tile, face.size(), &faces[&tile.participant]);
            dress::tile(placed, tile, face.view(), seen, writing.as_ref(), speaking, &mut strokes);
        } else if let Some(overlay) = placed.overlay() {
            dress::overlay(placed, overlay, writing.as_ref(), &mut strokes);
        }
    }
    let mut planes = RgbPlanes::new(canvas.size());
    paint(&mut planes.surface(), whole, &strokes, &mut Scratch::default());
    planes.to_image()
}

/// The part of a tile's face that is picture.
fn seen(of: &Tile, size: Size, face: &Face) -> Rect {
    let Tile { fit, focus, crop, .. } = *of;
    match face.picture.as_ref().filter(|_| !of.card) {
        Some(picture) => picture::seen(picture, size, Wish { fit, focus, crop }),
        None => Rect { x: 0, y: 0, width: size.width, height: size.height },
    }
}

struct Artist<'a> {
    fonts: &'a mut Fonts,
    scene: &'a Scene,
    images: &'a dyn Fn(AssetHash) -> Option<Arc<RgbaImage>>,
    utc: i64,
}

impl Artist<'_> {
    /// The face and the label.
    fn tile(&mut self, of: &Tile, size: Size, face: &Face) -> [Option<Sheet>; 2] {
        let around = self.scene.background.color;
        let Tile { fit, focus, crop, .. } = *of;
        let picture = match face.picture.as_ref().filter(|_| !of.card) {
            Some(picture) => tile(picture, size, Wish { fit, focus, crop }, around),
            None => card(self.fonts, size, &face.name, around, CardStyle::of(of)),
        };
        let label = of.label.as_ref().and_then(|dress| {
            let said = say(&dress.text.parts, self.utc);
            label(self.fonts, &dress.text, &said, &face.marks.badges(dress), size)
        });
        [Some(Sheet::from_rgb(&picture, Format::Rgb)), label.map(|label| Sheet::from_rgba(&label, Format::Rgb))]
    }

    fn content(&mut self, overlay: &Overlay, size: Size) -> Option<Sheet> {
        match &overlay.content {
            Content::Plain => None,
            Content::Image(image) => self.image(*image, size),
            Content::Text(text) => {
                let drawn = words(self.fonts, text, &say(&text.parts, self.utc), size)?;
                Some(Sheet::from_rgba(&drawn, Format::Rgb))
            }
        }
    }

    fn image(&self, Image { asset, fit }: Image, size: Size) -> Option<Sheet> {
        let image = (self.images)(asset)?;
        Some(Sheet::from_rgba(&fitted(&image, size, Wish { fit, ..Wish::default() }), Format::Rgb))
    }
}
