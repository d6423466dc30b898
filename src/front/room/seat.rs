//! A participant's place in a room while its media arrive.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{link::Feed, media::Packet};

/// How media came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Published by RTMP.
    Rtmp,
    /// Pulled from an RTMP server.
    Pull,
}

/// What arrives at a room from its seats.
#[derive(Debug)]
pub(super) enum Arrival {
    /// The next packet of a feed.
    Packet(Feed, Packet),
    /// The feed ended: its seat was dropped.
    End(Feed),
}

/// The right to feed one participant, until dropped or taken over. Dropping it tells the room that the media ended.
#[derive(Debug)]
pub struct Seat {
    pub(super) feed: Feed,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) ends: mpsc::UnboundedSender<Arrival>,
    pub(super) evicted: CancellationToken,
}

/// Someone else with the right key took the place, or the participant or room was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the place was taken over or removed")]
pub struct Evicted;

impl Seat {
    /// Hands over the next packet; waits while the room is busy, which in turn slows the sender's connection. Cancel safe.
    pub async fn send(&self, packet: Packet) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Packet(self.feed, packet)).await.map_err(|_| Evicted)
    }

    /// Resolves when the seat is lost. Cancel safe.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One message a connection, so the unbounded queue is bounded by the connections that were open.
        let _ = self.ends.send(Arrival::End(self.feed));
    }
}

/// A seat without a room, to test those who fill one.
#[cfg(test)]
pub(crate) mod detached {
    use super::*;

    /// What a room sees of its seat.
    pub struct Row {
        arrivals: mpsc::Receiver<Arrival>,
        ends: mpsc::UnboundedReceiver<Arrival>,
        evicted: CancellationToken,
    }

    /// A seat and its other side.
    pub fn seat(feed: Feed) -> (Seat, Row) {
        let (arrivals, arriving) = mpsc::channel(8);
        let (ends, ending) = mpsc::unbounded_channel();
        let evicted = CancellationToken::new();
        let row = Row { arrivals: arriving, ends: ending, evicted: evicted.clone() };
        (Seat { feed, arrivals, ends, evicted }, row)
    }

    impl Row {
        /// The next packet.
        pub async fn packet(&mut self) -> Option<Packet> {
            match self.arrivals.recv().await? {
                Arrival::Packet(_, packet) => Some(packet),
                Arrival::End(_) => None,
            }
        }

        /// Resolves when the seat was dropped.
        pub async fn ended(&mut self) {
            self.ends.recv().await;
        }

        /// Takes the seat away.
        pub fn evict(&self) {
            self.evicted.cancel();
        }
    }
}
