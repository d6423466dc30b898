//! The `NetConnection` of a client (RTMP 1.0 §7.2.1): what its `connect` said, and the message streams that it created.

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Error, Limits,
    amf::{Command, Writer},
    chunk::Fault,
    wire::Wire,
};

/// Most message streams one connection may create before it asks for anything. Encoders create one.
const MAX_STREAMS: u32 = 16;

/// Longest application or `tcUrl`, bytes; a longer one counts as none. Room id, participant id and key fill a tenth of it.
const MAX_ADDRESS_BYTES: usize = 2048;

/// What a connection said of itself before it asked for anything.
#[derive(Debug)]
pub(super) struct NetConnection {
    pub limits: Limits,
    pub app: String,
    pub tc_url: String,
    /// Message streams it created, which is the id of the last one.
    streams: u32,
    /// How many more it may create before it asks for something.
    left: u32,
}

impl NetConnection {
    pub(super) fn new(limits: &Limits, connect: &Command) -> Self {
        let address = |name| connect.property(0, name).filter(|a| a.len() <= MAX_ADDRESS_BYTES).unwrap_or_default();
        let (app, tc_url) = (address("app").to_owned(), address("tcUrl").to_owned());
        Self { limits: limits.clone(), app, tc_url, streams: 0, left: MAX_STREAMS }
    }

    /// Answers `createStream` (§7.2.1.3).
    pub(super) fn create_stream<S>(&mut self, wire: &mut Wire<S>, command: &Command) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Some(left) = self.left.checked_sub(1) else {
            return Err(wire.fault(Fault::OutOfOrder("too many createStream commands")));
        };
        self.left = left;
        self.streams += 1;
        let result = Writer::command("_result", command.transaction).null().number(f64::from(self.streams));
        wire.command(0, &result.finish());
        Ok(())
    }

    /// The same connection, before it asks for the next stream: it may create as many message streams anew.
    pub(super) fn renewed(self) -> Self {
        Self { left: MAX_STREAMS, ..self }
    }
}
