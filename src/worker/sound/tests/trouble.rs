//! Sound that is late, missing, broken or ends.

use proptest::prelude::*;

use super::*;

#[test]
fn late_sound_is_a_gap_and_not_a_click() {
    let mut room = Room::new();
    // Half a second comes 300 ms late, in one burst.
    room.join(1, tone(1000, 0.25, 6), |pts| if (2000..2500).contains(&pts) { 300 } else { 30 });
    room.mixer.participants(room.everyone());
    room.run(5500);
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    assert!(roughness(&room.left(500, 5400)) < own * 1.5, "{} {own}", roughness(&room.left(500, 5400)));
    assert!((1..=3).contains(&room.stats(1).underruns), "{:?}", room.stats(1));
    assert!((db(amplitude(&room.left(1000, 1900), 1000.0)) - db(0.25)).abs() < 0.1);
    // The clock reduces its delay, so the pitch may be off by a twelfth of a semitone; the loudness may not.
    let peak = room.left(4000, 5000).iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    assert!((db(peak) - db(0.25)).abs() < 0.1, "{peak}");
}

#[test]
fn a_hole_in_the_timestamps_is_silence_of_its_length() {
    let mut room = Room::new();
    let packets = tone(1000, 0.25, 4).into_iter().filter(|packet| !(2000..2300).contains(&packet.pts.millis()));
    room.join(1, packets.collect(), |_| 30);
    room.mixer.participants(room.everyone());
    room.run(3800);
    // In a row: a tone goes through zero all the time.
    let heard = room.left(1500, 3000);
    let quiet = heard.split(|s| s.abs() >= 1e-3).map(<[f32]>::len).max().unwrap_or(0) / 48;
    assert!((280..=330).contains(&quiet), "{quiet} ms of silence");
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    // The decoder's first frame after a loss is its own matter; no further step may be added.
    assert!(roughness(&room.left(500, 3500)) < own * 3.0, "{} {own}", roughness(&room.left(500, 3500)));
}

#[test]
fn a_hole_in_what_waits_has_soft_edges() {
    let mut timeline = timeline::Timeline::default();
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    // Cosines, so that a hard edge is a step of a quarter of full scale.
    let wave: Vec<Stereo> = (0..4800).map(|i| [(i as f32 / 48.0 * std::f32::consts::TAU).cos() * 0.25; 2]).collect();
    timeline.push(Timestamp::ZERO, &wave);
    timeline.push(Timestamp::from_millis(300), &wave);
    timeline.lose(4800);
    timeline.push(Timestamp::from_millis(500), &wave);
    let mut laid = vec![[0.0; 2]; 28_800];
    timeline.copy(0, &mut laid);
    let laid: Vec<f32> = laid.iter().map(|s| s[0]).collect();
    assert!(roughness(&laid[..28_000]) < own * 2.0, "{} {own}", roughness(&laid[..28_000]));
    assert!(laid[4800..14_400].iter().chain(&laid[19_200..24_000]).all(|s| *s == 0.0));
    assert!((laid[16_800] - 0.25).abs() < 1e-3 && (laid[26_400] - 0.25).abs() < 1e-3);
}

#[test]
fn corrupt_sound_is_counted_and_the_rest_is_heard() {
    let mut room = Room::new();
    let mut packets = tone(1000, 0.25, 4);
    let mut noise = 1_u32;
    for packet in packets.iter_mut().filter(|packet| (1500..2000).contains(&packet.pts.millis())) {
        let garbage = (0..packet.data.len()).map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        });
        packet.data = garbage.collect();
    }
    packets[1].data = Bytes::new();
    room.join(1, packets, |_| 30);
    room.mixer.participants(room.everyone());
    room.run(3800);
    assert!(room.stats(1).corrupt > 5, "{:?}", room.stats(1));
    assert!(room.out.as_flattened().iter().all(|s| s.abs() < 1.0));
    assert!((db(amplitude(&room.left(2500, 3500), 1000.0)) - db(0.25)).abs() < 0.5);
    let faults = room.reports.iter().filter(|report| matches!(report, Report::Fault { .. })).count();
    assert_eq!(faults, 1, "said once");
}

#[test]
fn a_feed_that_ends_fades() {
    let mut room = Room::new();
    room.join(1, tone(1000, 0.25, 3), |_| 30);
    room.mixer.participants(room.everyone());
    room.run(1070);
    room.mixer.forget(Feed(1));
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    room.feeds.clear();
    room.run(1270);
    assert!(roughness(&room.left(500, 1200)) < own * 1.1);
    assert!(room.left(1025, 1200).iter().all(|s| *s == 0.0));
    assert_eq!(room.mixer.stats().count(), 0, "nothing is kept of it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_sent_the_mix_goes_on(
        packets in prop::collection::vec(
            (0..3_u32, 0..5_usize, any::<bool>(), any::<i64>(), prop::collection::vec(any::<u8>(), 0..200)),
            0..60,
        ),
    ) {
        let mut mixer = Mixer::new();
        mixer.participants((0..3).map(participant).collect());
        let playouts: Vec<Arc<Mutex<Playout>>> = (0..3).map(|_| Arc::default()).collect();
        for (i, (feed, codec, near, pts, data)) in packets.into_iter().enumerate() {
            let codecs =
                [AudioCodec::Aac, AudioCodec::Mp3, AudioCodec::Opus, AudioCodec::Pcma, AudioCodec::Pcmu];
            let codec = Codec::Audio(codecs[codec]);
            let pts = Timestamp::from_nanos(if near { pts % (3_000 * MS) } else { pts });
            let role = if data.first().is_some_and(|byte| *byte > 200) { Role::Config } else { Role::Key };
            let playout = &playouts[feed as usize];
            let now = time_of(i as i64 * BLOCK as i64);
            playout.lock().expect("whole").arrived(Track::Audio, pts, now);
            mixer.packet(Feed(feed), false, Packet { codec, role, pts, dts: pts, data: Bytes::from(data) }, playout);
            let (block, _) = mixer.block(now);
            prop_assert!(block.as_flattened().iter().all(|s| s.abs() < 1.0));
        }
    }
}

#[test]
fn sound_that_is_whole_is_heard_whole_whatever_its_stamps_do() {
    let mut random = 5_u32;
    let mut even = move |limit: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i64::from((random >> 8) % limit)
    };
    for (name, within, rate) in
        [("by 20 ms", 20, 48_000), ("by 100 ms", 95, 48_000), ("in pairs", 0, 48_000), ("8 kHz", 60, 8_000)]
    {
        let sound = format!("aevalsrc='0.25*sin(1000*2*PI*t)':s={rate}:d=12");
        let mut packets = encoded(&sound, &["-c:a", "aac", "-b:a", "48k"], "flv");
        let late = 1_024_000 / rate;
        let mut room = Room::new();
        room.join(1, packets.clone(), |_| late);
        room.mixer.participants(room.everyone());
        room.run(7_000);
        let plain = roughness(&room.left(4000, 6_500));
        let mut last = Timestamp::ZERO;
        // Each packet comes when its last sample is there; the stamps do not change that.
        let mut arrivals = Vec::new();
        for (n, packet) in packets.iter_mut().enumerate() {
            let own = packet.pts.millis();
            let stamped = match within {
                0 if n % 2 == 1 => last.millis(),
                0 => own,
                within => own + even(2 * within as u32 + 1) - within,
            };
            packet.pts = Timestamp::from_millis(stamped.max(0));
            packet.dts = packet.pts;
            last = packet.pts;
            arrivals.push(own + late);
        }
        let mut room = Room::new();
        let mut at = arrivals.into_iter();
        room.join(1, packets, |pts| at.next().expect("one for each") - pts);
        room.mixer.participants(room.everyone());
        room.run(11_500);
        let heard = room.left(4000, 11_000);
        assert!(roughness(&heard) < plain * 1.1, "{name}: {} {plain}", roughness(&heard));
        let quiet = heard.chunks(480).filter(|part| part.iter().all(|s| s.abs() < 0.2)).count();
        assert_eq!(quiet, 0, "{name}: {} underruns", room.stats(1).underruns);
    }
}

#[test]
fn whoever_is_cast_is_heard_on_without_a_seam() {
    let mut room = Room::new();
    room.join(1, tone(1000, 0.25, 20), |_| 0);
    room.mixer.participants(room.everyone());
    room.run(8000);
    // Now pictures come, which need 70 ms more.
    let playout = Arc::clone(&room.feeds[0].1);
    for at in (8000..18_000).step_by(40) {
        playout.lock().expect("whole").arrived(
            Track::Video,
            Timestamp::from_millis(at - 70),
            Timestamp::from_millis(at),
        );
        room.run(at);
    }
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    let heard = room.left(7000, 17_500);
    // At most 1 % in pitch, and no step.
    assert!(roughness(&heard) < own * 1.03, "{} {own}", roughness(&heard));
    assert!(heard.chunks(480).all(|part| part.iter().any(|s| s.abs() > 0.24)));
    let due = playout.lock().expect("whole").due(Timestamp::ZERO).expect("anchored");
    assert!((60..80).contains(&due.millis()), "{due:?}");
    let slow = room.left(9000, 10_000);
    assert!(amplitude(&slow, 990.0) > 10.0 * amplitude(&slow, 1000.0), "a hundredth lower, until it is in place");
}

#[test]
fn what_is_out_of_place_is_put_right_in_a_pause() {
    let (mut timeline, mut reader, sinc) =
        (timeline::Timeline::default(), reader::Reader::default(), sinc::Sinc::new());
    // Words of 400 ms with pauses of 200 ms.
    let wave =
        |at: usize| if at % 28_800 < 19_200 { 0.25 * (at as f32 / 48.0 * std::f32::consts::TAU).sin() } else { 0.0 };
    let mut places = Vec::new();
    for n in 0..300 {
        let samples: Vec<Stereo> = (0..BLOCK).map(|i| [wave(n * BLOCK + i); 2]).collect();
        timeline.push(time_of((n * BLOCK) as i64), &samples);
        let late = if n < 100 { 4800.0 } else { 8160.0 };
        let mut block = [[0.0; 2]; BLOCK];
        reader.read(&mut timeline, (n * BLOCK) as f64 - late, &sinc, &mut block);
        places.extend(block.map(|s| s[0]));
    }
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    // A word begins and ends with a corner of its own.
    assert!(roughness(&places[12_000..]) < 0.25 * std::f32::consts::TAU / 48.0 * 1.1, "{own}");
    // Within the following second it has the new position, to the sample.
    let word = &places[2 * 48_000..3 * 48_000 - BLOCK];
    let off = word.iter().enumerate().map(|(i, s)| (s - wave(2 * 48_000 + i - 8160)).abs()).fold(0.0, f32::max);
    assert!(off < 0.01, "{off}");
}
