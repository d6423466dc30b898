//! The program's encoders: composed frames and mixed sound in, program packets out.
//!
//! Owns the encoder pipelines of `pipelines/video` and `pipelines/audio`, whose callbacks copy and send, nothing else, and
//! FFmpeg's AAC. An encoder ends by `finish`, which sends what it still holds.

mod aac;
mod opus;
mod tonal;
mod video;

pub use aac::{AacEncoder, AacError};
pub use opus::{OpusEncoder, OpusEncoderError};
pub use video::{EncodeError, Video};
