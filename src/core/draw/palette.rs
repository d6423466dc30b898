//! Colours of a card: derived from a name, distinguishable, and readable on the program's background.
//!
//! The colours are chosen in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020), where equal
//! lightness looks equal in every hue.

use image::Rgb;

use crate::layout::Color;

/// The colours of one card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Palette {
    /// The card itself: the program's background, moved a little towards the name's hue.
    pub surface: Rgb<u8>,
    /// A line around the card, so that adjacent cards can be told apart.
    pub edge: Rgb<u8>,
    pub disc: Rgb<u8>,
    /// The letters on the disc.
    pub on_disc: Rgb<u8>,
    pub text: Rgb<u8>,
}

impl Palette {
    pub(super) fn of(name: &str, background: Color) -> Self {
        let hue = f32::from(hash(name) as u16) / 65536.0 * std::f32::consts::TAU;
        let ground = lightness(background);
        let dark = ground < 0.6;
        let away = if dark { 1.0 } else { -1.0 };
        let surface = ground + 0.07 * away;
        Self {
            surface: oklch(surface, 0.022, hue),
            edge: oklch(surface + 0.1 * away, 0.03, hue),
            disc: oklch(0.58, 0.115, hue),
            on_disc: oklch(0.98, 0.01, hue),
            text: if dark { oklch(0.93, 0.008, hue) } else { oklch(0.28, 0.02, hue) },
        }
    }
}

/// FNV-1a, 32 bits, with its halves folded: a name has the same colour on every machine and in every version.
fn hash(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ hash >> 16
}

/// OKLab lightness, 0 black to 1 white.
fn lightness(color: Color) -> f32 {
    let linear = |byte: u8| {
        let x = f32::from(byte) / 255.0;
        if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    };
    let (r, g, b) = (linear(color.red), linear(color.green), linear(color.blue));
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s
}

fn oklch(lightness: f32, chroma: f32, hue: f32) -> Rgb<u8> {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let channel = |linear: f32| {
        let x = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        (x * 255.0).round() as u8
    };
    Rgb([
        channel(4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s),
        channel(-1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s),
        channel(-0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s),
    ])
}
