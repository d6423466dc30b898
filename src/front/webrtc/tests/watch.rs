//! Clients that watch.

use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::{
    Event,
    format::Codec as Format,
    media::{Direction, KeyframeRequestKind, MediaKind},
};

use super::{
    super::{h264::FromAnnexB, peer::Role},
    talk::{Talk, h264, offer, rough},
};
use crate::media::{AudioCodec, Codec, Packet, Role as Part, Timestamp, VideoCodec};

fn viewer() -> Talk {
    let now = Instant::now();
    let offered = offer(now, |change| {
        let mut add = |kind| change.add_media(kind, Direction::RecvOnly, None, None, None);
        vec![add(MediaKind::Audio), add(MediaKind::Video)]
    });
    let (mut talk, _) = Talk::begin(Role::Watch, offered, now);
    talk.pass(Duration::from_secs(1));
    assert!(talk.connected.is_some());
    talk
}

fn packet(codec: Codec, role: Part, millis: i64, data: Bytes) -> Packet {
    let at = Timestamp::from_millis(millis);
    Packet { codec, role, pts: at, dts: at, data }
}

/// The program: 25 pictures a second with a keyframe every 2 s, 50 sounds a second.
fn show(talk: &mut Talk, seconds: i64) {
    show_sized(talk, seconds, 30_000, 4_000);
}

/// The same, of keyframes and other pictures of so many bytes.
fn show_sized(talk: &mut Talk, seconds: i64, whole: usize, change: usize) {
    const VIDEO: Codec = Codec::Video(VideoCodec::H264);
    let mut framer = FromAnnexB::default();
    for frame in 0..seconds * 25 {
        let key = frame % 50 == 0;
        let unit = framer.take(&h264(key, if key { whole } else { change })).expect("a picture");
        let now = talk.now;
        if frame == 0 {
            let config = framer.config().expect("parameters").clone();
            talk.session.write(&packet(VIDEO, Part::Config, 0, config), now).expect("written");
        }
        talk.session.write(&packet(VIDEO, unit.role, frame * 40, unit.data), now).expect("written");
        talk.settle();
        for half in 0..2 {
            let sound = packet(
                Codec::Audio(AudioCodec::Opus),
                Part::Key,
                frame * 40 + half * 20,
                Bytes::from_static(&[0xfc, 7]),
            );
            let now = talk.now;
            talk.session.write(&sound, now).expect("written");
            talk.pass(Duration::from_millis(20));
        }
    }
}

fn frames(talk: &Talk, format: Format) -> Vec<(f64, Vec<u8>, bool)> {
    let data = talk.events.iter().filter_map(|(_, event)| match event {
        Event::MediaData(data) if data.params.spec().codec == format => {
            Some((data.time.as_seconds(), data.data.to_vec(), data.contiguous))
        }
        _ => None,
    });
    data.collect()
}

#[test]
fn the_program_comes_as_it_was_made() {
    let mut talk = viewer();
    show(&mut talk, 4);
    talk.pass(Duration::from_secs(1));
    let pictures = frames(&talk, Format::H264);
    assert_eq!(pictures.len(), 100);
    assert_eq!(pictures[0].1, h264(true, 30_000), "parameters before a keyframe, as receivers need them");
    assert_eq!(pictures[1].1, h264(false, 4_000));
    assert!(pictures.windows(2).all(|pair| (pair[1].0 - pair[0].0 - 0.04).abs() < 1e-4));
    let sounds = frames(&talk, Format::Opus);
    assert_eq!(sounds.len(), 200);
    assert!(sounds.windows(2).all(|pair| (pair[1].0 - pair[0].0 - 0.02).abs() < 1e-4));
}

#[test]
fn what_is_lost_is_sent_again() {
    let mut talk = viewer();
    talk.network = rough(3);
    show(&mut talk, 10);
    talk.pass(Duration::from_secs(1));
    let pictures = frames(&talk, Format::H264);
    assert!(pictures.len() >= 236, "{} of 250", pictures.len());
}

#[test]
fn a_thin_program_is_sent_again_as_a_thick_one_is() {
    let mut talk = viewer();
    talk.network = rough(5);
    let from = talk.passed();
    // A still slide: half of what goes out is keyframes.
    show_sized(&mut talk, 60, 9_000, 150);
    talk.pass(Duration::from_secs(1));
    let times: Vec<Duration> = talk
        .events
        .iter()
        .filter(|(at, event)| {
            *at >= from && matches!(event, Event::MediaData(data) if data.params.spec().codec == Format::H264)
        })
        .map(|(at, _)| *at)
        .collect();
    let longest = times.windows(2).map(|two| two[1] - two[0]).max().expect("pictures");
    assert!(longest < Duration::from_millis(800), "{longest:?}");
    assert!(times.len() > 1495, "{} of 1500", times.len());
}

#[test]
fn a_client_that_cannot_go_on_asks_for_a_keyframe() {
    let mut talk = viewer();
    show(&mut talk, 1);
    let mid = talk.events.iter().find_map(|(_, event)| match event {
        Event::MediaData(data) if data.params.spec().codec == Format::H264 => Some(data.mid),
        _ => None,
    });
    let mut writer = talk.client.writer(mid.expect("pictures came")).expect("a writer");
    writer.request_keyframe(None, KeyframeRequestKind::Pli).expect("asked");
    talk.pass(Duration::from_millis(200));
    assert_eq!(talk.keyframes, 1);
}
