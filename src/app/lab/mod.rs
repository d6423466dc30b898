//! Measuring: synthetic people, players that look and listen, clocks painted into pictures, a relay, meters.
//!
//! Owns nothing of the service: it stands outside, as publishers, viewers and operators do, and drives FFmpeg's and nginx's
//! programs as child processes. Everything it starts ends when its handle is dropped.

pub mod aiortc;
pub mod api;
pub mod browser;
pub mod cadence;
pub mod clip;
pub mod clock;
pub mod flv;
pub mod lips;
pub mod meter;
pub mod network;
pub mod people;
pub mod picture;
pub mod process;
pub mod relay;
pub mod sender;
pub mod service;
pub mod tone;
pub mod turn;
pub mod units;
pub mod watch;
pub mod webrtc;
