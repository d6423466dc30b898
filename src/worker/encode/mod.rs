//! Encoders of the program: composed frames and mixed sound in, program packets out.
//!
//! This folder owns the encoder pipelines of `pipelines/video` and `pipelines/audio`, and FFmpeg's AAC. The callbacks
//! of the pipelines copy and send, and do nothing else. An encoder ends by `finish`, which sends what it still holds.

mod aac;
mod opus;
mod tonal;
mod video;

pub use aac::{AacEncoder, AacError};
pub use opus::{OpusEncoder, OpusEncoderError};
pub use video::{EncodeError, Video};
