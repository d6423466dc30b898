//! PURE. Price table of the cost model: what work costs on one machine, as `tilecast calibrate` measures it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::media::VideoCodec;

/// Prices of one machine. Prices of pixels are CPU time per pixel, ns; this equals thousandths of a core for a million
/// pixels a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Decoding H.264, per pixel of the picture as it is sent.
    pub decode: f32,
    /// Decoding H.264 without the loop filter, as for tiles that are small for the picture; per pixel.
    pub decode_small: f32,
    /// Scaling to a tile, per pixel of the picture or of the tile, whichever is larger.
    pub scale: f32,
    /// Composing and decorating, per pixel of the canvas.
    pub compose: f32,
    /// Encoding, per pixel of the canvas, by x264's presets.
    pub encode: BTreeMap<String, f32>,
    /// One participant's sound, thousandths of a core: receiving, decoding, voice activity detection and mixing.
    pub voice: f32,
    /// A worker with no participants and almost no picture, thousandths of a core.
    pub base: f32,
}

/// Prices of the presets on the machine of docs/scale.md, ns per pixel.
const ENCODE: [(&str, f32); 7] = [
    ("ultrafast", 3.4),
    ("superfast", 6.0),
    ("veryfast", 9.3),
    ("faster", 20.0),
    ("fast", 34.0),
    ("medium", 42.0),
    ("slow", 100.0),
];

/// Decoding price of other codecs relative to H.264: with the loop filter, and without it where the decoder can leave
/// it out. These are rough ratios; calibration does not measure them.
fn factor(codec: VideoCodec) -> (f32, f32) {
    match codec {
        VideoCodec::H264 => (1.0, 1.0),
        VideoCodec::Hevc => (1.3, 1.3),
        VideoCodec::Vp8 => (0.8, 0.8),
        VideoCodec::Vp9 => (0.9, 1.1),
        VideoCodec::Av1 => (1.2, 1.5),
    }
}

impl Prices {
    /// Prices of the machine of docs/scale.md, used until a machine has been measured.
    pub fn reference() -> Self {
        let encode = ENCODE.iter().map(|(preset, price)| ((*preset).to_owned(), *price)).collect();
        Self { decode: 1.9, decode_small: 1.4, scale: 0.27, compose: 0.2, encode, voice: 6.7, base: 37.0 }
    }

    /// Price of decoding a pixel of this codec. `small` is true when every tile is small for the picture.
    pub fn decode(&self, codec: VideoCodec, small: bool) -> f32 {
        let (whole, light) = factor(codec);
        if small { self.decode_small * light } else { self.decode * whole }
    }

    /// Price of encoding a pixel with this preset. An encoder whose presets are not x264's counts as `veryfast`:
    /// software takes about that much, and hardware takes less.
    pub fn encode(&self, preset: &str) -> f32 {
        self.encode.get(preset).or_else(|| self.encode.get("veryfast")).copied().unwrap_or(ENCODE[2].1)
    }

    /// True if a machine can have these prices. A stored file may hold any number.
    pub fn are_sane(&self) -> bool {
        let singles = [self.decode, self.decode_small, self.scale, self.compose, self.voice, self.base];
        let all = singles.iter().chain(self.encode.values());
        // The bounds: a hundred times faster and a hundred times slower than the machine of docs/scale.md.
        let mut all = all.copied();
        self.encode.contains_key("veryfast") && all.all(|price| (0.001..10_000.0).contains(&price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_preset_counts_as_the_usual_one() {
        let prices = Prices::reference();
        assert_eq!(prices.encode("p4"), prices.encode("veryfast"));
        assert!(prices.encode("medium") > prices.encode("ultrafast"));
    }

    #[test]
    fn prices_of_no_machine_are_told() {
        assert!(Prices::reference().are_sane());
        assert!(!Prices { decode: f32::NAN, ..Prices::reference() }.are_sane());
        assert!(!Prices { scale: 0.0, ..Prices::reference() }.are_sane());
        assert!(!Prices { encode: BTreeMap::new(), ..Prices::reference() }.are_sane());
    }
}
