//! Secrets: keys and tokens that do not appear in logs by accident.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A key or token. It prints as `***`, it compares in constant time, and only an explicit call gives its text.
///
/// Serialising writes the text itself: secrets are stored in the room document and in the state store, and readers of
/// those are allowed to see them.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that came from a configuration or a client.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new secret of 128 random bits, in 22 characters that a URL takes unchanged (RFC 4648 §5).
    pub fn random() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
    }

    /// The text itself, for the one place that must send or store the secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Secret {
    /// The time does not depend on where the texts differ. Their lengths are not hidden.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_compares_by_value_and_prints_as_stars() {
        assert_eq!(Secret::new("s3cret"), Secret::new("s3cret"));
        assert_ne!(Secret::new("s3cret"), Secret::new("s3cres"));
        assert_ne!(Secret::new("s3cret"), Secret::new(""));
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "***");
    }

    #[test]
    fn a_random_secret_fits_into_a_url() {
        let (one, other) = (Secret::random(), Secret::random());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 22);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
}
