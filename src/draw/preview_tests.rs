//! Previews, by their pixels.

use super::*;
use crate::{
    draw::palette::Palette,
    layout::{Arguments, builtin},
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
    let ground = rgb(canvas.background);
    let count = |picture: &RgbImage| picture.pixels().filter(|pixel| **pixel == ground).count();
    let share = |picture: &RgbImage| count(picture) as f64 / (640.0 * 360.0);

    let empty = preview(&mut fonts, &layout("grid"), &of(0), &canvas);
    assert_eq!((empty.dimensions(), share(&empty)), ((640, 360), 1.0));
    let four = preview(&mut fonts, &layout("grid"), &of(4), &canvas);
    assert!(share(&four) < 0.1, "four tiles fill the canvas");
    assert_eq!(*four.get_pixel(320, 180), ground, "a gap between them");
    let with_screen = preview(&mut fonts, &layout("presentation"), &of(3), &canvas);
    assert_eq!(*with_screen.get_pixel(256, 20), Palette::of("Screen", canvas.background).surface);
    let without = preview(&mut fonts, &layout("presentation"), &Rehearsal { screens: Some(0), ..of(3) }, &canvas);
    assert_ne!(*without.get_pixel(256, 20), Palette::of("Screen", canvas.background).surface);
    let most = preview(&mut fonts, &layout("speaker"), &of(usize::MAX), &canvas);
    assert!(share(&most) < 0.5);
}

#[test]
fn another_speaker_is_another_picture() {
    let canvas = Canvas { width: 320, height: 180, ..Canvas::default() };
    let mut fonts = Fonts::none();
    let mut with = |speaking| preview(&mut fonts, &layout("speaker"), &Rehearsal { speaking, ..of(4) }, &canvas);
    let (first, second) = (with(1), with(2));
    assert_ne!(first, second);
    assert_eq!(first, with(1));
}
