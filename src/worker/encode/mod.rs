//! The program's encoders: composed frames and mixed sound in, program packets out.
//!
//! Owns the encoder pipelines of `pipelines/video` and `pipelines/audio`. Their callbacks copy and send, nothing else. An
//! encoder ends by [`Video::finish`], which sends what it still holds.

mod audio;
mod video;

pub use audio::{Audio, AudioError, Form};
pub use video::{EncodeError, Video};
