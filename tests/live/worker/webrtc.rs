//! Media of browsers: their codecs, rotated pictures, and the sound for one listener.

use tilecast::{
    link::{Control, Feed, Listener, Report},
    media::{AudioCodec, Codec, Packet, Role, Timestamp},
};

use super::{
    front::{Area, Front, person, settings},
    media::{clip, h264, opus},
    pictures::{BLUE, RED},
};

const WHOLE: Area = (0, 0, 640, 360);
const GREEN: [u8; 3] = [95, 85, 77];
const YELLOW: [u8; 3] = [219, 16, 138];

/// Each of the browsers' codecs, with what makes FFmpeg encode it as they do: without B-frames, one keyframe.
const CODECS: [(&str, &[&str]); 3] = [
    ("vp8", &["-c:v", "libvpx", "-deadline", "realtime", "-g", "9999", "-auto-alt-ref", "0"]),
    ("vp9", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "9999", "-lag-in-frames", "0"]),
    ("av1", &["-c:v", "libsvtav1", "-preset", "12", "-g", "9999", "-svtav1-params", "pred-struct=1"]),
];

fn room() -> Front {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    front.cut(&[(0, WHOLE)]);
    front
}

/// A clip as a browser sends it: without configuration.
fn bare(source: &str, encode: &[&str]) -> Vec<Packet> {
    clip(source, encode).into_iter().filter(|packet| packet.role != Role::Config).collect()
}

/// Red above green on the left, blue above yellow on the right.
fn quarters(width: u32, height: u32) -> String {
    let part = |color: &str| format!("color={color}:s={}x{}:r=30:d=0.4", width / 2, height / 2);
    let parts = ["red", "blue", "green", "yellow"].map(part);
    let names = ["a", "b", "c", "d"];
    let inputs: String = parts.iter().zip(names).map(|(part, name)| format!("{part}[{name}];")).collect();
    format!("{inputs}[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack")
}

/// The quarters of an area: top left, top right, bottom left, bottom right.
fn corners((x, y, width, height): Area) -> [Area; 4] {
    let (w, h) = (width / 2, height / 2);
    [(x, y, w, h), (x + w, y, w, h), (x, y + h, w, h), (x + w, y + h, w, h)]
}

#[test]
fn browsers_codecs_show_the_right_picture_and_move() {
    for (name, encode) in CODECS {
        let mut front = room();
        front.packets(1, false, &bare(&quarters(320, 180), encode));
        let right = |frame: &super::media::Frame| {
            corners(WHOLE).into_iter().zip([RED, BLUE, GREEN, YELLOW]).all(|(area, color)| frame.shows(area, color))
        };
        front.frame(right);
        // The next picture is another: what follows the only keyframe is decoded and shown in its order.
        let source = "color=red:s=320x180:r=30:d=0.6[a];color=blue:s=320x180:r=30:d=0.6[b];[a][b]concat";
        let packets = bare(source, encode);
        // A new arrival, which has its own clock.
        front.control(Control::Participants(vec![person(0, Some(2))]));
        assert_eq!(packets.iter().filter(|packet| packet.is_keyframe()).count(), 1, "{name}");
        let (red, blue): (Vec<_>, Vec<_>) = packets.into_iter().partition(|packet| packet.dts.millis() < 590);
        assert!(blue.iter().all(|packet| !packet.is_keyframe()), "{name}");
        front.packets(2, false, &red);
        front.frame(|frame| frame.shows(WHOLE, RED));
        front.packets(2, false, &blue);
        front.frame(|frame| frame.shows(WHOLE, BLUE));
        front.until(|front| front.stats()?.feeds.iter().any(|feed| feed.decoded >= 36).then_some(()));
        let (front, result) = front.stop();
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(front.stats().is_some_and(|stats| stats.feeds.iter().all(|feed| feed.corrupt == 0)), "{name}");
    }
}

/// The same, so much later on its feed's time line.
fn later(packets: Vec<Packet>, ms: i64) -> Vec<Packet> {
    let shift = |time: Timestamp| time + Timestamp::from_millis(ms).since(Timestamp::ZERO);
    packets.into_iter().map(|packet| Packet { pts: shift(packet.pts), dts: shift(packet.dts), ..packet }).collect()
}

#[test]
fn a_browser_may_change_size_and_codec_in_a_call() {
    let mut front = room();
    let mut at = 0;
    for (name, encode) in CODECS {
        for (color, yuv, size) in [("red", RED, "320x180"), ("blue", BLUE, "640x360"), ("red", RED, "180x320")] {
            let (width, height) = size.split_once('x').expect("a size");
            let (width, height) = (width.parse().expect("px"), height.parse().expect("px"));
            front.packets(1, false, &later(bare(&format!("color={color}:s={size}:r=30:d=0.3"), encode), at));
            at += 400;
            front.frame(|frame| frame.shows(WHOLE, yuv));
            front.until(|front| {
                let feeds = &front.stats()?.feeds;
                feeds.iter().any(|feed| (feed.width, feed.height) == (width, height)).then_some(())
            });
        }
        println!("{name} changes its size");
    }
    assert_eq!(front.errors(), 0);
}

#[test]
fn pictures_on_their_side_are_stood_up() {
    // What is seen of [red blue; green yellow] after each quarter turn clockwise.
    let turned = [
        [RED, BLUE, GREEN, YELLOW],
        [GREEN, RED, YELLOW, BLUE],
        [YELLOW, GREEN, BLUE, RED],
        [BLUE, YELLOW, RED, GREEN],
    ];
    let h264: &[&str] =
        &["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-colorspace", "smpte170m"];
    // Pictures that are scaled up, and such as come to their tile by halving.
    for (encode, size, turns) in [
        (CODECS[0].1, (320, 180), &[0, 1, 2, 3, 0, 5][..]),
        (h264, (320, 180), &[1, 0]),
        (h264, (1280, 720), &[2]),
        (h264, (720, 1280), &[1, 3]),
    ] {
        let mut front = room();
        let packets = clip(&quarters(size.0, size.1), encode);
        for quarter_turns in turns.iter().copied() {
            front.control(Control::Rotation { feed: Feed(1), quarter_turns });
            front.packets(1, true, &packets);
            let colors = turned[usize::from(quarter_turns % 4)];
            front.frame(|frame| corners(WHOLE).into_iter().zip(colors).all(|(area, color)| frame.shows(area, color)));
            let upright = if quarter_turns % 2 == 0 { size } else { (size.1, size.0) };
            front.until(|front| {
                front.stats()?.feeds.iter().any(|feed| (feed.width, feed.height) == upright).then_some(())
            });
        }
        assert_eq!(front.errors(), 0);
    }
}

#[test]
fn a_turned_picture_fits_its_tile_by_its_upright_shape() {
    let mut front = room();
    let mut contained = super::front::scene(&[(0, WHOLE)]);
    contained.tiles[0].fit = tilecast::layout::Fit::Contain;
    front.control(Control::Scene { scene: contained, transition: tilecast::layout::Transition::CUT, at: None });
    front.control(Control::Rotation { feed: Feed(1), quarter_turns: 1 });
    front.packets(1, true, &h264("color=red:s=360x180:r=30:d=0.3"));
    // Twice as high as wide: 180 px of 640, in the middle.
    let frame = front.frame(|frame| frame.shows((230, 0, 180, 360), RED));
    for bar in [(0, 0, 226, 360), (414, 0, 226, 360)] {
        assert!(!frame.shows(bar, RED), "{:?}", frame.mean(bar));
    }
    // A tile of another shape is filled from the picture that is there.
    front.cut(&[(0, (100, 40, 100, 200))]);
    front.frame(|frame| frame.shows((100, 40, 100, 200), RED) && !frame.shows(WHOLE, RED));
}

#[test]
fn each_listener_hears_opus_without_their_own_voice() {
    let mut front = Front::start(settings(64, 64, 30));
    front.control(Control::Participants(vec![person(0, Some(1)), person(1, Some(2))]));
    let list = |ids: &[(u32, Option<u32>)]| {
        let listener = |(id, without): &(u32, Option<u32>)| Listener {
            id: *id,
            without: without.map(|index| person(index, None).id),
        };
        Control::Listeners(ids.iter().map(listener).collect())
    };
    front.control(list(&[(7, None), (8, Some(0)), (9, Some(1))]));
    // A picture tells each feed's clock; the sound lies ready half a second before its time, however slow the machine.
    let count = |front: &Front, id| front.sounds.iter().filter(|(listener, _)| *listener == id).count();
    front.until(|front| [7, 8, 9].iter().all(|id| count(front, *id) > 0).then_some(()));
    let picture = h264("color=red:s=64x64:r=30:d=0.1");
    let before = [7, 8, 9].map(|id| count(&front, id));
    for (feed, hertz) in [(1, 440), (2, 1000)] {
        front.packets(feed, false, &picture[..2]);
        front.packets(feed, true, &later(opus(hertz, 2), 500));
    }
    front
        .until(|front| [7, 8, 9].iter().zip(before).all(|(id, before)| count(front, *id) > before + 150).then_some(()));
    for (id, heard) in [(7, [true, true]), (8, [false, true]), (9, [true, false])] {
        let packets: Vec<&Packet> = front.sounds.iter().filter(|(of, _)| *of == id).map(|(_, packet)| packet).collect();
        assert!(packets.iter().all(|packet| packet.codec == Codec::Audio(AudioCodec::Opus)));
        let samples = super::media::decode_opus(&packets[packets.len() - 150..]);
        for (hertz, heard) in [440.0, 1000.0].into_iter().zip(heard) {
            let levels = super::media::levels(&samples, hertz);
            let (middle, most) = (levels[levels.len() / 2], levels[levels.len() - 1]);
            println!("listener {id}, {hertz} Hz: {middle:.1} dB, {most:.1} at most");
            if heard {
                assert!((middle + 12.04).abs() < 0.5, "{middle}");
            } else {
                // The other's beginning is a step, which has a little of every tone.
                assert!(middle < -80.0 && most < -45.0, "{middle}, {most}");
            }
        }
    }
    // Beside the program's own sound, on its time line.
    let last =
        |codec| front.packets.iter().rev().find(|packet| packet.codec == Codec::Audio(codec)).expect("sound").pts;
    let newest = front.sounds.last().expect("sound").1.pts;
    let apart = last(AudioCodec::Aac).millis() - newest.millis();
    assert!(apart.abs() < 300, "{apart} ms");

    front.control(list(&[]));
    let pts = front.packets.last().expect("a program").pts;
    front.until(|front| {
        front.packets.last().is_some_and(|packet| packet.pts.since(pts).as_millis() > 500).then_some(())
    });
    let (before, at) = (front.sounds.len(), front.packets.len());
    front.until(|front| (front.packets.len() > at + 30).then_some(()));
    assert_eq!(front.sounds.len(), before, "nothing is encoded for nobody");
    front.control(list(&[(1, None), (1, Some(0))]));
    front.until(|front| {
        front
            .reports
            .iter()
            .any(|r| matches!(r, Report::Fault { feed: None, text } if text.contains("listeners")))
            .then_some(())
    });
    front.stop().1.expect("an orderly end");
}
