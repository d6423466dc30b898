//! The real worker over a real link, with real media.
#![allow(missing_docs, clippy::unwrap_used)]

mod confined;
mod dress;
mod front;
mod hangs;
mod intruder;
mod ladder;
mod media;
mod motion;
mod pictures;
mod program;
mod webrtc;
