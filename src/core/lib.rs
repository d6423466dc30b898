//! What the front and the worker share. Each folder may use only the folders before it in this list: [`base`],
//! [`media`], [`mux`], [`layout`], [`sandbox`], [`speaker`], [`cost`], [`draw`], [`link`]. No folder here opens a socket to the
//! world, and the only C code they call is the system's own library.

pub mod base;
pub mod cost;
pub mod draw;
pub mod layout;
pub mod link;
pub mod media;
pub mod mux;
pub mod sandbox;
pub mod speaker;
