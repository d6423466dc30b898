//! How the samples of a picture are meant.

use serde::{Deserialize, Serialize};

/// The code point of ITU-T H.273 for what is not said.
pub const UNSPECIFIED: u8 = 2;

/// What is said of a picture's colours, in the code points of ITU-T H.273. Any number may come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorSpace {
    /// Which red, green and blue (§8.1).
    pub primaries: u8,
    /// Their curve (§8.2).
    pub transfer: u8,
    /// How luma and chroma are made of them (§8.3).
    pub matrix: u8,
    /// Samples use all of 0 to 255, rather than 16 to 235 and 240.
    pub full_range: bool,
}

impl Default for ColorSpace {
    fn default() -> Self {
        Self { primaries: UNSPECIFIED, transfer: UNSPECIFIED, matrix: UNSPECIFIED, full_range: false }
    }
}
