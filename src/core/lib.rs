//! What front and worker both know, in rooms each of which may use only those before it: [`base`], [`media`], [`layout`],
//! [`sandbox`], [`mux`], [`speaker`], [`cost`], [`draw`], [`link`]. No room here opens a socket to the world or calls anything written in C but
//! the system's own library.

pub mod base;
pub mod cost;
pub mod draw;
pub mod layout;
pub mod link;
pub mod media;
pub mod mux;
pub mod sandbox;
pub mod speaker;
