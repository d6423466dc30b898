//! Chunks to messages.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    super::{amf_walk, limits::Caps},
    EXTENDED, Message, kind,
};

/// Chunk size before the peer sets another (§5.4.1).
const DEFAULT_CHUNK_SIZE: usize = 128;

/// Most chunk streams of one peer. Encoders use three to six.
const MAX_CHUNK_STREAMS: usize = 64;

/// Longest command, bytes. A `connect` with everything in it is under 2 KiB.
const MAX_COMMAND_BYTES: usize = 16 << 10;

/// First allocation for a message, bytes: the announced length is only a claim, and the rest grows as bytes come.
const FIRST_RESERVE: usize = 256 << 10;

/// Longest step, ms, that a type 3 chunk can mean when it follows a type 0 chunk. By §5.3.1.2.4 the step is that chunk's
/// timestamp, and ffmpeg sends it so; nginx-rtmp sends a type 3 chunk for "the same time again". A step this long is the latter.
const LONGEST_STEP: u32 = 10_000;

/// What was wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A chunk that leans on a length that never came.
    #[error("chunk stream {0} begins without a full header")]
    NoHeader(u32),
    /// A new header before the message was complete.
    #[error("chunk stream {0} has a new header inside a message")]
    HeaderInside(u32),
    /// More chunk streams than any encoder uses.
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams")]
    ChunkStreams,
    /// A message longer than this peer may send now.
    #[error("a message of type {kind} with {length} bytes, more than the {limit} allowed here")]
    TooLong {
        /// Message type id
        kind: u8,
        /// bytes
        length: usize,
        /// bytes
        limit: usize,
    },
    /// Half-read messages beyond the bound.
    #[error("half-sent messages of more than {0} bytes together")]
    Held(usize),
    /// A chunk size of 0, or above 2^31 - 1.
    #[error("a chunk size of {0}")]
    ChunkSize(u32),
    /// A control message too short for what it says.
    #[error("a control message of type {0} that ends early")]
    ShortControl(u8),
    /// See [`amf_walk::Malformed`].
    #[error("a command that cannot be read: {0}")]
    Command(#[from] amf_walk::Malformed),
    /// A command where it makes no sense.
    #[error("{0}")]
    OutOfOrder(&'static str),
}

/// Reassembles one peer's messages; chunk streams may interleave. Sans-IO: fill [`ChunkReader::input`], then call
/// [`ChunkReader::read_message`] until it has no more.
///
/// Each payload is copied once, into an allocation of its own size. Sharing the read buffer would save that copy, but then a
/// packet of one byte would hold the whole buffer for as long as a GOP cache holds the packet.
#[derive(Debug)]
pub struct ChunkReader {
    input: BytesMut,
    chunk_size: usize,
    streams: Vec<ChunkStream>,
    /// The chunk being read: index of its stream and bytes still to come.
    open: Option<(usize, usize)>,
    caps: Caps,
    held: usize,
    consumed: u64,
}

#[derive(Debug, Default)]
struct ChunkStream {
    id: u32,
    timestamp: u32,
    step: u32,
    /// The extended field of the last header that had one.
    extended: Option<u32>,
    length: usize,
    kind: u8,
    stream: u32,
    in_message: bool,
    part: Vec<u8>,
}

impl ChunkReader {
    /// A reader at the first byte after the handshake.
    pub fn new(caps: Caps) -> Self {
        Self {
            input: BytesMut::with_capacity(caps.input),
            chunk_size: DEFAULT_CHUNK_SIZE,
            streams: Vec::new(),
            open: None,
            caps,
            held: 0,
            consumed: 0,
        }
    }

    /// What it may hold from now on.
    pub fn set_caps(&mut self, caps: Caps) {
        self.caps = caps;
    }

    /// Where received bytes go: has room for at least one, and never for more than the read buffer's bound.
    pub fn input(&mut self) -> &mut BytesMut {
        let room = self.caps.input.saturating_sub(self.input.len()).max(1);
        self.input.reserve(room);
        &mut self.input
    }

    /// How many bytes were read as RTMP.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// The next whole message, or `None` until more input comes. Chunk size and abort messages are obeyed, not returned.
    pub fn read_message(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            if self.open.is_none() && !self.read_header()? {
                return Ok(None);
            }
            let Some(index) = self.read_payload()? else { return Ok(None) };
            let message = self.complete(index);
            match message.kind {
                kind::SET_CHUNK_SIZE => self.set_chunk_size(control(&message)?)?,
                kind::ABORT => self.abort(control(&message)?),
                _ => return Ok(Some(message)),
            }
        }
    }

    /// Reads one chunk header (§5.3.1) whole; false until all of it is there.
    fn read_header(&mut self) -> Result<bool, Fault> {
        let bytes = &self.input[..];
        let Some((format, id, mut at)) = basic_header(bytes) else { return Ok(false) };
        let Some(fields) = bytes.get(at..at + [11, 7, 3, 0][usize::from(format)]) else { return Ok(false) };
        at += fields.len();
        let known = self.streams.iter().position(|s| s.id == id);
        let (index, fresh) = match known {
            Some(index) => (index, !self.streams[index].in_message),
            // librtmp begins its ping replies with a header without a message stream, which is 0 then.
            None if format > 1 => return Err(Fault::NoHeader(id)),
            None if self.streams.len() >= MAX_CHUNK_STREAMS => return Err(Fault::ChunkStreams),
            None => {
                self.streams.push(ChunkStream { id, ..ChunkStream::default() });
                (self.streams.len() - 1, true)
            }
        };
        if !fresh && format != 3 {
            return Err(Fault::HeaderInside(id));
        }
        let stream = &self.streams[index];
        let field = if format < 3 { u24(fields) } else { 0 };
        let mut extended = if format < 3 { None } else { stream.extended };
        if field == EXTENDED || extended.is_some() {
            let Some(value) = bytes.get(at..at + 4).map(u32_be) else { return Ok(false) };
            // By §5.3.1.3 a type 3 chunk repeats the extended field; old librtmp, and OBS with it, leaves it out.
            if format < 3 || extended == Some(value) || stream.timestamp == value {
                at += 4;
            }
            extended = extended.or(Some(value));
        }
        let time = if format < 3 { extended.unwrap_or(field) } else { stream.step };
        let (length, kind) =
            if format < 2 { (u24(&fields[3..]) as usize, fields[6]) } else { (stream.length, stream.kind) };
        let limit = if matches!(kind, kind::COMMAND | kind::COMMAND_AMF3) {
            MAX_COMMAND_BYTES.min(self.caps.message)
        } else {
            self.caps.message
        };
        if length > limit {
            return Err(Fault::TooLong { kind, length, limit });
        }
        let message_stream =
            if format == 0 { u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]]) } else { stream.stream };

        let stream = &mut self.streams[index];
        if fresh {
            stream.timestamp = if format == 0 { time } else { stream.timestamp.wrapping_add(time) };
            stream.step = if format == 0 && time > LONGEST_STEP { 0 } else { time };
        }
        (stream.extended, stream.length, stream.kind, stream.stream) = (extended, length, kind, message_stream);
        stream.in_message = true;
        self.open = Some((index, (length - stream.part.len()).min(self.chunk_size)));
        self.input.advance(at);
        self.consumed += at as u64;
        Ok(true)
    }

    /// Takes what is there of the open chunk; the stream's index once its message is complete.
    fn read_payload(&mut self) -> Result<Option<usize>, Fault> {
        while let Some((index, left)) = self.open {
            let take = left.min(self.input.len());
            self.reserve(index, take)?;
            self.streams[index].part.extend_from_slice(&self.input[..take]);
            self.input.advance(take);
            self.consumed += take as u64;
            if take < left {
                self.open = Some((index, left - take));
                return Ok(None);
            }
            self.open = None;
            if self.streams[index].part.len() == self.streams[index].length {
                return Ok(Some(index));
            }
            if !self.read_header()? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Room for `more` bytes of a message, doubling towards its length and never beyond it.
    fn reserve(&mut self, index: usize, more: usize) -> Result<(), Fault> {
        let ChunkStream { part, length, .. } = &mut self.streams[index];
        let needed = part.len() + more;
        if needed <= part.capacity() {
            return Ok(());
        }
        let wanted = needed.max(part.capacity() * 2).max(FIRST_RESERVE).min(*length);
        let added = wanted - part.capacity();
        if self.held + added > self.caps.held {
            return Err(Fault::Held(self.caps.held));
        }
        let before = part.capacity();
        part.reserve_exact(wanted - part.len());
        self.held += part.capacity() - before;
        Ok(())
    }

    fn complete(&mut self, index: usize) -> Message {
        let stream = &mut self.streams[index];
        stream.in_message = false;
        let part = std::mem::take(&mut stream.part);
        self.held -= part.capacity();
        Message { kind: stream.kind, stream: stream.stream, timestamp: stream.timestamp, payload: Bytes::from(part) }
    }

    fn set_chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        if size == 0 || size > 0x7fff_ffff {
            return Err(Fault::ChunkSize(size));
        }
        self.chunk_size = size as usize;
        Ok(())
    }

    fn abort(&mut self, id: u32) {
        if let Some(index) = self.streams.iter().position(|s| s.id == id && s.in_message) {
            self.complete(index);
        }
    }
}

/// Format, chunk stream id and length of the basic header (§5.3.1.1).
fn basic_header(bytes: &[u8]) -> Option<(u8, u32, usize)> {
    let first = *bytes.first()?;
    let format = first >> 6;
    Some(match first & 0x3f {
        0 => (format, 64 + u32::from(*bytes.get(1)?), 2),
        1 => (format, 64 + u32::from(*bytes.get(1)?) + 256 * u32::from(*bytes.get(2)?), 3),
        id => (format, u32::from(id), 1),
    })
}

fn control(message: &Message) -> Result<u32, Fault> {
    message.payload.get(..4).map(u32_be).ok_or(Fault::ShortControl(message.kind))
}

fn u24(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]])
}

fn u32_be(bytes: &[u8]) -> u32 {
    u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
