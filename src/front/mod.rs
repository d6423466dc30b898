//! Every socket, every decision, every secret: doors, rooms, outputs, the REST API, and the other fronts. Safe Rust only.

#![forbid(unsafe_code)]

pub mod accept;
pub mod api;
pub mod auth;
pub mod docker_gate;
pub mod door;
pub mod engine;
pub mod events;
pub mod fleet;
mod get;
mod low_delay;
pub mod metrics;
pub mod output;
pub mod pull;
pub mod raster;
mod retry;
pub mod room;
pub mod rtmp;
pub mod srs;
pub mod webrtc;
