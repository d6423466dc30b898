//! RTMP's chunk layer (Adobe RTMP 1.0 §5.3): bytes to messages and back, bounded, without a socket.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use reader::{ChunkReader, Fault};
pub use writer::ChunkWriter;

use bytes::Bytes;

/// Message type ids (§5.4, §6.1, §7.1).
pub mod kind {
    /// Set Chunk Size
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// Abort Message
    pub const ABORT: u8 = 2;
    /// Acknowledgement
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User Control
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size
    pub const WINDOW_SIZE: u8 = 5;
    /// Set Peer Bandwidth
    pub const PEER_BANDWIDTH: u8 = 6;
    /// Audio
    pub const AUDIO: u8 = 8;
    /// Video
    pub const VIDEO: u8 = 9;
    /// Command in AMF3 form: one byte, then AMF0
    pub const COMMAND_AMF3: u8 = 17;
    /// Data in AMF0
    pub const DATA: u8 = 18;
    /// Command in AMF0
    pub const COMMAND: u8 = 20;
    /// Aggregate: a run of FLV tags
    pub const AGGREGATE: u8 = 22;
}

/// The largest value of the 24-bit timestamp field, which says that 32 bits follow (§5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// See [`kind`].
    pub kind: u8,
    /// Message stream id; 0 is the connection itself.
    pub stream: u32,
    /// ms, wrapping at 2^32
    pub timestamp: u32,
    /// What it carries.
    pub payload: Bytes,
}
