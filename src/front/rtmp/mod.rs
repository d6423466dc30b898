//! The RTMP protocol, both ways: the listener session ([`accept`]) and the [`client`].
//!
//! Owns bytes, messages and timestamps of one connection at a time; knows nothing of rooms, keys or listeners, and starts no
//! task. Everything stops by being dropped, or with `finish`, which says goodbye within 2 s. [`Limits`] bound what a peer may
//! cost, and `docs/decisions/0001-rml-rtmp.md` says what is left to the `rml_rtmp` crate and why.

pub mod amf;
mod amf3;
mod amf_walk;
pub mod chunk;
pub mod client;
mod commands;
mod error;
pub mod flv;
mod handshake;
mod limits;
mod net_connection;
pub(super) mod path;
mod receiver;
mod sender;
mod session;
mod wire;

pub use error::Error;
pub use limits::{Caps, Limits};
pub use receiver::Receiver;
pub use sender::Sender;
pub use session::{PlayRequest, PublishRequest, Request, accept, accept_stepwise};

use super::net::address::Stream;

/// A peer that publishes to us.
pub type Publisher<S> = Receiver<S>;
/// A peer that plays from us.
pub type Player<S> = Sender<S>;
/// A stream we publish to another server.
pub type Publication = Sender<Stream>;
/// A stream we play from another server.
pub type Playback = Receiver<Stream>;
