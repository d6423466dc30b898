//! Decorations (overlay painting): round corners, lines, shadows, labels and overlays are painted over the composed
//! frame.
//!
//! The compositor copies pictures and does neither transparency nor round corners; with pixel formats in which it
//! could, it would take thirty times as long. So only the small rectangles with more than pictures are painted again,
//! each from the backdrop up in the order of the scene. Everything that lies over a decoration stays in front of it.

use std::sync::Arc;

use gstreamer as gst;

use super::{
    StageError,
    draw_thread::{Drawn, Subject},
    drawing_cache::DrawingCache,
    tiles::Tiles,
};
use crate::i420::{self, Looked, Picture};
use tilecast_core::{
    draw::{self, Scratch, Sheet, Stroke, contains, dress},
    layout::{Content, Image, Overlay, transition::Placed},
    media::{Rect, Size},
};

/// Most rectangles that are painted one by one; beyond it, the whole canvas is painted. 64 tiles with four corners,
/// four edges and a label each have fewer.
const MAX_CLIPS: usize = 1024;

/// A stroke. `composed` is true if the compositor has made all of it except its corners.
pub struct Layer<'a> {
    pub stroke: Stroke<'a>,
    /// True for a participant's picture.
    pub composed: bool,
}

/// The pictures of a frame's tiles, mapped for reading; empty where there is nothing to paint.
pub struct Faces(Vec<Option<Looked>>);

impl Faces {
    /// Maps the pictures of the tiles.
    pub fn look(placed: &[Placed<'_>], tiles: &Tiles) -> Result<Self, StageError> {
        if !placed.iter().any(is_dressed) {
            return Ok(Self(Vec::new()));
        }
        let tile = |placed: &Placed<'_>| placed.tile().and_then(|tile| tiles.get(tile));
        let face = |placed: &Placed<'_>| tile(placed).map(|tile| look(tile.face())).transpose();
        Ok(Self(placed.iter().map(face).collect::<Result<_, _>>()?))
    }

    /// Every layer of the scene, back to front, except the backdrop.
    pub fn layers<'a>(&'a self, placed: &[Placed<'_>], tiles: &'a Tiles, contents: &'a Contents) -> Vec<Layer<'a>> {
        let (mut layers, mut strokes) = (Vec::new(), Vec::new());
        for (placed, face) in placed.iter().zip(&self.0) {
            let mut picture = None;
            if let (Some(tile), Some(face)) = (placed.tile(), face) {
                let shown = tiles.get(tile);
                let label = shown.and_then(|tile| tile.label.as_deref());
                let seen = shown.map_or(placed.rect, |tile| tile.face().seen);
                let speaking = tiles.marks(&tile.participant).speaking;
                picture = Some(dress::tile(placed, tile, face.view(), seen, label, speaking, &mut strokes));
            } else if let Some(overlay) = placed.overlay() {
                dress::overlay(placed, overlay, contents.get(overlay), &mut strokes);
            }
            let layer = |(at, stroke)| Layer { stroke, composed: picture == Some(at) };
            layers.extend(strokes.drain(..).enumerate().map(layer));
        }
        layers
    }
}

/// Maps a picture for reading.
pub fn look(picture: &Picture) -> Result<Looked, StageError> {
    picture.look().ok_or_else(|| StageError::Resources("a picture cannot be read".to_owned()))
}

/// True if the tile has more than its picture in a rectangle.
fn is_dressed(placed: &Placed<'_>) -> bool {
    placed.tile().is_none_or(|tile| {
        let lines = tile.border.is_some() || tile.highlight.is_some() || tile.shadow.is_some();
        lines || placed.radius > 0 || tile.label.is_some()
    })
}

#[derive(Default)]
pub struct Painter {
    scratch: Scratch,
    clips: Vec<Rect>,
}

impl Painter {
    /// The composed frame with all layers over `ground` that the compositor cannot make.
    pub fn dress(
        &mut self,
        composed: gst::Buffer,
        ground: &Picture,
        layers: &[Layer<'_>],
    ) -> Result<gst::Buffer, StageError> {
        if layers.is_empty() {
            return Ok(composed);
        }
        let ground = look(ground)?;
        let under = std::iter::once(Stroke::ground(ground.view()));
        let strokes: Vec<Stroke<'_>> = under.chain(layers.iter().map(|layer| layer.stroke)).collect();
        let painted = i420::paint_on(composed, ground.view().size, |surface| {
            self.find(surface.bounds(), layers);
            for clip in &self.clips {
                draw::paint(surface, *clip, &strokes, &mut self.scratch);
            }
        });
        painted.map_err(|error| StageError::Resources(error.to_string()))
    }

    /// Finds the areas where the compositor's frame is not enough: a whole stroke, or the corners of a composed one.
    fn find(&mut self, canvas: Rect, layers: &[Layer<'_>]) {
        let clips = &mut self.clips;
        clips.clear();
        let mut add = |rect: Rect| {
            if let Some(rect) = draw::intersection(rect, canvas)
                && !clips.iter().any(|clip| contains(*clip, rect))
            {
                clips.push(rect);
            }
        };
        for layer in layers {
            if layer.composed {
                layer.stroke.outline.corners().for_each(&mut add);
            } else {
                layer.stroke.touched(&mut add);
            }
        }
        let area = |rect: &Rect| u64::from(rect.width) * u64::from(rect.height);
        if clips.len() > MAX_CLIPS || clips.iter().map(area).sum::<u64>() > area(&canvas) {
            *clips = vec![canvas];
        }
    }
}

/// The newest drawn content of each overlay, kept while another is drawn.
#[derive(Default)]
pub struct Contents(Vec<(String, Content, Arc<Sheet>)>);

impl Contents {
    /// Forgets the content of overlays that are gone.
    pub fn keep<'a>(&mut self, overlays: impl Iterator<Item = &'a Overlay> + Clone) {
        self.0.retain(|(id, content, _)| overlays.clone().any(|there| there.id == *id && there.content == *content));
    }

    /// Updates the content of an overlay, which is `size` px large at rest.
    pub fn update(&mut self, overlay: &Overlay, size: Size, utc: i64, drawings: &mut DrawingCache) {
        let subject = match &overlay.content {
            Content::Plain => return,
            Content::Image(Image { asset, fit }) => Subject::Image { asset: *asset, fit: *fit, size },
            Content::Text(text) => Subject::words(text, None, size, utc),
        };
        let Some(drawn) = drawings.get(&subject) else { return };
        self.0.retain(|(id, content, _)| *id != overlay.id || *content != overlay.content);
        if let Drawn::Sheet(sheet) = drawn {
            self.0.push((overlay.id.clone(), overlay.content.clone(), sheet));
        }
    }

    pub fn get(&self, overlay: &Overlay) -> Option<&Sheet> {
        let held = self.0.iter().find(|(id, content, _)| *id == overlay.id && *content == overlay.content);
        held.map(|(.., sheet)| sheet.as_ref())
    }
}
