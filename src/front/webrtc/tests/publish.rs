//! Clients that publish.

use std::time::{Duration, Instant};

use str0m::{
    Event,
    format::Codec as Format,
    media::{Direction, Frequency, MediaKind, MediaTime, Mid, Rid, Simulcast, SimulcastLayer},
};

use super::{
    super::{End, ingest::Media, peer::Role},
    talk::{Network, Talk, at_48khz, at_90khz, h264, offer, rough, vp8, vp9},
};
use crate::{
    front::model::Demand,
    media::{AudioCodec, Codec, ColorSpace, Role as Part, Size, Track, VideoCodec},
};

const TICK: Duration = Duration::from_millis(1);

fn publisher() -> (Talk, Mid, Mid) {
    let now = Instant::now();
    let offered = offer(now, |change| {
        let mut add = |kind| change.add_media(kind, Direction::SendOnly, None, None, None);
        vec![add(MediaKind::Audio), add(MediaKind::Video)]
    });
    let (talk, mids) = Talk::begin(Role::Publish, offered, now);
    (talk, mids[0], mids[1])
}

/// A person: 50 sounds and 25 pictures a second, a keyframe first and whenever asked. Returns how often it was asked.
fn speak(talk: &mut Talk, audio: Mid, video: Mid, millis: u64) -> usize {
    let (mut asked, mut owes) = (0, true);
    let begun = talk.passed().as_millis() as u64;
    for passed in 0..millis {
        talk.pass(TICK);
        let requests = talk.requests();
        asked += requests;
        owes |= requests > 0 || talk.connected.is_none();
        let time = begun + passed;
        if passed % 20 == 0 {
            talk.send(audio, None, Format::Opus, at_48khz(time), &[0xfc, 1, 2, 3]);
        }
        if passed % 40 == 0 {
            let bytes = if owes { 20_000 } else { 3_000 };
            talk.send(video, None, Format::H264, at_90khz(time), &h264(owes, bytes));
            owes = false;
        }
    }
    asked
}

#[test]
fn sound_and_picture_come_whole_in_order_and_on_one_time_line() {
    let (mut talk, audio, video) = publisher();
    speak(&mut talk, audio, video, 4000);
    assert!(talk.connected.is_some_and(|at| at < Duration::from_millis(1500)), "{:?}", talk.connected);
    let pictures = talk.packets(Track::Video);
    assert_eq!(pictures[0].1.role, Part::Config);
    assert_eq!(pictures[1].1.role, Part::Key);
    assert!(pictures.iter().all(|(_, packet)| packet.codec == Codec::Video(VideoCodec::H264)));
    assert_eq!(pictures.iter().filter(|(_, packet)| packet.role == Part::Config).count(), 1);
    let times: Vec<i64> = pictures[1..].iter().map(|(_, packet)| packet.pts.millis()).collect();
    assert!(times.len() > 60, "{}", times.len());
    let late = times.len() - 40;
    assert!(times[late..].windows(2).all(|pair| (39..=41).contains(&(pair[1] - pair[0]))), "{:?}", &times[late..]);
    let sounds = talk.packets(Track::Audio);
    assert!(sounds.len() > 120 && sounds.iter().all(|(_, packet)| packet.codec == Codec::Audio(AudioCodec::Opus)));
    // Both were captured at the same moments, every 40 ms; sender reports have come by now.
    let (_, picture) = pictures.last().expect("pictures");
    let off = sounds.iter().map(|(_, sound)| (sound.pts.nanos() - picture.pts.nanos()).abs()).min().expect("sounds");
    assert!(off < 8_000_000, "lips are {off} ns apart");
}

#[test]
fn a_gateway_that_has_no_opus_sends_g711_and_a_browser_goes_on_with_opus() {
    let (mut talk, audio, _) = publisher();
    talk.pass(Duration::from_secs(2));
    for (format, codec) in [(Format::PCMU, AudioCodec::Pcmu), (Format::PCMA, AudioCodec::Pcma)] {
        for frame in 0..25 {
            talk.pass(Duration::from_millis(20));
            let time = MediaTime::new(frame * 160, Frequency::EIGHT_KHZ);
            talk.send(audio, None, format, time, &[0xd5; 160]);
        }
        talk.pass(Duration::from_millis(200));
        let sounds = talk.packets(Track::Audio);
        let own = sounds.iter().filter(|(_, packet)| packet.codec == Codec::Audio(codec) && packet.data.len() == 160);
        assert!(own.count() > 20, "{codec:?}: {} packets", sounds.len());
    }
}

fn longest_gap(talk: &Talk, track: Track, from: Duration) -> Duration {
    let mut times: Vec<Duration> = talk.packets(track).iter().map(|(at, _)| *at).filter(|at| *at >= from).collect();
    times.push(talk.passed());
    times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("packets")
}

#[test]
fn a_bad_network_freezes_nothing_and_costs_few_keyframes() {
    let (mut talk, audio, video) = publisher();
    talk.session.demand(Demand { tile: Some(Size { width: 640, height: 480 }), keyframes: 0 });
    speak(&mut talk, audio, video, 2000);
    talk.network = rough(5);
    let from = talk.passed();
    let asked = speak(&mut talk, audio, video, 20_000);
    let gap = longest_gap(&talk, Track::Video, from);
    assert!(gap < Duration::from_secs(1), "{gap:?}");
    assert!(longest_gap(&talk, Track::Audio, from) < Duration::from_millis(200));
    assert!(asked <= 40, "{asked} requests in 20 s");
    let pictures = talk.packets(Track::Video).iter().filter(|(at, _)| *at >= from).count();
    assert!(pictures > 430, "{pictures} of 500");
}

#[test]
fn what_is_never_sent_again_is_not_waited_for() {
    const THERE: Duration = Duration::from_millis(60);
    let (mut talk, _, video) = publisher();
    talk.network = Box::new(|_| Some(THERE));
    let (mut owes, mut asked) = (true, Vec::new());
    let mut show = |talk: &mut Talk, from: u64, until: u64| {
        for number in from..until {
            let requests = talk.requests();
            asked.extend(std::iter::repeat_n(talk.passed(), requests));
            owes |= requests > 0 || talk.connected.is_none();
            let frame = vp8(owes, 320, 180, if owes { 4_000 } else { 800 });
            talk.send(video, None, Format::Vp8, at_90khz(number * 40), &frame);
            owes = false;
            talk.pass(Duration::from_millis(40));
        }
    };
    show(&mut talk, 0, 75);
    let mut direct = talk.client.direct_api();
    let stream = direct.stream_tx_by_mid(video, None).expect("pictures go out");
    stream.set_rtx_cache(1, Duration::ZERO, None);
    talk.settle();
    talk.network = Box::new(|at| (at.as_millis() % 2000 > 20).then_some(THERE));
    let from = talk.passed();
    show(&mut talk, 75, 75 + 25 * 20);
    let gap = longest_gap(&talk, Track::Video, from);
    assert!(gap > Duration::from_millis(300), "nothing was lost: {gap:?}");
    assert!(gap < Duration::from_millis(700), "{gap:?}");
    assert!(asked.windows(3).all(|three| three[2] - three[0] >= Duration::from_millis(950)), "{asked:?}");
    assert!((8..30).contains(&asked.len()), "{asked:?}");
}

#[test]
fn a_hole_in_the_very_first_keyframe_is_given_up_like_any_other() {
    const THERE: Duration = Duration::from_millis(60);
    let (mut talk, _, video) = publisher();
    talk.network = Box::new(|_| Some(THERE));
    while talk.connected.is_none() {
        talk.pass(THERE);
    }
    talk.pass(4 * THERE);
    let mut direct = talk.client.direct_api();
    direct.stream_tx_by_mid(video, None).expect("pictures go out").set_rtx_cache(1, Duration::ZERO, None);
    talk.settle();
    let mut sent = 0;
    talk.network = Box::new(move |_| {
        sent += 1;
        (sent != 5).then_some(THERE)
    });
    let (from, mut owes) = (talk.passed(), true);
    for number in 0..75 {
        owes |= talk.requests() > 0;
        let time = from.as_millis() as u64 + number * 40;
        talk.send(video, None, Format::H264, at_90khz(time), &h264(owes, if owes { 20_000 } else { 3_000 }));
        owes = false;
        talk.pass(Duration::from_millis(40));
    }
    let pictures = talk.packets(Track::Video);
    let first = pictures.iter().find(|(_, packet)| packet.role == Part::Key).expect("a keyframe").0 - from;
    assert!(first > 2 * THERE, "nothing was lost: {first:?}");
    assert!(first < Duration::from_millis(800), "{first:?}");
    assert!(longest_gap(&talk, Track::Video, from + first) < Duration::from_millis(100));
}

#[test]
fn pictures_of_vp8_that_a_loss_would_smear_are_held_until_the_next_keyframe() {
    let (mut talk, _, video) = publisher();
    let (mut owes, mut number) = (true, 0_u32);
    let mut show = |talk: &mut Talk, seconds: u32| {
        for _ in 0..seconds * 25 {
            owes |= talk.requests() > 0 || talk.connected.is_none();
            let mut frame = vp8(owes, 320, 180, if owes { 20_000 } else { 3_000 });
            frame.extend(number.to_be_bytes());
            talk.send(video, None, Format::Vp8, at_90khz(u64::from(number) * 40), &frame);
            (owes, number) = (false, number + 1);
            talk.pass(Duration::from_millis(40));
        }
    };
    show(&mut talk, 2);
    talk.network = rough(25);
    show(&mut talk, 30);
    talk.network = super::talk::calm();
    show(&mut talk, 3);
    let shown: Vec<(u32, Part)> = talk
        .packets(Track::Video)
        .iter()
        .map(|(_, packet)| (u32::from_be_bytes(*packet.data.last_chunk().expect("a number")), packet.role))
        .collect();
    let gaps: Vec<_> = shown.windows(2).filter(|two| two[1].0 != two[0].0 + 1).collect();
    assert!(gaps.len() > 3, "the network spoilt nothing: {gaps:?}");
    assert!(gaps.iter().all(|two| two[1].1 == Part::Key), "{gaps:?}");
    assert_eq!(shown.last().map(|last| last.0), Some(number - 1), "it goes on");
}

#[test]
fn a_phone_that_is_turned_is_told_with_the_picture_in_each_codec() {
    use str0m::rtp::VideoOrientation::{Deg0, Deg90, Deg270};
    for format in [Format::Vp8, Format::Vp9, Format::H264] {
        let (mut talk, _, video) = publisher();
        let mut time = 0;
        let mut show = |talk: &mut Talk, turned, seconds: u64| {
            for _ in 0..seconds * 25 {
                let key = talk.requests() > 0 || talk.connected.is_none();
                let frame = match format {
                    Format::H264 => h264(key, 3_000),
                    Format::Vp8 => vp8(key, 320, 180, 3_000),
                    _ => vp9(key, 3_000),
                };
                talk.send_turned(video, turned, format, at_90khz(time), &frame);
                time += 40;
                talk.pass(Duration::from_millis(40));
            }
        };
        show(&mut talk, Deg0, 2);
        let upright = talk.media.len();
        assert!(talk.media.iter().all(|(_, media)| !matches!(media, Media::Turned(_))), "{format:?}");
        show(&mut talk, Deg90, 1);
        show(&mut talk, Deg270, 1);
        let turns: Vec<u8> = talk.media[upright..]
            .iter()
            .filter_map(|(_, media)| match media {
                Media::Turned(quarters) => Some(*quarters),
                Media::Packet(_) | Media::Colored(_) => None,
            })
            .collect();
        assert_eq!(turns, [3, 1], "{format:?}");
    }
}

#[test]
fn what_a_client_says_of_its_colours_comes_before_the_pictures_it_is_said_of() {
    let (mut talk, _, video) = publisher();
    let camera = ColorSpace { primaries: 6, transfer: 6, matrix: 6, full_range: false };
    let screen = ColorSpace { primaries: 1, transfer: 13, matrix: 1, full_range: true };
    let mut time = 0;
    for color in [camera, screen] {
        for _ in 0..25 {
            let key = talk.requests() > 0 || talk.connected.is_none();
            talk.send_colored(video, color, Format::Vp8, at_90khz(time), &vp8(key, 320, 180, 3_000));
            time += 40;
            talk.pass(Duration::from_millis(40));
        }
    }
    let told = talk.media.iter().filter(|(_, media)| !matches!(media, Media::Packet(_)));
    let told: Vec<&Media> = told.map(|(_, media)| media).collect();
    assert_eq!(told, [&Media::Colored(camera), &Media::Colored(screen)]);
    assert_eq!(talk.media.first().map(|(_, media)| media), Some(&Media::Colored(camera)));
}

#[test]
fn three_seconds_of_blackout_are_over_two_seconds_later() {
    let (mut talk, audio, video) = publisher();
    speak(&mut talk, audio, video, 3000);
    talk.network = Box::new(|_| None) as Network;
    speak(&mut talk, audio, video, 3000);
    talk.network = super::talk::calm();
    let from = talk.passed();
    let asked = speak(&mut talk, audio, video, 3000);
    for track in [Track::Video, Track::Audio] {
        let back = talk.packets(track).iter().map(|(at, _)| *at).find(|at| *at > from).expect("it comes back");
        assert!(back - from < Duration::from_secs(2), "{track:?} after {:?}", back - from);
    }
    assert!(asked <= 6, "{asked} requests in 3 s");
}

#[test]
fn a_client_that_vanishes_is_let_go() {
    let (mut talk, audio, video) = publisher();
    speak(&mut talk, audio, video, 2000);
    talk.network = Box::new(|_| None);
    talk.pass(Duration::from_secs(14));
    assert!(talk.end.is_none());
    talk.pass(Duration::from_secs(2));
    assert!(matches!(talk.end, Some(End::Silent("nothing came for 15 s"))), "{:?}", talk.end);
}

#[test]
fn a_client_that_never_comes_is_let_go() {
    let (mut talk, ..) = publisher();
    talk.network = Box::new(|_| None);
    talk.pass(Duration::from_secs(19));
    assert!(talk.end.is_none());
    talk.pass(Duration::from_secs(2));
    assert!(matches!(talk.end, Some(End::Silent(_))), "{:?}", talk.end);
}

#[test]
fn a_client_that_closes_has_left() {
    let (mut talk, audio, video) = publisher();
    speak(&mut talk, audio, video, 2000);
    talk.client.close().expect("closes");
    talk.pass(Duration::from_millis(200));
    assert!(matches!(talk.end, Some(End::Left)), "{:?}", talk.end);
}

#[test]
fn ice_restarts_and_media_go_on() {
    let (mut talk, audio, video) = publisher();
    speak(&mut talk, audio, video, 2000);
    let before = talk.session.ufrag();
    let mut change = talk.client.sdp_api();
    let credentials = change.ice_restart(true);
    let (_, pending) = change.apply().expect("a change");
    let answer = talk.session.restart(&credentials.ufrag, &credentials.pass).expect("an answer");
    assert_ne!(talk.session.ufrag(), before);
    assert!(answer.contains(&talk.session.ufrag()));
    talk.settle();
    let answer = str0m::change::SdpAnswer::from_sdp_string(&answer).expect("reads");
    talk.client.sdp_api().accept_answer(pending, answer).expect("fits");
    let from = talk.passed();
    speak(&mut talk, audio, video, 2000);
    assert!(talk.end.is_none(), "{:?}", talk.end);
    let pictures = talk.packets(Track::Video).iter().filter(|(at, _)| *at >= from).count();
    assert!(pictures > 40, "{pictures} of 50");
}

const LAYERS: [(&str, u16, u16, usize); 3] = [("l", 320, 180, 500), ("m", 640, 360, 2000), ("h", 1280, 720, 8000)];

#[test]
fn the_layer_follows_the_tile() {
    let now = Instant::now();
    let offered = offer(now, |change| {
        let mut simulcast = Simulcast::new();
        LAYERS.iter().for_each(|(rid, ..)| simulcast.add_send_layer(SimulcastLayer::new(rid)));
        vec![change.add_media(MediaKind::Video, Direction::SendOnly, None, None, Some(simulcast))]
    });
    let (mut talk, mids) = Talk::begin(Role::Publish, offered, now);
    let tile = |width, height| Some(Size { width, height });
    let mut wanted = [true; 3];
    let mut time = 0;
    let mut show = |talk: &mut Talk, tile, seconds: u64| -> Vec<usize> {
        talk.session.demand(Demand { tile, keyframes: 0 });
        let from = talk.media.len();
        for _ in 0..seconds * 25 {
            for (_, event) in talk.events.drain(..) {
                if let Event::KeyframeRequest(request) = event {
                    let asked = LAYERS.iter().position(|(rid, ..)| request.rid == Some(Rid::from(*rid)));
                    wanted[asked.expect("a layer that exists")] = true;
                }
            }
            for (index, (rid, width, height, bytes)) in LAYERS.iter().enumerate() {
                let key = talk.connected.is_none() || std::mem::take(&mut wanted[index]);
                let frame = vp8(key, *width, *height, *bytes);
                talk.send(mids[0], Some(Rid::from(*rid)), Format::Vp8, at_90khz(time), &frame);
            }
            time += 40;
            talk.pass(Duration::from_millis(40));
        }
        let packets = talk.media[from..].iter().filter_map(|(_, media)| match media {
            Media::Packet(packet) => Some(packet.data.len()),
            Media::Turned(_) | Media::Colored(_) => None,
        });
        packets.collect()
    };
    show(&mut talk, tile(640, 360), 6);
    let sizes = |packets: &[usize]| -> Vec<usize> {
        LAYERS
            .iter()
            .map(|(.., bytes)| packets.iter().filter(|size| (*bytes..*bytes + 20).contains(*size)).count())
            .collect()
    };
    assert_eq!(sizes(&show(&mut talk, tile(640, 360), 2)), [0, 50, 0]);
    let grown = sizes(&show(&mut talk, tile(1280, 720), 2));
    assert!(grown[0] == 0 && grown[2] > 35, "{grown:?}: a larger tile is filled within half a second");
    assert_eq!(sizes(&show(&mut talk, tile(320, 180), 1))[2], 25, "no hurry to shrink");
    show(&mut talk, tile(320, 180), 2);
    assert_eq!(sizes(&show(&mut talk, tile(320, 180), 1)), [25, 0, 0]);
    let times: Vec<i64> = talk.packets(Track::Video).iter().map(|(_, packet)| packet.pts.nanos()).collect();
    assert!(times.is_sorted_by(|a, b| a <= b), "one time line over all layers");
    let late = &times[times.len() - 20..];
    assert!(late.windows(2).all(|pair| (38_000_000..42_000_000).contains(&(pair[1] - pair[0]))), "{late:?}");
}
