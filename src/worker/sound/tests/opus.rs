//! Opus as browsers send it: without a header, with lost packets, with DTX.

use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};

use super::*;
use crate::sound::opus::Opus;

const AMPLITUDE: f32 = 0.25;

/// A browser's encoding of `wave` (sample number → amplitude): mono voice with in-band FEC, 20 ms a packet. With
/// `rests` (DTX), only the first of its empty packets is sent during silence.
fn voice(seconds: i64, rests: bool, wave: impl Fn(i64) -> f32) -> Vec<Packet> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Voip).expect("an encoder");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("a rate");
    encoder.set_inband_fec(InbandFec::Mode1).expect("FEC");
    encoder.set_packet_loss(20).expect("a share");
    encoder.set_dtx(rests).expect("DTX");
    let (mut packets, mut resting) = (Vec::new(), false);
    for n in 0..seconds * 50 {
        let samples: Vec<f32> = (n * 960..(n + 1) * 960).map(&wave).collect();
        let mut coded = vec![0; 1500];
        let length = encoder.encode_float_to_slice(&samples, &mut coded).expect("encodes");
        coded.truncate(length);
        let empty = length <= 2;
        if !(empty && resting) {
            packets.push(packet(n * 20, coded));
        }
        resting = empty;
    }
    packets
}

fn packet(ms: i64, data: Vec<u8>) -> Packet {
    let pts = Timestamp::from_millis(ms);
    Packet { codec: Codec::Audio(AudioCodec::Opus), role: Role::Key, pts, dts: pts, data: Bytes::from(data) }
}

/// A speech-like signal: syllables, four a second, of a gliding pitch and three formants that move.
fn speech(at: i64) -> f32 {
    let turn = |hertz: f32| std::f32::consts::TAU * hertz * at as f32 / 48_000.0;
    let pitch = turn(120.0) + 11.5 * turn(1.3).sin();
    let (loud, shift) = ((0.5 - 0.5 * turn(4.0).cos()).powi(2), 1.0 + 0.3 * turn(2.3).sin());
    let harmonics = (1..28).map(|k| {
        let formants = [(600.0 * shift, 130.0), (1300.0 / shift, 150.0), (2500.0, 200.0)];
        let strength = formants.map(|(centre, width)| (-((120.0 * k as f32 - centre) / width).powi(2)).exp());
        (strength.iter().sum::<f32>() + 0.03) * (pitch * k as f32).sin()
    });
    0.12 * loud * harmonics.sum::<f32>()
}

fn sine(hertz: f32) -> impl Fn(i64) -> f32 {
    move |at| AMPLITUDE * (at as f32 * hertz * std::f32::consts::TAU / 48_000.0).sin()
}

/// FFmpeg's Opus of a tone, without its header, each packet at its exact time.
fn music(hertz: u32, seconds: u32, channels: usize) -> Vec<Packet> {
    let channel = format!("{AMPLITUDE}*sin({hertz}*2*PI*t)");
    let sound = format!("aevalsrc='{}':s=48000:d={seconds}", vec![channel; channels].join("|"));
    let coded = encoded(&sound, &["-c:a", "libopus", "-frame_duration", "20", "-b:a", "96k"], "mka");
    let bare = coded.into_iter().filter(|packet| packet.role != Role::Config);
    bare.enumerate().map(|(n, coded)| packet(n as i64 * 20, coded.data.to_vec())).collect()
}

fn room(packets: Vec<Packet>, until: i64) -> Room {
    let mut room = Room::new();
    room.join(1, packets, |_| 30);
    room.mixer.participants(room.everyone());
    room.run(until);
    room
}

/// Level of each 10 ms, dB relative to the tone's own.
fn levels(samples: &[f32]) -> Vec<f32> {
    let own = AMPLITUDE / 2.0_f32.sqrt();
    samples
        .chunks_exact(480)
        .map(|piece| db((piece.iter().map(|s| s * s).sum::<f32>() / 480.0).sqrt()) - db(own))
        .collect()
}

fn least(samples: &[f32]) -> f32 {
    levels(samples).into_iter().fold(f32::MAX, f32::min)
}

fn own(hertz: f32) -> f32 {
    AMPLITUDE * (hertz * std::f32::consts::TAU / 48_000.0).powi(2)
}

#[test]
fn packets_without_a_header_are_heard_at_their_level() {
    for (name, packets) in [
        ("browser's voice", voice(3, false, sine(1000.0))),
        ("stereo music", music(1000, 3, 2)),
        ("one channel", music(1000, 3, 1)),
    ] {
        let room = room(packets, 2780);
        for side in [0, 1] {
            let heard: Vec<f32> = room.out[48_000..96_000].iter().map(|s| s[side]).collect();
            let off = db(amplitude(&heard, 1000.0)) - db(AMPLITUDE);
            assert!(off.abs() < 0.5, "{name}, side {side}, is off by {off} dB");
        }
        assert_eq!(room.stats(1), SoundStats::default(), "{name}");
    }
}

#[test]
fn lost_music_is_neither_a_gap_nor_a_click() {
    // The last packets of every half second are lost; how far the level may sink, and the largest click.
    for (lost, floor, rough) in [(1, -3.0, 2.0), (3, -9.0, 4.0)] {
        let sent = music(440, 6, 2).into_iter().filter(|packet| packet.pts.millis() / 20 % 25 < 25 - lost);
        let room = room(sent.collect(), 5700);
        let heard = room.left(600, 5600);
        let (least, clicks) = (least(&heard), roughness(&heard) / own(440.0));
        println!("{lost} packets of music lost: down to {least} dB, roughness {clicks}");
        assert!(least > floor, "{lost} lost: down to {least} dB");
        assert!(clicks < rough, "{lost} lost: clicks of {clicks}");
        assert_eq!(room.stats(1), SoundStats::default());
    }
}

#[test]
fn lost_speech_is_neither_a_gap_nor_a_click() {
    let packets = voice(6, false, speech);
    let whole = room(packets.clone(), 5700).left(600, 5600);
    for (lost, floor) in [(1, 3.0), (2, 14.0)] {
        let sent = packets.iter().filter(|packet| packet.pts.millis() / 20 % 10 < 10 - lost).cloned();
        let room = room(sent.collect(), 5700);
        let heard = room.left(600, 5600);
        let loud = levels(&whole).into_iter().zip(levels(&heard)).filter(|(whole, _)| *whole > -20.0);
        let missing = loud.map(|(whole, heard)| whole - heard).fold(0.0, f32::max);
        let clicks = roughness(&heard) / roughness(&whole);
        println!("{lost} of 10 packets of speech lost: up to {missing} dB missing, roughness {clicks}");
        assert!(missing < floor, "{lost} lost: {missing} dB missing");
        assert!(clicks < 1.2, "{lost} lost: clicks of {clicks}");
        assert_eq!(room.stats(1), SoundStats::default());
    }
}

/// One channel of the decoder's output for `packets`, each sample at its place.
fn decoded(packets: &[Packet], seconds: usize) -> Vec<f32> {
    let mut decoder = Opus::open(None).expect("opens");
    let mut heard = vec![0.0; seconds * 48_000];
    for coded in packets {
        let laid = decoder.decode(coded.pts, &coded.data, |pts, samples| {
            let at = (pts.nanos() as f64 * 48e-6).round() as usize;
            samples.iter().enumerate().for_each(|(i, sample)| heard[at + i] = sample[0]);
        });
        laid.expect("decodes");
    }
    heard
}

#[test]
fn the_copy_in_the_next_packet_is_used() {
    let packets = voice(4, false, speech);
    let lost = |packet: &Packet| packet.pts.millis() / 20 % 5 == 3;
    let received: Vec<Packet> = packets.iter().filter(|packet| !lost(packet)).cloned().collect();
    let (whole, ours) = (decoded(&packets, 4), decoded(&received, 4));
    let mut guesser = opusic_c::Decoder::new(Channels::Mono, SampleRate::Hz48000).expect("a decoder");
    let (mut guessed, mut piece) = (Vec::new(), vec![0.0_f32; 960]);
    for packet in &packets {
        let data = if lost(packet) { &[][..] } else { &packet.data };
        guesser.decode_float_to_slice(data, &mut piece, false).expect("decodes");
        guessed.extend_from_slice(&piece);
    }
    let error = |heard: &[f32]| {
        let places = packets.iter().filter(|packet| lost(packet)).map(|packet| packet.pts.millis() as usize * 48);
        let wrong = places.flat_map(|at| (at..at + 960).map(|i| (heard[i] - whole[i]).powi(2)));
        wrong.sum::<f32>().sqrt()
    };
    let (with, without) = (error(&ours), error(&guessed));
    println!("copies take off {} dB", db(without / with));
    assert!(with < without / 3.0, "{with}, without copies {without}");
}

#[test]
fn a_rest_is_silence_without_a_click_and_no_trouble() {
    // A second of speech, two of nothing, a second of speech; both edges are between two syllables.
    let wave = |at| if (48_000..144_000).contains(&at) { 0.0 } else { speech(at) };
    let packets = voice(4, true, wave);
    assert!(packets.len() < 150, "the sender rests: {} packets", packets.len());
    let (rested, spoken) = (room(packets, 3980), room(voice(4, false, wave), 3980));
    let quiet = rested.left(1300, 2900).iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    assert!(db(quiet) < -45.0, "{} dB in the rest", db(quiet));
    for (from, to) in [(500, 1000), (3100, 3900)] {
        let (rested, spoken) = (levels(&rested.left(from, to)), levels(&spoken.left(from, to)));
        let loud = spoken.into_iter().zip(rested).filter(|(spoken, _)| *spoken > -20.0);
        let missing = loud.map(|(spoken, rested)| spoken - rested).fold(0.0, f32::max);
        assert!(missing < 3.0, "{missing} dB of the speech are missing");
    }
    let rough = roughness(&rested.left(500, 3800)) / roughness(&spoken.left(500, 3800));
    println!("a rest: {} dB, roughness {rough}", db(quiet));
    assert!(rough < 1.2, "clicks of {rough}");
    assert_eq!(rested.stats(1), SoundStats::default());
}

#[test]
fn a_long_hole_fades_and_comes_back() {
    let sent = music(440, 5, 2).into_iter().filter(|packet| !(2000..2600).contains(&packet.pts.millis()));
    let room = room(sent.collect(), 4700);
    let rough = roughness(&room.left(600, 4600)) / own(440.0);
    println!("a hole of 600 ms: roughness {rough}");
    assert!(rough < 4.0, "clicks of {rough}");
    assert!(least(&room.left(1000, 2000)) > -1.0 && least(&room.left(2850, 4600)) > -1.0);
    assert_eq!(room.stats(1), SoundStats { underruns: 1, corrupt: 0 });
}

#[test]
fn what_comes_twice_or_too_late_is_not_heard_again() {
    let mut packets = music(440, 4, 2);
    for at in (60..180).step_by(10) {
        packets.insert(at, packets[at - 3].clone());
    }
    let room = room(packets, 3700);
    assert!(roughness(&room.left(600, 3600)) < own(440.0) * 1.3);
    assert!(least(&room.left(600, 3600)) > -1.0);
    assert_eq!(room.stats(1), SoundStats::default());
}

#[test]
fn a_damaged_packet_is_made_up_for() {
    let mut packets = music(440, 4, 2);
    for at in [80, 110, 140] {
        // A header that announces more frames than there are (RFC 6716 §3.2.5).
        packets[at].data = Bytes::from_static(&[0x03 | 9 << 3, 0x3f, 1]);
    }
    packets[160].data = Bytes::new();
    let room = room(packets, 3700);
    assert!(least(&room.left(600, 3600)) > -3.0, "{}", least(&room.left(600, 3600)));
    assert_eq!(room.stats(1), SoundStats { underruns: 0, corrupt: 4 });
}

#[test]
fn a_clock_set_back_is_followed() {
    let first = music(440, 2, 2);
    let mut decoder = Opus::open(None).expect("opens");
    let mut heard = 0;
    for coded in first.iter().chain(&first) {
        decoder.decode(coded.pts, &coded.data, |_, samples| heard += samples.len()).expect("decodes");
    }
    assert!(heard >= 2 * first.len() * 960 - 960, "{heard}");
}

/// A network that delays each packet by 30 ms and up to `jitter` ms more, and loses every twentieth. Packets arrive in
/// order.
fn over_a_bad_network(packets: Vec<Packet>, jitter: i64) -> impl Iterator<Item = (i64, Packet)> {
    let (mut seed, mut last) = (7_u32, 0);
    let mut random = move |below: i64| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        i64::from(seed >> 8) % below
    };
    packets.into_iter().filter_map(move |packet| {
        last = (packet.pts.millis() + 30 + random(jitter + 1)).max(last);
        let lost = packet.track() == Track::Audio && random(20) == 0;
        (!lost).then_some((last, packet))
    })
}

#[test]
fn jitter_and_loss_leave_speech_whole_and_lips_in_step() {
    for (jitter, most) in [(20, 60), (50, 90), (100, 150)] {
        // Two seconds of speech, then a beep at every whole second, where the picture would flash.
        let beep = |at: i64| if at % 48_000 < 4800 { sine(1000.0)(at % 48_000) } else { 0.0 };
        let sound = voice(20, false, |at| if at < 96_000 { speech(at) } else { beep(at) });
        let picture = (0..600).map(|n| {
            let pts = Timestamp::from_units(n, 30);
            let data = Bytes::from_static(b"picture");
            Packet { codec: Codec::Video(VideoCodec::Vp8), role: Role::Delta, pts, dts: pts, data }
        });
        let mut media: Vec<Packet> = sound.into_iter().chain(picture).collect();
        media.sort_by_key(|packet| packet.pts);
        let mut room = Room::new();
        room.feeds.push((Feed(1), Arc::default(), over_a_bad_network(media, jitter).collect::<Vec<_>>().into_iter()));
        room.mixer.participants(room.everyone());
        room.run(3000);
        let settled = room.stats(1).underruns;
        let mut worst: f64 = 0.0;
        for second in 4..19 {
            // The beep is well away from both ends of this run.
            room.run(second * 1000 + 500 + LAG.as_millis() as i64);
            let due = room.feeds[0].1.lock().expect("whole").due(Timestamp::from_millis(second * 1000)).expect("known");
            let from = (second * 1000 - 300) as usize * 48;
            let heard = room.out[from..].iter().position(|s| s[0].abs() > 0.03).expect("a beep") + from;
            worst = worst.max((heard as f64 / 48.0 - due.nanos() as f64 / 1e6).abs());
        }
        let delay = room.feeds[0].1.lock().expect("whole").delay();
        let dry = room.stats(1).underruns - settled;
        println!("jitter {jitter} ms: delay {delay:?}, lips off by {worst:.1} ms at most, dry {dry} times in 16 s");
        assert!(dry <= 1, "jitter {jitter}: dry {dry} times");
        assert!(worst < 20.0, "jitter {jitter}: lips off by {worst} ms");
        assert!(delay < Duration::from_millis(most), "jitter {jitter}: {delay:?}");
    }
}
