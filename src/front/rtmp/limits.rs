//! What one connection may cost.

use std::time::Duration;

/// Bounds of one connection. The defaults are what the service runs with; tests make them short.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the first byte to a publish or play request. A person's encoder over a bad mobile link needs about 2 s.
    pub greeting: Duration,
    /// Memory for a peer that has not shown its key, bytes: read buffer, half-read messages and what is held of one command.
    pub greeting_bytes: usize,
    /// Longest media message, bytes. A 4K keyframe at the highest rate is under 4 MB.
    pub message_bytes: usize,
    /// Half-read messages of all chunk streams together, bytes: one of the longest, and room for the others between its chunks.
    pub held_bytes: usize,
    /// Longest silence of a publisher. Encoders send something many times a second even for a black, mute picture.
    pub idle: Duration,
    /// Longest time a peer may take no bytes while some wait for it. The kernel has taken most of a second's worth before, so a
    /// peer that stands still is left within 5 s.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(10),
            greeting_bytes: 64 << 10,
            message_bytes: 8 << 20,
            held_bytes: 9 << 20,
            idle: Duration::from_secs(15),
            stall: Duration::from_secs(4),
        }
    }
}

impl Limits {
    /// What the chunk reader may hold before the key is shown. An eighth each for the read buffer and for messages; a command
    /// takes up to half of the whole when decoded, and the answers to one read another eighth.
    pub(super) fn before_key(&self) -> Caps {
        let eighth = self.greeting_bytes / 8;
        Caps { input: eighth, message: eighth, held: eighth }
    }

    /// What the chunk reader may hold for a peer that was let in.
    pub(super) fn after_key(&self) -> Caps {
        Caps { input: READ_BYTES, message: self.message_bytes, held: self.held_bytes }
    }
}

/// Read buffer of a peer that was let in, bytes: about one read of a loaded socket, so that a keyframe takes few system calls.
const READ_BYTES: usize = 64 << 10;

/// What a chunk reader may hold, bytes.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Read buffer.
    pub input: usize,
    /// Longest message.
    pub message: usize,
    /// Half-read messages together.
    pub held: usize,
}
