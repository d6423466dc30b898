//! Tiles (compositor pads): what a tile shows at a tick, and its position in the compositor.

use std::sync::Arc;

use super::compositor::{Appearance, Compositor, CompositorError, Input};
use crate::i420::Picture;
use tilecast_core::draw::Sheet;

pub struct Tile {
    input: Option<Input>,
    face: Picture,
    /// The newest card, kept while another is drawn.
    pub card: Option<Picture>,
    /// A shared picture, as it was drawn and as this tile shows it.
    own: Option<(Picture, Picture)>,
    /// The newest label, kept while another is drawn.
    pub label: Option<Arc<Sheet>>,
}

impl Tile {
    /// A tile that shows `blank` until there is something to show.
    pub fn new(blank: Picture) -> Self {
        Self { input: None, face: blank, card: None, own: None, label: None }
    }

    /// This tile's own mapping of a picture that many tiles show, such as a card.
    pub fn own(&mut self, shared: &Picture) -> Result<Picture, CompositorError> {
        let kept = self.own.as_ref().filter(|(of, _)| of.buffer.as_ptr() == shared.buffer.as_ptr());
        if let Some((_, own)) = kept {
            return Ok(own.clone());
        }
        let own = shared.apart().map_err(|error| CompositorError::Refused(error.to_string()))?;
        self.own = Some((shared.clone(), own.clone()));
        Ok(own)
    }

    pub fn face(&self) -> &Picture {
        &self.face
    }

    /// Shows `face`: provides an input of its size, at its position, before any input is fed.
    pub fn show(
        &mut self,
        face: Picture,
        compositor: &Compositor,
        appearance: Appearance,
    ) -> Result<(), CompositorError> {
        if self.input.as_ref().is_none_or(|input| input.size() != face.size) {
            self.input = None;
            self.input = Some(compositor.input(face.size)?);
        }
        self.face = face;
        if let Some(input) = &mut self.input {
            input.appear(appearance);
        }
        Ok(())
    }

    /// Gives the compositor this tick's picture.
    pub fn feed_compositor(&mut self, frame: u64) -> Result<(), CompositorError> {
        self.input.as_mut().map_or(Ok(()), |input| input.feed(&self.face, frame))
    }
}
