//! From an RTMP server.

use std::future::Future;

use super::Over;
use crate::{
    front::{
        auth::address::{Connector, RtmpUrl},
        room::Seat,
        rtmp::{self, Playback, client},
    },
    media::Packet,
};

/// One connection, from opening to its end. `Ok` when the place is gone and with it the reason to pull.
pub(super) async fn once<F>(url: &RtmpUrl, connector: &Connector, open: impl Fn() -> F) -> Result<Over, rtmp::Error>
where
    F: Future<Output = Option<Seat>>,
{
    let mut playback = client::play(url, connector).await?;
    let mut packet = next(&mut playback).await?;
    let Some(seat) = open().await else { return Ok(Over) };
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
