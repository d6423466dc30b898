//! A template's rules for casting: who fills a place, or whom a text is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::ParticipantId;

/// Most rules of one place: more fallbacks than this nobody can follow by eye.
pub const MAX_RULES: usize = 8;

/// A rule for who fills a place. Everyone fills at most one, unless a place says `twice`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cast {
    /// Who has the floor.
    Floor,
    /// Those whom the operator pinned, in that order.
    Pinned,
    /// Those who spoke, the last one first.
    Recent,
    /// Anybody, in the room's order.
    Joined,
    /// Anybody whom no other place wants, in the room's order.
    Rest,
    /// One participant.
    Participant(ParticipantId),
    /// Those with this role, in the room's order.
    Role(#[schemars(length(min = 1, max = 64))] String),
}
