//! Synthetic camera pictures that cost as much work as real ones: texture of every size, a slow pan, moving people, and
//! noise.

use crate::i420::{Picture, Plane, Pool};
use tilecast_core::media::Size;

/// Sides of the texture, px, powers of two.
const TEXTURE: (usize, usize) = (2048, 1024);

/// Largest detail of the texture, px, and how many times it is halved.
const COARSEST: usize = 256;
const OCTAVES: u32 = 7;

/// Successive pictures of one take; `None` if there is no memory for them.
pub fn shoot(size: Size, count: usize) -> Option<Vec<Picture>> {
    let texture = Texture::weave();
    let pool = Pool::new(size).ok()?;
    let draw = |number: usize| {
        pool.draw(|planes| {
            for index in 0..3 {
                paint(planes.plane(index), index, number, &texture);
            }
            Ok::<_, gstreamer::glib::BoolError>(())
        })
    };
    (0..count).map(|number| draw(number).ok()).collect()
}

/// Noise with the spectrum of natural pictures: a detail of half the size is about half as strong. The texture is
/// periodic.
struct Texture(Vec<u8>);

impl Texture {
    fn weave() -> Self {
        let (width, height) = TEXTURE;
        let mut sums = vec![0f32; width * height];
        for octave in 0..OCTAVES {
            let cell = COARSEST >> octave;
            let strength = 0.5f32.powi(octave as i32);
            let (columns, rows) = (width / cell, height / cell);
            let at = |x: usize, y: usize| f32::from(hash(x % columns, y % rows, octave as usize)) / 255.0 - 0.5;
            for (index, sum) in sums.iter_mut().enumerate() {
                let (x, y) = (index % width, index / width);
                let (cx, cy) = (x / cell, y / cell);
                let ease = |part: usize| {
                    let t = part as f32 / cell as f32;
                    t * t * (3.0 - 2.0 * t)
                };
                let (fx, fy) = (ease(x % cell), ease(y % cell));
                let top = at(cx, cy) * (1.0 - fx) + at(cx + 1, cy) * fx;
                let bottom = at(cx, cy + 1) * (1.0 - fx) + at(cx + 1, cy + 1) * fx;
                *sum += strength * (top * (1.0 - fy) + bottom * fy);
            }
        }
        Self(sums.into_iter().map(|sum| (118.0 + 95.0 * sum).clamp(16.0, 235.0) as u8).collect())
    }

    fn at(&self, x: i64, y: i64) -> u8 {
        let (width, height) = TEXTURE;
        self.0[(y as usize % height) * width + x as usize % width]
    }
}

/// Far enough from zero that no coordinate is negative.
const FAR: i64 = 1 << 20;

fn paint(plane: Plane<'_>, index: usize, number: usize, texture: &Texture) {
    let Plane { data, stride, width, height } = plane;
    let time = number as f64 / 30.0;
    let chroma = index > 0;
    // Half a pixel per frame to the side: cameras are hardly ever still.
    let pan = FAR + (number / 2) as i64;
    let people = [0.22, 0.5, 0.8].map(|place: f64| {
        let sway = (time * 2.1 + place * 9.0).sin();
        let x = (place + 0.02 * sway) * width as f64;
        let y = (0.62 + 0.015 * (time * 3.3 + place * 5.0).cos()) * height as f64;
        (x as i64, y as i64, (0.11 * width as f64) as i64, (0.34 * height as f64) as i64)
    });
    for (y, row) in data.chunks_mut(stride).take(height).enumerate() {
        let y = y as i64;
        for (x, sample) in row.iter_mut().take(width).enumerate() {
            let x = x as i64;
            let inside = people.iter().position(|(cx, cy, rx, ry)| {
                let (dx, dy) = (x - cx, y - cy);
                dx * dx * ry * ry + dy * dy * rx * rx < rx * rx * ry * ry
            });
            let value = match inside {
                // A person's clothes move with the person.
                Some(who) => texture.at(FAR + 300 * (who as i64 + 1) + x - people[who].0, FAR + y - people[who].1),
                None => texture.at(pan + x, FAR + y),
            };
            *sample = if chroma {
                (104 + i32::from(value) / 6 + index as i32 * 3) as u8
            } else {
                let grain = i32::from(hash(x as usize, y as usize, number + 100).is_multiple_of(8));
                (i32::from(value) + grain).clamp(16, 235) as u8
            };
        }
    }
}

/// A pseudo-random value that depends only on the numbers.
fn hash(x: usize, y: usize, z: usize) -> u8 {
    let mixed = (x as u32)
        .wrapping_mul(0x9E37_79B1)
        .wrapping_add((y as u32).wrapping_mul(0x85EB_CA77))
        .wrapping_add((z as u32).wrapping_mul(0xC2B2_AE3D));
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2C1B_3C6D);
    ((mixed ^ mixed >> 13) >> 8) as u8
}
