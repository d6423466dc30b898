//! From a WHEP server.

use std::future::Future;

use tokio_util::sync::CancellationToken;

use super::Over;
use crate::front::{
    model::Seat,
    webrtc::{CallError, Client, Endpoint},
};

/// One session, from the offer to its end. `Ok` when the place is gone, or `stop` says so.
pub(super) async fn once<F>(
    endpoint: &Endpoint,
    client: &Client,
    open: impl Fn() -> F + Send + Sync,
    stop: &CancellationToken,
) -> Result<Over, CallError>
where
    F: Future<Output = Option<Seat>> + Send,
{
    client.pull(endpoint, open, stop).await.map(|()| Over)
}
