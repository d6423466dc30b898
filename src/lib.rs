//! Tilecast merges the live streams of a meeting into one: RTMP in, a tiled picture and mixed sound, RTMP out, by REST.
//!
//! The folders, each of which may use only those before it: [`base`], [`media`], [`layout`], [`sandbox`], [`speaker`],
//! [`cost`], [`draw`], [`link`] (together the package `tilecast-core`), then [`worker`] (the package `tilecast-worker`)
//! and [`front`], which never see each other, then [`app`]. `docs/architecture.md` describes them.

pub mod app;
pub mod front;

pub use tilecast_core::{base, cost, draw, layout, link, media, mux, sandbox, speaker};
pub use tilecast_worker as worker;
