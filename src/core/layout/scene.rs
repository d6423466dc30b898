//! The scene (composition, scene graph): everything that is visible at one moment, in px of the canvas and plain
//! numbers.

use serde::{Deserialize, Serialize};

use super::{Border, Color, Highlight, Label, Overlay, Shadow};
use crate::{
    base::{AssetHash, ParticipantId},
    media::{Rect, Size},
};

/// The program's picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Canvas {
    /// px, even, 16 to 3840
    #[schema(minimum = 16, maximum = 3840, multiple_of = 2)]
    pub width: u32,
    /// px, even, 16 to 2160
    #[schema(minimum = 16, maximum = 2160, multiple_of = 2)]
    pub height: u32,
    /// frames a second, 1 to 60
    #[schema(minimum = 1, maximum = 60)]
    pub fps: u32,
    /// What shows where no tile lies, unless the template says something else.
    pub background: Color,
}

impl Canvas {
    /// What a canvas has for a background when nobody says.
    pub const BACKGROUND: Color = Color { red: 0x10, green: 0x14, blue: 0x18 };

    /// Its size alone.
    pub fn size(&self) -> Size {
        Size { width: self.width, height: self.height }
    }
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30, background: Self::BACKGROUND }
    }
}

/// How a picture meets a rectangle of another shape.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The whole picture, bars where it does not reach.
    Contain,
    /// The whole rectangle, the picture's overhang cut off around the focus.
    #[default]
    Cover,
    /// The whole picture on the whole rectangle, out of shape.
    Fill,
    /// The whole picture, before a blurred copy of itself where it does not reach.
    Blur,
}

/// A point of a picture in fractions of it: 0 is its left or top edge, 1 its right or bottom edge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    /// 0 to 1
    pub x: f64,
    /// 0 to 1
    pub y: f64,
}

impl Default for Focus {
    fn default() -> Self {
        Self { x: 0.5, y: 0.5 }
    }
}

/// The part of a picture that is used at all, in fractions of it; within 0 to 1 and not empty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Above 0; with `x`, at most 1.
    pub width: f64,
    /// Above 0; with `y`, at most 1.
    pub height: f64,
}

impl Default for Crop {
    fn default() -> Self {
        Self { x: 0.0, y: 0.0, width: 1.0, height: 1.0 }
    }
}

/// One participant's place in the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Whose picture or card.
    pub participant: ParticipantId,
    /// 0 for the participant's first tile; further ones, where a template shows somebody twice, count up. Participant
    /// and copy together are the tile's identity from scene to scene.
    pub copy: u32,
    /// Where; even in all four numbers and wholly on the canvas.
    pub rect: Rect,
    /// Higher lies in front; unique among the scene's tiles and overlays together.
    pub z: u32,
    /// How the picture meets the tile, after `crop`.
    pub fit: Fit,
    /// What of the picture stays in sight when [`Fit::Cover`] cuts, of what `crop` leaves.
    pub focus: Focus,
    /// What of the picture is used.
    pub crop: Crop,
    /// 0 cannot be seen, 1 is opaque.
    pub opacity: f32,
    /// Of the corners, px, at most half the shorter side.
    pub radius: u32,
    /// A line along the inside of the edge.
    pub border: Option<Border>,
    /// True shows the participant's card, even while there is a picture.
    pub card: bool,
    /// Behind the tile, and outside of it.
    pub shadow: Option<Shadow>,
    /// How it is marked while the participant speaks.
    pub highlight: Option<Highlight>,
    /// What is written on it.
    pub label: Option<Label>,
}

impl Tile {
    /// A participant's only tile without any dress.
    pub fn plain(participant: ParticipantId, rect: Rect, z: u32, fit: Fit) -> Self {
        Self {
            participant,
            copy: 0,
            rect,
            z,
            fit,
            focus: Focus::default(),
            crop: Crop::default(),
            opacity: 1.0,
            radius: 0,
            border: None,
            card: false,
            shadow: None,
            highlight: None,
            label: None,
        }
    }

    /// True if it is the same tile in another scene: the one that moves there.
    pub fn is(&self, other: &Self) -> bool {
        self.participant == other.participant && self.copy == other.copy
    }
}

/// What lies behind everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backdrop {
    /// Everywhere, and around or behind the image.
    pub color: Color,
    /// Over the whole canvas.
    pub image: Option<Image>,
}

impl Default for Backdrop {
    fn default() -> Self {
        Self { color: Canvas::BACKGROUND, image: None }
    }
}

/// An image that somebody uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Which: what the worker was sent under this hash.
    pub asset: AssetHash,
    /// How it meets its rectangle; [`Fit::Blur`] counts as [`Fit::Contain`].
    pub fit: Fit,
}

/// The program's whole picture at rest: the canvas's size is the room's, so it is not repeated here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// What lies behind everything.
    pub background: Backdrop,
    /// In order of `z`, back to front.
    pub tiles: Vec<Tile>,
    /// In order of `z`, back to front; each lies among the tiles where its `z` says.
    pub overlays: Vec<Overlay>,
}

/// Most tiles a scene may have; a larger meeting shows this many.
pub const MAX_TILES: usize = 64;

/// Most overlays a scene may have: logos, captions, and a "+N" for a few flows; each may be as large as the canvas.
pub const MAX_OVERLAYS: usize = 32;
