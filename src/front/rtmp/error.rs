//! Why a connection did not do what was wanted.

use std::{io, time::Duration};

use super::chunk::Fault;
use crate::front::net::{address::ConnectError, retry::Failure};

/// One connection's end, in words for the person at either side of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not RTMP, or more than a peer may send.
    #[error("byte {at} of the connection is not usable RTMP: {fault}")]
    Protocol {
        /// How many bytes after the handshake were good.
        at: u64,
        /// What came then.
        fault: Fault,
    },
    /// The handshake failed.
    #[error("the peer did not begin with an RTMP handshake (version 3); is it really an RTMP client or server?")]
    Handshake,
    /// No publish or play request came in time.
    #[error("no publish or play request within {0:?} of connecting")]
    Greeting(Duration),
    /// The socket failed.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The peer closed in the middle of something.
    #[error("the peer closed the connection before {0}")]
    Closed(&'static str),
    /// The other server said no.
    #[error("the server refused: {0}")]
    Refused(String),
    /// Nothing came.
    #[error("nothing was received for {0:?}")]
    Idle(Duration),
    /// Nothing could be sent.
    #[error("the peer took no bytes for {0:?}")]
    Stalled(Duration),
    /// No connection came about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The other server did not answer in time.
    #[error("the server did not answer within {0:?}")]
    NoAnswer(Duration),
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Connect(error) => error.into(),
            Error::NoAnswer(_) => Self::Mute,
            _ => Self::Other,
        }
    }
}
