//! Foundations of every other folder: ids, content hashes, secrets that redact themselves, backoff, named tasks and
//! their shutdown.
//!
//! This folder knows nothing of media, sockets or rooms. It starts nothing by itself; other folders start and stop
//! their tasks with [`tasks::Tasks`].

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
