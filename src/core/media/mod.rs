//! The vocabulary of media: timestamps, codecs, packets, the GOP cache and the fan-out of encoded packets, levels, sizes.
//!
//! Holds no socket, thread or clock: time is an argument, bytes are [`bytes::Bytes`].

pub mod color;
pub mod fanout;
pub mod geometry;
pub mod gop;
pub mod levels;
pub mod nal;
pub mod packet;
pub mod time;

pub use color::ColorSpace;
pub use geometry::{Rect, Size};
pub use gop::GopCache;
pub use levels::{Heard, Levels};
pub use packet::{AudioCodec, Codec, Packet, Role, Track, VideoCodec};
pub use time::Timestamp;
