//! Sounds that count as speech and sounds that do not. Speech itself is tested in `tests/quick/speaker`, on whole
//! meetings.

use std::{f32::consts::TAU, time::Instant};

use super::*;

/// Ten reports a second of the signal `sound`, a function of the time in s.
fn reports(seconds: u32, mut sound: impl FnMut(f32) -> f32) -> Vec<Impression> {
    let mut ear = Vad::default();
    let block = |n: u32| -> Vec<Stereo> { (0..480).map(|i| (n * 480 + i) as f32 / 48_000.0).map(|t| [t; 2]).collect() };
    let mut report = |n: u32| {
        for part in 0..10 {
            let block: Vec<Stereo> = block(n * 10 + part).iter().map(|[t, _]| [sound(*t); 2]).collect();
            ear.add(&block);
        }
        ear.take()
    };
    (0..seconds * 10).map(&mut report).collect()
}

fn speech(reports: &[Impression]) -> f32 {
    reports.iter().map(|report| report.speech).sum::<f32>() / 10.0
}

/// −1 to 1, the same in every run.
fn noise(seed: &mut u32) -> f32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*seed >> 8) as f32 / (1 << 23) as f32 - 1.0
}

#[test]
fn silence_noise_and_held_tones_are_no_speech() {
    let mut seed = 1;
    assert_eq!(speech(&reports(3, |_| 0.0)), 0.0);
    assert_eq!(speech(&reports(3, |_| 0.1 * noise(&mut seed))), 0.0);
    for hertz in [[100.0, 150.0, 250.0], [220.0, 440.0, 660.0]] {
        let tone = |t: f32| hertz.iter().map(|hertz| 0.05 * (TAU * hertz * t).sin()).sum::<f32>();
        let heard = speech(&reports(5, |t| if (1.0..4.0).contains(&t) { tone(t) } else { 0.0 }));
        assert!(heard < 0.3, "{hertz:?} Hz pass for {heard} s of speech");
    }
}

#[test]
fn the_background_is_measured_while_nobody_speaks() {
    let mut seed = 1;
    // White noise of amplitude a has an effective value of a / 3 ^ 0.5, a third of which lies below 8 kHz.
    let last = reports(5, |_| 0.01 * noise(&mut seed)).pop().expect("reports");
    assert!((-52.0..-48.0).contains(&last.noise_dbfs), "{last:?}");
}

#[test]
fn what_is_no_number_is_silence_and_does_no_lasting_harm() {
    let mut seed = 1;
    let sound = |t: f32| match t {
        t if t < 0.2 => [f32::NAN, f32::INFINITY, -1e30, 1e30][(t * 100.0) as usize % 4],
        _ => 0.01 * noise(&mut seed),
    };
    let reports = reports(5, sound);
    assert!(reports.iter().all(|report| report.speech <= 1.0 && report.noise_dbfs.is_finite()));
    assert!((-52.0..-48.0).contains(&reports[49].noise_dbfs), "{:?}", reports[49]);
}

/// `cargo test --release -p tilecast-worker vad -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn what_it_costs() {
    let mut seed = 1;
    let sound: Vec<Stereo> = (0..60 * 48_000).map(|_| [0.1 * noise(&mut seed); 2]).collect();
    let mut ear = Vad::default();
    let begin = Instant::now();
    sound.chunks(480).for_each(|block| ear.add(block));
    println!("{:.3} % of a core for one participant", begin.elapsed().as_secs_f64() / 60.0 * 100.0);
    assert!(ear.take().speech < 0.01);
}
