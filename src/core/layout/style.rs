//! Styles of a template. Lengths are fractions of the canvas's shorter side, so that a template looks the same on every
//! canvas.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Anchor, Badge, Color, Fit, Paint, Weight,
    region::{MAX_Z, Region},
    rule::Cast,
};
use crate::base::AssetName;

/// Longest text of a label or an overlay, bytes: some lines of a caption.
pub const MAX_TEXT_BYTES: usize = 512;
/// Most variables of a text: as many as there are. Each may stand for 256 bytes on each of 64 tiles, which is written
/// out for every scene.
pub const MAX_VARIABLES: usize = 5;

/// How tiles look. What is left out is as the template's style says, and there as it is without any dress.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Style {
    /// 0 cannot be seen, 1 is opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub opacity: Option<f64>,
    /// Of the corners, of the canvas's shorter side, 0 to 0.5; never more than makes the tile round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.5)]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub radius: Option<f64>,
    /// A line along the inside of the edge; a width of 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<Line>,
    /// Behind the tile; a colour that cannot be seen is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowSpec>,
    /// A line along the inside of the edge while the participant speaks; a width of 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Line>,
    /// What is written on the tile; an empty text is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelSpec>,
}

/// A line along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Of the canvas's shorter side, 0 to 0.1; at least one px where it is above 0.
    #[schema(minimum = 0, maximum = 0.1)]
    #[schemars(range(min = 0.0, max = 0.1))]
    pub width: f64,
    /// In this colour.
    pub color: Paint,
}

/// A soft shadow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShadowSpec {
    /// How far it fades out, of the canvas's shorter side, 0 to 0.1.
    #[schema(minimum = 0, maximum = 0.1)]
    #[schemars(range(min = 0.0, max = 0.1))]
    pub blur: f64,
    /// How far it is moved right, of the canvas's shorter side, -0.1 to 0.1.
    #[serde(default)]
    #[schema(minimum = -0.1, maximum = 0.1)]
    #[schemars(range(min = -0.1, max = 0.1))]
    pub x: f64,
    /// How far it is moved down, of the canvas's shorter side, -0.1 to 0.1.
    #[serde(default)]
    #[schema(minimum = -0.1, maximum = 0.1)]
    #[schemars(range(min = -0.1, max = 0.1))]
    pub y: f64,
    /// Where it is darkest.
    pub color: Paint,
}

/// What is written on a tile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// The words and how they look.
    pub text: TextSpec,
    /// Which states are shown beside the words when they hold, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub badges: Vec<Badge>,
}

/// Words in one style.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSpec {
    /// At most 512 bytes and 5 variables. `{name}` and `{role}` are those of whom it is about, `{room}` is the room's
    /// id, `{participants}` the number of people, `{clock}` the time of day; `{{` and `}}` are braces. A line break
    /// begins another line.
    #[schemars(length(max = 512))]
    pub words: String,
    /// Of the letters, of the canvas's shorter side, 0.01 to 0.5; 0.03 when left out.
    #[serde(default = "letters")]
    #[schema(minimum = 0.01, maximum = 0.5)]
    #[schemars(range(min = 0.01, max = 0.5))]
    pub size: f64,
    /// How thick the letters are.
    #[serde(default)]
    pub weight: Weight,
    /// Of the letters; white when left out.
    #[serde(default = "white")]
    pub color: Paint,
    /// Of a box around the words; none when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Paint>,
    /// Where the words are.
    #[serde(default)]
    pub anchor: Anchor,
    /// Distance from the edges, of the canvas's shorter side, 0 to 0.5; 0.01 when left out.
    #[serde(default = "inset")]
    #[schema(minimum = 0, maximum = 0.5)]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub inset: f64,
    /// How `{clock}` tells the time.
    #[serde(default, skip_serializing_if = "ClockSpec::is_default")]
    pub clock: ClockSpec,
}

fn letters() -> f64 {
    0.03
}

fn white() -> Paint {
    Paint::WHITE
}

fn inset() -> f64 {
    0.01
}

/// How `{clock}` tells the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSpec {
    /// `14:05:09`, not `14:05`.
    pub seconds: bool,
    /// Where it is read: minutes ahead of UTC, -840 to 840, such as 60 for central Europe in winter.
    #[schema(minimum = -840, maximum = 840)]
    #[schemars(range(min = -840, max = 840))]
    pub utc_offset_minutes: i32,
}

impl ClockSpec {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What lies behind everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// In place of the canvas's own colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Over the whole canvas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSpec>,
}

/// An uploaded image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    /// Its name, as in `PUT /v1/assets/{name}`. While there is none of that name, nothing is shown.
    pub asset: AssetName,
    /// How it meets its rectangle.
    #[serde(default)]
    pub fit: Fit,
}

/// An image or words over the program, or between its tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverlaySpec {
    /// Its identity: from one arrangement to the next, the overlay of the same name moves. 1 to 64 bytes.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Where on the canvas, or in the region that `in` names.
    pub rect: Region,
    /// Higher lies in front, 0 to 1000, counted with the places; between equals, overlays. 1000 when left out.
    #[serde(default = "front")]
    #[schema(maximum = 1000)]
    #[schemars(range(max = 1000))]
    pub z: u32,
    /// 0 cannot be seen, 1 is opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub opacity: Option<f64>,
    /// Of the corners, of the canvas's shorter side, 0 to 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 0.5)]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub radius: Option<f64>,
    /// All over the rectangle, behind what it holds; nothing when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<Paint>,
    /// A line along the inside of the edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub border: Option<Line>,
    /// An image; it or `text`, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSpec>,
    /// Words; they or `image`, or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextSpec>,
    /// Whom `{name}` and `{role}` are about: the first rule that finds somebody. While it finds nobody, the overlay is
    /// not there. At most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub about: Vec<Cast>,
}

fn front() -> u32 {
    MAX_Z
}
