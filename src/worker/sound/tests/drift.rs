//! Clock drift: the reader between samples and over time.

use super::*;

#[test]
fn a_lone_tone_is_not_distorted_between_samples_nor_on_its_way_there() {
    for (hertz, limit) in [(100.0, 1e-4), (1000.0, 1e-4), (6000.0, 5e-4)] {
        let mut timeline = timeline::Timeline::default();
        let turn = std::f64::consts::TAU * f64::from(hertz) / 48e3;
        let tone = |at: usize| [((turn * at as f64).sin() * 0.25) as f32; 2];
        let (mut reader, mut limiter, sinc) = (reader::Reader::default(), limiter::Limiter::new(), sinc::Sinc::new());
        // Half a second on the samples, then 3 ms later, which takes seconds to reach and ends between two.
        let read: Vec<f32> = (0..1000)
            .flat_map(|n| {
                let samples: Vec<Stereo> = (0..BLOCK).map(|i| tone(n * BLOCK + i)).collect();
                timeline.push(time_of((n * BLOCK) as i64), &samples);
                let late = if n < 50 { 960.0 } else { 816.0 };
                let mut block = [[0.0; 2]; BLOCK];
                reader.read(&mut timeline, (n * BLOCK) as f64 - late, &sinc, &mut block);
                limiter.limit(&mut block);
                block.map(|s| s[0])
            })
            .collect();
        let (before, after) = (&read[8 * BLOCK..50 * BLOCK], &read[850 * BLOCK..]);
        for read in [before, after] {
            assert!((db(amplitude(read, hertz)) + 12.04).abs() < 0.05);
            assert!(rest(read, hertz) < limit, "{hertz} Hz: {}", rest(read, hertz));
        }
        assert!(roughness(&read[8 * BLOCK..]) < 0.25 * (turn * turn) as f32 * 1.05);
    }
}

#[test]
fn one_filter_for_all_makes_what_a_filter_for_each_makes() {
    let samples: Vec<Stereo> = (0..100).map(|i| [(i * i % 17) as f32 / 17.0, (i * 7 % 13) as f32 / 13.0]).collect();
    let sinc = sinc::Sinc::new();
    for fraction in [0, 1, 1 << 20, 1 << 31, u32::MAX] {
        let mut shifted = [[0.0; 2]; 50];
        sinc.shift(&samples, fraction, &mut shifted);
        for (i, shifted) in shifted.iter().enumerate() {
            let each = sinc.at(&samples[i..], fraction);
            assert!((0..2).all(|side| (shifted[side] - each[side]).abs() < 1e-6), "{fraction}: {shifted:?}, {each:?}");
        }
    }
}

/// A sender whose clock runs `ppm` fast. Its left channel carries media time as the phase of a 5 Hz wave; its right
/// channel is a tone that a discontinuity would break. Returns the largest error against the map, ms, and the tone's
/// roughness.
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
        // Sound comes in whole frames, when the sender has them, stamped to the ms.
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
        // The wave's phase in its 200 ms against the expected phase, both modulo one turn.
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
