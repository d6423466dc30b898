//! Level meter: loudness of a block of sound.

use super::Stereo;
use tilecast_core::media::Levels;

/// Partial sums, the form that the compiler turns into vectors.
const LANES: usize = 8;

/// Accumulates samples until the levels are read.
#[derive(Debug, Default)]
pub struct Meter {
    squares: f64,
    peak: f32,
    count: usize,
}

impl Meter {
    pub fn add(&mut self, samples: &[Stereo]) {
        let (chunks, rest) = samples.as_flattened().as_chunks::<LANES>();
        let (mut squares, mut peaks) = ([0.0_f32; LANES], [self.peak; LANES]);
        let mut add = |lane: usize, value: f32| {
            squares[lane] += value * value;
            peaks[lane] = peaks[lane].max(value.abs());
        };
        for chunk in chunks {
            (0..LANES).for_each(|lane| add(lane, chunk[lane]));
        }
        rest.iter().for_each(|value| add(0, *value));
        self.squares += f64::from(squares.iter().sum::<f32>());
        self.peak = peaks.into_iter().fold(self.peak, f32::max);
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
