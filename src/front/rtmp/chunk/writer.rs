//! Messages to chunks.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{EXTENDED, kind};

/// Below this many bytes a payload is copied next to its header: cheaper than a slice of its own in the write call.
const COPY_BELOW: usize = 1024;

/// Most slices in one write call; Linux takes 1024, and 64 of them are a burst of a GOP cache.
const MAX_SLICES: usize = 64;

/// Chunk stream ids. One a kind, so that every player and server can follow; 2 is reserved for control (§5.3.1.1).
const CONTROL: u8 = 2;
const COMMAND: u8 = 3;
const AUDIO: u8 = 4;
const DATA: u8 = 5;
const VIDEO: u8 = 6;

/// Bytes waiting to be sent to one peer. Every message begins with a full header, so none depends on the one before; large
/// payloads are shared, never copied.
#[derive(Debug)]
pub struct ChunkWriter {
    chunk_size: usize,
    queue: VecDeque<Bytes>,
    tail: BytesMut,
    queued: usize,
}

impl Default for ChunkWriter {
    fn default() -> Self {
        Self { chunk_size: 128, queue: VecDeque::new(), tail: BytesMut::new(), queued: 0 }
    }
}

impl ChunkWriter {
    /// Bytes that wait.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Announces and uses another chunk size, 128 bytes or more.
    pub fn set_chunk_size(&mut self, bytes: u32) {
        self.message(kind::SET_CHUNK_SIZE, 0, 0, &bytes.to_be_bytes(), &Bytes::new());
        self.chunk_size = bytes as usize;
    }

    /// Queues one message whose payload is `head`, at most 64 bytes of it, followed by `body`.
    pub fn message(&mut self, kind: u8, stream: u32, timestamp: u32, head: &[u8], body: &Bytes) {
        let id = chunk_stream(kind);
        let length = head.len() + body.len();
        let before = self.tail.len();
        self.tail.put_u8(id);
        self.tail.put_uint(u64::from(timestamp.min(EXTENDED)), 3);
        self.tail.put_uint(length as u64, 3);
        self.tail.put_u8(kind);
        self.tail.put_u32_le(stream);
        self.put_extended(timestamp);
        self.tail.put_slice(head);
        self.queued += self.tail.len() - before;

        let mut rest = body.clone();
        let mut room = self.chunk_size.saturating_sub(head.len());
        loop {
            let part = rest.split_to(room.min(rest.len()));
            self.put_payload(part);
            if rest.is_empty() {
                return;
            }
            let before = self.tail.len();
            self.tail.put_u8(0xc0 | id);
            self.put_extended(timestamp);
            self.queued += self.tail.len() - before;
            room = self.chunk_size;
        }
    }

    fn put_extended(&mut self, timestamp: u32) {
        if timestamp >= EXTENDED {
            self.tail.put_u32(timestamp);
        }
    }

    fn put_payload(&mut self, part: Bytes) {
        self.queued += part.len();
        if part.len() < COPY_BELOW {
            self.tail.put_slice(&part);
        } else {
            self.seal();
            self.queue.push_back(part);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(self.tail.split().freeze());
        }
    }

    /// Fills `slices` with what waits, in order; returns how many were filled.
    pub fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        self.seal();
        let filled = self.queue.len().min(MAX_SLICES);
        for (slice, bytes) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(bytes);
        }
        filled
    }

    /// Forgets the first `count` bytes, which were sent.
    pub fn advance(&mut self, mut count: usize) {
        self.queued = self.queued.saturating_sub(count);
        while count > 0 {
            let Some(front) = self.queue.front_mut() else { return };
            let step = count.min(front.len());
            front.advance(step);
            count -= step;
            if front.is_empty() {
                self.queue.pop_front();
            }
        }
    }

    /// Forgets everything that waits, towards a peer that takes no more.
    pub fn discard(&mut self) {
        self.queue.clear();
        self.tail.clear();
        self.queued = 0;
    }

    /// Empty slices for [`ChunkWriter::slices`].
    pub fn no_slices<'a>() -> [IoSlice<'a>; MAX_SLICES] {
        [IoSlice::new(&[]); MAX_SLICES]
    }
}

fn chunk_stream(kind: u8) -> u8 {
    match kind {
        kind::AUDIO => AUDIO,
        kind::VIDEO => VIDEO,
        kind::DATA => DATA,
        kind::COMMAND | kind::COMMAND_AMF3 => COMMAND,
        _ => CONTROL,
    }
}
