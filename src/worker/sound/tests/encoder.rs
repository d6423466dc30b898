//! The encoder and the thread.

use std::sync::mpsc::sync_channel;

use super::*;

#[test]
fn a_click_is_heard_at_its_time() {
    let theirs = tone(1000, 0.25, 1).swap_remove(0).data;
    for begin in [0, 480 * 37] {
        let mut mix = vec![[0.0; 2]; 48_000];
        let clicks = [10_000, 23_456, 40_001];
        clicks.iter().for_each(|at| mix[*at] = [0.8; 2]);
        let packets = to_packets(&mix, begin);
        let config = (packets[0].role, &packets[0].data[..]);
        assert_eq!(config, (Role::Config, &theirs[..]), "it says what FFmpeg says of its own encoder");
        for (i, packet) in packets[1..].iter().enumerate() {
            let skipped = if begin == 0 { 0 } else { -1024 };
            let exact = Timestamp::from_units(begin + skipped + i as i64 * 1024, RATE);
            assert_eq!((packet.role, packet.pts, packet.dts), (Role::Key, exact, exact));
        }
        let out = heard(&packets);
        for click in clicks {
            let place = begin as usize + click;
            let around = place - 2000..place + 2000;
            let found = around.max_by(|a, b| out[*a][0].abs().total_cmp(&out[*b][0].abs())).expect("samples");
            assert!(found.abs_diff(place) <= 96, "the click at {place} is heard at {found}");
            assert!(out[found][0].abs() > 0.1, "{}", out[found][0]);
        }
    }
}

#[test]
fn the_thread_is_heard_and_stops() {
    let (sender, receiver) = sync_channel(1024);
    let sink: Sink = Arc::new(move |message| drop(sender.try_send(message)));
    let clock = Clock::start();
    let sound = Sound::start(clock, recipe(), sink, Arc::default()).expect("starts");
    sound.participants(&[participant(1), participant(2)]);
    // All at once, and due one after the other from now on.
    let playout: Arc<Mutex<Playout>> = Arc::default();
    playout.lock().expect("whole").arrived(Track::Audio, Timestamp::ZERO, clock.now());
    tone(1000, 0.25, 2).into_iter().for_each(|packet| sound.packet(Feed(1), false, packet, &playout));

    let limit = Duration::from_secs(20);
    let (mut packets, mut loud) = (Vec::new(), 0);
    while loud < 5 {
        match receiver.recv_timeout(limit).expect("it goes on") {
            FromWorker::Program(packet) => packets.push(packet),
            FromWorker::Report(Report::Levels { participants, program }) => {
                assert!(participants.iter().all(|(id, _)| id.as_str() == "p1"), "{participants:?}");
                loud += i32::from(program.rms_dbfs > -15.6);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(sound.is_running());
    assert_eq!(sound.stats(Feed(1)), SoundStats::default());
    drop(sound);
    packets.extend(receiver.try_iter().filter_map(|message| match message {
        FromWorker::Program(packet) => Some(packet),
        _ => None,
    }));
    let over = receiver.recv_timeout(limit);
    assert!(matches!(over, Err(mpsc::RecvTimeoutError::Disconnected)), "nobody sends any more");

    assert_eq!(packets[0].role, Role::Config);
    let steps = packets[1..].windows(2).map(|pair| pair[1].pts.nanos() - pair[0].pts.nanos());
    assert!(steps.into_iter().all(|step| (21_333_333..=21_333_334).contains(&step)));
    let out = heard(&packets);
    let last: Vec<f32> = out[out.len() - 24_000..out.len() - 4_800].iter().map(|s| s[0]).collect();
    assert!((db(amplitude(&last, 1000.0)) - db(0.25)).abs() < 0.5, "{}", db(amplitude(&last, 1000.0)));
}

#[test]
fn after_a_long_standstill_sound_goes_on_at_the_present() {
    let (sender, receiver) = sync_channel(1024);
    let (clock, standstill) = (Clock::start(), Duration::from_secs(3));
    // The thread itself brings its reports here; the first one keeps it.
    let kept = Once::new();
    let sink: Sink = Arc::new(move |message| {
        if matches!(message, FromWorker::Report(Report::Levels { .. })) {
            kept.call_once(|| std::thread::sleep(standstill));
        }
        drop(sender.try_send(message));
    });
    let sound = Sound::start(clock, recipe(), sink, Arc::default()).expect("starts");
    let (mut said, mut packets) = (Vec::new(), Vec::new());
    while packets.len() < 20 {
        match receiver.recv_timeout(Duration::from_secs(20)).expect("it goes on") {
            FromWorker::Program(packet) if !said.is_empty() => packets.push(packet),
            FromWorker::Report(Report::Fault { text, .. }) => said.push(text),
            _ => {}
        }
    }
    drop(sound);
    assert!(said.len() == 1 && said[0].contains("ms is left out"), "{said:?}");
    // Packets that were in the encoder before may still come.
    let anew = packets.iter().position(|packet| packet.role == Role::Config).expect("an encoder that begins anew");
    let first = packets[anew].pts;
    assert!(first >= Timestamp::ZERO + standstill - LAG, "{first:?}");
    let steps = packets[anew + 1..].windows(2).map(|pair| pair[1].pts.nanos() - pair[0].pts.nanos());
    assert!(steps.into_iter().all(|step| (21_333_333..=21_333_334).contains(&step)));
}

#[test]
fn a_launch_text_that_is_wrong_is_said() {
    let sink: Sink = Arc::new(|_| {});
    let start =
        |text: &str| OpusEncoder::start(text, &settings(), 7, 0, Arc::clone(&sink)).err().map(|e| e.to_string());
    for (text, part) in [
        ("appsrc name=in ! nosuchthing", "nosuchthing"),
        ("fakesrc ! fakesink", "called in"),
        ("appsrc name=in bitrate={rate}", "{rate}"),
    ] {
        let said = start(text).expect("an error");
        assert!(said.contains(part), "{said}");
    }
}
