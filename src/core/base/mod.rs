//! What every other room stands on: ids, content hashes, secrets that redact themselves, backoff, named tasks and shutdown.
//!
//! Knows nothing of media, sockets or rooms. Nothing here starts by itself; [`tasks::Tasks`] is how the rest starts and stops.

pub mod backoff;
pub mod hash;
pub mod id;
pub mod plain;
pub mod secret;
pub mod tasks;

pub use hash::AssetHash;
pub use id::{AssetName, InvalidId, OutputId, ParticipantId, RoomId, TemplateName};
pub use plain::Plain;
pub use secret::Secret;
