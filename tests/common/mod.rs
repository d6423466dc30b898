//! What several test files need: programs of the system run bounded, and a small RTMP server.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

pub mod media;
pub mod process;
pub mod relay;
