//! A template: how many people are arranged, as an admin writes it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// One line for people.
    #[serde(default)]
    pub title: String,
}
