//! Resource limits of a drawing process.

/// Memory, bytes: the largest picture that is read at 16 bits per channel, and a copy at 8 bits.
pub const MEMORY: u64 = 256 << 20;
/// CPU time, s: ten times the time of the largest usual upload.
pub const CPU_SECONDS: u64 = 2;
