//! Templates (layouts): how people are arranged on the program, as an admin writes it.
//!
//! A template is a list of arrangements; the first one that suits the meeting is used. An arrangement is a list of
//! places and overlays. A place is a rectangle, rules for who fills it, and, where it holds many people, how it packs
//! them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Canvas, Easing, Fault,
    json::{self, Decoded},
    parameters::Parameter,
    place::Place,
    region::Region,
    style::{Background, OverlaySpec, Style},
};
use crate::base::AssetName;

/// Longest template text, bytes: room for every bound below at its limit, written with indentation.
pub const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Most arrangements of a template: one for every four heads of the largest meeting, with and without a screen share.
pub const MAX_ARRANGEMENTS: usize = 32;
/// Most places of an arrangement: a slot of its own for each tile a scene can have.
pub const MAX_PLACES: usize = super::MAX_TILES;
/// Most places of an arrangement that show people whom other places show too, and more than one of them: each may hold
/// the whole meeting again, so they, not the places, would decide how long a scene takes to work out. A strip of
/// everyone for each side of the canvas is as many.
pub const MAX_CROWDS: usize = 4;
/// Most regions of an arrangement: more than this nobody can follow by eye.
pub const MAX_REGIONS: usize = 32;
/// Most parameters of a template: each is a question to whoever uses it.
pub const MAX_PARAMETERS: usize = 16;
/// Longest title, bytes: one line in a list.
pub const MAX_TITLE_BYTES: usize = 128;
/// Longest description, bytes: a paragraph.
pub const MAX_DESCRIPTION_BYTES: usize = 2048;
/// Longest role, bytes, as for an id.
pub const MAX_ROLE_BYTES: usize = 64;
/// Longest name of a region, a parameter or an overlay, bytes, as for an id.
pub const MAX_NAME_BYTES: usize = 64;
/// The role of whoever shares a screen.
pub const SCREEN: &str = "screen";

/// Longest transition, ms.
pub const MAX_TRANSITION_MS: u32 = 5000;
/// Longest dwell and longest silence that a rule can wait for, ms: an hour.
pub const MAX_WAIT_MS: u32 = 3_600_000;

/// How people are arranged on the program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
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
    /// What a room may set, by name; at most 16.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Parameter>,
    /// How changes of scene take place, where the arrangement does not say.
    #[serde(default, skip_serializing_if = "Motion::is_default")]
    pub motion: Motion,
    /// An arrangement stays at least this long before another takes its place, 0 to 3 600 000 ms; 0 when left out. It
    /// keeps the program calm where a rule comes and goes.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(maximum = 3_600_000)]
    #[schemars(range(max = 3_600_000))]
    pub dwell_ms: u32,
    /// Whether those whose picture is missing are shown.
    #[serde(default, skip_serializing_if = "People::is_default")]
    pub people: People,
    /// What lies behind everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// How tiles look, unless their place says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// Images and words in every arrangement; at most 32 with those of an arrangement.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub overlays: Vec<OverlaySpec>,
    /// Tried from the top; the first whose `when` holds is used. 1 to 32; the last one has no `when`.
    #[schema(min_items = 1, max_items = 32)]
    #[schemars(length(min = 1, max = 32))]
    pub arrangements: Vec<Arrangement>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How changes of scene take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Motion {
    /// How long, 0 to 5000 ms; 0 cuts.
    #[schema(maximum = 5000)]
    #[schemars(range(max = 5000))]
    pub ms: u32,
    /// How the speed changes on the way.
    pub easing: Easing,
}

impl Default for Motion {
    /// As long as an eye needs to follow.
    fn default() -> Self {
        Self { ms: 300, easing: Easing::InOut }
    }
}

impl Motion {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether those whose picture is missing are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Those who never came or who left; `never` when left out. `card` and `last` show them after everybody who is
    /// connected.
    pub absent: Show,
    /// Those who send sound and no picture.
    pub audio_only: Show,
    /// Those whom the room hides. Their picture is never shown.
    pub hidden: Show,
}

impl Default for People {
    fn default() -> Self {
        Self { absent: Show::Never, audio_only: Show::Card, hidden: Show::Never }
    }
}

impl People {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether somebody without a picture is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// As a card with their name, where they would be.
    Card,
    /// As a card, after everybody who has a picture.
    Last,
    /// Not at all; they count for no rule.
    Never,
}

/// Where everyone goes in a meeting of a certain kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrangement {
    /// What the meeting must be like; left out, any meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
    /// Parts of the canvas that places and overlays may lie in, by name; at most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, Region>,
    /// What lies behind everything, in place of the template's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// How the change to this arrangement takes place, and changes while it is on, in place of what the template says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
    /// Filled in this order, except that `rest` always comes last. At most 64, of which at most 4 say `twice` and have
    /// a `flow`; none for a card that shows nobody.
    #[schema(max_items = 64)]
    #[schemars(length(max = 64))]
    pub places: Vec<Place>,
    /// Images and words of this arrangement alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub overlays: Vec<OverlaySpec>,
}

/// What a meeting must be like: everything that is named here at once. People are those who may be shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// At least this many people, 0 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 64)]
    #[schemars(range(max = 64))]
    pub min_people: Option<u32>,
    /// At most this many people, 0 to 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 64)]
    #[schemars(range(max = 64))]
    pub max_people: Option<u32>,
    /// Somebody has this role. A screen share is a participant of role `screen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub role: Option<String>,
    /// Somebody is pinned (true), or nobody is (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Somebody has the floor (true), or nobody has (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<bool>,
    /// Nobody has spoken for this long, 1 to 3 600 000 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3_600_000)]
    #[schemars(range(min = 1, max = 3_600_000))]
    pub silence_ms: Option<u32>,
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

impl Orientation {
    /// How this canvas stands.
    pub fn of(canvas: &Canvas) -> Self {
        if canvas.width >= canvas.height { Self::Landscape } else { Self::Portrait }
    }
}

impl Template {
    /// Every image that it names.
    pub fn assets(&self) -> BTreeSet<&AssetName> {
        let arrangements = || self.arrangements.iter();
        let backgrounds = self.background.iter().chain(arrangements().filter_map(|a| a.background.as_ref()));
        let overlays = self.overlays.iter().chain(arrangements().flat_map(|arrangement| &arrangement.overlays));
        let images = backgrounds.filter_map(|background| background.image.as_ref());
        images.chain(overlays.filter_map(|overlay| overlay.image.as_ref())).map(|image| &image.asset).collect()
    }

    /// Reads a template and checks it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, Vec<Fault>> {
        if json.len() > MAX_TEMPLATE_BYTES {
            let detail = format!("is {} bytes; a template has at most {MAX_TEMPLATE_BYTES}", json.len());
            return Err(vec![Fault::new("", detail)]);
        }
        let value = json::parse(json).map_err(|error| vec![Fault::new("", format!("is no JSON: {error}"))])?;
        Decoded::<Self>::from_value(value).checked(Self::check)
    }
}
