//! WebRTC: clients publish by WHIP (RFC 9725) and watch by WHEP (draft-ietf-wish-whep), all through one port.
//!
//! Owns the [`Port`], every session and what is agreed with each client; REST is [`super::api`]'s, places and programs are the
//! rooms'. One task a session, which ends with the client, with its seat, with its room, or with the front; one task each for
//! the UDP socket and the TCP listener. `peer` is the one place that makes a peer, `session` its conversation without sockets,
//! `run` the two together.

mod door;
mod error;
mod fragment;
mod frame;
mod h264;
mod intake;
mod keyframes;
mod layers;
mod outlet;
mod peer;
pub mod port;
mod run;
mod servers;
mod session;
mod stage;
mod timeline;

#[cfg(test)]
mod tests;

pub use door::{Answer, Changed, SessionId, WebRtc};
pub use error::{End, Error};
pub use fragment::Fragment;
pub use peer::Role;
pub use port::Port;
pub use servers::IceServers;
