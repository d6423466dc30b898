//! Addresses that people give us to pull from and push to, and the one way out to them.
//!
//! Whoever may name an address must not reach what only this machine can reach (server-side request forgery). So every
//! connection goes through [`Connector`], which resolves once, asks [`AddressPolicy`] about the result and connects to exactly
//! that.

mod connector;
mod policy;
mod url;

pub use connector::{ConnectError, Connection, Connector, Duplex, Stream};
pub use policy::AddressPolicy;
pub use url::{HttpUrl, InvalidUrl, RtmpUrl};
