//! A template: how people are arranged, as an admin writes it.
//!
//! A template is a ladder of arrangements, of which the first that suits the meeting is used; an arrangement is a list of
//! places; a place is a rectangle, a rule for who fills it, and, where it holds many, how it packs them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Fault, Fit, fault::pointer};

/// Longest template text, bytes: room for every bound below at its limit, written with indentation.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Most arrangements of a template: one for every four heads of the largest meeting, with and without a screen share.
pub const MAX_ARRANGEMENTS: usize = 32;
/// Most places of an arrangement: a slot of its own for each tile a scene can have.
pub const MAX_PLACES: usize = super::MAX_TILES;
/// Most rules of one place: more fallbacks than this nobody can follow by eye.
pub const MAX_RULES: usize = 8;
/// Highest `z` a place may have: far more levels than places, and small enough to read.
pub const MAX_Z: u32 = 1000;
/// Longest title, bytes: one line in a list.
pub const MAX_TITLE_BYTES: usize = 128;
/// Longest description, bytes: a paragraph.
pub const MAX_DESCRIPTION_BYTES: usize = 2048;
/// Longest role, bytes, as for an id.
pub const MAX_ROLE_BYTES: usize = 64;

/// How people are arranged on the program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Where an editor finds the schema of this format; the service does not read it.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// One line for people, at most 128 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub title: String,
    /// What it is for, and who is not shown, if anybody; at most 2048 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 2048))]
    pub description: String,
    /// Tried from the top; the first whose `when` holds is used. 1 to 32; the last one has no `when`.
    #[schema(min_items = 1, max_items = 32)]
    #[schemars(length(min = 1, max = 32))]
    pub arrangements: Vec<Arrangement>,
}

/// Where everyone goes in a meeting of a certain kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrangement {
    /// What the meeting must be like; left out, any meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Filled in this order, except that `rest` always comes last. 1 to 64.
    #[schema(min_items = 1, max_items = 64)]
    #[schemars(length(min = 1, max = 64))]
    pub places: Vec<Place>,
}

/// What a meeting must be like: everything that is named here at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// At least this many people who are not hidden, 0 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 64)]
    #[schemars(range(max = 64))]
    pub min_people: Option<u32>,
    /// At most this many people who are not hidden, 0 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 64)]
    #[schemars(range(max = 64))]
    pub max_people: Option<u32>,
    /// Somebody has this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub role: Option<String>,
    /// The canvas lies or stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orientation: Option<Orientation>,
}

/// How a canvas stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// At least as wide as high.
    Landscape,
    /// Higher than wide.
    Portrait,
}

/// A rectangle that holds one person, or with `flow` as many as come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where on the canvas.
    pub rect: Region,
    /// Who fills it: the first rule that finds somebody without a place yet; with `flow`, all of them in turn. 1 to 8.
    #[schema(min_items = 1, max_items = 8)]
    #[schemars(length(min = 1, max = 8))]
    pub cast: Vec<Cast>,
    /// The shape of each tile, such as `16:9`: the largest that fits, centred. Left out, the tile fills its share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aspect: Option<Aspect>,
    /// How it packs many; left out, it holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<Flow>,
    /// Higher lies in front, 0 to 1000; between equals, later ones.
    #[serde(default)]
    #[schema(maximum = 1000)]
    #[schemars(range(max = 1000))]
    pub z: u32,
    /// How a picture meets a tile of another shape.
    #[serde(default)]
    pub fit: Fit,
}

/// A rectangle in fractions of the canvas: 0 is its left or top edge, 1 its right or bottom edge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Left edge, of the canvas's width.
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub x: f64,
    /// Top edge, of the canvas's height.
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub y: f64,
    /// Of the canvas's width; above 0, and not beyond its right edge.
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub width: f64,
    /// Of the canvas's height; above 0, and not beyond its bottom edge.
    #[schema(minimum = 0, maximum = 1)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub height: f64,
}

/// A rule for who fills a place. Everyone fills at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cast {
    /// Who has the floor.
    Floor,
    /// Anybody, in the room's order.
    Joined,
    /// Anybody whom no other place wants, in the room's order.
    Rest,
    /// Those with this role, in the room's order.
    Role(#[schemars(length(min = 1, max = 64))] String),
}

/// How a place packs many people, always in the room's order, so that nobody moves without need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// In which shape.
    pub pack: Pack,
    /// Space between tiles, of the canvas's shorter side, 0 to 0.5.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 0.5)]
    #[schemars(range(min = 0.0, max = 0.5))]
    pub gap: f64,
    /// Most people it takes, 1 to 64; left out, all that come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    #[schemars(range(min = 1, max = 64))]
    pub max: Option<u32>,
}

/// The shape of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pack {
    /// The rows and columns that make tiles largest; the last row is centred.
    Grid,
    /// Side by side.
    Row,
    /// One below the other.
    Column,
}

/// A shape written `width:height`, each 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = ASPECT_PATTERN))]
pub struct Aspect {
    pub(super) width: u32,
    pub(super) height: u32,
}

const ASPECT_PATTERN: &str = "^([1-9][0-9]?|100):([1-9][0-9]?|100)$";

impl Aspect {
    /// What cameras send, and what a grid is packed for when its template names no shape.
    pub const WIDE: Self = Self { width: 16, height: 9 };
}

/// Why a text is not a shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a shape is written width:height, each a whole number from 1 to 100, such as 16:9")]
pub struct InvalidAspect;

impl TryFrom<String> for Aspect {
    type Error = InvalidAspect;
    fn try_from(text: String) -> Result<Self, InvalidAspect> {
        let (width, height) = text.split_once(':').ok_or(InvalidAspect)?;
        let side = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
            digits.parse().ok().filter(|n| plain && (1..=100).contains(n)).ok_or(InvalidAspect)
        };
        Ok(Self { width: side(width)?, height: side(height)? })
    }
}

impl From<Aspect> for String {
    fn from(aspect: Aspect) -> String {
        format!("{}:{}", aspect.width, aspect.height)
    }
}

impl utoipa::PartialSchema for Aspect {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let object = utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .pattern(Some(ASPECT_PATTERN))
            .examples(["16:9"]);
        object.into()
    }
}

impl ToSchema for Aspect {}

impl Template {
    /// Reads a template and checks it.
    ///
    /// # Errors
    /// What is wrong with it: the first thing that is not of the format, or everything that is out of range.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<Fault>> {
        if json.len() > MAX_TEMPLATE_BYTES {
            let detail = format!("is {} bytes; a template has at most {MAX_TEMPLATE_BYTES}", json.len());
            return Err(vec![Fault::new("", detail)]);
        }
        let mut reader = serde_json::Deserializer::from_slice(json);
        let template: Self = serde_path_to_error::deserialize(&mut reader)
            .map_err(|error| vec![Fault::new(pointer(error.path()), error.inner().to_string())])?;
        reader.end().map_err(|error| vec![Fault::new("", error.to_string())])?;
        let faults = template.check();
        if faults.is_empty() { Ok(template) } else { Err(faults) }
    }
}
