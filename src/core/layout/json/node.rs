//! A serde deserializer over JSON values whose errors are sentences for people.

use std::fmt;

use serde::{
    Deserializer,
    de::{self, Visitor, value as de_value},
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::pointer;

/// Why a value does not decode, in structured form, so that no text has to be parsed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An unknown field, and the known ones.
    Unknown { field: String, expected: &'static [&'static str] },
    /// A missing required field.
    Missing(&'static str),
    /// A word that needs a value beside it.
    Bare,
    /// Anything else, in words.
    Other(String),
}

impl Refusal {
    /// The exact place and a sentence.
    pub(super) fn explain(self, mut place: Vec<String>, value: &Value) -> (Vec<String>, String) {
        match self {
            Self::Unknown { field, expected } => {
                let detail = unknown(&field, expected);
                place.push(field);
                // The path already ends in the field, except where serde read a buffered copy (tagged enums).
                if value.pointer(&pointer(&place)).is_none() {
                    place.pop();
                }
                (place, detail)
            }
            Self::Missing(field) => {
                place.push(field.to_owned());
                (place, "this field is required".to_owned())
            }
            other => (place, other.to_string()),
        }
    }
}

fn unknown(field: &str, expected: &[&str]) -> String {
    let field: String = field.chars().take(64).collect();
    match field.as_str() {
        "id" => return "the id is the last part of the address; leave this field out".to_owned(),
        "status" => return "the status is told by the server; leave this field out".to_owned(),
        _ => {}
    }
    match expected {
        [] => format!("there is no field {field:?}"),
        _ => format!("there is no field {field:?}; there is {}", expected.join(", ")),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { field, expected } => f.write_str(&unknown(field, expected)),
            Self::Missing(field) => write!(f, "{field} is required"),
            Self::Bare => f.write_str("needs a value of its own"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Refusal {}

/// What serde expected, in words for people.
fn expected(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" => "a text in quotes".to_owned(),
        "a sequence" => "a list in [ ]".to_owned(),
        "unit" => "the word alone, with nothing beside it".to_owned(),
        _ if text.starts_with("struct ") || text.contains(" enum ") || text == "a map" => "an object".to_owned(),
        _ => text,
    }
}

impl de::Error for Refusal {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Other(text.to_string())
    }
    fn invalid_type(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        if found == de::Unexpected::UnitVariant {
            return Self::Bare;
        }
        let found = said(found);
        Self::Other(format!("expected {}, found {found}", expected(wanted)))
    }
    fn invalid_value(found: de::Unexpected<'_>, wanted: &dyn de::Expected) -> Self {
        Self::invalid_type(found, wanted)
    }
    fn unknown_variant(found: &str, variants: &'static [&'static str]) -> Self {
        let found: String = found.chars().take(64).collect();
        // Some of these words need a value, so whoever writes `role` alone gets a hint.
        let hint = match variants.contains(&"role") {
            true => format!("; somebody of that role is {{\"role\": {found:?}}}"),
            false => String::new(),
        };
        Self::Other(format!("{found:?} is not one of {}{hint}", variants.join(", ")))
    }
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::Unknown { field: field.to_owned(), expected }
    }
    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }
}

/// What serde found, in words for people.
fn said(found: de::Unexpected<'_>) -> String {
    match found {
        de::Unexpected::Map => "an object".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Unit => "null".to_owned(),
        de::Unexpected::Unsigned(number) => number.to_string(),
        de::Unexpected::Signed(number) => number.to_string(),
        de::Unexpected::Float(number) => number.to_string(),
        de::Unexpected::Bool(value) => value.to_string(),
        de::Unexpected::Str(text) => format!("the text {:?}", text.chars().take(64).collect::<String>()),
        other => other.to_string(),
    }
}

/// A value as a deserializer that fails with [`Refusal`].
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(pub(super) &'a Value);

impl<'de> de::IntoDeserializer<'de, Refusal> for Node<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

fn kind(value: &Value) -> de::Unexpected<'_> {
    match value {
        Value::Null => de::Unexpected::Unit,
        Value::Bool(value) => de::Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => de::Unexpected::Unsigned(value),
            (None, Some(value)) => de::Unexpected::Signed(value),
            (None, None) => de::Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => de::Unexpected::Str(text),
        Value::Array(_) => de::Unexpected::Seq,
        Value::Object(_) => de::Unexpected::Map,
    }
}

fn fields(fields: &Map<String, Value>) -> impl Iterator<Item = (&str, Node<'_>)> {
    fields.iter().map(|(key, value)| (key.as_str(), Node(value)))
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(de_value::SeqDeserializer::new(items.iter().map(Node))),
            Value::Object(object) => visitor.visit_map(de_value::MapDeserializer::new(fields(object))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_newtype_struct(self)
    }

    /// Accepts an object only. Serde would also read a struct from an array, which no client means.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::Object(_) => self.deserialize_any(visitor),
            other => Err(Refusal::Other(format!("expected an object in {{ }}, found {}", said(kind(other))))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        match self.0 {
            Value::String(text) => {
                let read = visitor.visit_enum(de_value::BorrowedStrDeserializer::<Refusal>::new(text));
                read.map_err(|refusal| match refusal {
                    Refusal::Bare => Refusal::Other(format!("{text:?} needs a value: write {{{text:?}: …}}")),
                    other => other,
                })
            }
            Value::Object(object) if object.len() != 1 => {
                let count = object.len();
                Err(Refusal::Other(format!("has {count} fields; give exactly one of {}", variants.join(", "))))
            }
            Value::Object(object) => {
                let map = de_value::MapDeserializer::new(fields(object));
                visitor.visit_enum(de_value::MapAccessDeserializer::new(map))
            }
            other => {
                let found = said(kind(other));
                Err(Refusal::Other(format!("expected one of {}, found {found}", variants.join(", "))))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}
