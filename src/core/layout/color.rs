//! Colours in hexadecimal notation, as people write them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An opaque sRGB colour, written `#rrggbb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = COLOR_PATTERN))]
pub struct Color {
    /// 0 to 255
    pub red: u8,
    /// 0 to 255
    pub green: u8,
    /// 0 to 255
    pub blue: u8,
}

/// A colour that may let what is behind it through, written `#rrggbb`, which is opaque, or `#rrggbbaa`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = PAINT_PATTERN))]
pub struct Paint {
    /// The colour itself, not multiplied by `alpha`.
    pub color: Color,
    /// 0 cannot be seen, 255 is opaque.
    pub alpha: u8,
}

const COLOR_PATTERN: &str = "^#[0-9A-Fa-f]{6}$";
const PAINT_PATTERN: &str = "^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$";

impl Paint {
    /// Cannot be seen.
    pub const NONE: Self = Self { color: Color { red: 0, green: 0, blue: 0 }, alpha: 0 };
    /// Opaque white.
    pub const WHITE: Self = Self { color: Color { red: 255, green: 255, blue: 255 }, alpha: 255 };

    /// True when nothing of it can be seen.
    pub fn is_none(self) -> bool {
        self.alpha == 0
    }
}

impl Default for Paint {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Color> for Paint {
    fn from(color: Color) -> Self {
        Self { color, alpha: 255 }
    }
}

/// Why a text is not a [`Color`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb, such as #101418")]
pub struct InvalidColor;

/// Why a text is not a [`Paint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a colour is written #rrggbb or, when it lets things through, #rrggbbaa, such as #000000b0")]
pub struct InvalidPaint;

/// The bytes of `#` and so many pairs of hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 2 * N && hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

impl TryFrom<String> for Color {
    type Error = InvalidColor;
    fn try_from(text: String) -> Result<Self, InvalidColor> {
        let [red, green, blue] = bytes(&text).ok_or(InvalidColor)?;
        Ok(Self { red, green, blue })
    }
}

impl From<Color> for String {
    fn from(Color { red, green, blue }: Color) -> String {
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

impl TryFrom<String> for Paint {
    type Error = InvalidPaint;
    fn try_from(text: String) -> Result<Self, InvalidPaint> {
        let opaque = bytes(&text).map(|[red, green, blue]| [red, green, blue, 255]);
        let [red, green, blue, alpha] = opaque.or_else(|| bytes(&text)).ok_or(InvalidPaint)?;
        Ok(Self { color: Color { red, green, blue }, alpha })
    }
}

impl From<Paint> for String {
    fn from(Paint { color, alpha }: Paint) -> String {
        let opaque = String::from(color);
        if alpha == 255 { opaque } else { format!("{opaque}{alpha:02x}") }
    }
}

fn written(pattern: &str, example: &str) -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    let object = utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .pattern(Some(pattern))
        .examples([example]);
    object.into()
}

impl utoipa::PartialSchema for Color {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        written(COLOR_PATTERN, "#101418")
    }
}

impl utoipa::ToSchema for Color {}

impl utoipa::PartialSchema for Paint {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        written(PAINT_PATTERN, "#000000b0")
    }
}

impl utoipa::ToSchema for Paint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_they_are_written() {
        for text in ["#101418", "#ffffff00", "#0a0b0cfe"] {
            let paint = Paint::try_from(text.to_owned()).expect(text);
            assert_eq!(String::from(paint), text);
        }
        let opaque = Paint::try_from("#010203ff".to_owned()).expect("a colour");
        assert_eq!((opaque.alpha, String::from(opaque)), (255, "#010203".to_owned()));
        for text in ["", "#", "101418", "#10141", "#1014180", "#10141g", "#+01418", "#é1418", "#101418ffff"] {
            assert!(Paint::try_from(text.to_owned()).is_err(), "{text}");
            assert!(Color::try_from(text.to_owned()).is_err(), "{text}");
        }
        assert!(Color::try_from("#10141880".to_owned()).is_err());
    }
}
