//! Content hashes: an asset's identity is the SHA-256 of its bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// SHA-256 of an uploaded file (FIPS 180-4), written as 64 hexadecimal digits. The same bytes have the same hash on
/// every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetHash([u8; 32]);

/// Why a text is not an [`AssetHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content hash is written as 64 hexadecimal digits")]
pub struct InvalidHash;

impl AssetHash {
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The inverse of [`AssetHash::bytes`].
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for AssetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AssetHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for AssetHash {
    type Error = InvalidHash;
    fn try_from(text: String) -> Result<Self, InvalidHash> {
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidHash);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(bytes))
    }
}

impl From<AssetHash> for String {
    fn from(hash: AssetHash) -> String {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha_256_and_reads_back() {
        let hash = AssetHash::of(b"abc");
        // FIPS 180-4's own example.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(AssetHash::try_from(text.to_owned()), Ok(hash));
        assert_eq!(AssetHash::from_bytes(*hash.bytes()), hash);
        for bad in ["", "ba78", &text.replace('b', "é"), &format!("{text}00"), &text.replace('b', "g")] {
            assert_eq!(AssetHash::try_from(bad.to_owned()), Err(InvalidHash), "{bad}");
        }
    }
}
