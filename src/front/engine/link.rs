//! Link I/O: both directions of the link, over any transport.

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};

use super::{Event, Scales, outbox::Drain};
use crate::link::FromWorker;

/// Reads until the end; returns the fault of the worker's messages, if there is one.
pub(super) async fn read_link(mut reader: impl AsyncRead + Unpin, events: &mpsc::Sender<Event>) -> Option<String> {
    let mut input = BytesMut::with_capacity(64 << 10);
    let scales = Scales::new();
    loop {
        let before = input.len();
        match FromWorker::decode(&mut input) {
            Ok(Some(message)) => {
                let weight = scales.weigh(before - input.len()).await;
                if events.send(Event::Message(message, weight)).await.is_err() {
                    return None;
                }
                continue;
            }
            Ok(None) => {}
            Err(error) => return Some(format!("the worker sent {error}")),
        }
        if input.capacity() - input.len() < 16 << 10 {
            input.reserve(64 << 10);
        }
        match reader.read_buf(&mut input).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Writes until the room drops its [`Outbox`](super::Outbox) or the worker is gone. Closing this half tells the worker
/// to end.
pub(super) async fn write_link(mut writer: impl AsyncWrite + Unpin, mut drain: Drain) {
    /// Frames in one write: at nine participants about ten frames a millisecond at worst.
    const BATCH: usize = 64;
    let mut batch = Vec::with_capacity(BATCH);
    let mut bytes = BytesMut::new();
    while drain.next(&mut batch, BATCH).await.is_some() {
        for frame in batch.drain(..) {
            bytes.extend_from_slice(&frame.head);
            bytes.extend_from_slice(&frame.tail);
        }
        if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        bytes.clear();
        if bytes.capacity() > 1 << 20 {
            bytes = BytesMut::new();
        }
    }
}
