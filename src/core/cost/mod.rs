//! PURE. Cost model for admission control. The work of a room's worker becomes cores and megabytes by measured
//! [`prices`]; [`capacity`] says whether a machine can take that much more.

pub mod capacity;
pub mod prices;

use crate::media::{Size, VideoCodec};

pub use capacity::{Capacity, Shortage};
pub use prices::Prices;

/// The resources that a worker may use, or is expected to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Thousandths of a core.
    pub millicores: u32,
    /// Memory, MiB.
    pub mib: u32,
}

/// A moving picture's size and rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moving {
    pub width: u32,
    pub height: u32,
    /// Frames a second.
    pub fps: f32,
}

/// The picture that is expected of a participant before any packet has come: most cameras and browsers send this.
pub const EXPECTED: Moving = Moving { width: 1280, height: 720, fps: 30.0 };

/// A participant's picture on the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The picture as the sender encodes it.
    pub picture: Moving,
    /// The codec of the picture.
    pub codec: VideoCodec,
    /// The size of every tile that shows this picture, px of the canvas.
    pub tiles: Vec<Size>,
}

/// The work of one room's worker.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    pub canvas: Moving,
    /// The encoder preset of the program.
    pub preset: String,
    /// Number of participants who send sound.
    pub voices: usize,
    /// The participants who are on the program.
    pub seen: Vec<Seen>,
}

/// Memory of a worker without participants, MiB, and of each participant. Each million pixels of canvas adds to the
/// first; each million pixels that a participant sends adds to the second. The figures are a tenth above what `tilecast
/// bench` finds, since a worker that reaches its limit is ended; see docs/scale.md.
const MEMORY_BASE: f32 = 55.0;
const MEMORY_CANVAS: f32 = 30.0;
const MEMORY_VOICE: f32 = 1.5;
const MEMORY_PICTURE: f32 = 8.5;

/// Address space of a worker, MiB: a fixed part, and a factor of its memory budget. In measured rooms of 1 to 16
/// participants, from 720p to 4K, a worker needs 360 MiB and 1.2 times the budget; most of that is code, and stacks
/// that are never touched. The rest of the fixed part has space for the threads of 64 decoders and 65 listeners, 1 GiB,
/// and for a few participants who suddenly send 4K with the largest number of reference pictures, 210 MiB each, until
/// the budget is computed again a second later. The factor covers the same for all participants.
const ADDRESSES_BASE: u64 = 2048;
const ADDRESSES_OF_BUDGET: u64 = 4;

/// Step of a reservation, so that not every participant who joins changes the reservation.
const STEP: Budget = Budget { millicores: 250, mib: 64 };

impl Budget {
    /// The budget, rounded up to whole steps.
    pub fn in_steps(self) -> Self {
        Self { millicores: self.millicores.next_multiple_of(STEP.millicores), mib: self.mib.next_multiple_of(STEP.mib) }
    }

    /// The larger value of each resource.
    pub fn or(self, other: Self) -> Self {
        Self { millicores: self.millicores.max(other.millicores), mib: self.mib.max(other.mib) }
    }

    pub fn and(self, other: Self) -> Self {
        Self { millicores: self.millicores.saturating_add(other.millicores), mib: self.mib.saturating_add(other.mib) }
    }

    /// Upper limit of the address space of a worker with this budget, bytes. A worker that needs more has a fault or is
    /// under attack.
    pub fn address_space(self) -> u64 {
        (ADDRESSES_BASE + ADDRESSES_OF_BUDGET * u64::from(self.mib)) << 20
    }

    /// Cores, for people and programs that do not count in thousandths.
    pub fn cores(self) -> f64 {
        f64::from(self.millicores) / 1000.0
    }
}

impl Moving {
    fn megapixels(self) -> f32 {
        self.width as f32 * self.height as f32 / 1e6
    }

    fn megapixels_a_second(self) -> f32 {
        self.megapixels() * self.fps
    }
}

impl Seen {
    /// Thousandths of a core for decoding the picture and scaling it to its tiles.
    fn millicores(&self, prices: &Prices) -> f32 {
        let Moving { width, height, fps } = self.picture;
        let small = self.tiles.iter().all(|tile| tile.is_small_for(Size { width, height }));
        let decode = prices.decode(self.codec, small) * self.picture.megapixels_a_second();
        let source = self.picture.megapixels_a_second();
        // The scaler's work follows the larger of picture and tile.
        let scaled: f32 = self
            .tiles
            .iter()
            .map(|tile| (tile.width as f32 * tile.height as f32 / 1e6 * fps).max(source) * prices.scale)
            .sum();
        decode + scaled
    }
}

impl Load {
    /// The budget of this load at these prices.
    pub fn budget(&self, prices: &Prices) -> Budget {
        let canvas = self.canvas.megapixels_a_second() * (prices.compose + prices.encode(&self.preset));
        let decoding: f32 = self.seen.iter().map(|seen| seen.millicores(prices)).sum();
        let voices = self.voices as f32;
        let memory = MEMORY_BASE
            + MEMORY_CANVAS * self.canvas.megapixels()
            + MEMORY_VOICE * voices
            + self.seen.iter().map(|seen| MEMORY_PICTURE * seen.picture.megapixels()).sum::<f32>();
        let millicores = prices.base + canvas + decoding + voices * prices.voice;
        Budget { millicores: millicores.ceil() as u32, mib: memory.ceil() as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(people: usize) -> Load {
        let side = (1..).find(|n| n * n >= people).unwrap_or(1) as u32;
        let tile = Size { width: 1280 / side / 2 * 2, height: 720 / side / 2 * 2 };
        let seen = Seen { picture: EXPECTED, codec: VideoCodec::H264, tiles: vec![tile] };
        Load { canvas: EXPECTED, preset: "veryfast".to_owned(), voices: people, seen: vec![seen; people] }
    }

    #[test]
    fn more_of_anything_never_costs_less() {
        let prices = Prices::reference();
        let cost = |load: &Load| load.budget(&prices);
        let four = grid(4);
        for more in [
            grid(5),
            Load { canvas: Moving { fps: 60.0, ..EXPECTED }, ..four.clone() },
            Load { preset: "medium".to_owned(), ..four.clone() },
            Load { voices: 5, ..four.clone() },
        ] {
            assert!(cost(&more).millicores > cost(&four).millicores, "{more:?}");
            assert!(cost(&more).mib >= cost(&four).mib, "{more:?}");
        }
    }

    #[test]
    fn a_small_tile_is_decoded_lightly_and_a_large_one_scaled_at_its_own_size() {
        let prices = Prices::reference();
        let of = |tiles: &[(u32, u32)]| {
            let tiles = tiles.iter().map(|(width, height)| Size { width: *width, height: *height }).collect();
            Seen { picture: EXPECTED, codec: VideoCodec::H264, tiles }.millicores(&prices)
        };
        assert!(of(&[(852, 480)]) < of(&[(854, 480)]));
        assert_eq!(of(&[(640, 360)]), of(&[(320, 180)]));
        assert!(of(&[(2560, 1440)]) > of(&[(1280, 720)]));
        assert!(of(&[(640, 360), (320, 180)]) > of(&[(640, 360)]));
    }

    #[test]
    fn address_space_leaves_room_for_what_was_measured_and_has_an_end() {
        // Participants, what they send, the canvas, and the VmPeak of their worker, MiB.
        let wide = |width, height| Moving { width, height, fps: 30.0 };
        let (hd, full, ultra) = (EXPECTED, wide(1920, 1080), wide(3840, 2160));
        for (people, sent, canvas, peak) in
            [(1, hd, hd, 471), (16, hd, hd, 633), (4, full, full, 675), (9, full, full, 763), (9, ultra, ultra, 1232)]
        {
            let seen = Seen { picture: sent, codec: VideoCodec::H264, tiles: Vec::new() };
            let load = Load { canvas, preset: "veryfast".to_owned(), voices: people, seen: vec![seen; people] };
            let space = load.budget(&Prices::reference()).address_space() >> 20;
            assert!((2 * peak..16 * peak).contains(&space), "{people} of {sent:?}: {space} MiB");
        }
    }

    #[test]
    fn sizes_are_reserved_in_steps() {
        assert_eq!(Budget { millicores: 251, mib: 1 }.in_steps(), Budget { millicores: 500, mib: 64 });
        assert_eq!(Budget { millicores: 500, mib: 64 }.in_steps(), Budget { millicores: 500, mib: 64 });
    }
}
