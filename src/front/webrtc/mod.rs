//! WebRTC: clients publish by WHIP (RFC 9725) and watch by WHEP (draft-ietf-wish-whep), all through one port; and as a client
//! itself, the front pulls from other servers and pushes to them.
//!
//! Owns the [`Port`], every session and what is agreed with each client; REST is [`super::api`]'s, places and programs are the
//! rooms'. One task a session, which ends with the client, with its seat, with its room, or with the front; one task each for
//! the UDP socket and the TCP listener. `peer` is the one place that makes a peer, `session` its conversation without sockets,
//! `run` the two together. A session that
//! we ask for is `client`'s: it has a UDP socket of its own and lives within the task of the pull or the output.

pub mod bucket;
mod client;
mod color;
mod deadlines;
mod egress;
mod error;
mod fragment;
pub mod frame;
pub mod h264;
mod ingest;
mod keyframes;
mod layers;
mod loss_recovery;
mod offer;
pub mod peer;
pub mod port;
mod request;
pub mod run;
mod servers;
pub mod session;
mod timeline;

#[cfg(test)]
mod tests;

pub use client::Client;
pub use error::{CallError, End, Error};
pub use fragment::Fragment;
pub use peer::Role;
pub use port::Port;
pub use request::Endpoint;
pub use run::Sent;
pub use servers::IceServers;
