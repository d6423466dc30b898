//! Calibration (benchmark): measures what a worker's work costs on this machine. Pictures are made and encoded with
//! every preset; then a whole room runs on them at its usual pace while its threads' CPU time is measured.
//!
//! This folder runs in a process of its own, which it loads with work for about fifteen seconds. It ends by itself.

mod film;
mod live;
mod material;
mod usage;

use std::{io, time::Duration};

use self::{
    live::Show,
    material::{Material, encode},
    usage::Usage,
};
use crate::{
    Error,
    decode::decode_cost::{DecodeCost, cost_of_decoding},
    encode::AacError,
};
use tilecast_core::{layout::Canvas, link::launch, media::Size};

/// Size of program and participants, as in most meetings.
const CANVAS: Size = Size { width: 1280, height: 720 };
const FPS: u32 = 30;

/// A program with almost no picture: its cost is the cost of everything else.
const SPECK: Size = Size { width: 64, height: 64 };

/// Presets of x264 that are measured, the usual one first.
const PRESETS: [&str; 7] = ["veryfast", "ultrafast", "superfast", "faster", "fast", "medium", "slow"];

/// Pictures encoded for each preset except the usual one: enough for an error of a few per cent, and two seconds in
/// all.
const PICTURES_A_PRESET: usize = 20;

/// How long a room runs before it is measured, and while it is. Decoders need two GOPs to know that the loop filter may
/// be left out.
const WARM_UP: Duration = Duration::from_millis(2600);
const MEASURED: Duration = Duration::from_secs(3);

/// Largest share of missing frames in a measured room: a machine without time for one room gives no valid prices.
const MAX_MISSED: f64 = 0.1;

/// Why a machine cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    #[error(transparent)]
    Worker(#[from] Error),
    /// An error of threads, sockets, or the kernel's account of threads.
    #[error("the system: {0}")]
    System(#[from] io::Error),
    #[error("the encoder: {0}")]
    Encode(#[from] super::encode::EncodeError),
    #[error("the sound's encoder: {0}")]
    Sound(#[from] AacError),
    /// Pictures or packets did not come.
    #[error("{0}")]
    Incomplete(&'static str),
    /// Something else uses the machine's time.
    #[error("the machine was too busy: of {0} frames {1} were missed; try again when it is not")]
    Busy(u64, u64),
}

/// CPU time on this machine: ns per pixel; thousandths of a core where noted.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub decode: f64,
    /// Decoding for small tiles.
    pub decode_small: f64,
    pub scale: f64,
    pub compose: f64,
    pub encode: Vec<(&'static str, f64)>,
    /// One participant's packets and sound, thousandths of a core.
    pub voice: f64,
    /// Everything else, thousandths of a core.
    pub base: f64,
}

/// Measures this machine, in about fifteen seconds.
///
/// # Errors
/// When a part of the worker does not run here, or the machine has no time for it.
pub fn run() -> Result<Findings, CalibrateError> {
    super::libraries()?;
    let text = launch::builtin("video/x264").ok_or(CalibrateError::Incomplete("there is no x264.launch"))?;
    let (material, presets) = {
        let film = film::shoot(CANVAS, material::PICTURES).ok_or(CalibrateError::Incomplete("no picture buffers"))?;
        let material = Material::make(text, &film)?;
        let mut presets = Vec::new();
        for preset in PRESETS {
            presets.push((preset, encode(text, preset, material::PROGRAM_KBPS, &film[..PICTURES_A_PRESET])?.per_pixel));
        }
        (material, presets)
    };
    let decoding = |target| {
        cost_of_decoding(&material.video, target)
            .ok_or(CalibrateError::Incomplete("the pictures cannot be decoded again"))
    };
    let (whole, small) = (decoding(CANVAS)?, decoding(Size { width: CANVAS.width / 2, height: CANVAS.height / 2 })?);
    let canvas = |size: Size| Canvas { width: size.width, height: size.height, fps: FPS, ..Canvas::default() };
    let nobody = Show { canvas: canvas(SPECK), people: 0 }.run(&material)?;
    let alone = Show { canvas: canvas(CANVAS), people: 1 }.run(&material)?;
    let four = Show { canvas: canvas(CANVAS), people: 4 }.run(&material)?;
    Ok(Sums { nobody, alone, four, whole, small, presets }.findings())
}

struct Sums {
    nobody: Usage,
    alone: Usage,
    four: Usage,
    whole: DecodeCost,
    small: DecodeCost,
    presets: Vec<(&'static str, f64)>,
}

impl Sums {
    fn findings(&self) -> Findings {
        let Self { nobody, alone, four, whole, small, presets } = self;
        // Thousandths of a core for a million pixels a second equal ns per pixel.
        let pixels = f64::from(CANVAS.width) * f64::from(CANVAS.height) * f64::from(FPS) / 1e6;
        let a_pixel = |millicores: f64| (millicores / pixels).max(0.01);
        // A decoder's thread decodes and scales. The measured costs of each alone say how the time divides.
        let (decode, scale_whole) = whole.split(alone.decode, false);
        let (decode_small, scale_small) = small.split(four.decode / 4.0, true);
        let both = |of: fn(&Usage) -> f64| ((of(alone) + of(four)) / 2.0 - of(nobody)).max(0.0);
        let veryfast = a_pixel(both(|usage| usage.rest));
        let usual = presets.first().map_or(1.0, |(_, price)| *price);
        let each = |of: fn(&Usage) -> f64| ((of(four) - of(nobody)) / 4.0).max(0.1);
        Findings {
            decode: a_pixel(decode),
            decode_small: a_pixel(decode_small),
            scale: a_pixel((scale_whole + scale_small) / 2.0),
            compose: a_pixel(both(|usage| usage.stage)),
            encode: presets.iter().map(|(preset, price)| (*preset, veryfast * price / usual)).collect(),
            voice: each(|usage| usage.taking_in),
            base: nobody.decode + nobody.stage + nobody.taking_in + nobody.rest,
        }
    }
}
