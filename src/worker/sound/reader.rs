//! Clock drift compensation (adaptive resampling): reads a timeline at the feed's own rate, so that sound neither runs
//! dry nor piles up.

use super::{
    BLOCK, Block, RATE, Stereo,
    sinc::{Sinc, TAPS},
    timeline::{FADE, Timeline},
};

/// Largest usual deviation of the reading rate from 1: a twelfth of a semitone, which nobody hears. Crystals are off by
/// 0.02 % at most, so nearly all of this range serves to follow the playout clock's slews.
const MAX_CORRECTION: f64 = 0.005;

/// Time constant of the correction, samples: 2 s. With a clock 100 ppm off, the error settles at 0.2 ms; RTMP's
/// rounding to 1 ms changes the pitch by less than 0.05 %.
const CORRECTION: f64 = 2.0 * RATE as f64;

/// An error up to this is not corrected, samples: 2 ms, which nobody sees on lips. A crystal's 20 ppm take 100 s to
/// reach it. Meanwhile samples are read as they lie, or all by one filter. A correction goes on down to the second
/// figure, 0.2 ms.
const SLACK: f64 = 0.002 * RATE as f64;
const SETTLED: f64 = 0.000_2 * RATE as f64;

/// From this error on, the correction is twice as quick, samples: 40 ms is where lips are seen to be off (ITU-R
/// BT.1359).
const SEEN: f64 = 0.040 * RATE as f64;

/// From this error on, a pause of speech is used to correct it at once, inaudibly, samples: 5 ms.
const PAUSED: f64 = 0.005 * RATE as f64;

/// A larger error is jumped over, samples: 120 ms, more than stray stamps of a camera or a picture's longer transit
/// add. A smaller one takes 12 s at most, and usually ends at the next pause.
const JUMP: f64 = 0.12 * RATE as f64;

/// Power of a pause relative to the loudest block, −25 dB, and the power below which sound is a pause in any case, −60
/// dBFS.
const PAUSE: f32 = 0.003;
const SILENCE: f32 = 1e-6;

/// Share of its power that the loudest block loses per block: 25 dB in 6 s.
const FORGET: f32 = 0.01;

/// Samples that must be there before sound begins or resumes, 20 ms: with less it would stutter while the playout clock
/// raises its delay. The clock's allowance for sound leaves this much at every packet's arrival.
const CUSHION: f64 = 2.0 * BLOCK as f64;

/// Samples kept behind the reading position: for the filter, for a fade, and for a jump back.
const KEPT: i64 = (TAPS + FADE) as i64 + JUMP as i64;

/// A reading position in a timeline that advances with every block.
#[derive(Debug, Default)]
pub struct Reader {
    place: Option<Place>,
    /// Power of the loudest recent block.
    loudest: f32,
    scratch: Vec<Stereo>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Index of the next sample, with its fraction.
    index: f64,
    /// Envelope, 0 to 1: 0 is silence for want of samples.
    envelope: f32,
    /// True from the first sound until it runs dry.
    sounding: bool,
    /// True while an error is being corrected.
    correcting: bool,
}

/// The content of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Sound, at least in part.
    Sound,
    /// The sound ended within this block for want of samples.
    RanDry,
    Nothing,
}

impl Reader {
    /// Reads the next block. `wanted` is the index that is due at its first sample.
    pub fn read(&mut self, timeline: &mut Timeline, wanted: f64, sinc: &Sinc, out: &mut Block) -> Read {
        // On a whole sample, so that it need not be interpolated.
        let fresh = Place { index: wanted.round(), envelope: 0.0, sounding: false, correcting: false };
        let mut place = self.place.filter(|place| place.sounding).unwrap_or(fresh);
        let off = wanted - place.index;
        let read;
        if off.abs() > JUMP || off.abs() > PAUSED && self.pauses(timeline, place.index, wanted) {
            let mut target = Place { envelope: 1.0, sounding: true, ..fresh };
            let mut left = [[0.0; 2]; BLOCK];
            self.run(&mut place, 1.0, timeline, sinc, &mut left);
            read = self.run(&mut target, 1.0, timeline, sinc, out);
            for (i, (new, old)) in out.iter_mut().zip(&left).enumerate() {
                let share = i as f32 / BLOCK as f32;
                *new = [0, 1].map(|side| new[side] * share + old[side] * (1.0 - share));
            }
            place = target;
        } else {
            place.correcting = off.abs() > if place.correcting { SETTLED } else { SLACK };
            let most = if off.abs() > SEEN { 2.0 * MAX_CORRECTION } else { MAX_CORRECTION };
            let correction = (off / CORRECTION).clamp(-most, most);
            let rate = if place.correcting { 1.0 + correction } else { 1.0 };
            read = self.run(&mut place, rate, timeline, sinc, out);
        }
        self.loudest = power(out).max(self.loudest * (1.0 - FORGET));
        timeline.release(place.index as i64 - KEPT);
        self.place = Some(place);
        read
    }

    /// True from the first sound until it runs dry.
    pub fn sounds(&self) -> bool {
        self.place.is_some_and(|place| place.sounding)
    }

    /// True if everything between two positions, and the block after each, is a pause of speech.
    fn pauses(&mut self, timeline: &Timeline, one: f64, other: f64) -> bool {
        let (from, to) = (one.min(other) as i64, one.max(other) as i64 + BLOCK as i64);
        if from < timeline.first() || to > timeline.next() {
            return false;
        }
        self.scratch.resize((to - from) as usize, [0.0; 2]);
        timeline.copy(from, &mut self.scratch);
        let most = SILENCE.max(self.loudest * PAUSE);
        self.scratch.chunks(BLOCK).all(|part| power(part) <= most)
    }

    fn run(&mut self, place: &mut Place, rate: f64, timeline: &Timeline, sinc: &Sinc, out: &mut Block) -> Read {
        let first = timeline.first() + (TAPS / 2) as i64;
        let base = place.index.floor() as i64 - (TAPS / 2 - 1) as i64;
        let end = place.index + rate * BLOCK as f64;
        // The known samples on both sides of each position bound the envelope, so that a fade is over where they end.
        let known = timeline.next() - (TAPS / 2) as i64;
        if !place.sounding && known as f64 - place.index < CUSHION {
            out.fill([0.0; 2]);
            place.index = end;
            return Read::Nothing;
        }
        self.scratch.resize((rate * BLOCK as f64) as usize + TAPS + 2, [0.0; 2]);
        timeline.copy(base, &mut self.scratch);
        let whole = place.envelope >= 1.0 && (known as f64 - end).min(place.index - first as f64) >= FADE as f64;
        let envelope = |before: f32, index: f64| {
            let reach = (known as f64 - index).min(index - first as f64);
            (before + 1.0 / FADE as f32).min((reach / FADE as f64).clamp(0.0, 1.0) as f32)
        };
        // From here in integers, parts of 2^32 of a sample: this saves 48 000 conversions a second for every feed.
        let (mut at, step) = (fixed(place.index - place.index.floor()), fixed(rate));
        if step == 1 << 32 {
            sinc.shift(&self.scratch, at as u32, out);
        } else {
            for sample in out.iter_mut() {
                *sample = sinc.at(&self.scratch[(at >> 32) as usize..], at as u32);
                at += step;
            }
        }
        if !whole {
            for (i, sample) in out.iter_mut().enumerate() {
                place.envelope = envelope(place.envelope, place.index + rate * i as f64);
                *sample = sample.map(|s| s * place.envelope);
            }
        }
        place.index = end;
        let was = std::mem::replace(&mut place.sounding, place.envelope > 0.0);
        if place.sounding {
            Read::Sound
        } else if was {
            Read::RanDry
        } else {
            Read::Nothing
        }
    }
}

/// Mean square of both channels.
fn power(samples: &[Stereo]) -> f32 {
    // Partial sums, the form that the compiler turns into vectors.
    let (chunks, rest) = samples.as_flattened().as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value * value);
    }
    let sum = sums.iter().sum::<f32>() + rest.iter().map(|value| value * value).sum::<f32>();
    sum / (2 * samples.len()).max(1) as f32
}

/// A value that is not negative, in parts of 2^32.
fn fixed(value: f64) -> u64 {
    (value * (1u64 << 32) as f64) as u64
}
