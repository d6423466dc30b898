//! PURE. What a room costs: its document and what its participants send become cores and megabytes, by prices that were
//! measured.

/// What a worker may use, or is expected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Thousandths of a core.
    pub millicores: u32,
    /// Memory, MiB.
    pub mib: u32,
}

/// A moving picture's size and rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moving {
    /// px.
    pub width: u32,
    /// px.
    pub height: u32,
    /// Frames a second.
    pub fps: f32,
}

/// What a participant is taken to send before anything has come: what most cameras and browsers send.
pub const EXPECTED: Moving = Moving { width: 1280, height: 720, fps: 30.0 };

/// What a room's worker has to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The program.
    pub canvas: Moving,
    /// The preset it is encoded with.
    pub preset: String,
    /// Everyone whose sound is decoded; the picture of those who are seen, as they send it.
    pub participants: Vec<Option<Moving>>,
}

/// What work costs on one machine: thousandths of a core for a million pixels a second, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// Decoding H.264.
    pub decode: f32,
    /// Composing the canvas.
    pub compose: f32,
    /// Encoding it with `veryfast`.
    pub encode: f32,
    /// One participant's sound, decoded, heard and mixed; thousandths of a core.
    pub sound: f32,
    /// A worker with nobody in it, without its picture; thousandths of a core.
    pub base: f32,
}

impl Prices {
    /// Of the machine that docs/bench.md was measured on.
    pub const REFERENCE: Self = Self { decode: 1.6, compose: 1.2, encode: 8.5, sound: 6.0, base: 20.0 };
}

/// Memory of a worker with nobody in it, MiB, and of each participant; each million pixels of canvas adds to the first and each
/// million pixels a participant sends to the second.
const MEMORY_BASE: f32 = 90.0;
const MEMORY_CANVAS: f32 = 40.0;
const MEMORY_PARTICIPANT: f32 = 2.0;
const MEMORY_PICTURE: f32 = 8.0;

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
}

impl Moving {
    fn megapixels(self) -> f32 {
        self.width as f32 * self.height as f32 / 1e6
    }

    fn megapixels_a_second(self) -> f32 {
        self.megapixels() * self.fps
    }
}

impl Load {
    /// What this load takes at these prices.
    pub fn budget(&self, prices: &Prices) -> Budget {
        let canvas = self.canvas.megapixels_a_second();
        let picture = canvas * (prices.compose + prices.encode * preset(&self.preset));
        let seen = || self.participants.iter().flatten();
        let decoding: f32 = seen().map(|moving| moving.megapixels_a_second() * prices.decode).sum();
        let sound = self.participants.len() as f32 * prices.sound;
        let memory = MEMORY_BASE
            + MEMORY_CANVAS * self.canvas.megapixels()
            + MEMORY_PARTICIPANT * self.participants.len() as f32
            + seen().map(|moving| MEMORY_PICTURE * moving.megapixels()).sum::<f32>();
        Budget { millicores: (prices.base + picture + decoding + sound).ceil() as u32, mib: memory.ceil() as u32 }
    }
}

/// What a preset costs against `veryfast`.
fn preset(name: &str) -> f32 {
    match name {
        "ultrafast" => 0.5,
        "superfast" => 0.7,
        "faster" => 1.5,
        "fast" => 2.0,
        "medium" => 2.4,
        "slow" => 4.0,
        "slower" => 7.0,
        "veryslow" => 12.0,
        "placebo" => 20.0,
        _ => 1.0,
    }
}
