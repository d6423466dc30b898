//! What every socket of the front needs: who may connect and be connected to, how many at once, how long to wait.
//!
//! Owns the listeners' admission ([`accept`]) and HTTP server ([`serve`]), the address policy and the connector ([`address`]), rate
//! limits ([`rate`], [`guess`]), API keys ([`keys`]), one HTTP/1 exchange for everything that is a client ([`exchange`]), and the wait
//! between attempts ([`retry`]). Knows no protocol but HTTP and no room.

pub mod accept;
pub mod address;
pub(super) mod exchange;
pub mod guess;
pub mod keys;
pub(super) mod low_delay;
pub mod origin;
pub mod prefix;
pub mod rate;
pub(super) mod retry;
pub mod serve;
