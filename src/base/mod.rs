//! What every other room stands on: ids, secrets that redact themselves, backoff, named tasks and shutdown.
//!
//! Knows nothing of media, sockets or rooms. Nothing here starts by itself; [`tasks::Tasks`] is how the rest starts and stops.

pub mod backoff;
pub mod id;
pub mod secret;
pub mod tasks;

pub use id::{OutputId, ParticipantId, RoomId, TemplateName};
pub use secret::Secret;
