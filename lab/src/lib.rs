//! The laboratory (test media and measuring instruments): synthetic people, players that analyse what they receive,
//! clocks painted into pictures, a relay, meters; and the two programs that are made of them, [`demo`] and [`mod@bench`].
//!
//! Owns no part of the service: it acts from outside, as publishers, viewers and operators do, and runs FFmpeg and
//! nginx as child processes. Everything it starts ends when its handle is dropped.

pub mod access_units;
pub mod aiortc;
pub mod api;
pub mod bench;
pub mod browser;
pub mod cadence;
pub mod clip;
pub mod clock;
pub mod demo;
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
pub mod watch;
pub mod webrtc;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// Path of the product's binary, which lies beside this program.
///
/// # Errors
/// When it was not built.
pub fn product() -> Result<PathBuf> {
    let path = std::env::current_exe().context("this program's own name")?.with_file_name("tilecast");
    ensure!(path.exists(), "{} is not there; build it first, with `make build`", path.display());
    Ok(path)
}
