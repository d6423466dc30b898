//! Template variables: numbers and anchors that a template leaves open (parameters), and a room's values for them
//! (arguments).

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        self, MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};
use utoipa::ToSchema;

use super::Anchor;

/// What a template leaves open, for a room to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Parameter {
    /// A number, such as a size.
    Number {
        /// When the room says nothing.
        default: f64,
        /// Least that a room may say.
        minimum: f64,
        /// Most that a room may say.
        maximum: f64,
        /// For people; at most 256 bytes.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[schemars(length(max = 256))]
        description: String,
    },
    /// One of the nine anchors, such as a corner.
    Anchor {
        /// When the room says nothing.
        default: Anchor,
        /// For people; at most 256 bytes.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[schemars(length(max = 256))]
        description: String,
    },
}

impl Parameter {
    /// What it is when nobody says.
    pub fn default_argument(&self) -> Argument {
        match self {
            Self::Number { default, .. } => Argument::Number(*default),
            Self::Anchor { default, .. } => Argument::Anchor(*default),
        }
    }

    /// Why `argument` cannot stand for it; a sentence.
    pub fn refusal(&self, argument: &Argument) -> Option<String> {
        match (self, argument) {
            (Self::Number { minimum, maximum, .. }, Argument::Number(number)) => (!(minimum <= number
                && number <= maximum))
                .then(|| format!("is {number:?}; give a number from {minimum} to {maximum}")),
            (Self::Anchor { .. }, Argument::Anchor(_)) => None,
            (Self::Number { minimum, maximum, .. }, Argument::Anchor(_)) => {
                Some(format!("is a word; give a number from {minimum} to {maximum}"))
            }
            (Self::Anchor { .. }, Argument::Number(_)) => {
                Some("is a number; give an anchor such as top_left or bottom_right".to_owned())
            }
        }
    }
}

/// What a room gives for a [`Parameter`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Argument {
    /// For a number.
    Number(f64),
    /// For an anchor.
    Anchor(Anchor),
}

/// By a parameter's name.
pub type Arguments = BTreeMap<String, Argument>;

/// Either a value, or `{"parameter": "name"}` for what the room gives.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema, ToSchema)]
#[serde(untagged)]
pub enum Given<T> {
    /// As it stands.
    Value(T),
    /// What a room gives for a parameter.
    Parameter(Reference),
}

/// The name of a parameter that the template declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// One of the template's `parameters`.
    pub parameter: String,
}

impl<T> From<T> for Given<T> {
    fn from(value: T) -> Self {
        Self::Value(value)
    }
}

/// What an argument can be turned into: a number or an anchor.
pub trait FromArgument: Copy {
    /// The argument as this kind of value, if it is one.
    fn from_argument(argument: &Argument) -> Option<Self>;
}

impl FromArgument for f64 {
    fn from_argument(argument: &Argument) -> Option<Self> {
        match argument {
            Argument::Number(number) => Some(*number),
            Argument::Anchor(_) => None,
        }
    }
}

impl FromArgument for Anchor {
    fn from_argument(argument: &Argument) -> Option<Self> {
        match argument {
            Argument::Number(_) => None,
            Argument::Anchor(anchor) => Some(*anchor),
        }
    }
}

impl<T: FromArgument> Given<T> {
    /// The value; `None` when no argument of its kind has the name.
    pub fn value(&self, arguments: &Arguments) -> Option<T> {
        match self {
            Self::Value(value) => Some(*value),
            Self::Parameter(Reference { parameter }) => arguments.get(parameter).and_then(T::from_argument),
        }
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArgumentVisitor;

        impl Visitor<'_> for ArgumentVisitor {
            type Value = Argument;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or an anchor such as top_left")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Argument, E> {
                Ok(Argument::Number(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Argument, E> {
                Ok(Argument::Number(number as f64))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Argument, E> {
                Ok(Argument::Number(number as f64))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Argument, E> {
                Anchor::deserialize(StrDeserializer::new(word)).map(Argument::Anchor)
            }
        }

        deserializer.deserialize_any(ArgumentVisitor)
    }
}

impl<'de, T: Deserialize<'de> + FromArgument> Deserialize<'de> for Given<T> {
    /// By hand, because a derived untagged enum forgets which value was wrong.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor(PhantomData))
    }
}

struct GivenVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + FromArgument> Visitor<'de> for GivenVisitor<T> {
    type Value = Given<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or {\"parameter\": \"name\"}")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Given<T>, E> {
        T::deserialize(de::value::F64Deserializer::new(number)).map(Given::Value)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Given<T>, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Given<T>, E> {
        self.visit_f64(number as f64)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Given<T>, E> {
        T::deserialize(StrDeserializer::new(word)).map(Given::Value)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given<T>, A::Error> {
        Reference::deserialize(MapAccessDeserializer::new(map)).map(Given::Parameter)
    }
}
