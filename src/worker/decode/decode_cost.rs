//! Decoder benchmark: decoding and scaling alone, as fast as possible, to divide a decoder's CPU time into both.

use rustix::time::{ClockId, clock_gettime};

use super::{
    codec::{Decoder, Frame},
    scale::{Scaler, Target},
};
use tilecast_core::{
    layout::{Canvas, fit::Wish},
    media::{Codec, Packet, Role, Size},
};

/// Total CPU time, ns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeCost {
    decode: f64,
    decode_light: f64,
    scale: f64,
}

impl DecodeCost {
    /// Divides the time of a decoder's thread into decoding and scaling.
    pub fn split(&self, used: f64, light: bool) -> (f64, f64) {
        let decode = if light { self.decode_light } else { self.decode };
        let share = decode / (decode + self.scale).max(1.0);
        (used * share, used * (1.0 - share))
    }
}

/// Decodes a GOP of H.264 twice, its configuration first, and scales its pictures to `target`; `None` on failure.
pub fn cost_of_decoding(packets: &[Packet], target: Size) -> Option<DecodeCost> {
    let (decode, frames) = decode(packets, false)?;
    let (decode_light, _) = self::decode(packets, true)?;
    let target = Target { size: target, wish: Wish::default(), background: Canvas::BACKGROUND };
    let mut scaler = Scaler::default();
    let begun = now();
    for frame in &frames {
        scaler.scale(frame, target).ok()?;
    }
    Some(DecodeCost { decode, decode_light, scale: now() - begun })
}

fn decode(packets: &[Packet], light: bool) -> Option<(f64, Vec<Frame>)> {
    let config = packets.first().filter(|packet| packet.role == Role::Config)?;
    let Codec::Video(codec) = config.codec else { return None };
    let mut decoder = Decoder::open(codec, Some(&config.data)).ok()?;
    decoder.set_light(light);
    let begun = now();
    let mut frames = Vec::new();
    for packet in packets.iter().filter(|packet| packet.role != Role::Config) {
        decoder.send(packet).ok()?;
        while let Some(frame) = decoder.receive().ok()? {
            frames.push(frame);
        }
    }
    (!frames.is_empty()).then(|| (now() - begun, frames))
}

/// CPU time of this thread, ns.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
