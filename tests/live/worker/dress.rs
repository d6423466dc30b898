//! Decorations: the program looks like the preview of the same scene.

use std::sync::Arc;

use image::{ImageEncoder, RgbImage, Rgba, RgbaImage, codecs::png::PngEncoder};
use tilecast::{
    base::{AssetHash, ParticipantId},
    draw::{self, Face, Fonts, Marks},
    layout::{
        Anchor, Backdrop, Badge, Border, Canvas, Color, Content, Easing, Fit, Focus, Image, Label, Overlay, Paint,
        Part, Scene, Shadow, Text, Transition, Weight,
    },
    link::{Control, Report, ToWorker, message::State},
    media::Rect,
};

use super::{
    front::{Area, Front, person, scene, settings},
    media::{Frame, h264},
    pictures::{BLUE, RED},
};

fn paint(text: &str) -> Paint {
    Paint::try_from(text.to_owned()).expect("a colour")
}

fn text(words: &str, anchor: Anchor) -> Text {
    Text {
        parts: vec![Part::Words(words.to_owned())],
        size: 18,
        weight: Weight::Regular,
        color: Paint::WHITE,
        background: paint("#000000a0"),
        anchor,
        inset: 8,
    }
}

fn overlay(id: &str, (x, y, width, height): Area, z: u32, content: Content) -> Overlay {
    let rect = Rect { x: x as i32, y: y as i32, width, height };
    Overlay { id: id.to_owned(), rect, z, opacity: 1.0, radius: 0, fill: Paint::NONE, border: None, content }
}

/// A ring, half clear on its right.
fn logo() -> RgbaImage {
    RgbaImage::from_fn(120, 120, |x, y| {
        let distance = (x as f32 - 59.5).hypot(y as f32 - 59.5);
        let alpha = (3.0 - (distance - 45.0).abs() / 4.0).clamp(0.0, 1.0) * if x < 60 { 255.0 } else { 128.0 };
        Rgba([255, 140, 0, alpha as u8])
    })
}

fn png(image: &RgbaImage) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = PngEncoder::new(&mut file);
    let written = encoder.write_image(image, image.width(), image.height(), image::ExtendedColorType::Rgba8);
    written.expect("a PNG");
    file
}

/// Three cards in front of each other with everything a tile can wear, and overlays before, between and behind.
fn everything(asset: AssetHash) -> Scene {
    let mut scene = scene(&[(0, (16, 16, 400, 224)), (1, (300, 120, 300, 168)), (2, (40, 200, 160, 120))]);
    let border = |px, color: &str| Some(Border { px, color: paint(color) });
    for (index, tile) in scene.tiles.iter_mut().enumerate() {
        tile.z = 2 * index as u32 + 1;
        tile.border = border(3, "#c0d0e0");
        tile.highlight = border(5, "#3dd68c");
        tile.radius = [0, 30, 60][index];
        let badges = vec![Badge::Muted, Badge::Speaking, Badge::Weak];
        tile.label = Some(Label { text: text(&format!("Person {index}"), Anchor::BottomLeft), badges });
    }
    scene.tiles[1].shadow = Some(Shadow { blur: 20, x: 4, y: 8, color: paint("#000000d0") });
    scene.tiles[2].opacity = 0.6;
    let image = |fit| Image { asset, fit };
    scene.overlays = vec![
        Overlay { fill: paint("#ffffff30"), radius: 20, ..overlay("behind", (200, 4, 436, 340), 0, Content::Plain) },
        Overlay {
            fill: paint("#1f5fbf"),
            ..overlay("third", (220, 220, 200, 40), 4, Content::Text(text("Now", Anchor::Left)))
        },
        overlay("logo", (440, 20, 80, 80), 8, Content::Image(image(Fit::Contain))),
        Overlay { opacity: 0.4, ..overlay("watermark", (0, 0, 640, 360), 9, Content::Image(image(Fit::Cover))) },
    ];
    scene.background = Backdrop { color: Canvas::BACKGROUND, image: Some(image(Fit::Fill)) };
    scene
}

/// Largest difference by which the encoded program may be off the preview, on average, of 255.
const ENCODED: f64 = 3.0;

/// Mean difference of the channels of two pictures.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    let steps = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
    steps.sum::<f64>() / a.as_raw().len() as f64
}

#[test]
fn the_program_wears_what_the_preview_shows() {
    let settings = settings(640, 360, 30);
    let canvas = settings.canvas.clone();
    let mut front = Front::start(settings);
    let mut people = vec![person(0, None), person(1, None), person(2, None)];
    people[1].muted = true;
    front.control(Control::Participants(people));
    let (logo, id) = (logo(), |n: u32| -> ParticipantId { format!("p{n}").parse().expect("an id") });
    let file = png(&logo);
    let asset = AssetHash::of(&file);
    front.send(&ToWorker::Asset { hash: asset, file: file.into() });
    front.control(Control::States(vec![
        (id(0), State { speaking: true, weak: false }),
        (id(2), State { speaking: false, weak: true }),
    ]));
    let scene = everything(asset);
    front.control(Control::Scene { scene: scene.clone(), transition: Transition::CUT, at: None });
    let logo = Arc::new(logo);
    let face = |who: &ParticipantId| {
        let n = (0..3).find(|n| id(*n) == *who).expect("one of three");
        let marks = Marks { muted: n == 1, speaking: n == 0, weak: n == 2, lost: false };
        Face { name: format!("Person {n}"), picture: None, marks }
    };
    let image = |hash| (hash == asset).then(|| Arc::clone(&logo));
    let expected = draw::render(&mut Fonts::load(), &scene, &canvas, &face, &image, 0);
    let mut nearest: Option<(f64, RgbImage)> = None;
    let mut looked = 0;
    front.frame(|frame| {
        let shown = frame.to_rgb();
        let off = difference(&shown, &expected);
        if nearest.as_ref().is_none_or(|(least, _)| off < *least) {
            nearest = Some((off, shown));
        }
        looked += 1;
        off < ENCODED || looked > 150
    });
    let (off, shown) = nearest.expect("at least one frame");
    if off >= ENCODED {
        let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/frames");
        std::fs::create_dir_all(&kept).expect("a folder");
        shown.save(kept.join("program-actual.png")).expect("a picture");
        expected.save(kept.join("program-expected.png")).expect("a picture");
        panic!("the program is {off:.2} off the preview; see target/frames/program-*.png");
    }
    assert!(!front.reports.iter().any(|report| matches!(report, Report::Fault { .. })), "{:?}", front.reports);
}

/// Whole scenes of nothing but a background.
fn empty(color: Color) -> Scene {
    Scene { background: Backdrop { color, image: None }, ..Scene::default() }
}

/// How bright the canvas is from the moment it is not as `before` on, frame by frame, until it is as `after`.
fn brightness(front: &mut Front, before: f64, after: f64) -> Vec<f64> {
    let mut seen = Vec::new();
    front.frame(|frame| {
        let now = frame.mean((0, 0, 640, 360))[0];
        if (now - before).abs() > 2.0 {
            seen.push(now);
        }
        (now - after).abs() < 2.0
    });
    seen
}

#[test]
fn a_background_fades_with_the_transition_and_a_cut_cuts() {
    let mut front = Front::start(settings(640, 360, 30));
    let (black, white) = (Color { red: 0, green: 0, blue: 0 }, Color { red: 255, green: 255, blue: 255 });
    let mut become_like = |color, transition, before, after| {
        front.control(Control::Scene { scene: empty(color), transition, at: None });
        brightness(&mut front, before, after)
    };
    become_like(black, Transition::CUT, 255.0, 16.0);
    let fade = become_like(white, Transition { ms: 300, easing: Easing::Linear }, 16.0, 235.0);
    assert!((4..=11).contains(&fade.len()), "{fade:?}");
    let step = |pair: &[f64]| (8.0..80.0).contains(&(pair[1] - pair[0]));
    assert!(fade.windows(2).all(step), "{fade:?}");
    assert_eq!(become_like(black, Transition::CUT, 235.0, 16.0).len(), 1);
}

/// Left half red, right half blue.
fn halves() -> Vec<tilecast::media::Packet> {
    h264("color=red:s=320x360:r=30:d=0.5[a];color=blue:s=320x360:r=30:d=0.5[b];[a][b]hstack")
}

#[test]
fn copies_of_one_participant_look_each_their_own_way() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let (left, right, whole) = ((0, 0, 160, 180), (320, 0, 160, 180), (0, 180, 320, 180));
    let mut scene = scene(&[(0, left), (0, right), (0, whole)]);
    for (copy, tile) in scene.tiles.iter_mut().enumerate() {
        tile.copy = copy as u32;
        tile.focus = Focus { x: copy as f64, y: 0.5 };
    }
    scene.tiles[2].focus = Focus::default();
    scene.tiles[2].fit = Fit::Fill;
    front.control(Control::Scene { scene, transition: Transition::CUT, at: None });
    front.packets(1, true, &halves());
    front.frame(|frame| {
        let halves = frame.shows((0, 180, 156, 180), RED) && frame.shows((164, 180, 156, 180), BLUE);
        frame.shows(left, RED) && frame.shows(right, BLUE) && halves
    });
}

#[test]
fn a_picture_that_leaves_bars_may_blur_into_them() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1))]));
    let mut blurred = scene(&[(0, (0, 0, 640, 360))]);
    blurred.tiles[0].fit = Fit::Blur;
    front.control(Control::Scene { scene: blurred, transition: Transition::CUT, at: None });
    front.packets(1, true, &h264("color=red:s=180x360:r=30:d=0.3"));
    let frame = front.frame(|frame| frame.shows((230, 0, 180, 360), RED));
    for bar in [(0, 0, 226, 360), (414, 0, 226, 360)] {
        let [luma, blue, red] = frame.mean(bar);
        assert!(luma < 55.0 && luma > 38.0 && blue < 118.0 && red > 180.0, "{:?}", frame.mean(bar));
    }
}

#[test]
fn what_waits_for_its_time_leaves_the_present_scene_alone() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1)), person(1, Some(2))]));
    let whole = (0, 0, 640, 360);
    front.cut(&[(0, whole)]);
    let color = |name: &str| h264(&format!("color={name}:s=640x360:r=30:d=0.5"));
    front.packets(1, true, &color("red"));
    front.frame(|frame| frame.shows(whole, RED));
    let now = front.packets.iter().map(|packet| packet.pts).max().expect("packets came");
    let at = now + std::time::Duration::from_secs(1);
    front.control(Control::Scene { scene: scene(&[(1, whole)]), transition: Transition::CUT, at: Some(at) });
    front.packets(1, true, &color("red"));
    front.packets(2, true, &color("blue"));
    // The newcomer has been decoded beforehand: no card is seen, and nothing but red before.
    let shown = |frame: &Frame| (frame.shows(whole, RED), frame.shows(whole, BLUE));
    front.frame(|frame| {
        let (red, blue) = shown(frame);
        assert!(red || blue, "{:?}", frame.mean(whole));
        blue
    });
    let first = front.packets.iter().rfind(|packet| packet.track() == tilecast::media::Track::Video).expect("one");
    assert!(first.pts >= at && first.pts.since(at).as_millis() <= 34, "{:?} instead of {at:?}", first.pts);
}
