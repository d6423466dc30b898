//! Which template a room uses.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use super::{Fault, Template};
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
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TemplateChoice {
    /// A template of `GET /v1/layouts`.
    Named(TemplateName),
    /// A whole template.
    Inline(Box<Template>),
}

impl<'de> Deserialize<'de> for TemplateChoice {
    /// By hand, because a derived untagged enum forgets which value within the template was wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChoiceVisitor)
    }
}

struct ChoiceVisitor;

impl<'de> Visitor<'de> for ChoiceVisitor {
    type Value = TemplateChoice;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a template, or a template")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<TemplateChoice, E> {
        name.parse().map(TemplateChoice::Named).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TemplateChoice, A::Error> {
        let template = Template::deserialize(MapAccessDeserializer::new(map))?;
        Ok(TemplateChoice::Inline(Box::new(template)))
    }
}

impl LayoutChoice {
    /// Everything wrong with it; empty when it may be used, provided that a template it names exists.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let TemplateChoice::Inline(template) = &self.template {
            faults.extend(template.check().into_iter().map(|fault| fault.under("/template")));
        }
        if self.transition_ms > MAX_TRANSITION_MS {
            let detail = format!("is {} ms; give 0 (a cut) to {MAX_TRANSITION_MS}", self.transition_ms);
            faults.push(Fault::new("/transition_ms", detail));
        }
        faults
    }
}

impl Default for LayoutChoice {
    fn default() -> Self {
        let template = TemplateName::try_from("grid".to_owned()).expect("a valid name");
        Self { template: TemplateChoice::Named(template), transition_ms: 0 }
    }
}
