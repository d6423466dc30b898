//! Why a WebRTC session was not opened, and how one ended.

use str0m::RtcError;

use crate::front::room::RoomError;

/// Why a session was not opened, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The room said no.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The offer does not read.
    #[error("the offer is not SDP that this server understands: {0}")]
    Malformed(String),
    /// The offer reads, but nothing in it is of use.
    #[error("{0}")]
    NoMedia(&'static str),
    /// As many sessions are open as may be.
    #[error("this server has {0} WebRTC sessions open, the most it serves; try again in a moment")]
    Full(usize),
    /// As many sessions are being opened as may be.
    #[error("{0} WebRTC sessions are waiting for their clients to connect, the most that may; try again in a moment")]
    Crowded(usize),
    /// No such session, or it has ended.
    #[error("there is no such session, or it has ended; POST an offer to begin another")]
    NoSession,
    /// `If-Match` names an ICE session that is over.
    #[error("the session's ICE credentials have changed since that ETag; use the latest one, or * to restart ICE")]
    Stale,
    /// The SDP fragment does not read.
    #[error("the body is not an SDP fragment with candidates or with new ICE credentials: {0}")]
    Fragment(&'static str),
}

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The client said goodbye, by DELETE or by closing DTLS.
    #[error("the client left")]
    Left,
    /// The place was taken over or removed, or the room is gone.
    #[error("{0}")]
    Cut(String),
    /// A deadline passed.
    #[error("{0}")]
    Silent(&'static str),
    /// The stack gave up: a fingerprint that does not match, above all.
    #[error("the connection failed: {0}")]
    Broken(#[from] RtcError),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl End {
    /// One of a few words, for the counters.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Cut(_) => "cut",
            Self::Silent(_) => "silent",
            Self::Broken(_) => "broken",
            Self::Stopping => "stopping",
        }
    }
}
