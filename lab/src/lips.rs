//! PURE. Lip sync measurement: a person flashes and beeps at the same time; the timestamps of both are compared.

use crate::{tone, watch::Recording};
use tilecast::media::Rect;

/// Samples that are analysed for a tone, 10 ms, and the step of the analysis, 1 ms. A tone begins in the middle of the
/// first window in which it has half of its final loudness.
const LOOK: usize = tone::RATE as usize / 100;
const STEP: usize = tone::RATE as usize / 1000;

/// Least loudness of a beep, dBFS: the sudden start of another tone contains a little of every tone.
const LEAST: f32 = -35.0;

/// Least distance of two flashes, ms: flicker in between comes from coding.
const APART: f64 = 400.0;

/// A flash and a beep that are further apart than this, ms, do not belong together.
const FURTHEST: f64 = 450.0;

/// Delay of each beep behind its flash, ms on the program's time line, negative when it is earlier: one value for each
/// flash in `tile` that has a beep of `hz` near it. The recording must have sound and packets.
pub fn offsets(seen: &Recording, tile: Rect, hz: f32) -> Vec<f64> {
    let (flashes, beeps) = (flashes(seen, tile), beeps(seen, hz));
    let nearest = |flash: &f64| {
        let distance = beeps.iter().map(|beep| beep - flash);
        distance.min_by(|a, b| a.abs().total_cmp(&b.abs())).filter(|distance| distance.abs() < FURTHEST)
    };
    flashes.iter().filter_map(nearest).collect()
}

/// Times at which the tile became bright, ms.
fn flashes(seen: &Recording, tile: Rect) -> Vec<f64> {
    let levels: Vec<f32> = seen.frames.iter().map(|frame| frame.mean(tile)[0]).collect();
    let (dark, bright) =
        levels.iter().fold((255.0_f32, 0.0_f32), |(low, high), level| (low.min(*level), high.max(*level)));
    let half = (dark + bright) / 2.0;
    let times = seen.video_pts_ms.iter().map(|pts| *pts as f64);
    let rises = levels.windows(2).zip(times.skip(1)).filter(|(two, _)| two[0] < half && two[1] >= half);
    apart(rises.map(|(_, at)| at))
}

/// Times at which the tone began, ms.
fn beeps(seen: &Recording, hz: f32) -> Vec<f64> {
    let Some(begin) = seen.audio_pts_ms.first().map(|pts| *pts as f64) else { return Vec::new() };
    let looks = (0..seen.sound.len().saturating_sub(LOOK) / STEP).map(|n| n * STEP);
    let levels: Vec<f32> = looks.map(|at| tone::level_dbfs(&seen.sound[at..at + LOOK], hz)).collect();
    let half = levels.iter().fold(LEAST, |high, level| high.max(*level)) - 6.0;
    let rises = levels.windows(2).enumerate().filter(|(_, two)| two[0] < half && two[1] >= half);
    let middle = (LOOK / 2) as f64 * 1000.0 / f64::from(tone::RATE);
    apart(rises.map(|(n, _)| begin + (n + 1) as f64 + middle))
}

fn apart(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut kept: Vec<f64> = Vec::new();
    for time in times {
        if kept.last().is_none_or(|last| time - last > APART) {
            kept.push(time);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::{f32::consts::TAU, time::Instant};

    use super::*;
    use crate::picture::Frame;
    use tilecast::media::Size;

    /// A flash of 100 ms each second, at 30 frames a second, and a beep of 1 kHz `late` ms after it.
    fn recorded(late: i64) -> Recording {
        let size = Size { width: 4, height: 4 };
        let bright = |n: usize| n % 30 >= 10 && n % 30 < 13;
        let frame = |n| Frame {
            at: Instant::now(),
            index: n as u64,
            size,
            depth: 1,
            data: vec![if bright(n) { 200 } else { 20 }; 16],
        };
        let sample = |k: i64| {
            let ms = (k / 48 - late).rem_euclid(1000);
            let on = (333..433).contains(&ms);
            if on { 0.3 * (TAU * 1000.0 * k as f32 / 48_000.0).sin() } else { 0.0 }
        };
        Recording {
            frames: (0..300).map(frame).collect(),
            sound: (0..480_000).map(sample).collect(),
            video_pts_ms: (0..300).map(|n| 5000 + n * 1000 / 30).collect(),
            audio_pts_ms: vec![5000],
        }
    }

    #[test]
    fn offsets_are_as_they_were_made() {
        let whole = Rect { x: 0, y: 0, width: 4, height: 4 };
        for late in [-120, -40, 0, 35, 200] {
            let found = offsets(&recorded(late), whole, 1000.0);
            assert!(found.len() >= 9, "{found:?}");
            assert!(found.iter().all(|off| (off - late as f64).abs() < 3.0), "{late}: {found:?}");
        }
        assert!(offsets(&recorded(0), whole, 2600.0).is_empty());
    }
}
