//! Media types: timestamps, codecs, packets (access units), the GOP cache, the fan-out of encoded packets, levels,
//! sizes.
//!
//! This folder has no socket, thread or clock: time is an argument, bytes are [`bytes::Bytes`].

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
