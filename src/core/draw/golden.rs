//! Golden frames: comparison with the stored pictures of `tests/frames`.
//!
//! Tolerance: on average 1 step of 255, and at most 1 of 200 pixels differs by more than 32. Another version of a font
//! renderer or of a scaler passes; a label that is 2 px off fails. Set `TILECAST_STORE_FRAMES` to store what is drawn
//! now, and look at the result.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

/// Largest mean difference of a channel.
const MEAN: f64 = 1.0;
/// A pixel differs when one channel differs by more than this.
const OFF: u8 = 32;
/// One of this many pixels may differ.
const ONE_OF: u32 = 200;

/// Compares a frame with the stored one of that name. If they differ, the drawn frame, the expected frame and the
/// difference are written to `target/frames`.
pub fn assert_frame(name: &str, actual: &RgbImage) {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let stored = root.join(format!("tests/frames/{name}.png"));
    if std::env::var_os("TILECAST_STORE_FRAMES").is_some() {
        actual.save(&stored).expect("the stored frame can be written");
        return;
    }
    let expected = image::open(&stored).expect("a stored frame").to_rgb8();
    if let Some(fault) = difference(actual, &expected) {
        let kept: PathBuf = root.join("target/frames");
        std::fs::create_dir_all(&kept).expect("a folder for what failed");
        for (what, picture) in
            [("actual", actual), ("expected", &expected), ("difference", &difference_of(actual, &expected))]
        {
            picture.save(kept.join(format!("{name}-{what}.png"))).expect("a picture is kept");
        }
        panic!("{name}: {fault}; see target/frames/{name}-*.png");
    }
}

/// The difference as a sentence, if it exceeds the tolerance.
fn difference(actual: &RgbImage, expected: &RgbImage) -> Option<String> {
    if actual.dimensions() != expected.dimensions() {
        return Some(format!("{:?} px instead of {:?}", actual.dimensions(), expected.dimensions()));
    }
    let steps = |(a, b): (&Rgb<u8>, &Rgb<u8>)| a.0.into_iter().zip(b.0).map(|(a, b)| a.abs_diff(b)).collect::<Vec<_>>();
    let all: Vec<Vec<u8>> = actual.pixels().zip(expected.pixels()).map(steps).collect();
    let mean = all.iter().flatten().map(|step| f64::from(*step)).sum::<f64>() / (all.len() * 3) as f64;
    let off = all.iter().filter(|steps| steps.iter().any(|step| *step > OFF)).count() as u32;
    let most = actual.width() * actual.height() / ONE_OF;
    (mean > MEAN || off > most)
        .then(|| format!("{mean:.2} off on average, {off} pixels far off (at most {MEAN} and {most})"))
}

/// A picture that is grey where both agree, and brighter where they differ.
fn difference_of(actual: &RgbImage, expected: &RgbImage) -> RgbImage {
    RgbImage::from_fn(actual.width(), actual.height(), |x, y| {
        let other = expected.get_pixel_checked(x, y).copied().unwrap_or(Rgb([0; 3]));
        let step = |index: usize| actual.get_pixel(x, y).0[index].abs_diff(other.0[index]);
        Rgb([0, 1, 2].map(|index| 64u8.saturating_add(step(index).saturating_mul(3))))
    })
}
