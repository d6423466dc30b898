//! Previews, by their pixels.

use super::*;
use crate::{
    draw::palette::Palette,
    layout::{Arguments, Color, builtin},
};

fn layout(wanted: &str) -> Layout {
    let found = builtin().into_iter().find(|(name, _)| name.as_str() == wanted);
    Layout::new(&found.expect("a built-in template").1, &Arguments::new(), |_| None)
}

fn of(participants: usize) -> Rehearsal {
    Rehearsal { participants, speaking: 1, ..Rehearsal::default() }
}

#[test]
fn a_preview_shows_everyone_and_the_roles_a_template_asks_for() {
    let mut fonts = Fonts::load();
    let canvas = Canvas { width: 640, height: 360, ..Canvas::default() };
    let Color { red, green, blue } = canvas.background;
    let ground = image::Rgb([red, green, blue]);
    let count = |picture: &RgbImage| picture.pixels().filter(|pixel| **pixel == ground).count();
    let share = |picture: &RgbImage| count(picture) as f64 / (640.0 * 360.0);

    let empty = preview(&mut fonts, &layout("grid"), &of(0), &canvas, &|_| None);
    assert_eq!((empty.dimensions(), share(&empty)), ((640, 360), 1.0));
    let four = preview(&mut fonts, &layout("grid"), &of(4), &canvas, &|_| None);
    assert!(share(&four) < 0.1, "four tiles fill the canvas");
    assert_eq!(*four.get_pixel(320, 180), ground, "a gap between them");
    // A shared screen is shown whole, so there are bars above and below it.
    let with_screen = preview(&mut fonts, &layout("presentation"), &of(3), &canvas, &|_| None);
    assert_eq!(*with_screen.get_pixel(256, 60), Palette::of("Screen", canvas.background).surface);
    let without =
        preview(&mut fonts, &layout("presentation"), &Rehearsal { screens: Some(0), ..of(3) }, &canvas, &|_| None);
    assert_ne!(*without.get_pixel(256, 60), Palette::of("Screen", canvas.background).surface);
    let most = preview(&mut fonts, &layout("speaker"), &of(usize::MAX), &canvas, &|_| None);
    assert!(share(&most) < 0.5);
}

#[test]
fn another_speaker_is_another_picture() {
    let canvas = Canvas { width: 320, height: 180, ..Canvas::default() };
    let mut fonts = Fonts::none();
    let mut with =
        |speaking| preview(&mut fonts, &layout("speaker"), &Rehearsal { speaking, ..of(4) }, &canvas, &|_| None);
    let (first, second) = (with(1), with(2));
    assert_ne!(first, second);
    assert_eq!(first, with(1));
}

#[test]
fn uploads_and_dress_are_drawn_as_on_the_program() {
    let json = r##"{
        "style": {"radius": 0.2, "highlight": {"width": 0.05, "color": "#00ff00"}, "label": {"text": {"words": ""}}},
        "overlays": [{"name": "logo", "rect": {"x": 0.8, "y": 0, "width": 0.2, "height": 0.2}, "image": {"asset": "logo"}}],
        "arrangements": [{"places": [
            {"rect": {"x": 0, "y": 0, "width": 0.5, "height": 1}, "cast": ["floor"], "fit": "contain"},
            {"rect": {"x": 0.5, "y": 0.5, "width": 0.5, "height": 0.5}, "cast": ["joined"]}
        ]}]
    }"##;
    let template = layout::Template::parse(json.as_bytes()).expect("a template");
    let red = Arc::new(RgbaImage::from_pixel(8, 8, image::Rgba([255, 0, 0, 255])));
    let hash = AssetHash::of(b"red");
    let layout = Layout::new(&template, &Arguments::new(), |_| Some(hash));
    let canvas = Canvas { width: 640, height: 360, ..Canvas::default() };
    let images = |wanted| (wanted == hash).then(|| red.clone());
    let picture = preview(&mut Fonts::none(), &layout, &of(2), &canvas, &images);
    let Color { red, green, blue } = canvas.background;
    let ground = image::Rgb([red, green, blue]);
    assert_eq!(*picture.get_pixel(576, 36), image::Rgb([255, 0, 0]), "the upload");
    assert_eq!(*picture.get_pixel(160, 40), ground, "a camera's picture leaves bars in a high tile");
    assert_eq!(*picture.get_pixel(160, 2), image::Rgb([0, 255, 0]), "who speaks is marked");
    assert_eq!(*picture.get_pixel(1, 1), ground, "corners are round");
    assert_ne!(*picture.get_pixel(480, 270), ground);
    let without = preview(&mut Fonts::none(), &layout, &of(2), &canvas, &|_| None);
    assert_eq!(*without.get_pixel(576, 36), ground);
}
