//! Identifiers: names that come from outside are checked once, when they are parsed.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest id in bytes: fits a URL path segment, a log line and a file name with room to spare.
pub const MAX_ID_BYTES: usize = 64;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// The text is too long, or has characters outside `A-Z a-z 0-9 - _`.
    #[error(
        "{text:?} is not a usable {what}: use 1 to 64 of the characters A-Z a-z 0-9 - _ and begin with a letter or digit"
    )]
    Form {
        /// The kind of id that the text was meant to be.
        what: &'static str,
        /// The beginning of the refused text.
        text: String,
    },
    /// The API has something else at the address of this name.
    #[error("{text:?} is not a usable {what}: the API's own address of that name would hide it; choose another")]
    Taken {
        /// The kind of id that the text was meant to be.
        what: &'static str,
        /// The whole refused text.
        text: String,
    },
}

fn check(what: &'static str, text: &str, taken: &[&str]) -> Result<(), InvalidId> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if taken.contains(&text) {
        return Err(InvalidId::Taken { what, text: text.to_owned() });
    }
    if first && rest && text.len() <= MAX_ID_BYTES {
        return Ok(());
    }
    let text = text.chars().take(MAX_ID_BYTES).collect();
    Err(InvalidId::Form { what, text })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal $(, not $taken:literal)*) => {
        $(#[$doc])*
        ///
        /// 1 to 64 of `A-Z a-z 0-9 - _`, beginning with a letter or digit.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
        #[schemars(with = "String")]
        // Shared: every tile of every scene and every packet carries an id.
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check($what, text, &[$($taken),*])?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                check($what, &text, &[$($taken),*])?;
                Ok(Self(text.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A meeting and its one program.
    RoomId,
    "room id"
);
id!(
    /// One person or device in a room.
    ParticipantId,
    "participant id"
);
id!(
    /// Where a program goes.
    OutputId,
    "output id"
);
id!(
    /// A layout template. `validate` is none: `POST /v1/layouts/validate` is there.
    TemplateName,
    "template name",
    not "validate"
);
id!(
    /// An uploaded image.
    AssetName,
    "asset name"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_safe_in_a_path_and_a_file_name() {
        for good in ["a", "weekly", "0", "A-b_c", &"x".repeat(64)] {
            assert!(RoomId::from_str(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "a/b", "..", "a b", "é", "a\0", &"x".repeat(65)] {
            assert!(RoomId::from_str(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_template_has_the_name_of_an_address_of_its_own() {
        let refused = TemplateName::from_str("validate").expect_err("taken");
        assert!(refused.to_string().contains("choose another"), "{refused}");
        assert!(TemplateName::try_from("validate".to_owned()).is_err());
        assert!(serde_json::from_str::<TemplateName>(r#""validate""#).is_err());
        assert!(TemplateName::from_str("validated").is_ok() && RoomId::from_str("validate").is_ok());
    }
}
