//! Backdrop (background layer): a colour or an image behind every tile, with the parts of a scene at rest that never
//! change and have nothing else behind them. It is painted once, and then costs as little as a plain background. Only
//! while one backdrop fades into another does each frame need a new picture.

use std::time::Duration;

use super::{
    StageError,
    draw_thread::{Drawn, Subject, plain},
    drawing_cache::DrawingCache,
    dress::{Layer, look},
    motion::Course,
};
use crate::i420::{Picture, Pool};
use tilecast_core::{
    draw::{Scratch, Stroke, meet, paint},
    layout::{Backdrop, Canvas, Color, Image, Transition},
    media::Timestamp,
};

pub struct BackdropLayer {
    /// The newest backdrop of one colour.
    plain: (Color, Picture),
    /// The scene's backdrop, as far as it is drawn.
    wanted: Picture,
    /// The backdrop that was visible before the change, and the course of the fade.
    from: Picture,
    course: Course,
    /// The visible backdrop.
    seen: Picture,
    still: bool,
    /// Time from one frame to the next.
    frame: Duration,
    /// Buffers of the pictures between two backdrops.
    between: Pool,
    baked: Option<Baked>,
}

/// A backdrop with more painted on it.
struct Baked {
    bare: Picture,
    strokes: Vec<Stroke<'static>>,
    picture: Picture,
}

impl BackdropLayer {
    /// The canvas's own colour; `None` if there is no memory for it.
    pub fn new(canvas: &Canvas, frame: Duration) -> Option<Self> {
        let plain = plain(canvas.size(), canvas.background)?;
        Some(Self {
            wanted: plain.clone(),
            from: plain.clone(),
            seen: plain.clone(),
            plain: (canvas.background, plain),
            course: Course::default(),
            still: true,
            frame,
            between: Pool::new(canvas.size()).ok()?,
            baked: None,
        })
    }

    /// Changes to a scene's backdrop, at once or by a fade. While its image is being drawn the old one stays.
    pub fn become_like(
        &mut self,
        backdrop: &Backdrop,
        transition: Transition,
        now: Timestamp,
        drawings: &mut DrawingCache,
    ) -> Result<(), StageError> {
        if let Some(wanted) = self.drawn(backdrop, drawings)
            && !is(&wanted, &self.wanted)
        {
            (self.from, self.wanted) = (self.seen.clone(), wanted);
            self.course = Course::begin(now, self.frame, transition);
        }
        self.still = self.course.is_over(now);
        self.seen = if self.still { self.wanted.clone() } else { self.mixed(self.course.eased(now))? };
        if self.still {
            // Keeps one picture, not two, until the next change.
            self.from = self.wanted.clone();
        }
        Ok(())
    }

    fn drawn(&mut self, backdrop: &Backdrop, drawings: &mut DrawingCache) -> Option<Picture> {
        let size = self.plain.1.size;
        if let Some(Image { asset, fit }) = backdrop.image {
            match drawings.get(&Subject::Backdrop { asset, fit, color: backdrop.color, size })? {
                Drawn::Picture(picture) => return Some(picture),
                Drawn::Sheet(_) | Drawn::Nothing => {}
            }
        }
        if self.plain.0 != backdrop.color
            && let Some(plain) = plain(size, backdrop.color)
        {
            self.plain = (backdrop.color, plain);
        }
        Some(self.plain.1.clone())
    }

    /// The new backdrop over the old one; `part` is the share of the new one.
    fn mixed(&self, part: f64) -> Result<Picture, StageError> {
        let (under, over) = (look(&self.from)?, look(&self.wanted)?);
        let mixed = self.between.draw(|planes| {
            planes.mix(under.view(), over.view(), part);
            Ok::<_, gstreamer::glib::BoolError>(())
        });
        mixed.map_err(|error| StageError::Resources(error.to_string()))
    }

    /// The backdrop under the layers of a scene. At rest, layers that can be painted on it permanently move from the
    /// list onto it: layers of one colour with only the backdrop behind them, such as shadows.
    pub fn under(&mut self, layers: &mut Vec<Layer<'_>>, rests: bool) -> Result<Picture, StageError> {
        let (bare, rests) = (self.seen.clone(), rests && self.still);
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
        let is_baked = |baked: &Baked| is(&baked.bare, &bare) && baked.strokes == strokes;
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
        let painted = Pool::new(bare.size).and_then(|pool| {
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

/// True if both are the same picture in memory.
fn is(a: &Picture, b: &Picture) -> bool {
    a.buffer.as_ptr() == b.buffer.as_ptr()
}
