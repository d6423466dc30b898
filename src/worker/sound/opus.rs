//! Opus decoding with packet loss concealment and in-band FEC.
//!
//! A lost packet shows in the timestamps of the next one. The last of several lost packets is decoded from the copy in
//! the next packet, if it carries one (in-band FEC, RFC 6716 §2.1.7). The others are concealed from the sound before
//! them. Nothing waits for this: a packet is decoded when it arrives.

use opusic_c::{Channels, Decoder, ErrorCode, SampleRate};

use super::{RATE, Stereo, amplitude::tame};
use tilecast_core::media::Timestamp;

/// Most sound in one packet, samples: 120 ms (RFC 6716 §2.1.4).
const MAX_PACKET: usize = RATE as usize * 120 / 1000;

/// Longest sound that is concealed at once, samples: four packets of 20 ms. Beyond it libopus changes to noise, and a
/// longer hole is silence instead. The limit also bounds the work that one packet with an odd timestamp can cause.
const MAX_CONCEALED: usize = RATE as usize * 80 / 1000;

/// Granularity of Opus: sound is coded in pieces of this many samples, 2.5 ms.
const PIECE: usize = RATE as usize / 400;

/// If a packet is this far behind the sound before it, samples, it is not late: the sender's clock was set back. 1 s.
const SET_BACK: i64 = RATE as i64;

/// Packets up to this length, bytes, announce silence (DTX): a header, and nothing worth coding (RFC 6716 §2.1.9).
const REST: usize = 2;

/// Bytes of the output gain and the mapping family in an OpusHead (RFC 7845 §5.1).
const HEAD_GAIN: std::ops::Range<usize> = 16..18;
const HEAD_FAMILY: usize = 18;

/// Why an Opus packet gave no sound.
#[derive(Debug, thiserror::Error)]
pub enum OpusError {
    /// The bytes are no packet, or libopus cannot decode it.
    #[error("the Opus decoder refuses it: {0:?}")]
    Refused(ErrorCode),
}

impl From<ErrorCode> for OpusError {
    fn from(code: ErrorCode) -> Self {
        Self::Refused(code)
    }
}

pub struct Opus {
    decoder: Decoder,
    /// Presentation time after the last decoded sound.
    next: Option<Timestamp>,
    rests: bool,
    values: Vec<f32>,
    samples: Vec<Stereo>,
}

/// True if the stream has one or two channels, as far as its OpusHead says. A stream without one has.
pub fn takes(head: Option<&[u8]>) -> bool {
    head.and_then(|head| head.get(HEAD_FAMILY)).is_none_or(|family| *family == 0)
}

impl Opus {
    /// Opens a decoder; `head` is the OpusHead, if one came.
    pub fn open(head: Option<&[u8]>) -> Result<Self, OpusError> {
        let mut decoder = Decoder::new(Channels::Stereo, SampleRate::Hz48000)?;
        if let Some(gain) = head.and_then(|head| head.get(HEAD_GAIN)?.first_chunk().copied()) {
            decoder.set_gain(i16::from_le_bytes(gain).into())?;
        }
        let (values, samples) = (vec![0.0; 2 * MAX_PACKET], Vec::with_capacity(MAX_PACKET));
        Ok(Self { decoder, next: None, rests: false, values, samples })
    }

    /// Decodes one packet after filling the gap to the packet before, and hands the samples to `sink` with the
    /// presentation time of the first. A packet whose time is filled already is ignored.
    pub fn decode(
        &mut self,
        pts: Timestamp,
        data: &[u8],
        mut sink: impl FnMut(Timestamp, &[Stereo]),
    ) -> Result<(), OpusError> {
        let length = self.decoder.get_nb_samples(data)?;
        let missing = self.next.map_or(0, |next| samples_between(next, pts));
        // Senders and gateways round timestamps, by less than half a packet. A lost packet shifts them by a whole one.
        let half = (length / 2) as i64;
        if (-SET_BACK..-half).contains(&missing) {
            return Ok(());
        }
        if let Some(next) = self.next.filter(|_| missing > half) {
            self.conceal(next, pts, missing as usize, data, length, &mut sink)?;
        }
        let decoded = self.run(data, length, false)?;
        sink(pts, decoded);
        self.rests = data.len() <= REST;
        self.next = Some(after(pts, length));
        Ok(())
    }

    /// True when the last packet announced silence (DTX).
    pub fn rests(&self) -> bool {
        self.rests
    }

    fn conceal(
        &mut self,
        next: Timestamp,
        pts: Timestamp,
        missing: usize,
        data: &[u8],
        length: usize,
        sink: &mut impl FnMut(Timestamp, &[Stereo]),
    ) -> Result<(), OpusError> {
        let copied = if missing + PIECE > length { length } else { 0 };
        let guessed = (missing.saturating_sub(copied) + PIECE / 2) / PIECE * PIECE;
        if guessed > 0 {
            let guessed = self.run(&[], guessed.min(MAX_CONCEALED), false)?;
            sink(next, guessed);
            // Whatever happens to the packet itself, this sound is placed.
            self.next = Some(after(next, self.samples.len()));
        }
        if copied > 0 {
            let copy = self.run(data, copied, true)?;
            sink(before(pts, copied), copy);
            self.next = Some(pts);
        }
        Ok(())
    }

    /// Runs the decoder for `length` samples: from `data`, from the copy of the packet before in `data`, or without
    /// data.
    fn run(&mut self, data: &[u8], length: usize, copy: bool) -> Result<&[Stereo], OpusError> {
        let values = &mut self.values[..2 * length.min(MAX_PACKET)];
        let decoded = self.decoder.decode_float_to_slice(data, values, copy)?;
        self.samples.clear();
        self.samples.extend(values.as_chunks().0.iter().take(decoded).map(|sample: &Stereo| sample.map(tame)));
        Ok(&self.samples)
    }
}

fn samples_between(from: Timestamp, to: Timestamp) -> i64 {
    let nanos = i128::from(to.nanos()) - i128::from(from.nanos());
    let samples = (nanos * i128::from(RATE) + 500_000_000).div_euclid(1_000_000_000);
    samples.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

fn after(at: Timestamp, samples: usize) -> Timestamp {
    at + Timestamp::from_units(samples as i64, RATE).since(Timestamp::ZERO)
}

fn before(at: Timestamp, samples: usize) -> Timestamp {
    at - Timestamp::from_units(samples as i64, RATE).since(Timestamp::ZERO)
}
