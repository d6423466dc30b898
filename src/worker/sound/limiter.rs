//! Keeps the mix below full scale.

use super::{Block, RATE};

/// Peak up to which nothing is touched: −1 dBFS, which leaves the encoder room for its ripple.
pub const THRESHOLD: f32 = 0.891_250_9;

/// Samples over which a peak is measured, 1.25 ms: the gain is down before the peak comes, but for a block's first.
const PIECE: usize = 60;

/// Time the gain takes back to 1, samples: 200 ms, slow enough not to follow the wave of a deep voice.
const RELEASE: f32 = 0.2 * RATE as f32;

/// A limiter: gain that is down within a peak's rise and slowly back, and a knee for what it could not foresee. What
/// stays below [`THRESHOLD`] passes unchanged.
#[derive(Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// At rest.
    pub fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// Limits a block in place. No sample reaches full scale.
    pub fn limit(&mut self, block: &mut Block) {
        let mut allowed = [1.0; BLOCK_PIECES + 1];
        for (allowed, piece) in allowed.iter_mut().zip(block.chunks(PIECE)) {
            let peak = piece.as_flattened().iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
            *allowed = (THRESHOLD / peak.max(THRESHOLD)).min(1.0);
        }
        // Nothing is known of the next block: its first piece is met by the knee.
        allowed[BLOCK_PIECES] = allowed[BLOCK_PIECES - 1];
        for (i, piece) in block.chunks_mut(PIECE).enumerate() {
            let rest = self.gain + (1.0 - self.gain) * (PIECE as f32 / RELEASE);
            let target = rest.min(allowed[i]).min(allowed[i + 1]);
            if self.gain >= 1.0 && target >= 1.0 {
                continue;
            }
            let step = (target - self.gain) / piece.len() as f32;
            for sample in piece {
                self.gain += step;
                *sample = sample.map(|s| knee(s * self.gain));
            }
            self.gain = if target > 0.999_99 { 1.0 } else { target };
        }
    }
}

const BLOCK_PIECES: usize = super::BLOCK / PIECE;

fn knee(value: f32) -> f32 {
    let over = value.abs() - THRESHOLD;
    if over <= 0.0 {
        return value;
    }
    // Below full scale by more than rounding, however large the value.
    const ROOM: f32 = 0.999 - THRESHOLD;
    (THRESHOLD + ROOM * (over / ROOM).tanh()).copysign(value)
}

#[cfg(test)]
mod tests {
    use super::{super::BLOCK, *};

    fn run(amplitude: impl Fn(usize) -> f32) -> Vec<f32> {
        let mut limiter = Limiter::new();
        (0..100)
            .flat_map(|n| {
                let mut block = std::array::from_fn(|i| {
                    let at = n * BLOCK + i;
                    [amplitude(at) * (at as f32 * 440.0 * std::f32::consts::TAU / RATE as f32).sin(); 2]
                });
                limiter.limit(&mut block);
                block.map(|s| s[0])
            })
            .collect()
    }

    #[test]
    fn nothing_reaches_full_scale_and_nothing_below_the_threshold_changes() {
        assert!(run(|_| 4.0).iter().all(|s| s.abs() < 1.0));
        assert!(run(|at| if at % 9600 < 4800 { 0.1 } else { 30.0 }).iter().all(|s| s.abs() < 1.0));
        let quiet = run(|_| 0.85);
        let wave = |at: usize| 0.85 * (at as f32 * 440.0 * std::f32::consts::TAU / RATE as f32).sin();
        assert!(quiet.iter().enumerate().all(|(at, s)| *s == wave(at)));
    }

    #[test]
    fn after_a_peak_the_gain_comes_back() {
        let out = run(|at| if at < 4800 { 4.0 } else { 0.5 });
        let peak = |from: usize| out[from..from + 2400].iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        assert!(peak(4800) < 0.2, "still down: {}", peak(4800));
        assert!(peak(43_200) > 0.42, "back: {}", peak(43_200));
    }
}
