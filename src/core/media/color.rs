//! Colour spaces: primaries, transfer function, matrix and range of a picture (ITU-T H.273).

use serde::{Deserialize, Serialize};

/// The code point of ITU-T H.273 for "unspecified".
pub const UNSPECIFIED: u8 = 2;

/// The colour description of a picture, in the code points of ITU-T H.273. The numbers come from outside and can have
/// any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorSpace {
    /// Colour primaries (§8.1).
    pub primaries: u8,
    /// Transfer characteristics (§8.2).
    pub transfer: u8,
    /// Matrix coefficients: how luma and chroma are made of red, green and blue (§8.3).
    pub matrix: u8,
    /// True: samples use 0 to 255 (full range). False: 16 to 235 for luma and 16 to 240 for chroma (limited range).
    pub full_range: bool,
}

impl Default for ColorSpace {
    fn default() -> Self {
        Self { primaries: UNSPECIFIED, transfer: UNSPECIFIED, matrix: UNSPECIFIED, full_range: false }
    }
}
