//! From a server that plays to us, by RTMP or HTTP-FLV.

use std::future::Future;

use super::{Over, PullUrl, flv::FlvPlayback, play_error::PlayError};
use crate::front::{
    model::Seat,
    net::address::Connector,
    rtmp::{Playback, client, flv::Media},
};

/// An open source.
enum Connection {
    Rtmp(Box<Playback>),
    Flv(Box<FlvPlayback>),
}

impl Connection {
    async fn open(url: &PullUrl, connector: &Connector) -> Result<Self, PlayError> {
        Ok(match url {
            PullUrl::Rtmp(url) => Self::Rtmp(Box::new(client::play(url, connector).await?)),
            PullUrl::Flv(url) => Self::Flv(Box::new(FlvPlayback::open(url, connector).await?)),
        })
    }

    /// The next of what comes. Cancel safe.
    async fn next(&mut self) -> Result<Media, PlayError> {
        match self {
            Self::Rtmp(playback) => playback.next_media().await?.ok_or(PlayError::Ended),
            Self::Flv(playback) => playback.next().await,
        }
    }

    async fn finish(self) {
        match self {
            Self::Rtmp(playback) => playback.finish(None).await,
            // The server sees the connection close.
            Self::Flv(_) => {}
        }
    }
}

/// One connection, from opening to its end. `Ok` when the place is gone and with it the reason to pull.
pub(super) async fn once<F>(url: &PullUrl, connector: &Connector, open: impl Fn() -> F) -> Result<Over, PlayError>
where
    F: Future<Output = Option<Seat>>,
{
    let mut connection = Connection::open(url, connector).await?;
    let mut media = connection.next().await?;
    let Some(seat) = open().await else { return Ok(Over) };
    loop {
        let sent = match media {
            Media::Packet(packet) => seat.send(packet).await,
            Media::Unusable(track, reason) => seat.unusable(track, reason).await,
        };
        if sent.is_err() {
            break;
        }
        media = tokio::select! {
            next = connection.next() => next?,
            () = seat.evicted() => break,
        };
    }
    connection.finish().await;
    Ok(Over)
}
