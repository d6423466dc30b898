//! Sample buffer by media time: one feed's decoded sound, placed on its media time line.

use std::collections::VecDeque;

use super::{RATE, Stereo};
use tilecast_core::media::Timestamp;

/// Most sound that is kept of one feed, samples: the largest playout delay, early sound before a long GOP of slow
/// video, and the mixer's part; 3 s and 1.1 MB.
const MAX_SAMPLES: usize = 3 * RATE as usize;

/// Largest deviation of timestamps from the sample count within one run of sound, ns. RTMP rounds to 1 ms. Senders that
/// stamp sound by the picture's ticks are off by a whole one. Cameras and phones stamp sound when they handle it, or
/// twice alike, up to 100 ms off. Such stamps move the run itself by a few ms.
const STRAY: u64 = 140_000_000;

/// A hole in the timestamps up to this long is filled with silence; a longer one begins a new run.
const MAX_HOLE: i64 = 1_000_000_000;

/// Blocks over which the deviation of timestamps is averaged; the run moves by that average. RTMP's rounding averages
/// out to 10 µs, and random 100 ms to 4 ms. A sender whose samples come 200 ppm faster than its timestamps say is
/// followed within 0.6 ms.
const FOLLOW: i64 = 128;

/// Fade at the edges of a hole, samples: 5 ms is short, and no click is heard.
pub const FADE: usize = RATE as usize / 200;

/// Consecutive samples with rising indices, and the media time of index 0.
#[derive(Debug, Default)]
pub struct Timeline {
    samples: VecDeque<Stereo>,
    /// Index of the first sample held.
    first: i64,
    /// Media time of index 0, ns; `None` before the first sample.
    zero: Option<i64>,
    /// Blocks of this run whose deviations were averaged.
    run: i64,
    /// How much later than its position the last block was stamped, ns.
    stray: i64,
    /// True if the timeline ends with the silence of lost sound.
    lost: bool,
}

impl Timeline {
    /// Appends decoded samples, the first of which has presentation time `pts`.
    pub fn push(&mut self, pts: Timestamp, samples: &[Stereo]) {
        let laid = Timestamp::from_units(self.next(), RATE).nanos();
        let zero = self.zero.unwrap_or(pts.nanos().saturating_sub(laid));
        let stray = pts.nanos().saturating_sub(zero.saturating_add(laid));
        if stray.unsigned_abs() <= STRAY {
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

    /// Called while nothing of this timeline is heard. If the last block's stamp is later than its position, sound is
    /// missing before it, and the run moves to its time at once.
    pub fn settle(&mut self) {
        let late = std::mem::take(&mut self.stray).max(0);
        self.zero = self.zero.map(|zero| zero.saturating_add(late));
    }

    /// Appends silence for lost sound, `count` samples.
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

    /// Copies the samples from index `from` into `out`, with zeros where there are none.
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

    /// Drops everything before `index`.
    pub fn release(&mut self, index: i64) {
        let count = usize::try_from(index.saturating_sub(self.first)).unwrap_or(0).min(self.samples.len());
        self.samples.drain(..count);
        self.first += count as i64;
    }
}
