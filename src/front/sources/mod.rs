//! Participants whose media we fetch: one [`run`] a pulled participant.
//!
//! Owns the connection to the source and, while media come, the participant's seat. Decides nothing about the room. Ends when
//! told to stop, or when the room takes the seat away or has none to give.

mod flv;
mod play_error;
mod rtmp;
#[cfg(test)]
mod tests;
mod url;
mod whep;

use std::{
    fmt,
    future::Future,
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use play_error::PlayError;
pub use url::{InvalidPullUrl, PullUrl};

use super::{
    model::Seat,
    net::{
        address::Connector,
        retry::{Failure, Retry, Trouble},
    },
    webrtc::{CallError, Client, Endpoint},
};

/// Where a pull is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    /// Opening the connection, or connected and nothing has come yet.
    #[default]
    Connecting,
    /// Media come.
    Live,
    /// Failed; tries again after a backoff of 1 to 30 s, or within 5 s of being reachable again.
    Waiting,
}

/// One pull now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PullStatus {
    /// Where it is in its life.
    pub state: PullState,
    /// Why the last connection ended or failed; `None` while media come.
    pub last_error: Option<String>,
}

/// Where media are fetched.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A server that plays to us: RTMP or HTTP-FLV.
    Play(PullUrl, Connector),
    /// A WHEP server.
    Whep(Endpoint, Client),
}

impl Origin {
    /// Whether somebody takes connections there.
    async fn answers(&self) -> bool {
        let (host, port, connector) = match self {
            Self::Play(PullUrl::Rtmp(url), connector) => (url.host(), url.port(), connector),
            Self::Play(PullUrl::Flv(url), connector) => (url.host(), url.port(), connector),
            Self::Whep(Endpoint { url, .. }, client) => (url.host(), url.port(), client.connector()),
        };
        connector.answers(host, port).await
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Play(url, _) => url.fmt(f),
            Self::Whep(endpoint, _) => endpoint.fmt(f),
        }
    }
}

/// Why a connection failed or ended.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Play(#[from] PlayError),
    #[error(transparent)]
    Whep(#[from] CallError),
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Play(error) => error.into(),
            Error::Whep(error) => error.into(),
        }
    }
}

/// Why a pull is over for good.
struct Over;

/// Pulls from `origin` until `stop`, over as many connections as it takes. `open` asks the room for the participant's seat, once
/// media have begun on each connection; `None` means there is no such place any more.
pub async fn run<O, F>(origin: Origin, open: O, report: watch::Sender<PullStatus>, stop: CancellationToken)
where
    O: Fn() -> F + Send + Sync,
    F: Future<Output = Option<Seat>> + Send,
{
    let (mut retry, mut trouble) = (Retry::default(), Trouble::default());
    loop {
        report.send_if_modified(|status| {
            std::mem::replace(&mut status.state, PullState::Connecting) != PullState::Connecting
        });
        let live = Live { since: OnceLock::new(), report: &report };
        let seat = || async {
            let seat = open().await?;
            live.begin(&origin);
            Some(seat)
        };
        let end = match &origin {
            Origin::Play(url, connector) => {
                let Some(end) = stop.run_until_cancelled(rtmp::once(url, connector, seat)).await else { return };
                end.map_err(Error::Play)
            }
            Origin::Whep(endpoint, client) => whep::once(endpoint, client, seat, &stop).await.map_err(Error::Whep),
        };
        let Err(error) = end else { return };
        let failure = Failure::from(&error);
        let wait = retry.wait(live.lasted(), failure, rand::random());
        if trouble.is_new(&error, live.lasted()) {
            tracing::warn!(url = %origin, error = %trouble, ?wait, "the pulled source is not connected");
        }
        report.send_modify(|status| {
            *status = PullStatus { state: PullState::Waiting, last_error: Some(error.to_string()) };
        });
        if stop.run_until_cancelled(retry.pause(wait, failure, || origin.answers())).await.is_none() {
            return;
        }
    }
}

/// One connection from the moment its media come.
struct Live<'a> {
    since: OnceLock<Instant>,
    report: &'a watch::Sender<PullStatus>,
}

impl Live<'_> {
    fn begin(&self, origin: &Origin) {
        self.since.get_or_init(Instant::now);
        tracing::info!(url = %origin, "media come from the pulled source");
        self.report.send_modify(|status| *status = PullStatus { state: PullState::Live, last_error: None });
    }

    fn lasted(&self) -> Duration {
        self.since.get().map_or(Duration::ZERO, Instant::elapsed)
    }
}
