//! PURE. What a room costs: what its worker has to do becomes cores and megabytes, by prices that were measured
//! ([`prices`]); whether a machine has room for it ([`capacity`]).

pub mod capacity;
pub mod prices;

use crate::media::{Size, VideoCodec};

pub use capacity::{Capacity, Shortage};
pub use prices::Prices;

/// What a worker may use, or is expected to.
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

/// What a participant is taken to send before anything has come: what most cameras and browsers send.
pub const EXPECTED: Moving = Moving { width: 1280, height: 720, fps: 30.0 };

/// A participant's picture on the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// As it is sent.
    pub picture: Moving,
    /// How it is coded.
    pub codec: VideoCodec,
    /// Every tile it is shown in, px of the canvas.
    pub tiles: Vec<Size>,
}

/// What a room's worker has to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    pub canvas: Moving,
    /// The preset it is encoded with.
    pub preset: String,
    /// How many send sound.
    pub voices: usize,
    /// Those who are seen.
    pub seen: Vec<Seen>,
}

/// Memory of a worker with nobody in it, MiB, and of each participant; each million pixels of canvas adds to the first and each
/// million pixels a participant sends to the second. A tenth above what `tilecast bench` finds, since a worker that meets its limit is
/// ended; see docs/scale.md.
const MEMORY_BASE: f32 = 55.0;
const MEMORY_CANVAS: f32 = 30.0;
const MEMORY_VOICE: f32 = 1.5;
const MEMORY_PICTURE: f32 = 8.5;

/// Address space of a worker, MiB: what it has whatever its room is like, and how much of its budget besides. Measured in rooms of
/// 1 to 16 participants, from 720p to 4K, it is 360 MiB and 1.2 of the budget: most of it is code, and stacks that are never
/// touched. The rest of the first leaves room for 64 decoders' and 65 listeners' threads, 1 GiB, and for a few participants who
/// suddenly send 4K with all the reference pictures there may be, 210 MiB each, until the room is reckoned anew, a second later;
/// the second is that for everyone.
const ADDRESSES_BASE: u64 = 2048;
const ADDRESSES_OF_BUDGET: u64 = 4;

/// Steps in which sizes are reserved, so that not every participant who joins changes the reservation.
const STEP: Budget = Budget { millicores: 250, mib: 64 };

impl Budget {
    /// This or a little more, in whole steps.
    pub fn in_steps(self) -> Self {
        Self { millicores: self.millicores.next_multiple_of(STEP.millicores), mib: self.mib.next_multiple_of(STEP.mib) }
    }

    /// The larger of each.
    pub fn or(self, other: Self) -> Self {
        Self { millicores: self.millicores.max(other.millicores), mib: self.mib.max(other.mib) }
    }

    pub fn and(self, other: Self) -> Self {
        Self { millicores: self.millicores.saturating_add(other.millicores), mib: self.mib.saturating_add(other.mib) }
    }

    /// Most address space that a worker with this budget may take, bytes: what passes it is a fault or an attack.
    pub fn address_space(self) -> u64 {
        (ADDRESSES_BASE + ADDRESSES_OF_BUDGET * u64::from(self.mib)) << 20
    }

    /// For people and programs that count in cores.
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
    /// Thousandths of a core for decoding it and scaling it to its tiles.
    fn millicores(&self, prices: &Prices) -> f32 {
        let Moving { width, height, fps } = self.picture;
        let small = self.tiles.iter().all(|tile| tile.is_small_for(Size { width, height }));
        let decode = prices.decode(self.codec, small) * self.picture.megapixels_a_second();
        let source = self.picture.megapixels_a_second();
        // Whichever is larger is what the scaler has to go through.
        let scaled: f32 = self
            .tiles
            .iter()
            .map(|tile| (tile.width as f32 * tile.height as f32 / 1e6 * fps).max(source) * prices.scale)
            .sum();
        decode + scaled
    }
}

impl Load {
    /// What this load takes at these prices.
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
        // Participants, what they send, the canvas, and VmPeak of their worker, MiB.
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
