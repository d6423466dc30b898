//! The program as a stream: timestamps, keyframes, rate, end.

use std::net::Shutdown;

use tilecast::{
    layout::Transition,
    link::{Control, Report, launch},
    media::{Packet, Role, Timestamp, Track},
    worker,
};

use super::{
    front::{Area, Front, person, settings},
    media::h264,
    pictures::{BLUE, RED},
};

fn video(front: &Front) -> Vec<&Packet> {
    front.packets.iter().filter(|packet| packet.track() == Track::Video).collect()
}

#[test]
fn times_are_whole_ticks_and_the_config_comes_first() {
    for fps in [1, 30, 60] {
        let mut front = Front::start(settings(64, 64, fps));
        front.until(|front| (video(front).len() >= 4).then_some(()));
        front.until(|front| front.packets.iter().any(|packet| packet.track() == Track::Audio).then_some(()));
        let (front, result) = front.stop();
        result.expect("an orderly end");
        let packets = video(&front);
        assert_eq!(packets[0].role, Role::Config);
        assert_eq!(packets[1].role, Role::Key);
        for pair in packets[1..].windows(2) {
            assert!(pair[0].dts < pair[1].dts && pair[1].dts <= pair[1].pts);
        }
        for packet in &packets[1..] {
            let tick = (packet.pts.nanos() as f64 * f64::from(fps) / 1e9).round() as i64;
            assert_eq!(packet.pts, Timestamp::from_units(tick, fps));
        }
    }
}

#[test]
fn a_keyframe_comes_when_asked_for() {
    let mut front = Front::start(settings(64, 64, 30));
    let keys = |front: &Front| video(front).iter().filter(|packet| packet.role == Role::Key).count();
    front.until(|front| (video(front).len() >= 5).then_some(()));
    assert_eq!(keys(&front), 1);
    front.control(Control::Keyframe);
    front.until(|front| (keys(front) == 2).then_some(()));
    let last = video(&front).len();
    assert!(last < 60, "it was the one due anyway, after {last} frames");
}

#[test]
fn the_rate_can_be_changed_while_it_runs() {
    let mut front = Front::start(settings(320, 180, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    front.cut(&[(0, (0, 0, 320, 180))]);
    // Moving noise, which no rate is enough for, sent as fast as it is shown: all of it at once would show one picture.
    let noise = h264("nullsrc=s=320x180:r=30:d=2,geq=random(1)*255:128:128");
    // kbit/s over the next 2 s
    let weigh = |front: &mut Front| {
        let begin = video(front).len();
        front.packets(1, false, &noise);
        front.until(|front| (video(front).len() >= begin + 60).then_some(()));
        video(front)[begin..].iter().map(|packet| packet.data.len()).sum::<usize>() * 8 / 2000
    };
    for (asked, found) in [(3000, 600..4000), (200, 100..300), (3000, 600..4000)] {
        front.control(Control::VideoBitrate(asked));
        // The first pieces meet a decoder that only begins, or an encoder that has just been told.
        let mut rates = Vec::new();
        let met = (0..5).any(|_| {
            rates.push(weigh(&mut front));
            rates.last().is_some_and(|rate| found.contains(rate))
        });
        assert!(met, "{asked} kbit/s asked for, {rates:?} found");
    }
}

#[test]
fn the_licence_free_encoder_does_the_same() {
    let mut settings = settings(320, 180, 30);
    settings.pipelines.video = launch::builtin("video/openh264").expect("it is built in").to_owned();
    settings.video.preset = "low".to_owned();
    let mut front = Front::start(settings);
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let whole: Area = (0, 0, 320, 180);
    front.cut(&[(0, whole)]);
    for (color, yuv) in [("red", RED), ("blue", BLUE)] {
        front.packets(1, true, &h264(&format!("color={color}:s=320x180:r=30:d=0.3")));
        front.frame(|frame| frame.shows(whole, yuv));
        let keys = |front: &Front| video(front).iter().filter(|packet| packet.role == Role::Key).count();
        let before = keys(&front);
        front.control(Control::VideoBitrate(700));
        front.control(Control::Keyframe);
        front.until(|front| (keys(front) > before).then_some(()));
    }
    let (front, result) = front.stop();
    result.expect("an orderly end");
    assert_eq!(video(&front)[0].role, Role::Config);
    assert_eq!(front.errors(), 0);
}

#[test]
fn a_failing_encoder_ends_the_worker_with_its_reason() {
    let avc = "video/x-h264,stream-format=avc,alignment=au";
    for text in [
        &format!("appsrc name=in ! identity name=encoder error-after=5 ! x264enc ! {avc} ! appsink name=out"),
        "appsrc name=in ! x264enc name=encoder ! video/x-h264,stream-format=byte-stream ! appsink name=out",
    ] {
        let mut settings = settings(64, 64, 30);
        settings.pipelines.video = text.to_owned();
        let (front, result) = Front::start_unready(settings).ended();
        assert!(matches!(result, Err(worker::Error::Stage(_))), "{result:?}");
        assert!(front.reports.iter().any(|report| matches!(report, Report::Fault { feed: None, .. })));
    }
}

#[test]
fn a_snapshot_is_the_newest_frame() {
    let mut front = Front::start(settings(320, 180, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let whole: Area = (0, 0, 320, 180);
    front.cut(&[(0, whole)]);
    front.packets(1, true, &h264("color=red:s=320x180:r=30:d=0.3"));
    front.frame(|frame| frame.shows(whole, RED));
    front.control(Control::Snapshot(7));
    let (id, jpeg) = front.until(|front| front.snapshots.pop());
    let picture = image::load_from_memory(&jpeg).expect("a JPEG").to_rgb8();
    assert_eq!((id, picture.dimensions()), (7, (320, 180)));
    let [red, green, blue] = picture.get_pixel(160, 90).0;
    assert!(red > 230 && green < 60 && blue < 40, "{red} {green} {blue}");
}

#[test]
fn ninety_scenes_in_a_row_are_shown() {
    let mut front = Front::start(settings(640, 360, 60));
    front.control(Control::Participants((0..8).map(|index| person(index, Some(index + 1))).collect()));
    let red = h264("color=red:s=320x180:r=30:d=0.2");
    // A fixed sequence of a linear congruential generator.
    let mut seed = 12345u32;
    let mut random = move |below: u32| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    for round in 0..90 {
        let mut tiles: Vec<(u32, Area)> = Vec::new();
        for index in 0..8 {
            let (width, height) = (2 + 2 * random(200), 2 + 2 * random(120));
            let area = (2 * random((640 - width) / 2 + 1), 2 * random((360 - height) / 2 + 1), width, height);
            if random(3) > 0 {
                tiles.push((index, area));
            }
        }
        let transition = Transition::of_ms([0, 50, 300][random(3) as usize]);
        front.control(Control::Scene { scene: super::front::scene(&tiles), transition, at: None });
        front.packets(1 + round % 8, true, &red);
        let now = video(&front).len();
        front.until(|front| (video(front).len() > now + 2).then_some(()));
    }
    let whole = (0, 0, 640, 360);
    front.cut(&[(3, whole)]);
    front.packets(4, true, &red);
    front.frame(|frame| frame.shows(whole, RED));
    front.until(|front| front.stats().map(|_| ()));
    assert_eq!(front.errors(), 0);
}

#[test]
fn the_worker_ends_with_its_link() {
    let front = Front::start(settings(64, 64, 30));
    front.hang_up(Shutdown::Both);
    front.ended().1.expect("no front is no fault");
}

#[test]
fn the_worker_refuses_what_it_cannot_be() {
    let mut other = settings(64, 64, 30);
    other.version += 1;
    assert!(matches!(Front::start_unready(other).ended().1, Err(worker::Error::Version(_))));
    for (width, height, fps) in [(63, 64, 30), (14, 64, 30), (64, 2162, 30), (64, 64, 0), (64, 64, 61)] {
        let (front, result) = Front::start_unready(settings(width, height, fps)).ended();
        assert!(matches!(result, Err(worker::Error::Canvas(..))), "{width}x{height}@{fps}");
        assert!(matches!(front.reports[..], [Report::Fault { .. }]), "and says so");
    }
    let mut text = settings(64, 64, 30);
    text.pipelines.video = "appsrc name=in ! nonsense name=encoder ! appsink name=out".to_owned();
    assert!(matches!(Front::start_unready(text).ended().1, Err(worker::Error::Stage(_))));
}
