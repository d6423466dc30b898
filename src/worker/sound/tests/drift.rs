//! The reader between samples and over time.

use super::*;

#[test]
fn a_lone_tone_between_samples_is_not_distorted() {
    for (hertz, limit) in [(100.0, 1e-4), (1000.0, 1e-4), (6000.0, 5e-4)] {
        let mut timeline = timeline::Timeline::default();
        let turn = std::f64::consts::TAU * f64::from(hertz) / 48e3;
        let samples: Vec<Stereo> = (0..96_000).map(|i| [((turn * f64::from(i)).sin() * 0.25) as f32; 2]).collect();
        timeline.push(Timestamp::ZERO, &samples);
        let (mut reader, mut limiter, sinc) = (reader::Reader::default(), limiter::Limiter::new(), sinc::Sinc::new());
        let read = (0..150).flat_map(|n| {
            let mut block = [[0.0; 2]; BLOCK];
            reader.read(&mut timeline, (n * BLOCK) as f64 + 100.37, &sinc, &mut block);
            limiter.limit(&mut block);
            block.map(|s| s[0])
        });
        let read: Vec<f32> = read.skip(4800).collect();
        assert!((db(amplitude(&read, hertz)) + 12.04).abs() < 0.05);
        assert!(rest(&read, hertz) < limit, "{hertz} Hz: {}", rest(&read, hertz));
    }
}

/// A sender whose clock runs `ppm` fast: its left channel tells media time by the phase of a 5 Hz wave, its right one
/// is a tone that a discontinuity would break. Returns the largest error against the map, ms, and the tone's roughness.
fn drift(ppm: i64, minutes: i64) -> (f64, f32) {
    let (mut playout, mut timeline, mut reader) =
        (Playout::new(), timeline::Timeline::default(), reader::Reader::default());
    let (sinc, seconds) = (sinc::Sinc::new(), minutes * 60);
    let media = |room: i64| room + room / 1_000_000 * ppm;
    let wave = |index: i64, hertz: f64| (index as f64 / 48e3 * hertz * std::f64::consts::TAU).sin() as f32 * 0.5;
    let (mut sent, mut worst, mut rough, mut tail) = (0_i64, 0.0_f64, 0.0_f32, Vec::new());
    for n in 0..seconds * 100 {
        let now = time_of(n * BLOCK as i64) + LAG;
        if n % 3 == 0 {
            let captured = now.nanos() - n % 7 * MS / 4;
            playout.arrived(Track::Video, Timestamp::from_millis(media(captured) / MS), now);
        }
        // Sound comes whole frames at a time, when the sender has them, stamped to the ms.
        while time_of(sent + 1024).nanos() <= media(now.nanos()) {
            let samples: Vec<Stereo> = (sent..sent + 1024).map(|i| [wave(i, 5.0), wave(i, 1000.0)]).collect();
            timeline.push(Timestamp::from_millis(time_of(sent).millis()), &samples);
            sent += 1024;
        }
        let mut out = [[0.0; 2]; BLOCK];
        let at = time_of(n * BLOCK as i64);
        let Some(offset) = playout.due(Timestamp::ZERO) else { continue };
        let wanted = Timestamp::from_nanos(at.nanos() - offset.nanos());
        let Some(index) = timeline.index(wanted) else { continue };
        reader.read(&mut timeline, index, &sinc, &mut out);
        if n < 300 {
            continue;
        }
        // Where in its 200 ms the wave is, against where it should be, both modulo one turn.
        let quarter = wanted.nanos() as f64 / 1e9 * 5.0 * std::f64::consts::TAU;
        if quarter.cos() > 0.7 {
            let found = (f64::from(out[0][0]) * 2.0).clamp(-1.0, 1.0).asin();
            let expected = quarter.sin().asin();
            worst = worst.max((found - expected).abs() / (5.0 * std::f64::consts::TAU) * 1e3);
        }
        tail.extend(out.iter().map(|s| s[1]));
        rough = rough.max(roughness(&tail));
        tail.drain(..tail.len() - 2);
    }
    (worst, rough)
}

#[test]
fn a_sender_that_drifts_for_ten_minutes_is_followed_without_a_discontinuity() {
    for (ppm, minutes) in [(100, 10), (-100, 2)] {
        let (error, rough) = drift(ppm, minutes);
        let own = 0.5 * (std::f32::consts::TAU / 48.0).powi(2);
        assert!(error < 10.0, "{ppm} ppm: {error} ms");
        assert!(rough < own * 1.05, "{ppm} ppm: {rough}, the tone alone has {own}");
    }
}
