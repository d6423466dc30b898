//! Participants whose media we fetch: one [`run`] a pulled participant.
//!
//! Owns the connection to the source and, while media come, the participant's seat. Decides nothing about the room. Ends when
//! told to stop, or when the room takes the seat away or has none to give.

#[cfg(test)]
mod tests;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    base::backoff::Backoff,
    front::{
        auth::address::{Connector, RtmpUrl},
        output::{LONGEST_WAIT, SHORTEST_WAIT},
        room::Seat,
        rtmp::{self, Playback, client},
    },
    media::Packet,
};

/// How long media must come before their end counts as the first of a new row of failures.
const STEADY: Duration = Duration::from_secs(10);

/// Where a pull is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    /// Opening the connection, or connected and nothing has come yet.
    #[default]
    Connecting,
    /// Media come.
    Live,
    /// Failed; tries again after a backoff of 1 to 30 s.
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

/// Why a pull is over for good.
struct Over;

/// Pulls `url` until `stop`, over as many connections as it takes. `open` asks the room for the participant's seat, once media
/// have begun on each connection; `None` means there is no such place any more.
pub async fn run<O, F>(
    url: RtmpUrl,
    connector: Connector,
    open: O,
    report: watch::Sender<PullStatus>,
    stop: CancellationToken,
) where
    O: Fn() -> F + Send,
    F: Future<Output = Option<Seat>> + Send,
{
    let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
    loop {
        report.send_if_modified(|status| {
            std::mem::replace(&mut status.state, PullState::Connecting) != PullState::Connecting
        });
        let began = Instant::now();
        let Some(Err(error)) = stop.run_until_cancelled(once(&url, &connector, &open, &report)).await else { return };
        if began.elapsed() > STEADY {
            backoff.reset();
        }
        let wait = backoff.next(rand::random());
        tracing::warn!(%url, %error, ?wait, "the pulled source is not connected");
        report.send_modify(|status| {
            *status = PullStatus { state: PullState::Waiting, last_error: Some(error.to_string()) };
        });
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// One connection, from opening to its end. `Ok` when the place is gone and with it the reason to pull.
async fn once<O, F>(
    url: &RtmpUrl,
    connector: &Connector,
    open: &O,
    report: &watch::Sender<PullStatus>,
) -> Result<Over, rtmp::Error>
where
    O: Fn() -> F,
    F: Future<Output = Option<Seat>>,
{
    let mut playback = client::play(url, connector).await?;
    let first = next(&mut playback).await?;
    let Some(seat) = open().await else { return Ok(Over) };
    tracing::info!(%url, "media come from the pulled source");
    report.send_modify(|status| *status = PullStatus { state: PullState::Live, last_error: None });
    let mut packet = first;
    loop {
        if seat.send(packet).await.is_err() {
            break;
        }
        packet = tokio::select! {
            next = next(&mut playback) => next?,
            () = seat.evicted() => break,
        };
    }
    playback.finish(None).await;
    Ok(Over)
}

async fn next(playback: &mut Playback) -> Result<Packet, rtmp::Error> {
    playback.next().await?.ok_or(rtmp::Error::Closed("we were done; the source ended"))
}
