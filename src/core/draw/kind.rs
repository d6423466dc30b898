//! Image formats of uploads, told by magic bytes.

use serde::{Deserialize, Serialize};

/// Largest file, bytes: a photograph for a 4K canvas at good quality.
pub const MAX_FILE_BYTES: usize = 4 << 20;

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// ISO/IEC 15948
    Png,
    /// ITU-T T.81
    Jpeg,
    /// RFC 9649
    Webp,
    /// W3C SVG 1.1, of shapes
    Svg,
}

impl Kind {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    /// The format that the first bytes of a file indicate.
    pub fn of(file: &[u8]) -> Option<Self> {
        if file.starts_with(b"\x89PNG\r\n\x1a\n") {
            return Some(Self::Png);
        }
        if file.starts_with(b"\xff\xd8\xff") {
            return Some(Self::Jpeg);
        }
        if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
            return Some(Self::Webp);
        }
        let head = String::from_utf8_lossy(&file[..file.len().min(4096)]);
        let head = head.trim_start_matches('\u{feff}').trim_start();
        (head.starts_with('<') && head.contains("<svg")).then_some(Self::Svg)
    }
}
