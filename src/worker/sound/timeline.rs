//! One feed's decoded sound, laid on its media time.

use std::collections::VecDeque;

use super::{RATE, Stereo};
use tilecast_core::media::Timestamp;

/// Most sound kept of one feed, samples: the largest playout delay, a long GOP of early sound before slow video, and
/// what is in the mixer, 3 s and 1.1 MB.
const MAX_SAMPLES: usize = 3 * RATE as usize;

/// Timestamps may stray this far from the count of samples and still be the same run of sound, ns. RTMP rounds to 1 ms; senders
/// that stamp sound by the picture's ticks stray by a whole one; cameras and phones stamp it when they come to it, or twice
/// alike, up to 100 ms off. The run itself is moved by a few ms to and fro by stamps that are so far off.
const STRAY: u64 = 140_000_000;

/// Blocks at the beginning of a run whose time is not settled: two stamps that are 100 ms off in either direction are 200 ms apart.
const UNSETTLED: i64 = 16;

/// A hole in the timestamps up to this long is laid as silence; beyond it a new run begins.
const MAX_HOLE: i64 = 1_000_000_000;

/// Blocks over which the deviation of timestamps is averaged, and the run moved accordingly. RTMP's rounding averages
/// out to 10 µs, and 100 ms by chance to 4 ms; a sender whose samples come 200 ppm faster than its timestamps say is followed
/// within 0.6 ms.
const FOLLOW: i64 = 128;

/// Fade at the edges of a hole, samples: 5 ms is short, and no click.
pub const FADE: usize = RATE as usize / 200;

/// Samples in a row, each with an index that only rises, and the media time of index 0.
#[derive(Debug, Default)]
pub struct Timeline {
    samples: VecDeque<Stereo>,
    /// Index of the first sample held.
    first: i64,
    /// Media time of index 0, ns; `None` before the first sample.
    zero: Option<i64>,
    /// Blocks laid in this run, whose deviations were averaged.
    run: i64,
    /// How much later than where it was laid the last block was stamped, ns.
    stray: i64,
    /// True if it ends with the silence of lost sound.
    lost: bool,
}

impl Timeline {
    /// Lays decoded samples, the first of which has presentation time `pts`, after those before.
    pub fn push(&mut self, pts: Timestamp, samples: &[Stereo]) {
        let laid = Timestamp::from_units(self.next(), RATE).nanos();
        let zero = self.zero.unwrap_or(pts.nanos().saturating_sub(laid));
        let stray = pts.nanos().saturating_sub(zero.saturating_add(laid));
        let most = if self.run < UNSETTLED { 2 * STRAY } else { STRAY };
        if stray.unsigned_abs() <= most {
            self.run += 1;
            let followed = stray / self.run.min(FOLLOW);
            (self.zero, self.stray) = (Some(zero.saturating_add(followed)), stray - followed);
            return if self.lost { self.append_faded(samples) } else { self.append(samples) };
        }
        self.fade_out();
        (self.zero, self.run, self.stray) = (Some(zero), 1, 0);
        if (0..=MAX_HOLE).contains(&stray) {
            self.append_silence((stray * i64::from(RATE) / 1_000_000_000) as usize);
        } else {
            self.zero = Some(zero.saturating_add(stray));
        }
        self.append_faded(samples);
    }

    /// Nothing is heard of it now: if its last block was stamped later than it lies, sound is missing before it, and the run
    /// moves to its time all at once.
    pub fn settle(&mut self) {
        let late = std::mem::take(&mut self.stray).max(0);
        self.zero = self.zero.map(|zero| zero.saturating_add(late));
    }

    /// Lays silence for sound that was lost, `count` samples of it.
    pub fn lose(&mut self, count: usize) {
        if self.zero.is_some() {
            self.fade_out();
            self.append_silence(count.min(MAX_SAMPLES));
            self.lost = true;
        }
    }

    fn append(&mut self, samples: &[Stereo]) {
        self.samples.extend(samples);
        let excess = self.samples.len().saturating_sub(MAX_SAMPLES);
        self.samples.drain(..excess);
        self.first += excess as i64;
    }

    fn append_faded(&mut self, samples: &[Stereo]) {
        self.lost = false;
        let edge = samples.len().min(FADE);
        let faded: Vec<Stereo> = (0..edge).map(|i| samples[i].map(|s| s * i as f32 / FADE as f32)).collect();
        self.append(&faded);
        self.append(&samples[edge..]);
    }

    fn append_silence(&mut self, count: usize) {
        self.append(&vec![[0.0; 2]; count]);
    }

    fn fade_out(&mut self) {
        for (i, sample) in self.samples.iter_mut().rev().take(FADE).enumerate() {
            *sample = sample.map(|s| s * i as f32 / FADE as f32);
        }
    }

    /// Index of the first sample held.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Index after the last sample held.
    pub fn next(&self) -> i64 {
        self.first + self.samples.len() as i64
    }

    /// Index, with its fraction, of media time `media`; `None` before the first sample.
    pub fn index(&self, media: Timestamp) -> Option<f64> {
        let since = media.nanos().saturating_sub(self.zero?);
        Some(since as f64 * f64::from(RATE) / 1e9)
    }

    /// Copies the samples from index `from` into `out`, zeros where there are none.
    pub fn copy(&self, from: i64, out: &mut [Stereo]) {
        out.fill([0.0; 2]);
        let skip = usize::try_from(self.first.saturating_sub(from)).unwrap_or(0).min(out.len());
        let begin = usize::try_from(from.saturating_sub(self.first)).unwrap_or(0).min(self.samples.len());
        let mut out = &mut out[skip..];
        let (early, late) = self.samples.as_slices();
        for part in [early.get(begin..).unwrap_or_default(), &late[begin.saturating_sub(early.len())..]] {
            let (to, rest) = out.split_at_mut(part.len().min(out.len()));
            to.copy_from_slice(&part[..to.len()]);
            out = rest;
        }
    }

    /// Lets go of everything before `index`.
    pub fn release(&mut self, index: i64) {
        let count = usize::try_from(index.saturating_sub(self.first)).unwrap_or(0).min(self.samples.len());
        self.samples.drain(..count);
        self.first += count as i64;
    }
}
