//! The front (control plane and network I/O): every socket, every decision, every secret. Safe Rust only.
//!
//! Floors, from the ground up; each may use only those below it: [`net`], [`model`], [`metrics`] and [`raster`], [`rtmp`] and [`webrtc`],
//! [`docker`] and [`docker_gate`], [`sources`] and [`outputs`], [`engine`], [`room`], [`cluster`], [`doors`], [`api`].

#![forbid(unsafe_code)]

pub mod api;
pub mod cluster;
pub mod docker;
pub mod docker_gate;
pub mod doors;
pub mod engine;
pub mod metrics;
pub mod model;
pub mod net;
pub mod outputs;
pub mod raster;
pub mod room;
pub mod rtmp;
pub mod sources;
pub mod webrtc;
