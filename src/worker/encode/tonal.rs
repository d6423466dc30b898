//! PURE. Tone protection of the AAC encoder: loud tones are kept out of the one case in which FFmpeg's encoder
//! distorts.
//!
//! FFmpeg's `fast` coder spends all bits of a frame on finer steps. A single loud tone (a whistle, a test tone, a
//! ringing telephone) needs few bits. Then the steps become so fine that the tone's largest coefficient no longer fits
//! into a quantised value, 8191 at most (ISO/IEC 14496-3 §4.6.3), and is clipped: at −1 dBFS the distortion is 16 to 27
//! %. Three measures keep the steps coarse. Each applies only during a loud tone, so that speech, film and music are
//! unchanged.
//!
//! - *Dither*: noise 57 dB below the tone, which masks it, gives the bits something to describe.
//! - *Fewer bits*: more than 128 kbit/s are too many even with dither.
//! - *A brake*: the encoder's rate control cannot spend its bits in silence or on a quiet tone, and concludes that
//!   every precision is affordable. The brake stops it for one frame as a loud tone begins; without it the rate control
//!   would need 100 to 200 ms to adapt.

/// Mean square from which on a frame is loud, −12 dBFS; a sine of −9 dBFS has that. A single spectral line below this
/// is never clipped.
const LOUD: f32 = 0.063;

/// Factor of [`LOUD`] below which a loud frame is no longer loud, 6 dB: hysteresis for a tone at the threshold.
const STILL_LOUD: f32 = 0.25;

/// Highest crest factor (peak over root mean square) of a loud frame that can be a tone. A sine has 1.4, two sines of
/// equal strength have 2; speech is rarely below 3.
const TONE_CREST: f32 = 2.6;

/// The same for a quarter of a frame, 5 ms: at the end of the frame in which a tone begins, the tone is already alone.
const PURE_CREST: f32 = 1.6;

/// Amplitude of the dither as a share of each sample. The noise is evenly distributed, and its power is 57 dB below the
/// sound's. Half of it no longer helps at −3 dBFS; twice as much is 0.3 % of distortion.
const DITHER: f32 = 0.002_5;

/// Highest rate for a tone with its dither, bit/s.
const MOST: u32 = 128_000;

/// Highest rate for the first frames of a tone, bit/s, and the number of those frames: until the rate control has
/// adapted.
const FIRST: u32 = 64_000;
const FIRST_FRAMES: u32 = 4;

/// Frames for which the rate stays low after a tone: the frames that are still in the encoder when the tone ends.
const HOLD: u32 = 3;

/// Factor by which the frame in which a tone begins is louder than the two frames before it.
const RISE: f32 = 3.0;

/// Mean square up to which a frame counts as quiet, −30 dBFS: such a frame never needs all its bits.
const QUIET: f32 = 0.001;

/// The brake: a rate that would give this share of the last packet's bits. The rate control makes five attempts at a
/// frame; each goes halfway (in decibels) towards this rate, 250 times less in all.
const BRAKE: f32 = 0.11;

/// Watches the input of one encoder.
#[derive(Debug)]
pub struct Tonal {
    loud: bool,
    /// Mean squares of the two frames before.
    before: [f32; 2],
    /// Frames for which the rate still stays low.
    hold: u32,
    /// Frames for which the rate still stays as low as at a beginning.
    first: u32,
    random: u32,
}

/// Loudness measures of a frame.
struct Loudness {
    /// Mean square of the louder channel.
    square: f32,
    /// Peak over root mean square.
    crest: f32,
    /// The crest factor of the loudest quarter.
    pure: f32,
}

impl Default for Tonal {
    fn default() -> Self {
        Self { loud: false, before: [0.0; 2], hold: 0, first: 0, random: 1 }
    }
}

impl Tonal {
    /// Examines the next frame, left and right, full scale 1.0, and adds dither if the frame needs it. Returns the
    /// encoder's rate for this frame, bit/s, at most `rate`. `last` is the size of the packet before, in bits; `usual`
    /// is the size at `rate`.
    pub fn next(&mut self, frame: &mut [Vec<f32>; 2], rate: u32, last: usize, usual: usize) -> u32 {
        let Loudness { square, crest, pure } = loudness(frame);
        self.loud = square > LOUD * if self.loud { STILL_LOUD } else { 1.0 };
        let tone = self.loud && crest < TONE_CREST;
        let pure = self.loud && pure < PURE_CREST;
        if tone {
            self.dither(frame);
        }
        self.hold = if tone { HOLD } else { self.hold.saturating_sub(1) };
        let quiet = self.before[0].max(self.before[1]);
        self.before = [self.before[1], square];
        let begins = pure && quiet * RISE < square && (quiet < QUIET || 4 * last < 3 * usual);
        self.first = if begins {
            FIRST_FRAMES + 1
        } else if pure {
            self.first.saturating_sub(1)
        } else {
            0
        };
        if begins {
            return ((BRAKE * last as f32 / usual as f32 * rate as f32) as u32).clamp(1, rate);
        }
        let most = if self.first > 0 {
            FIRST
        } else if self.hold > 0 {
            MOST
        } else {
            rate
        };
        rate.min(most)
    }

    /// The same noise left and right: a signal without a side channel must not get one.
    fn dither(&mut self, [left, right]: &mut [Vec<f32>; 2]) {
        for (left, right) in left.iter_mut().zip(right) {
            // Marsaglia's xorshift.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 17;
            self.random ^= self.random << 5;
            let gain = 1.0 + DITHER * (self.random.cast_signed() as f32 / 2.0_f32.powi(31));
            (*left, *right) = (*left * gain, *right * gain);
        }
    }
}

fn loudness(frame: &[Vec<f32>; 2]) -> Loudness {
    let (mut whole, mut part) = ([0.0_f32; 2], [0.0_f32; 2]);
    for channel in frame {
        let (mut squares, mut count) = (0.0, 0);
        for quarter in channel.chunks(channel.len().div_ceil(4).max(1)) {
            let square = quarter.iter().map(|value| value * value).sum::<f32>();
            let peak = quarter.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
            (squares, count) = (squares + square, count + quarter.len());
            whole[1] = whole[1].max(peak);
            let mean = square / quarter.len() as f32;
            if mean > part[0] {
                part = [mean, peak];
            }
        }
        whole[0] = whole[0].max(squares / count.max(1) as f32);
    }
    let crest = |[square, peak]: [f32; 2]| if square > 0.0 { peak / square.sqrt() } else { f32::INFINITY };
    Loudness { square: whole[0], crest: crest(whole), pure: crest(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 192_000;

    /// The rates for frames made of `sample`, and whether each frame was dithered.
    fn rates(sample: impl Fn(usize) -> f32) -> Vec<(u32, bool)> {
        let mut tonal = Tonal::default();
        let rates = (0..40).map(|n| {
            let own: Vec<f32> = (n * 1024..(n + 1) * 1024).map(&sample).collect();
            let mut frame = [own.clone(), own.clone()];
            let rate = tonal.next(&mut frame, RATE, 48, 4096);
            assert_eq!(frame[0], frame[1]);
            (rate, frame[0] != own)
        });
        rates.collect()
    }

    fn sine(at: usize, amplitude: f32) -> f32 {
        amplitude * (std::f32::consts::TAU * (at % 48) as f32 / 48.0).sin()
    }

    #[test]
    fn what_is_no_loud_tone_passes_untouched() {
        for quiet in [0.0, 0.01, 0.3] {
            assert!(rates(|at| sine(at, quiet)).iter().all(|rate| *rate == (RATE, false)));
        }
        // A pulse train, as loud as speech gets.
        assert!(rates(|at| if at % 400 < 40 { sine(at, 0.9) } else { 0.0 }).iter().all(|rate| *rate == (RATE, false)));
    }

    #[test]
    fn a_loud_tone_is_dithered_and_gets_no_more_bits_than_it_can_use() {
        let rates = rates(|at| if (20_900..=30_000).contains(&at) { sine(at, 0.8) } else { sine(at, 0.01) });
        let begin = 20_900 / 1024;
        assert!(rates[..begin].iter().all(|rate| *rate == (RATE, false)));
        // 48 of 4096 bits are 2.25 kbit/s.
        assert_eq!(rates[begin].0, 247);
        assert_eq!(rates[begin + 1..begin + 5].iter().map(|rate| rate.0).collect::<Vec<_>>(), [FIRST; 4]);
        assert!(rates[begin + 5..begin + 9].iter().all(|rate| *rate == (MOST, true)), "{rates:?}");
        assert!(rates[begin + 13..].iter().all(|rate| *rate == (RATE, false)), "{rates:?}");
    }

    #[test]
    fn an_empty_frame_is_nothing() {
        assert_eq!(Tonal::default().next(&mut [Vec::new(), Vec::new()], RATE, 0, 4096), RATE);
    }
}
