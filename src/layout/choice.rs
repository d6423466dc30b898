//! Which template a room uses.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Template;
use crate::base::TemplateName;

/// Longest transition, ms.
pub const MAX_TRANSITION_MS: u32 = 5000;

/// A room's layout: a template, and how long a change of scene takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutChoice {
    /// By name, or inline.
    pub template: TemplateChoice,
    /// Time every change of scene takes, 0 to 5000 ms; 0 cuts.
    #[serde(default)]
    #[schema(maximum = 5000)]
    pub transition_ms: u32,
}

/// A stored template by name, or a template for this room alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum TemplateChoice {
    /// A template of `GET /v1/layouts`.
    Named(TemplateName),
    /// A whole template.
    Inline(Box<Template>),
}

impl Default for LayoutChoice {
    fn default() -> Self {
        let template = TemplateName::try_from("grid".to_owned()).expect("a valid name");
        Self { template: TemplateChoice::Named(template), transition_ms: 0 }
    }
}
