//! What drawing one thing may take, in a process of its own.

/// Memory, bytes: the largest picture that is read, at 16 bits a channel, and at 8 beside it.
pub const MEMORY: u64 = 256 << 20;
/// Time of one core, s: ten times what the largest usual upload takes.
pub const CPU_SECONDS: u64 = 2;
