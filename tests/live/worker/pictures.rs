//! Pictures on the program: visible content is in its place.

use tilecast::{
    layout::{Fit, Scene, Transition},
    link::{Control, Feed, Report, message::Participant},
    media::{ColorSpace, Packet, Role, Timestamp},
};

use super::{
    front::{Area, Front, person, scene, settings},
    media::{clip, h264},
};

// The program's samples of these colours, BT.709. ffmpeg's lavfi codes its sources in BT.601 and says nothing of it.
pub const RED: [u8; 3] = [63, 102, 240];
pub const BLUE: [u8; 3] = [32, 240, 118];
const CANVAS: [u8; 3] = [33, 130, 126];

const LEFT: Area = (0, 90, 320, 180);
const RIGHT: Area = (400, 100, 160, 90);

/// A room of two: p0 (feed 1) left, p1 (feed 2) right.
fn room_of_two() -> Front {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1)), person(1, Some(2))]));
    front.cut(&[(0, LEFT), (1, RIGHT)]);
    front
}

fn color(name: &str) -> Vec<Packet> {
    h264(&format!("color={name}:s=640x360:r=30:d=0.5"))
}

#[test]
fn pictures_lie_in_their_rectangles() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.packets(2, true, &color("blue"));
    let frame = front.frame(|frame| frame.shows(LEFT, RED) && frame.shows(RIGHT, BLUE));
    assert!(frame.shows((0, 0, 640, 80), CANVAS), "{:?}", frame.mean((0, 0, 640, 80)));
    let (front, result) = front.stop();
    result.expect("an orderly end");
    assert_eq!(front.errors(), 0);
}

#[test]
fn who_falls_silent_is_shown_as_a_card() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    let showing = |showing| move |report: &Report| *report == Report::Showing { feed: Feed(1), showing };
    front.until(|front| front.reports.iter().any(showing(true)).then_some(()));
    front.until(|front| front.reports.iter().any(showing(false)).then_some(()));
    front.frame(|frame| !frame.shows(LEFT, RED));
    // Back with the next keyframe.
    front.packets(1, true, &color("blue"));
    front.frame(|frame| frame.shows(LEFT, BLUE));
}

#[test]
fn slides_stay_until_the_next() {
    let mut front = room_of_two();
    let later = |n: i64| Timestamp::from_millis(n * 4000);
    // Of pictures that come every 4 s the last is seen for longer than a camera's would be.
    let [config, key] =
        [Role::Config, Role::Key].map(|role| color("red").into_iter().find(|packet| packet.role == role));
    front.packets(1, true, &config.into_iter().collect::<Vec<_>>());
    for n in 0..8 {
        let slide = key.clone().map(|key| Packet { pts: later(n), dts: later(n), ..key });
        front.packets(1, true, &slide.into_iter().collect::<Vec<_>>());
    }
    front.frame(|frame| frame.shows(LEFT, RED));
    let begun = front.stats().map_or(0, |stats| stats.frames);
    front.until(|front| (front.stats()?.frames > begun + 90).then_some(()));
    front.frame(|frame| frame.shows(LEFT, RED));
    assert!(!front.reports.contains(&Report::Showing { feed: Feed(1), showing: false }));
}

#[test]
fn who_is_kept_warm_has_a_picture_the_moment_they_are_seen() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1)), person(1, Some(2))]));
    front.control(Control::Warm(vec![Feed(1)]));
    front.packets(1, false, &color("red"));
    front.until(|front| front.stats()?.feeds.iter().any(|feed| feed.decoded >= 15).then_some(()));
    front.cut(&[(0, LEFT)]);
    front.frame(|frame| frame.shows(LEFT, RED));
    // Not so who is neither seen nor kept warm.
    front.packets(2, false, &color("blue"));
    front.control(Control::Warm(Vec::new()));
    front.cut(&[(1, RIGHT)]);
    front.until(|front| (front.stats()?.frames > 60).then_some(()));
    assert!(
        front.stats().is_some_and(|stats| stats.feeds.iter().all(|feed| feed.feed != Feed(2) || feed.decoded == 0))
    );
}

#[test]
fn who_loses_their_tile_is_told_to_show_no_more() {
    let mut front = room_of_two();
    let showing = |showing| move |report: &Report| *report == Report::Showing { feed: Feed(1), showing };
    front.packets(1, true, &color("red"));
    front.until(|front| front.reports.iter().any(showing(true)).then_some(()));
    front.cut(&[(1, RIGHT)]);
    front.until(|front| front.reports.iter().any(showing(false)).then_some(()));
}

#[test]
fn who_leaves_is_shown_as_a_card_at_once() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    front.control(Control::Participants(vec![person(0, None), person(1, Some(2))]));
    front.frame(|frame| !frame.shows(LEFT, RED) && !frame.shows(LEFT, CANVAS));
}

#[test]
fn a_corrupt_stream_hurts_its_own_tile_only() {
    let mut front = room_of_two();
    let broken = h264("testsrc2=s=640x360:r=30:d=2").into_iter().enumerate().map(|(index, packet)| {
        let mut data = packet.data.to_vec();
        if packet.role != Role::Config {
            for at in (20 + index % 7..data.len()).step_by(13) {
                data[at] ^= (index * 31 + at) as u8;
            }
        }
        Packet { data: data.into(), ..packet }
    });
    front.packets(1, false, &broken.collect::<Vec<_>>());
    front.packets(2, true, &color("blue"));
    front.frame(|frame| frame.shows(RIGHT, BLUE));
    front.until(|front| front.stats()?.feeds.iter().any(|feed| feed.corrupt > 0).then_some(()));
    front.until(|front| {
        front.reports.iter().any(|r| matches!(r, Report::Fault { feed: Some(Feed(1)), .. })).then_some(())
    });
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    front.stop().1.expect("the worker does not mind");
}

#[test]
fn nonsense_in_place_of_packets_hurts_nobody() {
    let mut front = room_of_two();
    let good = color("red");
    for (index, packet) in good.iter().enumerate() {
        let noise: Vec<u8> = (0..200usize).map(|at| (at * at * 7 + index * 13) as u8).collect();
        let role = [Role::Config, Role::Key, Role::Delta][index % 3];
        let data = if index % 5 == 0 { Vec::new() } else { noise };
        front.packets(1, false, &[Packet { data: data.into(), role, ..packet.clone() }]);
    }
    front.packets(1, true, &good);
    front.frame(|frame| frame.shows(LEFT, RED));
}

#[test]
fn the_picture_may_change_its_size_mid_stream() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    front.packets(1, true, &h264("color=blue:s=322x642:r=30:d=0.5"));
    front.frame(|frame| frame.shows(LEFT, BLUE));
    front.until(|front| front.stats()?.feeds.iter().any(|f| (f.width, f.height) == (322, 642)).then_some(()));
}

#[test]
fn a_replay_shows_its_newest_picture_and_no_other() {
    let mut front = room_of_two();
    let source = "color=red:s=640x360:r=30:d=1.5[a];color=blue:s=640x360:r=30:d=0.5[b];[a][b]concat";
    front.packets(1, true, &h264(source));
    front.frame(|frame| {
        assert!(!frame.shows(LEFT, RED), "an old picture of the replay was shown");
        frame.shows(LEFT, BLUE)
    });
}

#[test]
fn a_tile_that_grows_is_never_empty() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    let whole = (0, 0, 640, 360);
    front.cut(&[(0, whole)]);
    front.frame(|frame| {
        let (before, after) = (frame.shows(LEFT, RED), frame.shows(whole, RED));
        assert!(before || after);
        after
    });
}

#[test]
fn a_tile_that_contains_has_bars_of_the_canvas_colour() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let mut contained = scene(&[(0, (0, 0, 640, 360))]);
    contained.tiles[0].fit = Fit::Contain;
    front.control(Control::Scene { scene: contained, transition: Transition::CUT, at: None });
    front.packets(1, true, &h264("color=red:s=180x360:r=30:d=0.3"));
    let frame = front.frame(|frame| frame.shows((230, 0, 180, 360), RED));
    for bar in [(0, 0, 226, 360), (414, 0, 226, 360)] {
        assert!(frame.shows(bar, CANVAS), "{:?}", frame.mean(bar));
    }
}

#[test]
fn every_codec_is_decoded() {
    for (name, encode) in [
        ("hevc", &["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"][..]),
        ("vp8", &["-c:v", "libvpx", "-deadline", "realtime"]),
        ("vp9", &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]),
        ("av1", &["-c:v", "libsvtav1", "-preset", "12"]),
    ] {
        let mut front = room_of_two();
        front.packets(1, true, &clip("color=red:s=320x180:r=30:d=0.3", encode));
        front.frame(|frame| frame.shows(LEFT, RED));
        front.stop().1.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_pixel_format_keeps_its_colour() {
    let mut front = room_of_two();
    for format in ["yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuvj444p"] {
        let encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", format];
        front.packets(1, true, &clip("color=0x008000:s=320x180:r=30:d=0.2", &encode));
        comes_out(&mut front, [0, 128, 0]);
        front.packets(1, true, &color("red"));
        front.frame(|frame| frame.shows(LEFT, RED));
    }
}

/// Waits until the left tile is of this colour, give or take 3.
fn comes_out(front: &mut Front, wanted: [u8; 3]) {
    front.frame(|frame| {
        let mean = frame.mean((40, 120, 240, 120)).map(|sample| sample.round() as u8);
        let shown = tilecast::worker::i420::rgb(mean);
        shown.iter().zip(wanted).all(|(shown, wanted)| shown.abs_diff(wanted) <= 3)
    });
}

#[test]
fn colours_come_out_as_they_were_painted() {
    let x264 = &["-c:v", "libx264", "-preset", "ultrafast"][..];
    let vp9 = &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"][..];
    let mut front = room_of_two();
    for (feed, (codec, size, matrix, range, format, flagged)) in (3..).zip([
        // At the tile's own size, at twice that, smaller, larger; flagged, and not.
        (x264, "320x180", "bt601", "tv", "yuv420p", true),
        (x264, "640x360", "bt709", "tv", "yuv420p", true),
        (x264, "640x360", "bt601", "tv", "yuv420p", false),
        (x264, "1280x720", "bt709", "tv", "yuv420p", false),
        (x264, "160x90", "bt2020", "pc", "yuv420p", true),
        (x264, "320x180", "bt709", "pc", "yuv420p", true),
        (x264, "480x270", "bt709", "pc", "yuv420p10le", true),
        (x264, "320x180", "bt601", "pc", "yuv420p10le", true),
        (vp9, "320x180", "bt709", "pc", "yuv420p", true),
        (vp9, "640x360", "bt601", "tv", "yuv420p", true),
    ]) {
        front.control(Control::Participants(vec![person(0, Some(feed)), person(1, Some(2))]));
        let paint = format!("format=rgb24,scale=out_color_matrix={matrix}:out_range={range},format={format}");
        let name = match matrix {
            "bt601" => "smpte170m",
            "bt2020" => "bt2020nc",
            name => name,
        };
        let mut encode = codec.to_vec();
        if flagged {
            encode.extend(["-colorspace", name, "-color_range", range]);
        }
        front.packets(feed, true, &clip(&format!("color=0xd02020:s={size}:r=30:d=0.2,{paint}"), &encode));
        comes_out(&mut front, [208, 32, 32]);
        front.packets(feed, true, &clip(&format!("color=0x20b020:s={size}:r=30:d=0.2,{paint}"), &encode));
        comes_out(&mut front, [32, 176, 32]);
    }
}

#[test]
fn what_the_sender_says_of_its_colours_counts_where_the_bitstream_is_silent() {
    let mut front = room_of_two();
    let says = |matrix, full_range| Control::Color {
        feed: Feed(1),
        space: ColorSpace { matrix, full_range, ..ColorSpace::default() },
    };
    for (matrix, range, said) in
        [("bt709", "tv", says(1, false)), ("bt601", "pc", says(6, true)), ("bt601", "tv", says(2, false))]
    {
        let paint = format!(
            "format=rgb24,scale=out_color_matrix={matrix}:out_range={range},format=yuv420p,setparams=range=unknown"
        );
        front.control(said);
        for (name, wanted) in [("0xd02020", [208, 32, 32]), ("0x20b020", [32, 176, 32])] {
            let source = format!("color={name}:s=320x180:r=30:d=0.2,{paint}");
            front.packets(
                1,
                true,
                &clip(&source, &["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "4M", "-qmax", "8"]),
            );
            comes_out(&mut front, wanted);
        }
    }
}

#[test]
fn bars_beside_a_picture_are_clean_to_its_edge() {
    let mut front = Front::start(settings(1280, 720, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let mut contained = scene(&[(0, (0, 0, 1280, 720))]);
    contained.tiles[0].fit = Fit::Contain;
    front.control(Control::Scene { scene: contained, transition: Transition::CUT, at: None });
    front.packets(1, true, &h264("color=red:s=360x640:r=30:d=0.3"));
    let frame = front.frame(|frame| frame.shows((440, 0, 404, 720), RED));
    // The encoder rings by a few steps; a picture that reaches over is off by a hundred.
    let bar = frame.mean((846, 100, 4, 500));
    assert!(bar.iter().zip(CANVAS).all(|(mean, canvas)| (mean - f64::from(canvas)).abs() < 12.0), "{bar:?}");
}

#[test]
fn sixteen_tiles_are_sixteen_pictures() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants((0..16).map(|index| person(index, Some(index + 1))).collect()));
    let clips = [color("red"), color("blue")];
    for count in [1, 2, 7, 16] {
        let areas: Vec<(u32, Area)> = (0..count).map(|n| (n, (n % 4 * 160, n / 4 * 90, 160, 90))).collect();
        front.cut(&areas);
        for index in 0..count {
            front.packets(index + 1, true, &clips[index as usize % 2]);
        }
        front.frame(|frame| areas.iter().all(|(n, area)| frame.shows(*area, [RED, BLUE][*n as usize % 2])));
    }
}

#[test]
fn the_smallest_and_the_largest_canvas_work() {
    for (width, height, fps) in [(16, 16, 60), (3840, 2160, 1), (18, 1000, 7)] {
        let mut front = Front::start(settings(width, height, fps));
        front.control(Control::Participants(vec![person(0, Some(1))]));
        let whole = (0, 0, width, height);
        front.cut(&[(0, whole)]);
        front.packets(1, true, &color("red"));
        let frame = front.frame(|frame| frame.shows(whole, RED));
        assert_eq!(frame.size(), (width, height));
    }
}

#[test]
fn a_scene_that_cannot_be_is_refused_and_changes_nothing() {
    let mut front = room_of_two();
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    let mut twice = scene(&[(0, LEFT)]);
    twice.tiles.push(twice.tiles[0].clone());
    for bad in [twice, scene(&[(0, (0, 0, 100_000, 100_000))]), scene(&[(0, (1, 0, 20, 20))])] {
        let before = front.reports.len();
        front.control(Control::Scene { scene: bad, transition: Transition::CUT, at: None });
        front.until(|front| front.reports[before..].iter().any(|r| matches!(r, Report::Fault { .. })).then_some(()));
    }
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(LEFT, RED));
    front.control(Control::Scene { scene: Scene::default(), transition: Transition::CUT, at: None });
    front.frame(|frame| frame.shows((0, 0, 640, 360), CANVAS));
}

#[test]
fn sixty_four_cards_of_one_name_are_shown_in_silence() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tilecast"));
    // What GLib has to complain of ends the worker.
    command.arg("worker").env("TILECAST_LOG", "error").env("G_DEBUG", "fatal-criticals");
    let mut front = Front::start_command(command, settings(640, 360, 10));
    let guests = (0..64).map(|n| Participant { name: "Guest".to_owned(), ..person(n, None) });
    front.control(Control::Participants(guests.collect()));
    let area = |n: u32| (n % 8 * 80, n / 8 * 44, 80, 44);
    front.cut(&(0..64).map(|n| (n, area(n))).collect::<Vec<_>>());
    let all = |frame: &super::media::Frame| (0..64).all(|n| !frame.shows(area(n), CANVAS));
    for _ in 0..10 {
        front.frame(all);
    }
    front.stop().1.expect("an orderly end");
}
