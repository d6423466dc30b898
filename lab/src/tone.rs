//! Tone detection (Goertzel's algorithm).

use std::f32::consts::TAU;

/// Rate of all sound in the lab, Hz, one channel.
pub const RATE: u32 = 48_000;

/// Loudness of a tone of `hz` in these samples (mono, [`RATE`]), dBFS of its peak; −120 when there is none. Goertzel's
/// algorithm under a Hann window, so tones 8 Hz apart are separate in half a second of sound.
pub fn level_dbfs(samples: &[f32], hz: f32) -> f32 {
    if samples.is_empty() {
        return -120.0;
    }
    let count = samples.len() as f64;
    let coefficient = 2.0 * (std::f64::consts::TAU * f64::from(hz) / f64::from(RATE)).cos();
    let (mut last, mut before) = (0.0f64, 0.0f64);
    for (n, sample) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (f64::from(TAU) * n as f64 / count).cos();
        (last, before) = (f64::from(*sample) * window + coefficient * last - before, last);
    }
    let power = (last * last + before * before - coefficient * last * before).max(0.0);
    // A sine of amplitude a gives a * N / 2, and the window halves it.
    let amplitude = power.sqrt() * 4.0 / count;
    (20.0 * amplitude.max(1e-6).log10()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, amplitude: f32) -> Vec<f32> {
        (0..RATE / 2).map(|n| amplitude * (TAU * hz * n as f32 / RATE as f32).sin()).collect()
    }

    #[test]
    fn finds_each_tone_of_a_mix_and_no_other() {
        let mix: Vec<f32> = sine(311.0, 0.1).iter().zip(sine(397.0, 0.01)).map(|(a, b)| a + b).collect();
        assert!((level_dbfs(&mix, 311.0) + 20.0).abs() < 0.5);
        assert!((level_dbfs(&mix, 397.0) + 40.0).abs() < 0.5);
        assert!(level_dbfs(&mix, 233.0) < -80.0);
        assert_eq!(level_dbfs(&[], 233.0), -120.0);
        assert_eq!(level_dbfs(&[0.0; 4800], 233.0), -120.0);
    }
}
