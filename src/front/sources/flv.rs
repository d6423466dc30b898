//! Pulling HTTP-FLV: an FLV file that does not end, as the answer to a GET.

use std::time::Instant;

use bytes::BytesMut;
use tokio::time::{self, timeout_at};

use super::play_error::PlayError;
use crate::front::{
    net::{
        address::{Connector, HttpUrl},
        exchange::{Answer, get},
    },
    rtmp::{
        client::PLAY_IDLE,
        flv::{FileReader, Incoming, Media},
    },
};

/// A stream that comes over HTTP.
pub(super) struct FlvPlayback {
    answer: Answer,
    reader: FileReader,
    incoming: Incoming,
    input: BytesMut,
    last: time::Instant,
}

impl FlvPlayback {
    /// Asks for it.
    pub(super) async fn open(url: &HttpUrl, connector: &Connector) -> Result<Self, PlayError> {
        let answer = get(url, connector).await?;
        let (reader, incoming) = (FileReader::default(), Incoming::default());
        Ok(Self { answer, reader, incoming, input: BytesMut::new(), last: time::Instant::now() })
    }

    /// The next of what comes. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Media, PlayError> {
        loop {
            if let Some(media) = self.incoming.pop() {
                return Ok(media);
            }
            if let Some(message) = self.reader.next(&mut self.input)? {
                self.last = time::Instant::now();
                self.incoming.take(message, Instant::now());
                continue;
            }
            let more = timeout_at(self.last + PLAY_IDLE, self.answer.next()).await;
            match more.map_err(|_| PlayError::Idle(PLAY_IDLE))?? {
                Some(bytes) => self.input.extend_from_slice(&bytes),
                None => return Err(PlayError::Ended),
            }
        }
    }
}
