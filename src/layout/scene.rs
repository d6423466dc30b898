//! Every rectangle of one moment.

use serde::{Deserialize, Serialize};

use crate::{
    base::ParticipantId,
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
    /// What shows where no tile lies.
    pub background: Color,
}

impl Canvas {
    /// Its size alone.
    pub fn size(&self) -> Size {
        Size { width: self.width, height: self.height }
    }
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30, background: Color { red: 0x10, green: 0x14, blue: 0x18 } }
    }
}

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Color {
    /// 0 to 255
    pub red: u8,
    /// 0 to 255
    pub green: u8,
    /// 0 to 255
    pub blue: u8,
}

impl utoipa::PartialSchema for Color {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let object = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some("^#[0-9A-Fa-f]{6}$"))
            .examples(["#101418"]);
        object.into()
    }
}

impl utoipa::ToSchema for Color {}

/// Why a text is not a colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb, such as #101418")]
pub struct InvalidColor;

impl TryFrom<String> for Color {
    type Error = InvalidColor;
    fn try_from(text: String) -> Result<Self, InvalidColor> {
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()).ok_or(InvalidColor)?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self { red, green, blue })
    }
}

impl From<Color> for String {
    fn from(color: Color) -> String {
        format!("#{:02x}{:02x}{:02x}", color.red, color.green, color.blue)
    }
}

/// How a picture meets a tile of another shape.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The whole picture, bars where it does not reach.
    Contain,
    /// The whole tile, the picture's overhang cut off evenly.
    #[default]
    Cover,
}

/// One participant's place in the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tile {
    /// Whose picture or card. At most one tile a participant.
    pub participant: ParticipantId,
    /// Where; even in all four numbers and wholly on the canvas.
    pub rect: Rect,
    /// Higher lies in front; unique within a scene.
    pub z: u32,
    /// How the picture meets the tile.
    pub fit: Fit,
}

/// The program's whole picture at rest: the canvas is the room's, so it is not repeated here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// In order of `z`, back to front.
    pub tiles: Vec<Tile>,
}

/// Most tiles a scene may have; a larger meeting shows this many.
pub const MAX_TILES: usize = 64;
