//! A room's layout choice: the template and its arguments.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use super::{Arguments, Fault, Template, Transition, template::Show};
use crate::base::TemplateName;

pub use super::template::MAX_TRANSITION_MS;

/// A room's layout: a template, what it leaves open, and how long a change of scene takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutChoice {
    /// By name, or inline.
    pub template: TemplateChoice,
    /// Time every change of scene takes, 0 to 5000 ms; 0 cuts. Left out, as the template says, which is 300 ms unless
    /// it says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 5000)]
    pub transition_ms: Option<u32>,
    /// What this room sets of the template's parameters, by name.
    #[serde(default, skip_serializing_if = "Arguments::is_empty")]
    pub parameters: Arguments,
    /// Who of those without a picture is shown, in place of what the template says.
    #[serde(default, skip_serializing_if = "PeopleWish::is_empty")]
    pub people: PeopleWish,
}

/// What a room says about those without a picture; what is left out is as the template says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PeopleWish {
    /// Those who never came or who left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Show>,
    /// Those who send sound and no picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_only: Option<Show>,
    /// Those whom the room hides. Their picture is never shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Show>,
}

impl PeopleWish {
    /// True when the room leaves everything to the template.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
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
        if let Some(ms) = self.transition_ms.filter(|ms| *ms > MAX_TRANSITION_MS) {
            let detail = format!("is {ms} ms; give 0 (a cut) to {MAX_TRANSITION_MS}");
            faults.push(Fault::new("/transition_ms", detail));
        }
        if let TemplateChoice::Inline(template) = &self.template {
            faults.extend(self.check_parameters(template));
        }
        faults
    }

    /// Everything wrong with the parameters, given the template.
    pub fn check_parameters(&self, template: &Template) -> Vec<Fault> {
        template.check_arguments(&self.parameters).into_iter().map(|fault| fault.under("/parameters")).collect()
    }

    /// How scenes change.
    pub fn transition(&self, usual: Transition) -> Transition {
        Transition { ms: self.transition_ms.unwrap_or(usual.ms), ..usual }
    }
}

impl Default for LayoutChoice {
    fn default() -> Self {
        let template = TemplateName::try_from("grid".to_owned()).expect("a valid name");
        Self {
            template: TemplateChoice::Named(template),
            transition_ms: None,
            parameters: Arguments::new(),
            people: PeopleWish::default(),
        }
    }
}
