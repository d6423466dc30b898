//! The multivariant playlist (RFC 8216bis §4.4.6), which older texts call the master playlist.

use std::fmt::Write;

use super::write::Quoted;
use crate::media::Size;

/// One rendition of the stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant<'a> {
    /// Its media playlist, relative to this one.
    pub uri: &'a str,
    /// RFC 6381, with commas between.
    pub codecs: &'a str,
    /// Of the picture, if there is one.
    pub size: Option<Size>,
    /// Pictures a second.
    pub frame_rate: Option<f64>,
    /// The most bits a second, and those on average; see [`super::Playlist::rates`].
    pub bandwidth: (u64, u64),
}

/// The list of variants. Hand several, for several playlists of one stream, from best to worst.
pub fn master(variants: &[Variant<'_>]) -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:6\n");
    for variant in variants {
        // A rate of zero is not allowed; before the first segment nobody knows it.
        const UNKNOWN: u64 = 1_000_000;
        let (peak, average) = variant.bandwidth;
        let (peak, average) = if peak == 0 { (UNKNOWN, UNKNOWN) } else { (peak, average.clamp(1, peak)) };
        let _ = write!(text, "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average}");
        if !variant.codecs.is_empty() {
            let _ = write!(text, ",CODECS=\"{}\"", Quoted(variant.codecs));
        }
        if let Some(size) = variant.size {
            let _ = write!(text, ",RESOLUTION={}x{}", size.width, size.height);
        }
        if let Some(rate) = variant.frame_rate.filter(|rate| rate.is_finite() && *rate > 0.0) {
            let _ = write!(text, ",FRAME-RATE={rate:.3}");
        }
        let _ = write!(text, "\n{}\n", Quoted(variant.uri));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_tells_what_a_player_chooses_by() {
        let size = Some(Size { width: 1280, height: 720 });
        let variant = Variant {
            uri: "index.m3u8?token=a",
            codecs: "avc1.64001f,mp4a.40.2",
            size,
            frame_rate: Some(30.0),
            bandwidth: (2_800_000, 2_500_000),
        };
        let told = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=2800000,AVERAGE-BANDWIDTH=2500000,\
                    CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000\nindex.m3u8?token=a\n";
        assert_eq!(master(&[variant]), told);
        let hostile =
            Variant { uri: "a\"\nb", codecs: "x\"\r\n#EXT", size: None, frame_rate: Some(f64::NAN), bandwidth: (0, 0) };
        let told = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=1000000,AVERAGE-BANDWIDTH=1000000,\
                    CODECS=\"x#EXT\"\nab\n";
        assert_eq!(master(&[hostile]), told);
    }
}
