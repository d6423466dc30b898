//! Containers: CMAF segments (fragmented MP4), HLS playlists, the index of a recording's file, plain MP4 and WebVTT.
//!
//! A stream is cut once. [`cmaf`] makes of its [`Packet`](crate::media::Packet)s an initialization segment, parts and segments;
//! those are the live stream that [`playlist`] lists, and, appended to a file, the recording. [`index`] reads such a file back
//! after a crash, and [`mp4`] describes it as a plain MP4 without copying the media. [`vtt`] writes chapters and thumbnails.
//!
//! Pure and sans-IO: no clock, no I/O, no lock, no thread. Bytes come in and go out, time is an argument, and whatever came from
//! outside is bounded. Nothing here has to be stopped.

pub mod bits;
pub mod boxes;
pub mod cmaf;
pub mod codec;
pub mod index;
pub mod mp4;
pub mod playlist;
pub mod vtt;
