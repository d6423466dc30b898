//! Snapshot tests: whole scenes against stored frames.

use std::sync::Arc;

use image::{Rgb, RgbImage, Rgba, RgbaImage};

use super::{golden::assert_frame, *};
use crate::{
    base::{AssetHash, ParticipantId},
    layout::{
        Anchor, Backdrop, Badge, Border, Canvas, Content, Crop, Fit, Focus, Image, Label, Overlay, Paint, Part, Scene,
        Shadow, Text, Tile, Weight, transition::tween,
    },
    media::Rect,
};

/// 2026-03-01 14:05:09 UTC.
const UTC: i64 = 1_772_373_909;

pub fn paint(text: &str) -> Paint {
    Paint::try_from(text.to_owned()).expect("a colour")
}

fn canvas() -> Canvas {
    Canvas { width: 640, height: 360, ..Canvas::default() }
}

fn tile(id: &str, (x, y, width, height): (i32, i32, u32, u32), z: u32) -> Tile {
    Tile::plain(id.parse().expect("an id"), Rect { x, y, width, height }, z, Fit::Cover)
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

fn overlay(id: &str, (x, y, width, height): (i32, i32, u32, u32), z: u32, content: Content) -> Overlay {
    let rect = Rect { x, y, width, height };
    Overlay { id: id.to_owned(), rect, z, opacity: 1.0, radius: 0, fill: Paint::NONE, border: None, content }
}

/// Four colours, a disc in the middle and a mark near the upper left corner.
fn test_card(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let middle = (x as f32 - width as f32 / 2.0).hypot(y as f32 - height as f32 / 2.0);
        let mark = (x as f32 - width as f32 / 6.0).hypot(y as f32 - height as f32 / 6.0);
        match (middle < 60.0, mark < 18.0, 2 * x < width, 2 * y < height) {
            (true, ..) => Rgb([240, 240, 240]),
            (_, true, ..) => Rgb([20, 20, 20]),
            (.., true, true) => Rgb([200, 70, 60]),
            (.., false, true) => Rgb([70, 160, 90]),
            (.., true, false) => Rgb([60, 90, 190]),
            _ => Rgb([220, 180, 60]),
        }
    })
}

/// A ring on a transparent background; half of the ring is half transparent.
fn logo() -> RgbaImage {
    RgbaImage::from_fn(120, 120, |x, y| {
        let distance = (x as f32 - 59.5).hypot(y as f32 - 59.5);
        let alpha = (3.0 - (distance - 45.0).abs() / 4.0).clamp(0.0, 1.0) * if x < 60 { 255.0 } else { 128.0 };
        Rgba([255, 140, 0, alpha as u8])
    })
}

fn shade() -> RgbaImage {
    RgbaImage::from_fn(64, 36, |x, y| Rgba([(20 + x) as u8, 30, (60 + 3 * y) as u8, 255]))
}

fn face(id: &ParticipantId) -> Face {
    let marks = Marks { muted: id.as_str() == "bo", speaking: id.as_str() == "ana", ..Marks::default() };
    let (name, picture, marks) = match id.as_str() {
        "wide" => ("Wide", Some(test_card(480, 200)), marks),
        "tall" => ("Tall", Some(test_card(200, 400)), marks),
        "ana" => ("Ana Silva", Some(test_card(320, 180)), marks),
        "bo" => ("Bo", None, marks),
        "lost" => ("陈静", None, Marks { weak: true, lost: true, ..marks }),
        other => (other, None, marks),
    };
    Face { name: name.to_owned(), picture, marks }
}

fn image_of(hash: AssetHash) -> Option<Arc<RgbaImage>> {
    [("logo", logo()), ("shade", shade())]
        .into_iter()
        .find(|(name, _)| AssetHash::of(name.as_bytes()) == hash)
        .map(|(_, image)| Arc::new(image))
}

fn image(name: &str, fit: Fit) -> Image {
    Image { asset: AssetHash::of(name.as_bytes()), fit }
}

fn drawn(scene: &Scene) -> RgbImage {
    render(&mut Fonts::of_tests(), scene, &canvas(), &face, &image_of, UTC)
}

#[test]
fn every_fit_focus_and_crop() {
    let mut tiles = Vec::new();
    for (column, fit) in [Fit::Contain, Fit::Cover, Fit::Fill, Fit::Blur].into_iter().enumerate() {
        for (row, id) in ["wide", "tall"].into_iter().enumerate() {
            let at = (column as i32 * 160 + 4, row as i32 * 120 + 4, 152, 112);
            tiles.push(Tile { fit, copy: column as u32, ..tile(id, at, tiles.len() as u32) });
        }
    }
    let focuses = [Focus { x: 0.0, y: 0.0 }, Focus { x: 1.0, y: 1.0 }];
    for (column, focus) in focuses.into_iter().enumerate() {
        let at = (column as i32 * 160 + 4, 244, 152, 112);
        tiles.push(Tile { focus, copy: 4, ..tile(["wide", "tall"][column], at, tiles.len() as u32) });
    }
    let crop = Crop { x: 0.0, y: 0.0, width: 0.5, height: 0.5 };
    for (column, fit) in [Fit::Cover, Fit::Contain].into_iter().enumerate() {
        let at = (column as i32 * 160 + 324, 244, 152, 112);
        tiles.push(Tile { crop, fit, copy: 5 + column as u32, ..tile("wide", at, tiles.len() as u32) });
    }
    assert_frame("fits", &drawn(&Scene { tiles, ..Scene::default() }));
}

/// Round corners over other tiles, lines, a shadow, half-transparent tiles.
pub fn lines() -> Scene {
    let border = |px, color: &str| Some(Border { px, color: paint(color) });
    let mut tiles = vec![
        Tile { border: border(3, "#ffffff"), ..tile("ana", (16, 16, 320, 180), 0) },
        Tile {
            radius: 40,
            border: border(4, "#c0d0e0"),
            shadow: Some(Shadow { blur: 20, x: 6, y: 10, color: paint("#000000d0") }),
            ..tile("bo", (220, 100, 240, 136), 1)
        },
        Tile { radius: 24, opacity: 0.5, ..tile("cy", (400, 180, 200, 120), 2) },
        Tile { radius: 200, border: border(9, "#ff8800a0"), ..tile("di", (40, 220, 120, 120), 3) },
        Tile { radius: 13, ..tile("eve", (120, 260, 102, 66), 4) },
    ];
    tiles[0].highlight = border(5, "#3dd68c");
    tiles[1].highlight = border(5, "#3dd68c");
    Scene { tiles, ..Scene::default() }
}

#[test]
fn corners_lines_and_shadows_over_other_tiles() {
    assert_frame("lines", &drawn(&lines()));
}

/// Labels at every anchor, badges, scripts; one of them behind another tile.
pub fn labels() -> Scene {
    let all = vec![Badge::Muted, Badge::Speaking, Badge::Weak, Badge::Lost];
    let label = |words: &str, anchor| Some(Label { text: text(words, anchor), badges: all.clone() });
    let mut tiles = vec![
        Tile { label: label("Ana Silva", Anchor::BottomLeft), ..tile("ana", (0, 0, 320, 180), 0) },
        Tile { label: label("Bo 🎉 Å", Anchor::TopRight), ..tile("bo", (320, 0, 320, 180), 1) },
        Tile { label: label("陈静 · 田中 花子", Anchor::Bottom), ..tile("lost", (0, 180, 320, 180), 2) },
        Tile {
            label: label("A name that is much too long for such a narrow tile", Anchor::Center),
            radius: 30,
            ..tile("cy", (330, 190, 160, 160), 3)
        },
        Tile { radius: 16, label: label("In front", Anchor::Top), ..tile("di", (100, 100, 140, 120), 4) },
    ];
    if let Some(label) = &mut tiles[3].label {
        label.text.background = Paint::NONE;
        label.text.weight = Weight::Bold;
        label.text.parts.push(Part::Words("\nTwo lines".to_owned()));
    }
    Scene { tiles, ..Scene::default() }
}

#[test]
fn a_label_lies_on_the_picture_and_not_in_its_bars() {
    let label = Some(Label { text: text("Ana", Anchor::BottomLeft), badges: Vec::new() });
    let bare = Tile { fit: Fit::Contain, ..tile("wide", (0, 0, 320, 320), 0) };
    let scene = |tile| Scene { tiles: vec![tile], ..Scene::default() };
    let (with, without) = (drawn(&scene(Tile { label, ..bare.clone() })), drawn(&scene(bare)));
    let changed = with.enumerate_pixels().filter(|(x, y, pixel)| without.get_pixel(*x, *y) != *pixel);
    let background = without.get_pixel(1, 1);
    let below = changed.filter(|(x, y, _)| without.get_pixel(*x, *y) == background).count();
    assert_eq!(below, 0, "px of the label in the bars");
    assert_ne!(with, without);
}

#[test]
fn labels_keep_to_their_tiles_and_behind_what_is_in_front() {
    assert_frame("labels", &drawn(&labels()));
}

/// A backdrop, a logo and its fits, a lower third, "+3", a clock, a watermark all over.
pub fn overlays() -> Scene {
    let clock = Text {
        parts: vec![Part::Clock { seconds: true, utc_offset_minutes: 120 }],
        background: Paint::NONE,
        ..text("", Anchor::TopRight)
    };
    let overlays = vec![
        Overlay { fill: paint("#ffffff30"), radius: 20, ..overlay("behind", (16, 16, 380, 328), 0, Content::Plain) },
        Overlay {
            fill: paint("#1f5fbf"),
            border: Some(Border { px: 2, color: Paint::WHITE }),
            radius: 8,
            ..overlay(
                "third",
                (60, 250, 340, 60),
                2,
                Content::Text(Text {
                    background: Paint::NONE,
                    weight: Weight::Bold,
                    ..text("Quarterly review\nwith a guest", Anchor::Left)
                }),
            )
        },
        Overlay {
            fill: paint("#303a46"),
            radius: 12,
            ..overlay(
                "more",
                (440, 220, 160, 100),
                3,
                Content::Text(Text { size: 36, background: Paint::NONE, ..text("+3", Anchor::Center) }),
            )
        },
        overlay("clock", (440, 20, 180, 60), 4, Content::Text(clock)),
        overlay("logo", (440, 90, 80, 120), 5, Content::Image(image("logo", Fit::Contain))),
        overlay("filled", (530, 90, 80, 120), 6, Content::Image(image("logo", Fit::Fill))),
        Overlay {
            opacity: 0.4,
            ..overlay("watermark", (0, 0, 640, 360), 7, Content::Image(image("logo", Fit::Cover)))
        },
    ];
    let background = Backdrop { color: Canvas::BACKGROUND, image: Some(image("shade", Fit::Cover)) };
    Scene { background, tiles: vec![Tile { radius: 20, ..tile("ana", (40, 40, 360, 200), 1) }], overlays }
}

#[test]
fn overlays_lie_where_their_order_says() {
    assert_frame("overlays", &drawn(&overlays()));
}

#[test]
fn half_way_everything_is_between() {
    let (from, mut to) = (lines(), labels());
    to.overlays = vec![Overlay {
        fill: paint("#1f5fbf"),
        ..overlay("third", (200, 290, 300, 60), 9, Content::Text(text("Comes in", Anchor::Center)))
    }];
    for (name, eased) in [("half-way", 0.5), ("nearly-there", 0.9)] {
        let placed = tween(&from, &to, eased);
        let frame = render_placed(&mut Fonts::of_tests(), &to, &placed, &canvas(), &face, &image_of, UTC);
        assert_frame(name, &frame);
    }
}

#[test]
fn nonsense_is_drawn_somehow() {
    let border = Some(Border { px: u32::MAX, color: Paint::WHITE });
    let mut scene = labels();
    for tile in &mut scene.tiles {
        tile.border = border;
        tile.shadow = Some(Shadow { blur: u32::MAX, x: i32::MIN, y: i32::MAX, color: Paint::WHITE });
        if let Some(label) = &mut tile.label {
            (label.text.size, label.text.inset) = (u32::MAX, u32::MAX);
        }
    }
    scene.tiles[0].rect = Rect { x: 0, y: 0, width: 2, height: 2 };
    scene.tiles[1].label.as_mut().expect("it has one").text.size = 0;
    drawn(&scene);
}
