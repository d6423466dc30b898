//! VAD (voice activity detection): whether one participant's sound is speech.
//!
//! A small neural network ([`earshot`], in Rust) gives the probability of speech for each 16 ms. It ignores fans,
//! streets, keyboards and coughs, but takes sounds that resemble speech for speech: a hum, a held note, the guests of a
//! café. So a frame counts only if it stands out from the *background*. The background is what sounds while nobody
//! speaks, what stays level as no speech does, and speech without a pause for breath, which only a crowd makes.

use earshot::Detector;
use wide::f32x4;

use super::Stereo;

/// Decimation: samples of the mix per sample of the detector, which works at 16 kHz.
const DECIMATION: usize = 3;

/// Samples of a frame: 16 ms at 16 kHz.
const FRAME: usize = 256;

/// Frames in a second.
const FRAMES_PER_SECOND: f32 = 16_000.0 / FRAME as f32;

/// Length of the low pass before decimation: with a Blackman window it is flat to 5.5 kHz and 50 dB down at 9.5 kHz, so
/// that aliases fall where speech has little energy.
const TAPS: usize = 49;

/// The same in vectors; the first vector begins with zero taps.
const VECTORS: usize = TAPS.div_ceil(4);

/// Samples that one output sample depends on.
const REACH: usize = VECTORS * 4;

/// Frequency at which the filter has lost half, Hz.
const CUT: f64 = 7200.0;

/// Probability from which on a run of speech goes on.
const MAYBE: f32 = 0.5;

/// Probability from which on a frame is speech. At 0.5, fast typing in a silent room counts; at 0.7, soft syllables do
/// not.
const SPEECH: f32 = 0.6;

/// Frames in a row below [`MAYBE`] that make a pause: 48 ms, shorter than any breath, longer than a momentary doubt.
const PAUSE: u32 = 3;

/// Frames below [`MAYBE`] that prove that a crowd is gone: 480 ms. Six people who talk at once pause together by
/// chance, but never for long.
const GONE: u32 = 30;

/// Frames of speech without a pause that one person cannot make: 8 s. In measurements, people took a breath every 6.4 s
/// at the latest; six people at once made no pause in 25 s.
const UNBROKEN: u32 = 8 * 1000 / 16;

/// Frames over which a level must stay to count as held, 224 ms, and how much it may move, dB. Syllables come three to
/// six a second and move the level by ten. A tone that swells in is recognised before it could pass for 0.35 s of
/// speech, which takes the floor at the highest sensitivity.
const HELD: usize = 14;
const HELD_DB: f32 = 3.0;

/// Frames over which energy is smoothed: 48 ms, more than two periods of mains hum.
const SMOOTH: usize = 3;

/// How much speech must stand out from a held sound, and from a crowd, dB. A crowd's own variation reaches 10 dB above
/// its estimated level. The network itself distinguishes speech from noise, as long as speech is not the quieter of the
/// two.
const OVER_HELD_DB: f32 = 6.0;
const OVER_CROWD_DB: f32 = 12.0;

/// How quickly the background estimate falls and rises, share of the difference per frame: 160 ms and 0.8 s. It must
/// not follow the first syllable, of which the network is not sure yet.
const FALL: f32 = 0.1;
const RISE: f32 = 0.02;

/// How quickly a crowd's level may rise, dB a second: it must not follow one person's long turn.
const CROWD_RISE_DB: f32 = 0.7;

/// Level below which nothing counts as audible speech, dBFS: the noise of good microphones.
const AUDIBLE_DBFS: f32 = -58.0;

/// Analyses sound until the result is read.
pub struct Vad {
    taps: [f32x4; VECTORS],
    /// Mono samples that are not decimated yet, after those that the filter still needs.
    samples: Vec<f32>,
    frame: Vec<i16>,
    detector: Box<Detector>,
    /// Last input and output of the high pass.
    high_pass: (f32, f32),
    /// Energy of the last frames.
    energies: [f32; SMOOTH],
    /// Level of the last frames, dBFS, the newest at `frames % HELD`.
    levels: [f32; HELD],
    frames: usize,
    background: Background,
    /// Frames of speech since the last pause, and frames since the last speech.
    run: u32,
    pause: u32,
    counted: u32,
    speech: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Background {
    Noise(f32),
    Held(f32),
    Crowd(f32),
}

impl Background {
    fn dbfs(self) -> f32 {
        let (Self::Noise(dbfs) | Self::Held(dbfs) | Self::Crowd(dbfs)) = self;
        dbfs
    }

    /// Level that speech must exceed, dBFS.
    fn threshold(self) -> f32 {
        match self {
            Self::Noise(dbfs) => dbfs,
            Self::Held(dbfs) => dbfs + OVER_HELD_DB,
            Self::Crowd(dbfs) => dbfs + OVER_CROWD_DB,
        }
        .max(AUDIBLE_DBFS)
    }
}

/// The result of the detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impression {
    /// Share of the time that was speech, 0 to 1.
    pub speech: f32,
    /// Level of the background above 160 Hz, dBFS.
    pub noise_dbfs: f32,
}

impl Default for Vad {
    fn default() -> Self {
        Self {
            taps: taps(),
            samples: vec![0.0; REACH - 1],
            frame: Vec::with_capacity(FRAME),
            detector: Detector::default_boxed(),
            high_pass: (0.0, 0.0),
            energies: [0.0; SMOOTH],
            levels: [f32::NEG_INFINITY; HELD],
            frames: 0,
            background: Background::Noise(AUDIBLE_DBFS),
            run: 0,
            pause: 0,
            counted: 0,
            speech: 0,
        }
    }
}

/// A low pass: a sinc under a Blackman window, with a gain of one.
fn taps() -> [f32x4; VECTORS] {
    let turn = std::f64::consts::TAU;
    let middle = (TAPS - 1) as f64 / 2.0;
    let taps: [f32; TAPS] = std::array::from_fn(|i| {
        let (t, x) = (i as f64 - middle, i as f64 / (TAPS - 1) as f64);
        let window = 0.42 - 0.5 * (turn * x).cos() + 0.08 * (2.0 * turn * x).cos();
        let angle = turn * CUT / f64::from(super::RATE) * t;
        let sinc = if t == 0.0 { 1.0 } else { angle.sin() / angle };
        (sinc * window) as f32
    });
    let gain: f32 = taps.iter().sum();
    let mut all = [0.0; REACH];
    all[REACH - TAPS..].copy_from_slice(&taps.map(|tap| tap / gain));
    std::array::from_fn(|vector| f32x4::new(std::array::from_fn(|lane| all[vector * 4 + lane])))
}

impl Vad {
    /// Takes in more samples.
    pub fn add(&mut self, samples: &[Stereo]) {
        self.samples.extend(samples.iter().map(|[left, right]| (left + right) / 2.0));
        let whole = (self.samples.len() + 1 - REACH) / DECIMATION;
        for i in 0..whole {
            let reached = self.samples[i * DECIMATION..][..REACH].as_chunks::<4>().0;
            let sums = reached
                .iter()
                .zip(&self.taps)
                .fold(f32x4::ZERO, |sums, (samples, taps)| sums + f32x4::new(*samples) * *taps);
            let sum = sums.reduce_add();
            // Saturates; NaN becomes silence.
            self.frame.push((sum * 32_767.0) as i16);
            if self.frame.len() == FRAME {
                self.listen();
                self.frame.clear();
            }
        }
        self.samples.drain(..whole * DECIMATION);
    }

    /// The result since the last call.
    pub fn take(&mut self) -> Impression {
        let speech = if self.counted == 0 { 0.0 } else { self.speech as f32 / self.counted as f32 };
        (self.counted, self.speech) = (0, 0);
        Impression { speech, noise_dbfs: self.background.dbfs() }
    }

    fn listen(&mut self) {
        let likely = self.detector.predict_i16(&self.frame);
        let dbfs = self.level();
        if likely >= MAYBE {
            self.pause = 0;
            self.run += 1;
        } else {
            self.pause += 1;
            if self.pause >= PAUSE {
                self.run = 0;
            }
        }
        self.follow(dbfs);
        self.counted += 1;
        self.speech += u32::from(likely >= SPEECH && dbfs >= self.background.threshold());
    }

    /// The newest frame's level, smoothed, without frequencies below speech.
    fn level(&mut self) -> f32 {
        let mut energy = 0.0;
        for sample in &self.frame {
            let sample = f32::from(*sample) / 32_768.0;
            self.high_pass = (sample, 0.94 * (self.high_pass.1 + sample - self.high_pass.0));
            energy += self.high_pass.1 * self.high_pass.1;
        }
        self.frames = self.frames.wrapping_add(1);
        self.energies[self.frames % SMOOTH] = energy / FRAME as f32;
        let mean = self.energies.iter().sum::<f32>() / SMOOTH as f32;
        let dbfs = 10.0 * mean.max(1e-10).log10();
        self.levels[self.frames % HELD] = dbfs;
        dbfs
    }

    fn follow(&mut self, dbfs: f32) {
        let (lowest, highest) =
            self.levels.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lowest, highest), level| {
                (lowest.min(*level), highest.max(*level))
            });
        let (background, held) = (self.background.dbfs(), matches!(self.background, Background::Held(_)));
        let falling = background + (dbfs - background) * FALL;
        let pause = if matches!(self.background, Background::Crowd(_)) { GONE } else { PAUSE };
        self.background = if self.pause >= pause {
            let rising = background + (dbfs - background) * RISE;
            Background::Noise(if dbfs < background { falling } else { rising })
        } else if highest - lowest < HELD_DB {
            Background::Held(dbfs)
        } else if dbfs < background {
            // Nothing is quieter than the background.
            match self.background {
                Background::Noise(_) => Background::Noise(falling),
                Background::Held(_) => Background::Noise(dbfs),
                Background::Crowd(_) => Background::Crowd(falling),
            }
        } else if matches!(self.background, Background::Crowd(_)) || self.run >= UNBROKEN && !held {
            Background::Crowd(background + (dbfs - background).min(CROWD_RISE_DB / FRAMES_PER_SECOND))
        } else {
            self.background
        };
    }
}

#[cfg(test)]
mod tests;
