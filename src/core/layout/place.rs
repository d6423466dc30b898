//! Places (layout slots) of a template: rectangles, casting rules, and how many people share one place.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Anchor, Crop, Fit, Focus, parameters::Given, region::Region, rule::Cast, style::Style};

/// A rectangle that holds one person, or with `flow` as many as come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where on the canvas, or in the region that `in` names.
    pub rect: Region,
    /// Who fills it: the first rule that finds somebody without a place yet; with `flow`, all of them in turn. 1 to 8.
    #[schema(min_items = 1, max_items = 8)]
    #[schemars(length(min = 1, max = 8))]
    pub cast: Vec<Cast>,
    /// True shows somebody here even if another place shows them too, and leaves them free for others.
    #[serde(default, skip_serializing_if = "is_false")]
    pub twice: bool,
    /// The shape of each tile, such as `16:9`: the largest that fits. Left out, the tile fills its share.
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
    /// What of the picture stays in sight when `cover` cuts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
    /// The part of the picture that is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// How tiles look, where it differs from the template's style.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// How a place packs many: in the room's order, or where a rule is `pinned` or `recent`, in the order of the rules. Who is there
/// keeps the place in line; newcomers take what has become free, then the end.
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
    /// Most people it shows at once, 1 to 64; left out, all that come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 64)]
    #[schemars(range(min = 1, max = 64))]
    pub max: Option<u32>,
    /// What becomes of those beyond `max`.
    #[serde(default, skip_serializing_if = "Beyond::is_default")]
    pub beyond: Beyond,
    /// Where tiles gather that do not fill the place, and, in a row or column, at which end the first one is. Left out,
    /// as the place's own `anchor` says, and without one in the middle, the first one left or on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub anchor: Option<Given<Anchor>>,
}

/// What becomes of those for whom a flow has no tile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Beyond {
    /// They are free for other places, and not shown if none wants them.
    #[default]
    Leave,
    /// The last tile says how many they are, such as `+5`.
    Count,
    /// They take turns: another page every so many seconds, 1 to 3600.
    Pages(#[schemars(range(min = 1, max = 3600))] u32),
}

impl Beyond {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The shape of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pack {
    /// The rows and columns that make tiles largest.
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
