//! Badges: small pictures of a participant's states.

use image::{Rgb, RgbaImage};

use super::shape::blend_over;
use crate::layout::Badge;

/// Supersampling: samples across a pixel.
const FINE: u32 = 4;

const RED: Rgb<u8> = Rgb([0xff, 0x5a, 0x5f]);
const GREEN: Rgb<u8> = Rgb([0x3d, 0xd6, 0x8c]);
const AMBER: Rgb<u8> = Rgb([0xff, 0xb2, 0x24]);
const DIM: Rgb<u8> = Rgb([0x9a, 0xa3, 0xad]);

/// Paints the badge into a square with this corner and side, px.
pub(super) fn paint(image: &mut RgbaImage, badge: Badge, (left, top): (f32, f32), side: f32) {
    let (left, top) = (left.round() as i64, top.round() as i64);
    let pixels = side.round().max(1.0) as u32;
    for y in 0..pixels {
        for x in 0..pixels {
            let mut hits: [(Option<Rgb<u8>>, u32); 2] = [(None, 0); 2];
            for sample in 0..FINE * FINE {
                let at = |pixel: u32, fine: u32| (pixel as f32 + (fine as f32 + 0.5) / FINE as f32) / pixels as f32;
                let color = ink(badge, at(x, sample % FINE), at(y, sample / FINE));
                if let Some(hit) =
                    hits.iter_mut().find(|(known, _)| color.is_some() && (known.is_none() || *known == color))
                {
                    *hit = (color, hit.1 + 1);
                }
            }
            for (color, count) in hits {
                if let Some(color) = color {
                    let alpha = count as f32 / (FINE * FINE) as f32;
                    blend_over(image, left + i64::from(x), top + i64::from(y), color, alpha);
                }
            }
        }
    }
}

/// The colour at a point of the unit square.
fn ink(badge: Badge, x: f32, y: f32) -> Option<Rgb<u8>> {
    match badge {
        Badge::Muted => slashed(x, y, microphone(x, y)).then_some(RED),
        Badge::Lost => slashed(x, y, camera(x, y)).then_some(RED),
        Badge::Speaking => {
            let bars = [(0.14, 0.14), (0.38, 0.36), (0.62, 0.24), (0.86, 0.10)];
            bars.iter().any(|&(at, half)| near(x, y, (at, 0.5 - half), (at, 0.5 + half)) < 0.085).then_some(GREEN)
        }
        Badge::Weak => {
            let bar = [(0.18, 0.68), (0.5, 0.45), (0.82, 0.2)]
                .iter()
                .position(|&(at, top)| (x - at).abs() < 0.12 && y > top && y < 0.88);
            bar.map(|bar| if bar == 0 { AMBER } else { DIM })
        }
    }
}

fn microphone(x: f32, y: f32) -> bool {
    let body = near(x, y, (0.5, 0.22), (0.5, 0.46)) < 0.15;
    let holder = y > 0.46 && ((x - 0.5).hypot(y - 0.46) - 0.27).abs() < 0.045;
    let foot = near(x, y, (0.5, 0.74), (0.5, 0.9)) < 0.045 || near(x, y, (0.36, 0.92), (0.64, 0.92)) < 0.045;
    body || holder || foot
}

fn camera(x: f32, y: f32) -> bool {
    let body = (0.06..0.66).contains(&x) && (0.27..0.73).contains(&y);
    let lens = (0.7..0.94).contains(&x) && (y - 0.5).abs() < 0.06 + (x - 0.7) * 0.6;
    body || lens
}

/// The shape with a stroke across it, and a gap on both sides of the stroke.
fn slashed(x: f32, y: f32, shape: bool) -> bool {
    let distance = near(x, y, (0.1, 0.1), (0.9, 0.9));
    distance < 0.055 || shape && distance > 0.12
}

/// Distance from the line between two points.
fn near(x: f32, y: f32, from: (f32, f32), to: (f32, f32)) -> f32 {
    let (along_x, along_y) = (to.0 - from.0, to.1 - from.1);
    let t = ((x - from.0) * along_x + (y - from.1) * along_y) / (along_x * along_x + along_y * along_y);
    let t = t.clamp(0.0, 1.0);
    (x - from.0 - t * along_x).hypot(y - from.1 - t * along_y)
}
