//! Audio levels: loudness of a block of sound, and its share of speech.

use serde::{Deserialize, Serialize};

/// Loudness of a block of sound in dBFS (0 is full scale), never below [`Levels::SILENCE`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Levels {
    /// Root mean square over the block, dBFS.
    pub rms_dbfs: f32,
    /// Largest sample of the block, dBFS.
    pub peak_dbfs: f32,
}

impl Levels {
    /// The floor of the scale, dBFS: digital silence, and finite so that JSON can carry it.
    pub const SILENCE_DBFS: f32 = -100.0;
    /// Nothing heard.
    pub const SILENCE: Self = Self { rms_dbfs: Self::SILENCE_DBFS, peak_dbfs: Self::SILENCE_DBFS };

    /// From linear amplitudes, 1.0 being full scale.
    pub fn from_linear(rms: f32, peak: f32) -> Self {
        let db = |x: f32| if x > 1e-5 { (20.0 * x.log10()).max(Self::SILENCE_DBFS) } else { Self::SILENCE_DBFS };
        Self { rms_dbfs: db(rms), peak_dbfs: db(peak) }
    }
}

/// A report on a microphone's sound over 100 ms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Heard {
    /// Levels before gain and mute.
    #[serde(flatten)]
    pub levels: Levels,
    /// Share of the report in which somebody spoke, 0 to 1.
    pub speech: f32,
    /// The background, dBFS in the band of speech: what is heard while nobody speaks.
    pub noise_dbfs: f32,
}

impl Heard {
    /// Nothing heard.
    pub const SILENCE: Self = Self { levels: Levels::SILENCE, speech: 0.0, noise_dbfs: Levels::SILENCE_DBFS };
}
