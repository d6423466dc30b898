//! Link reader: messages from the front.

use std::{
    io::{self, Read},
    os::unix::net::UnixStream,
    time::Duration,
};

use bytes::BytesMut;

use crate::Error;
use tilecast_core::link::ToWorker;

/// How long a read waits before the caller may do something else: a quarter of the time between two reports.
const QUIET: Duration = Duration::from_millis(250);

/// Bytes read at once: ten frames of a 2.5 Mbit/s stream.
const CHUNK: usize = 64 << 10;

#[derive(Debug)]
pub enum Event {
    Message(ToWorker),
    /// Nothing came for a while.
    Quiet,
    /// The front has closed the link.
    End,
}

/// Reads messages off the link.
pub struct Reader {
    link: UnixStream,
    input: BytesMut,
    chunk: Box<[u8]>,
}

impl Reader {
    /// Reads from this link.
    pub fn new(link: UnixStream) -> io::Result<Self> {
        link.set_read_timeout(Some(QUIET))?;
        Ok(Self { link, input: BytesMut::new(), chunk: vec![0; CHUNK].into() })
    }

    /// The first message, however long it takes.
    pub fn first(&mut self) -> Result<Event, Error> {
        loop {
            match self.next()? {
                Event::Quiet => {}
                event => return Ok(event),
            }
        }
    }

    /// The next message, or [`Event::Quiet`].
    pub fn next(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(message) = ToWorker::decode(&mut self.input)? {
                return Ok(Event::Message(message));
            }
            match self.link.read(&mut self.chunk) {
                Ok(0) => return Ok(Event::End),
                Ok(length) => self.input.extend_from_slice(&self.chunk[..length]),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(Event::Quiet),
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => return Ok(Event::End),
                    _ => return Err(error.into()),
                },
            }
        }
    }
}
