//! FLV tag bodies (Adobe Flash Video File Format 10.1, annex E; Enhanced RTMP v2 for what came later) to packets and back.

mod file;
mod headers;
mod incoming;
mod outgoing;
mod tag;
#[cfg(test)]
mod tests;
mod timeline;
mod write;

pub use file::{FileFault, FileReader};
pub use incoming::{Incoming, Media};
pub use outgoing::Outgoing;
pub use tag::{Unit, Unsupported, audio, video};
pub use timeline::Timeline;
