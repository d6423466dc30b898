//! Mixing of tones: what is heard, and how loud.

use super::*;

#[test]
fn tones_come_through_the_whole_path_at_their_levels() {
    let mut room = Room::new();
    room.join(1, tone(1000, 0.25, 3), |_| 30);
    room.join(2, tone(440, 0.1, 3), |_| 200);
    room.mixer.participants(room.everyone());
    room.run(2800);
    let out = heard(&to_packets(&room.out, 0));
    let left: Vec<f32> = out[48_000..96_000].iter().map(|s| s[0]).collect();
    for (hertz, expected) in [(1000.0, 0.25), (440.0, 0.1)] {
        let off = db(amplitude(&left, hertz)) - db(expected);
        assert!(off.abs() < 0.5, "{hertz} Hz is off by {off} dB");
    }
    assert_eq!((room.stats(1), room.stats(2)), Default::default());
}

#[test]
fn levels_are_reported_before_gain_and_mute_ten_times_a_second() {
    let mut room = Room::new();
    room.join(1, tone(1000, 0.25, 3), |_| 30);
    room.join(2, tone(440, 0.1, 3), |_| 30);
    let mut everyone = room.everyone();
    everyone[0].muted = true;
    everyone[1].gain_db = 6.0;
    everyone.push(participant(3));
    everyone.push(Participant { feed: None, ..participant(4) });
    room.mixer.participants(everyone);
    room.run(2070);
    let levels: Vec<_> = room.reports.iter().filter(|report| matches!(report, Report::Levels { .. })).collect();
    assert_eq!(levels.len(), 20);
    let Some(Report::Levels { participants, program }) = levels.last() else { panic!("no levels") };
    let near = |levels: Levels, amplitude: f32| {
        assert!((levels.peak_dbfs - db(amplitude)).abs() < 0.5, "{levels:?}, {}", db(amplitude));
        assert!((levels.rms_dbfs - db(amplitude) + 3.01).abs() < 0.5, "{levels:?}, {}", db(amplitude));
    };
    let ids: Vec<_> = participants.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["p1", "p2"], "those without sound are not listed");
    near(participants[0].1.levels, 0.25);
    near(participants[1].1.levels, 0.1);
    near(*program, 0.2);
}

#[test]
fn mute_and_gain_are_ramps_and_no_clicks() {
    let mut room = Room::new();
    room.join(1, tone(1000, 0.25, 4), |_| 30);
    let mut everyone = room.everyone();
    room.mixer.participants(everyone.clone());
    room.run(1070);
    everyone[0].muted = true;
    room.mixer.participants(everyone.clone());
    room.run(2070);
    (everyone[0].muted, everyone[0].gain_db) = (false, 6.0);
    room.mixer.participants(everyone);
    room.run(3070);
    let own = 0.5 * (std::f32::consts::TAU / 48.0).powi(2);
    assert!(roughness(&room.left(500, 3000)) < own * 1.1, "{} {own}", roughness(&room.left(500, 3000)));
    assert!(db(amplitude(&room.left(950, 1000), 1000.0)) > -12.6);
    assert_eq!(room.left(1025, 2000).iter().fold(0.0_f32, |peak, s| peak.max(s.abs())), 0.0);
    assert!((db(amplitude(&room.left(2100, 2900), 1000.0)) - db(0.25) - 6.0).abs() < 0.1);
}

#[test]
fn four_tones_at_full_scale_do_not_clip() {
    let mut room = Room::new();
    for (feed, hertz) in [(1, 300), (2, 440), (3, 660), (4, 1510)] {
        room.join(feed, tone(hertz, 1.0, 2), |_| 30);
    }
    room.mixer.participants(room.everyone());
    room.run(1780);
    assert!(room.out.as_flattened().iter().all(|s| s.abs() < 1.0));
    let loud = room.left(700, 1600).iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    assert!(loud > 0.8, "{loud}");
    for hertz in [300.0, 440.0, 660.0, 1510.0] {
        let share = db(amplitude(&room.left(700, 1600), hertz));
        assert!((-15.0..-11.0).contains(&share), "{hertz} Hz at {share} dB");
    }
}

#[test]
fn other_rates_channels_and_codecs_are_heard_alike() {
    let mono = "aevalsrc='0.25*sin(1000*2*PI*t)':d=3:s=";
    let surround = "aevalsrc='0.25*sin(1000*2*PI*t)|0.25*sin(1000*2*PI*t)|0|0|0|0':c=5.1:d=3:s=";
    let plans = [
        ("8 kHz mono AAC", encoded(&format!("{mono}8000"), &["-c:a", "aac", "-b:a", "48k"], "flv")),
        ("44.1 kHz mono AAC", encoded(&format!("{mono}44100"), &["-c:a", "aac"], "flv")),
        ("96 kHz mono AAC", encoded(&format!("{mono}96000"), &["-c:a", "aac", "-b:a", "192k"], "flv")),
        ("48 kHz 5.1 AAC", encoded(&format!("{surround}48000"), &["-c:a", "aac", "-b:a", "384k"], "flv")),
        ("11.025 kHz mono AAC", encoded(&format!("{mono}11025"), &["-c:a", "aac", "-b:a", "48k"], "flv")),
        ("22.05 kHz mono AAC", encoded(&format!("{mono}22050"), &["-c:a", "aac"], "flv")),
        ("16 kHz mono MP3", encoded(&format!("{mono}16000"), &["-c:a", "libmp3lame"], "mka")),
        ("G.711 A-law", encoded(&format!("{mono}8000"), &["-c:a", "pcm_alaw"], "flv")),
        ("G.711 µ-law", encoded(&format!("{mono}8000"), &["-c:a", "pcm_mulaw"], "flv")),
        ("44.1 kHz mono MP3", encoded(&format!("{mono}44100"), &["-c:a", "libmp3lame"], "flv")),
        ("48 kHz mono Opus", encoded(&format!("{mono}48000"), &["-c:a", "libopus", "-b:a", "96k"], "mka")),
    ];
    for (name, packets) in plans {
        let mut room = Room::new();
        room.join(1, packets, |_| 40);
        room.mixer.participants(room.everyone());
        room.run(2780);
        let left = room.left(1000, 1200);
        let off = db(amplitude(&left, 1000.0)) - db(0.25);
        assert!(off.abs() < 0.5, "{name} is off by {off} dB");
        let right: Vec<f32> = room.out[48_000..57_600].iter().map(|s| s[1]).collect();
        assert!((db(amplitude(&right, 1000.0)) - db(0.25)).abs() < 0.5, "{name}, right");
        let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
        assert!(roughness(&left) < own * 1.3, "{name} clicks: {} {own}", roughness(&left));
        assert_eq!(room.stats(1), SoundStats::default(), "{name}");
    }
}
