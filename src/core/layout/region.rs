//! Where something of a template lies: its rectangle and its level.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Anchor, parameters::Given};

/// Highest `z` a place may have: far more levels than places, and small enough to read.
pub const MAX_Z: u32 = 1000;

/// A rectangle in fractions of what holds it, the canvas or another region: 0 is its left or top edge, 1 its right or bottom
/// edge. Either `x` and `y` say where its left and top edge are, or `anchor` says which point of what holds it it keeps to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Left edge, of the width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub x: Option<Given<f64>>,
    /// Top edge, of the height.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub y: Option<Given<f64>>,
    /// Of the width; above 0, and not beyond the right edge.
    #[schema(value_type = Object)]
    pub width: Given<f64>,
    /// Of the height; above 0, and not beyond the bottom edge.
    #[schema(value_type = Object)]
    pub height: Given<f64>,
    /// The corner, side or middle it keeps to, in place of `x` and `y`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub anchor: Option<Given<Anchor>>,
    /// With `anchor`: distance from the edges it keeps to, of the canvas's shorter side, 0 to 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 0.5))]
    #[schema(minimum = 0, maximum = 0.5)]
    pub inset: Option<f64>,
    /// The region that holds it, one of the arrangement's `regions`; left out, the canvas.
    #[serde(rename = "in", default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
}
