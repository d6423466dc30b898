//! One connection after its handshake: messages in and out, and the control messages that keep it going.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};

use super::{
    Error,
    amf::Writer,
    chunk::{ChunkReader, ChunkWriter, Message, kind},
    limits::Caps,
};

/// Our chunk size, bytes: a frame of ordinary video is one chunk, and every server tried takes it.
pub const CHUNK_SIZE: u32 = 65_536;

/// How many bytes a peer should send between acknowledgements of ours, and we of its.
pub const WINDOW: u32 = 2_500_000;

/// Shortest acknowledgement interval, bytes, so that a peer cannot have one for every byte.
const SHORTEST_INTERVAL: u32 = 4096;

/// Longest farewell: two round trips around the world, and no reason to wait for a peer that does not answer.
pub const FAREWELL: Duration = Duration::from_secs(2);

/// User control events (RTMP 1.0 §7.1.7).
pub const STREAM_BEGIN: u16 = 0;
/// See [`STREAM_BEGIN`].
pub const STREAM_EOF: u16 = 1;
/// See [`STREAM_BEGIN`].
pub const SET_BUFFER_LENGTH: u16 = 3;
const PING_REQUEST: u16 = 6;
const PING_RESPONSE: u16 = 7;

/// A stream of bytes as a stream of messages.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    reader: ChunkReader,
    /// What waits to be sent.
    pub writer: ChunkWriter,
    /// Written bytes may still wait inside the stream (TLS).
    unflushed: bool,
    /// When bytes last moved, while some wait.
    moved: Option<Instant>,
    received: u32,
    acknowledged: u32,
    interval: u32,
    bandwidth: u32,
    stall: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Over a stream whose handshake is done.
    pub fn new(stream: S, caps: Caps, stall: Duration) -> Self {
        Self {
            stream,
            reader: ChunkReader::new(caps),
            writer: ChunkWriter::default(),
            unflushed: false,
            moved: None,
            received: 0,
            acknowledged: 0,
            interval: u32::MAX,
            bandwidth: 0,
            stall,
        }
    }

    /// What the peer may make us hold from now on.
    pub fn set_caps(&mut self, caps: Caps) {
        self.reader.set_caps(caps);
    }

    /// The next message that is not the connection's own upkeep; `None` when the peer closed. Sends what waits before it reads
    /// more, so that a peer that does not read cannot pile up replies. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Message>, Error> {
        loop {
            while let Some(message) = self.reader.read_message().map_err(|fault| self.fault(fault))? {
                if !self.upkeep(&message) {
                    return Ok(Some(message));
                }
            }
            match self.flush().await {
                // A peer that has closed may have said goodbye first: what it sent is still to be read.
                Err(Error::Io(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    self.writer.discard();
                    self.unflushed = false;
                }
                sent => sent?,
            }
            let count = self.stream.read_buf(self.reader.input()).await?;
            if count == 0 {
                return Ok(None);
            }
            self.acknowledge(count);
        }
    }

    /// The error for a fault in what was just read.
    pub fn fault(&self, fault: impl Into<super::chunk::Fault>) -> Error {
        Error::Protocol { at: self.reader.consumed(), fault: fault.into() }
    }

    /// Sends everything that waits. Fails when the peer takes nothing for the stall bound, over however many calls. Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        while self.writer.queued() > 0 || self.unflushed {
            let deadline = *self.moved.get_or_insert_with(Instant::now) + self.stall;
            let sent = timeout_at(deadline, self.write_some()).await.map_err(|_| Error::Stalled(self.stall))??;
            self.writer.advance(sent);
            self.moved = Some(Instant::now());
        }
        self.moved = None;
        Ok(())
    }

    /// Writes once, or flushes if nothing waits; the bytes that went.
    async fn write_some(&mut self) -> io::Result<usize> {
        if self.writer.queued() == 0 {
            self.stream.flush().await?;
            self.unflushed = false;
            return Ok(0);
        }
        let mut slices = ChunkWriter::no_slices();
        let count = self.writer.slices(&mut slices);
        let stream = &mut self.stream;
        let sent =
            std::future::poll_fn(|context| Pin::new(&mut *stream).poll_write_vectored(context, &slices[..count]))
                .await?;
        self.unflushed = true;
        if sent == 0 { Err(ErrorKind::WriteZero.into()) } else { Ok(sent) }
    }

    /// Sends what waits, says that nothing more comes unless the peer is to close first, and waits until the peer has closed, so
    /// that the last words are read and not reset away; at most `limit`.
    pub async fn close(mut self, peer_first: bool, limit: Duration) {
        let farewell = async {
            self.flush().await?;
            if !peer_first {
                self.stream.shutdown().await?;
            }
            // Whatever the peer still sends is dropped a buffer at a time.
            let mut sink = [0; 4096];
            while self.stream.read(&mut sink).await? > 0 {}
            Ok::<(), Error>(())
        };
        // A peer that is gone or does not close needs no farewell.
        let _ = timeout(limit, farewell).await;
    }

    /// Queues a user control message.
    pub fn user_control(&mut self, event: u16, values: &[u32]) {
        let mut head = Vec::with_capacity(2 + 4 * values.len());
        head.extend_from_slice(&event.to_be_bytes());
        for value in values {
            head.extend_from_slice(&value.to_be_bytes());
        }
        self.control(kind::USER_CONTROL, &head);
    }

    /// Queues a protocol control message.
    pub fn control(&mut self, kind: u8, payload: &[u8]) {
        self.writer.message(kind, 0, 0, payload, &Bytes::new());
    }

    /// Queues a command on message stream `stream`.
    pub fn command(&mut self, stream: u32, payload: &Bytes) {
        self.writer.message(kind::COMMAND, stream, 0, &[], payload);
    }

    /// Queues the end of message stream `stream` towards a server (§7.2.1.3).
    pub fn delete_stream(&mut self, stream: u32) {
        let end = Writer::command("deleteStream", 0.0).null().number(f64::from(stream)).finish();
        self.command(0, &end);
    }

    /// Deals with what concerns the connection alone; false for what does not.
    fn upkeep(&mut self, message: &Message) -> bool {
        let word = |at: usize| message.payload.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
        match message.kind {
            kind::ACKNOWLEDGEMENT => {}
            kind::WINDOW_SIZE => {
                // Half the window, as librtmp does: a sender that waits for an acknowledgement then never has to.
                self.interval = word(0).map_or(self.interval, |window| (window / 2).max(SHORTEST_INTERVAL));
            }
            kind::PEER_BANDWIDTH => {
                if let Some(bandwidth) = word(0).filter(|&b| b != self.bandwidth) {
                    self.bandwidth = bandwidth;
                    self.control(kind::WINDOW_SIZE, &bandwidth.to_be_bytes());
                }
            }
            kind::USER_CONTROL if message.payload.starts_with(&PING_REQUEST.to_be_bytes()) => {
                if let Some(time) = word(2) {
                    self.user_control(PING_RESPONSE, &[time]);
                }
            }
            _ => return false,
        }
        true
    }

    /// Counts what was received and acknowledges it with the running total (§5.4.3).
    fn acknowledge(&mut self, count: usize) {
        self.received = self.received.wrapping_add(count as u32);
        if self.received.wrapping_sub(self.acknowledged) >= self.interval {
            self.acknowledged = self.received;
            self.control(kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
    }
}
