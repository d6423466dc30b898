//! Tilecast merges the live streams of a meeting into one: RTMP in, a tiled picture and mixed sound, RTMP out, by REST.
//!
//! The rooms of the house, each of which may use only those above it: [`base`], [`media`], [`layout`], [`sandbox`], [`speaker`],
//! [`cost`], [`draw`], [`link`], then [`worker`] and [`front`], which never see each other, then [`app`]. `docs/architecture.md` draws them.

pub mod app;
pub mod base;
pub mod cost;
pub mod draw;
pub mod front;
pub mod layout;
pub mod link;
pub mod media;
pub mod sandbox;
pub mod speaker;
pub mod worker;
