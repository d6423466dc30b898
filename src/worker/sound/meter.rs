//! Measures loudness.

use super::Stereo;
use crate::media::Levels;

/// Gathers samples until they are read as one figure.
#[derive(Debug, Default)]
pub struct Meter {
    squares: f64,
    peak: f32,
    count: usize,
}

impl Meter {
    /// Adds samples.
    pub fn add(&mut self, samples: &[Stereo]) {
        let (mut squares, mut peak) = (0.0_f32, self.peak);
        for value in samples.as_flattened() {
            squares += value * value;
            peak = peak.max(value.abs());
        }
        self.squares += f64::from(squares);
        self.peak = peak;
        self.count += samples.len() * 2;
    }

    /// The levels over both channels since the last call; silence if nothing was added.
    pub fn take(&mut self) -> Levels {
        let meter = std::mem::take(self);
        if meter.count == 0 {
            return Levels::SILENCE;
        }
        Levels::from_linear((meter.squares / meter.count as f64).sqrt() as f32, meter.peak)
    }
}
