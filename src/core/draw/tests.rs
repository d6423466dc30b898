//! Cards and previews, tested by their pixels.

use image::Rgb;
use proptest::prelude::*;

use super::{
    palette::Palette,
    text::{clean, initials},
    *,
};
use crate::{
    layout::{Canvas, Color},
    media::Size,
};

const SMALL: Size = Size { width: 320, height: 180 };

fn card(fonts: &mut Fonts, size: Size, name: &str, background: Color) -> RgbImage {
    super::card(fonts, size, name, background, CardStyle::default())
}

fn dark() -> Color {
    Canvas::default().background
}

fn gray(level: u8) -> Color {
    Color { red: level, green: level, blue: level }
}

fn count(picture: &RgbImage, color: Rgb<u8>) -> usize {
    picture.pixels().filter(|pixel| **pixel == color).count()
}

/// WCAG 2.2 contrast ratio.
fn contrast(a: Rgb<u8>, b: Rgb<u8>) -> f64 {
    let luminance = |color: Rgb<u8>| {
        let [r, g, b] = color.0.map(|byte| {
            let x = f64::from(byte) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn this_machine_has_the_fonts_that_cards_need() {
    let mut fonts = Fonts::load();
    assert!(fonts.has_text(), "install fonts-dejavu-core");
    assert!(fonts.line("陈静", 20.0, 300.0).is_some(), "install fonts-wqy-microhei or fonts-noto-cjk");
}

#[test]
fn a_card_has_a_disc_letters_and_a_name_in_its_own_colours() {
    let mut fonts = Fonts::load();
    for name in ["Alice Martin", "陈静", "田中 花子", "김민수", "محمد عبد الله", "Кира Орлова", "cam1"]
    {
        let palette = Palette::of(name, dark());
        let picture = card(&mut fonts, SMALL, name, dark());
        assert_eq!(*picture.get_pixel(4, 4), palette.surface, "{name}");
        assert!(count(&picture, palette.disc) > 2000, "{name} has a disc");
        assert!(count(&picture, palette.on_disc) > 10, "{name} has letters");
        // The letters of such a small name are all edges.
        let under_the_disc = |(_, y, pixel): (u32, u32, &Rgb<u8>)| y > 125 && contrast(*pixel, palette.surface) > 4.0;
        assert!(picture.enumerate_pixels().filter(|pixel| under_the_disc(*pixel)).count() > 20, "{name} is written");
    }
    let once = card(&mut fonts, SMALL, "Alice Martin", dark());
    assert_eq!(once, card(&mut fonts, SMALL, "Alice Martin", dark()), "a card is always the same");
    assert_ne!(once, card(&mut fonts, SMALL, "Alice Marten", dark()));
}

#[test]
fn without_fonts_or_letters_there_is_a_silhouette() {
    for (mut fonts, name) in [(Fonts::none(), "Alice Martin"), (Fonts::load(), ""), (Fonts::load(), "\u{10FFFD}")] {
        let palette = Palette::of(name, dark());
        let picture = card(&mut fonts, SMALL, name, dark());
        assert!(count(&picture, palette.on_disc) > 1000, "{fonts:?} {name:?}");
        assert_eq!(*picture.get_pixel(SMALL.width / 2, SMALL.height / 2 - 12), palette.on_disc, "the head");
    }
}

#[test]
fn what_no_font_has_is_left_out_and_what_does_not_fit_is_cut() {
    let mut fonts = Fonts::load();
    let plain = card(&mut fonts, SMALL, "Ana Silva", dark());
    // Each card has its own hue, so shapes are compared: pixels that are not surface.
    let shape = |picture: &RgbImage, name: &str| {
        let surface = Palette::of(name, dark()).surface;
        picture.enumerate_pixels().filter(|(.., pixel)| **pixel != surface).map(|(x, y, _)| (x, y)).collect::<Vec<_>>()
    };
    let odd = "Ana \u{10FFFD} Silva";
    assert_eq!(shape(&card(&mut fonts, SMALL, odd, dark()), odd), shape(&plain, "Ana Silva"));

    let long = "Maximiliana ".repeat(20);
    let picture = card(&mut fonts, SMALL, &long, dark());
    let margins = shape(&picture, &long).into_iter().filter(|&(x, y)| (4..20).contains(&x) && (4..176).contains(&y));
    assert_eq!(margins.count(), 0, "a long name keeps off the edges");
}

#[test]
fn colours_of_every_hue_can_be_read_on_any_background() {
    for background in [dark(), gray(0), gray(60), gray(200), gray(255)] {
        for n in 0..500 {
            let name = format!("person {n}");
            let palette = Palette::of(&name, background);
            assert!(contrast(palette.text, palette.surface) >= 4.5, "{name} on {background:?}: {palette:?}");
            assert!(contrast(palette.on_disc, palette.disc) >= 3.0, "{name}: {palette:?}");
            assert_ne!(palette.surface, Rgb([background.red, background.green, background.blue]));
        }
    }
}

#[test]
fn initials_are_what_people_expect() {
    let cases = [
        ("Alice Martin", "AM"),
        ("alice", "A"),
        ("Ana Maria da Silva", "AS"),
        ("Jean-Luc", "JL"),
        ("cam_1", "C1"),
        ("room.camera", "RC"),
        ("Кира Орлова", "КО"),
        ("Νίκος Παπάς", "ΝΠ"),
        ("陈静", "陈"),
        ("田中 花子", "田"),
        ("محمد عبد الله", "م"),
        ("🎉 Ana", "A"),
        ("(Guest) 7", "G7"),
        ("🎥", ""),
        ("  ", ""),
        ("ßeta", "SS"),
    ];
    for (name, expected) in cases {
        assert_eq!(initials(name), expected, "{name}");
    }
}

#[test]
fn a_name_is_one_line_that_turns_nothing_around() {
    assert_eq!(clean(" a\n\tb\u{202E}c\u{2066}\u{0} d\u{2029}e "), "a bc d e");
    assert_eq!(clean(&"x".repeat(10_000)).len(), 128);
}

#[test]
fn a_png_file_holds_the_picture() {
    let picture = card(&mut Fonts::none(), SMALL, "Alice", dark());
    let read = image::load_from_memory_with_format(&png(&picture), image::ImageFormat::Png).expect("a PNG file");
    assert_eq!(read.to_rgb8(), picture);
}

#[test]
fn the_largest_tile_can_be_drawn() {
    let size = Size { width: 3840, height: 2160 };
    assert_eq!(card(&mut Fonts::load(), size, "Alice Martin", dark()).dimensions(), (3840, 2160));
}

thread_local! {
    static FONTS: std::cell::RefCell<Fonts> = std::cell::RefCell::new(Fonts::load());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_name_fits_any_tile(name in "\\PC{0,40}", noise in any::<String>(), width in 1..400u32, height in 1..400u32) {
        FONTS.with_borrow_mut(|fonts| {
            for name in [&name, &noise] {
                let picture = card(fonts, Size { width, height }, name, dark());
                prop_assert_eq!(picture.dimensions(), (width, height));
            }
            Ok(())
        })?;
    }
}
