//! Decorations of tiles and overlays: lines, shadows, words, and images over the program. All lengths are px of the
//! canvas.

use serde::{Deserialize, Serialize};

use super::{Paint, scene::Image};
use crate::media::Rect;

/// From one line of a text to the next, in letters' sizes.
pub const LINE_PITCH: f64 = 1.3;

/// How small an overlay's letters may become so that its text fits, of the size it asks for; what does not fit then is
/// cut.
pub const SMALLEST_SHARE: f64 = 0.6;

/// One of nine points of a rectangle.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// Upper left corner.
    TopLeft,
    /// Middle of the upper edge.
    Top,
    /// Upper right corner.
    TopRight,
    /// Middle of the left edge.
    Left,
    /// The middle.
    Center,
    /// Middle of the right edge.
    Right,
    /// Lower left corner.
    #[default]
    BottomLeft,
    /// Middle of the lower edge.
    Bottom,
    /// Lower right corner.
    BottomRight,
}

impl Anchor {
    /// How far it is from the left and the upper edge: 0, 0.5 or 1 of the way.
    pub fn fractions(self) -> (f64, f64) {
        let across = match self {
            Self::TopLeft | Self::Left | Self::BottomLeft => 0.0,
            Self::Top | Self::Center | Self::Bottom => 0.5,
            Self::TopRight | Self::Right | Self::BottomRight => 1.0,
        };
        let down = match self {
            Self::TopLeft | Self::Top | Self::TopRight => 0.0,
            Self::Left | Self::Center | Self::Right => 0.5,
            Self::BottomLeft | Self::Bottom | Self::BottomRight => 1.0,
        };
        (across, down)
    }
}

/// A line along the inside of a rectangle's edge, following its round corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Border {
    /// Width, px, at least 1.
    pub px: u32,
    /// In this colour.
    pub color: Paint,
}

/// A soft shadow of a rectangle, round corners and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// How far it fades out beyond its own edge, px.
    pub blur: u32,
    /// How far it is moved right, px.
    pub x: i32,
    /// How far it is moved down, px.
    pub y: i32,
    /// Darkest colour.
    pub color: Paint,
}

/// A [`Border`] that is there while the participant speaks, in front of the usual one.
pub type Highlight = Border;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Said as it is; a line break begins another line.
    Words(String),
    /// The time of day, such as `14:05`, as it is when the frame is made.
    Clock {
        /// With seconds: `14:05:09`.
        seconds: bool,
        /// Where it is read: minutes ahead of UTC, -840 to 840.
        utc_offset_minutes: i32,
    },
}

/// How thick letters are.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// For reading.
    #[default]
    Regular,
    /// For headings.
    Bold,
}

/// Words in one style, in as many lines as they have; a line that is too long for its rectangle ends in an ellipsis.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// One after the other.
    pub parts: Vec<Part>,
    /// Of the letters, px: what typesetters call the size, so that lines are about 1.3 of it apart.
    pub size: u32,
    /// How thick.
    pub weight: Weight,
    /// Of the letters; emoji bring their own.
    pub color: Paint,
    /// Of a box just around the lines; none when it cannot be seen.
    pub background: Paint,
    /// Where in the rectangle the lines are, and to which side they keep.
    pub anchor: Anchor,
    /// Distance from the rectangle's edges, px.
    pub inset: u32,
}

/// A state that a label can show.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    /// Their sound is kept out of the program.
    Muted,
    /// They are heard.
    Speaking,
    /// Their connection loses or delays media.
    Weak,
    /// Their picture stopped coming.
    Lost,
}

/// What is written on a tile, with badges before the words for the states that hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The words.
    pub text: Text,
    /// Which states are shown when they hold, in this order, as high as the letters.
    pub badges: Vec<Badge>,
}

/// Something that is no participant, over the program or between its tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Its identity from scene to scene; unique in each, at most 128 bytes.
    pub id: String,
    /// Where; even in all four numbers and wholly on the canvas.
    pub rect: Rect,
    /// Higher lies in front; unique among the scene's tiles and overlays together.
    pub z: u32,
    /// 0 cannot be seen, 1 is opaque.
    pub opacity: f32,
    /// Of the corners, px, at most half the shorter side; cuts an image too.
    pub radius: u32,
    /// All over the rectangle, behind what it holds; none when it cannot be seen.
    pub fill: Paint,
    /// A line along the inside of the edge.
    pub border: Option<Border>,
    /// What it holds.
    pub content: Content,
}

/// What an [`Overlay`] holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Content {
    /// Nothing but the overlay's own fill and border.
    Plain,
    /// An uploaded image.
    Image(Image),
    /// Words.
    Text(Text),
}

impl Overlay {
    /// True if it is the same overlay in another scene, showing the same: the one that moves there. One that shows
    /// something else now makes place for it.
    pub fn is(&self, other: &Self) -> bool {
        self.id == other.id && self.content == other.content
    }
}
