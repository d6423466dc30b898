//! Why a WebRTC session was not opened, and how one ended.

use std::net::IpAddr;

use str0m::RtcError;

use super::request::Answered;
use crate::front::{
    model::RoomError,
    net::{accept::Full, address::ConnectError, retry::Failure},
};

/// Why a session was not opened, found or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The room said no.
    #[error(transparent)]
    Room(#[from] RoomError),
    /// The offer does not read.
    #[error("the offer is not SDP that this server understands: {}", placeless(.0))]
    Malformed(String),
    /// The offer reads, but nothing in it is of use.
    #[error("{0}")]
    NoMedia(&'static str),
    /// As many sessions are open as may be.
    #[error(transparent)]
    Full(#[from] Full),
    /// No such session, or it has ended.
    #[error("there is no such session, or it has ended; POST an offer to begin another")]
    NoSession,
    /// `If-Match` names an ICE session that is over.
    #[error("the session's ICE credentials have changed since that ETag; use the latest one, or * to restart ICE")]
    Stale,
    /// The client changes the session all the time.
    #[error("this session is changed too often; send candidates together, and restart ICE once a change of network")]
    Restless,
    /// The SDP fragment does not read.
    #[error("the body is not an SDP fragment with candidates or with new ICE credentials: {0}")]
    Fragment(&'static str),
}

/// Why a session with another server, which we asked for, did not come about or ended.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody can be connected to there.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// No socket for the media.
    #[error("no UDP port could be opened for the media: {0}")]
    Socket(std::io::Error),
    /// The server took too long.
    #[error("the server did not answer the offer within 10 s")]
    Slow,
    /// The connection broke, or what came was no HTTP.
    #[error("the server did not answer the offer: {0}")]
    Http(#[from] hyper::Error),
    /// The answer is longer than any.
    #[error("the server's answer is longer than 64 KiB; the url is not that of a WHIP or WHEP endpoint")]
    TooLong,
    /// Something else than 201.
    #[error("{0}")]
    Answered(Answered),
    /// The answer does not read.
    #[error(
        "the server's answer is not SDP that can be used here: {}; the url may not be that of a WHIP or WHEP endpoint",
        placeless(.0)
    )]
    NotSdp(String),
    /// The answer reads, but nothing in it is of use.
    #[error("{0}")]
    NoMedia(&'static str),
    /// The answer has no address.
    #[error("the server's answer names no UDP address for the media; set its public address or candidate")]
    NoCandidate,
    /// The answer has only addresses that may not be reached.
    #[error(
        "the server's answer leads the media to {0}, which is not a public address; the operator can allow it with --allow-address {0}"
    )]
    NotAllowed(IpAddr),
    /// There was a session.
    #[error("{}", .0.of_server())]
    Ended(End),
}

impl From<&CallError> for Failure {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Connect(error) => error.into(),
            CallError::Slow => Self::Mute,
            _ => Self::Other,
        }
    }
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
    /// What we asked a server for is not wanted any more.
    #[error("the place was taken over or removed")]
    Over,
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

/// What the parser of SDP says, on one line, without the address in our memory at which it stumbled.
fn placeless(told: &str) -> String {
    let told: Vec<_> = told.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("0x")).collect();
    if told.is_empty() { "it does not read".to_owned() } else { told.join("; ") }
}

impl End {
    /// As told of a server that we called.
    fn of_server(&self) -> String {
        match self {
            Self::Left => "the server ended the session".to_owned(),
            other => other.to_string(),
        }
    }

    /// One of a few words, for the counters.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Cut(_) | Self::Over => "cut",
            Self::Silent(_) => "silent",
            Self::Broken(_) => "broken",
            Self::Stopping => "stopping",
        }
    }
}
