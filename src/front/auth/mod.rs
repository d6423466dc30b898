//! Who may do what: API keys and request rates ([`keys`], [`rate`]), that a request comes from where it says ([`origin`]),
//! and where this server may connect to ([`address`]). Owns no task, so there is nothing to stop.

pub mod address;
pub mod guess;
pub mod keys;
pub mod origin;
pub mod prefix;
pub mod rate;
