//! SSRF guard (egress allow-list): addresses that people name for pulls and pushes, and the one way to connect to them.
//!
//! A person who may name an address must not reach what only this machine can reach (server-side request forgery). So
//! every connection goes through [`Connector`]. It resolves a name once, checks the result with [`AddressPolicy`], and
//! connects to exactly that result.

mod connector;
mod policy;
mod url;

pub use connector::{ConnectError, Connection, Connector, Duplex, Stream};
pub use policy::AddressPolicy;
pub use url::{HttpUrl, InvalidUrl, RtmpUrl};
