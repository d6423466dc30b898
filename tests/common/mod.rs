//! Shared test support: bounded child processes, and a small RTMP server.

// Each test binary uses only a part of this.
#![allow(dead_code)]

pub mod media;
pub mod process;
pub mod relay;
