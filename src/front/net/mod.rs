//! Networking of the front: who may connect and be connected to, how many at once, how long to wait.
//!
//! Owns the listeners' admission ([`accept`]) and HTTP server ([`serve`]), the address policy and the connector
//! ([`address`]), rate limits ([`rate`], [`guess`]), API keys ([`keys`]), the HTTP/1 client (`exchange`), and retry
//! delays (`retry`). Knows no protocol but HTTP, and no room.

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
