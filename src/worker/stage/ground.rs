//! What lies behind every tile: a colour or an image, and whatever of the scene at rest never changes and has nothing but that
//! behind it. It is painted once and then costs what a plain background costs.

use super::{
    StageError,
    artist::{Drawn, Subject, plain},
    dress::{Layer, look},
    wardrobe::Wardrobe,
};
use crate::{
    draw::{Scratch, Stroke, meet, paint},
    layout::{Backdrop, Canvas, Color, Image},
    media::Size,
    worker::i420::{Picture, Pool},
};

/// The ground.
pub struct Ground {
    size: Size,
    color: Color,
    /// All of one colour.
    plain: Picture,
    /// The newest image, kept while another is drawn.
    image: Option<Picture>,
    baked: Option<Baked>,
}

/// A ground with more painted on it.
struct Baked {
    bare: Picture,
    strokes: Vec<Stroke<'static>>,
    picture: Picture,
}

impl Ground {
    /// The canvas's own colour; `None` if there is no memory for it.
    pub fn new(canvas: &Canvas) -> Option<Self> {
        let (size, color) = (canvas.size(), canvas.background);
        Some(Self { size, color, plain: plain(size, color)?, image: None, baked: None })
    }

    /// Becomes that of a scene.
    pub fn become_like(&mut self, backdrop: &Backdrop, wardrobe: &mut Wardrobe) {
        if self.color != backdrop.color
            && let Some(plain) = plain(self.size, backdrop.color)
        {
            (self.color, self.plain) = (backdrop.color, plain);
        }
        let Some(Image { asset, fit }) = backdrop.image else {
            self.image = None;
            return;
        };
        match wardrobe.get(&Subject::Backdrop { asset, fit, color: backdrop.color, size: self.size }) {
            Some(Drawn::Picture(picture)) => self.image = Some(picture),
            Some(Drawn::Sheet(_) | Drawn::Nothing) => self.image = None,
            None => {}
        }
    }

    /// As it lies under the layers of a scene. At rest, layers that can be painted on it for good move from the list onto it:
    /// those of one colour with nothing but the ground behind them, such as shadows.
    pub fn under(&mut self, layers: &mut Vec<Layer<'_>>, rests: bool) -> Result<Picture, StageError> {
        let bare = self.image.as_ref().unwrap_or(&self.plain).clone();
        let mut strokes: Vec<Option<Stroke<'static>>> = Vec::new();
        for layer in layers.iter().take_while(|_| rests) {
            let bounds = layer.stroke.bounds();
            let mut below = layers.iter().zip(&strokes);
            let only_ground = below.all(|(below, moved)| moved.is_some() || !meet(below.stroke.bounds(), bounds));
            strokes.push(layer.stroke.flat_ink().filter(|_| only_ground));
        }
        if strokes.iter().all(Option::is_none) {
            return Ok(bare);
        }
        let mut moves = strokes.iter().map(Option::is_some);
        layers.retain(|_| !moves.next().unwrap_or(false));
        let strokes: Vec<Stroke<'static>> = strokes.into_iter().flatten().collect();
        let is_baked = |baked: &Baked| baked.bare.buffer.as_ptr() == bare.buffer.as_ptr() && baked.strokes == strokes;
        if !self.baked.as_ref().is_some_and(is_baked) {
            let picture = self.bake(&bare, &strokes)?;
            self.baked = Some(Baked { bare: bare.clone(), strokes, picture });
        }
        Ok(self.baked.as_ref().map_or(bare, |baked| baked.picture.clone()))
    }

    fn bake(&self, bare: &Picture, strokes: &[Stroke<'static>]) -> Result<Picture, StageError> {
        let looked = look(bare)?;
        let mut all = vec![Stroke::ground(looked.view())];
        all.extend(strokes);
        let painted = Pool::new(self.size).and_then(|pool| {
            pool.draw(|planes| {
                let mut surface = planes.surface();
                let whole = surface.bounds();
                paint(&mut surface, whole, &all, &mut Scratch::default());
                Ok::<_, gstreamer::glib::BoolError>(())
            })
        });
        painted.map_err(|error| StageError::Resources(error.to_string()))
    }
}
