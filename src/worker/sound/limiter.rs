//! Limiter: keeps the mix below full scale, inaudibly.
//!
//! The output is [`AHEAD`] later than the input (look-ahead), so that the gain falls before a peak comes, by a ramp
//! without a step. There are two gain reductions, and the larger one applies. The *short* one is held for `HOLD`
//! after a peak and then released at once. The hold is longer than a half wave of the deepest voice, so the wave keeps
//! its shape; the quick release means that a clap does not silence a speaker beside it. Where loud sound lasts,
//! releasing between its peaks would be heard as roughness. There the *long* reduction stays at the level of the
//! highest peaks.

use super::{Block, RATE, Stereo};

/// Peak below which nothing is changed: −1 dBFS, which leaves the encoder headroom for its ripple.
pub const THRESHOLD: f32 = 0.891_250_9;

/// Samples over which a peak is measured, 1.25 ms. The gain is a straight line from one piece to the next.
const PIECE: usize = 60;

/// Look-ahead in samples, 5 ms, which is also the length of the ramp down. A shorter ramp clicks; a longer one only
/// adds delay.
pub const AHEAD: usize = PIECES * PIECE;
const PIECES: usize = 4;

/// Pieces for which a reduction is held, 40 ms: a wave of 50 Hz has a peak every 10 ms, or every 20 ms if its halves
/// differ.
const HOLD: usize = 32;

/// Release of the short reduction: time constant, 8 ms. Of 6 dB, 1 dB is left 15 ms later.
const RELEASE: f32 = 8.0;

/// Time constant of "loud sound lasts", 300 ms, rising and falling. Together with the hold, a clap of 10 ms has a share
/// of a sixth.
const LASTING: f32 = 300.0;

/// Shares of loud time at which the long reduction begins, and at which it is complete.
const LASTS: std::ops::Range<f32> = 0.4..0.8;

/// Release of the long reduction while loud sound lasts: time constant, 60 s. The slow beating of voices does not move
/// it.
const LONG_RELEASE: f32 = 60_000.0;

/// A reduction below this, dB, counts as none.
const NOTHING: f32 = 0.001;

/// Pieces that decide about one piece: those within the hold, itself and those ahead.
const SEEN: usize = HOLD + PIECES + 1;

/// A limiter with look-ahead. Sound below [`THRESHOLD`] passes unchanged, [`AHEAD`] later.
#[derive(Debug)]
pub struct Limiter {
    /// The delayed samples.
    delayed: [Stereo; AHEAD],
    /// The reduction that each of the last pieces needs, dB, in a ring.
    needed: [f32; SEEN],
    /// Gains of the last pieces, in a ring; their mean is the target of the line.
    gains: [f32; PIECES],
    /// Pieces so far, modulo the length of both rings.
    place: usize,
    /// The present gain.
    gain: f32,
    /// Reductions, dB.
    short: f32,
    long: f32,
    /// Share of the last [`LASTING`] with a reduction.
    lasting: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    pub fn new() -> Self {
        Self {
            delayed: [[0.0; 2]; AHEAD],
            needed: [0.0; SEEN],
            gains: [1.0; PIECES],
            place: 0,
            gain: 1.0,
            short: 0.0,
            long: 0.0,
            lasting: 0.0,
        }
    }

    /// Limits a block, and replaces it by the block of [`AHEAD`] before. No sample reaches full scale.
    pub fn limit(&mut self, block: &mut Block) {
        let mut peaks = [0.0; BLOCK_PIECES];
        for (peak, piece) in peaks.iter_mut().zip(block.chunks(PIECE)) {
            *peak = piece.as_flattened().iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
        }
        block.rotate_right(AHEAD);
        block[..AHEAD].swap_with_slice(&mut self.delayed);
        for (piece, peak) in block.chunks_mut(PIECE).zip(peaks) {
            let end = self.step(peak);
            if self.gain >= 1.0 && end >= 1.0 {
                continue;
            }
            let rise = (end - self.gain) / PIECE as f32;
            for sample in piece {
                self.gain += rise;
                *sample = sample.map(|s| s * self.gain);
            }
            self.gain = end;
        }
    }

    /// Takes in the peak of the newest piece. Returns the gain at the end of the piece that comes out.
    fn step(&mut self, peak: f32) -> f32 {
        // Time constants in ms, converted to pieces.
        let share = |constant: f32| 1.0 - (-1e3 * PIECE as f32 / RATE as f32 / constant).exp();
        self.needed[self.place % SEEN] = 20.0 * (peak.max(THRESHOLD) / THRESHOLD).log10();
        let held = self.needed.iter().copied().fold(0.0, f32::max);
        let resting = held == 0.0 && self.short == 0.0 && self.lasting == 0.0;
        let reduction = if resting {
            0.0
        } else {
            let (limits, none) =
                (if held > 0.0 { 1.0 } else { 0.0 }, |value: f32| if value < NOTHING { 0.0 } else { value });
            self.short = none(self.short - self.short * share(RELEASE)).max(held);
            self.lasting = none(self.lasting + (limits - self.lasting) * share(LASTING));
            let lasts = ((self.lasting - LASTS.start) / (LASTS.end - LASTS.start)).clamp(0.0, 1.0);
            self.long = if lasts > 0.0 { held.max(self.long * (1.0 - share(LONG_RELEASE))) } else { held };
            self.short.max(self.long * lasts)
        };
        self.gains[self.place % PIECES] = 10.0_f32.powf(-reduction / 20.0);
        self.place = (self.place + 1) % (SEEN * PIECES);
        self.gains.iter().sum::<f32>() / PIECES as f32
    }
}

const BLOCK_PIECES: usize = super::BLOCK / PIECE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::BLOCK;

    /// A second of `wave` through the limiter, each sample at its place.
    fn limited(wave: impl Fn(usize) -> f32) -> Vec<f32> {
        let mut limiter = Limiter::new();
        let blocks = (0..RATE as usize * 2 / BLOCK).flat_map(|n| {
            let mut block = std::array::from_fn(|i| [wave(n * BLOCK + i); 2]);
            limiter.limit(&mut block);
            block.map(|s| s[0])
        });
        blocks.skip(AHEAD).collect()
    }

    fn tone(hertz: f32, at: usize) -> f32 {
        (f64::from(hertz) * std::f64::consts::TAU * at as f64 / f64::from(RATE)).sin() as f32
    }

    /// The share of the last half second that is not the tones. Each tone is removed in turn until nothing of them is
    /// left.
    fn rest(out: &[f32], tones: &[f32]) -> f32 {
        let mut left: Vec<f64> = out[out.len() - RATE as usize / 2..].iter().map(|s| f64::from(*s)).collect();
        let power = |samples: &[f64]| samples.iter().map(|s| s * s).sum::<f64>();
        let whole = power(&left);
        for hertz in tones.iter().cycle().take(tones.len() * 8) {
            let turn = std::f64::consts::TAU * f64::from(*hertz) / f64::from(RATE);
            for wave in [f64::sin, f64::cos] {
                let part: f64 = left.iter().enumerate().map(|(i, s)| s * wave(turn * i as f64)).sum();
                let part = 2.0 * part / left.len() as f64;
                left.iter_mut().enumerate().for_each(|(i, s)| *s -= part * wave(turn * i as f64));
            }
        }
        (power(&left) / whole).sqrt() as f32
    }

    #[test]
    fn nothing_reaches_full_scale_and_nothing_below_the_threshold_changes() {
        assert!(limited(|at| 4.0 * tone(440.0, at)).iter().all(|s| s.abs() < 0.892));
        let bursts = limited(|at| if at % 9600 < 4800 { 0.1 } else { 30.0 } * tone(440.0, at));
        assert!(bursts.iter().all(|s| s.abs() < 0.892));
        let click = limited(|at| if at == 10_007 { -30.0 } else { 0.5 });
        assert!(click.iter().all(|s| s.abs() < 0.892) && click[10_007] < -0.5);
        let quiet = limited(|at| 0.85 * tone(440.0, at));
        assert!(quiet.iter().enumerate().all(|(at, s)| *s == 0.85 * tone(440.0, at)));
    }

    #[test]
    fn loud_tones_are_not_bent() {
        for hertz in [50.0, 100.0, 440.0] {
            let torn = rest(&limited(|at| 2.0 * tone(hertz, at)), &[hertz]);
            assert!(torn < 0.000_5, "{hertz} Hz: {:.2} %", torn * 100.0);
        }
        // As loud together as five at full scale, and no multiples of one another.
        let tones = [300.0, 440.0, 560.0, 734.0, 910.0, 1210.0, 1510.0, 1980.0, 2500.0];
        let torn = rest(&limited(|at| tones.iter().map(|hertz| 0.35 * tone(*hertz, at)).sum()), &tones);
        assert!(torn < 0.01, "nine tones: {:.2} %", torn * 100.0);
    }

    #[test]
    fn after_a_clap_speech_is_itself() {
        let (clap, quiet) = (48_000..48_480, |at| 0.05 * tone(300.0, at));
        let out = limited(|at| quiet(at) + if clap.contains(&at) { 1.78 * tone(1000.0, at) } else { 0.0 });
        let gain = |from: usize| {
            let sum = |wave: &dyn Fn(usize) -> f32| (from..from + 160).map(|at| wave(at).powi(2)).sum::<f32>();
            10.0 * (sum(&|at| out[at]) / sum(&quiet)).log10()
        };
        assert!(gain(clap.end + 960) < -5.0, "held: {}", gain(clap.end + 960));
        assert!(gain(clap.end + 80 * 48).abs() < 0.1, "{}", gain(clap.end + 80 * 48));
        assert!(out[clap.end + 9600..].iter().zip(clap.end + 9600..).all(|(s, at)| *s == quiet(at)));
        // 7 dB too loud for half a second: back after a third of one.
        let out = limited(|at| quiet(at) + if (24_000..48_000).contains(&at) { 2.0 * tone(1000.0, at) } else { 0.0 });
        assert!(out[48_000 + 16_000..].iter().zip(64_000..).all(|(s, at)| (*s - quiet(at)).abs() < 0.001));
    }
}
