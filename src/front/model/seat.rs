//! The seat (exclusive publish right): a participant's place in a room while its media arrive.

use std::net::IpAddr;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    link::Feed,
    media::{ColorSpace, Packet, Size, Track},
};

/// The way that media came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Published by RTMP.
    Rtmp,
    /// Pulled from an RTMP server.
    Pull,
    /// Pulled from a WHEP server.
    Whep,
    /// Published by WHIP, from a browser or an encoder that speaks it.
    Whip,
}

/// The way that a publisher comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coming {
    /// By which door.
    pub door: Door,
    /// From which address.
    pub from: IpAddr,
}

/// What the room can use of a participant's picture now. A door tells this to senders that can be steered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// The largest tile it is shown in, px; `None` while it is not on the program.
    pub tile: Option<Size>,
    /// Rises whenever nothing can be decoded before the next keyframe.
    pub keyframes: u64,
}

/// Messages from seats to their room.
#[derive(Debug)]
pub(in crate::front) enum Arrival {
    /// The next packet of a feed.
    Packet(Feed, Packet),
    /// The pictures of the feed from here on are to be rotated clockwise by this many quarter turns.
    Turned(Feed, u8),
    /// A part of this track is left out, for this reason.
    Unusable(Feed, Track, String),
    /// The pictures of the feed from here on have these colours where their bitstream does not say.
    Colored(Feed, ColorSpace),
    /// The feed has ended: its seat was given up; the reason is given if the connection was cut off.
    End(Feed, Parting, Option<String>),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The sender ended it properly.
    Left,
    /// The connection broke, or nothing came any more.
    Lost,
}

/// The right to feed one participant, until it is given up or taken over. Dropping it tells the room that the media
/// ended.
#[derive(Debug)]
pub struct Seat {
    pub(in crate::front) feed: Feed,
    pub(in crate::front) arrivals: mpsc::Sender<Arrival>,
    pub(in crate::front) ends: mpsc::UnboundedSender<Arrival>,
    pub(in crate::front) evicted: CancellationToken,
    pub(in crate::front) demand: watch::Receiver<Demand>,
    pub(in crate::front) parting: Parting,
    pub(in crate::front) why: Option<String>,
}

/// Another client with the right key took the place, or the participant or the room was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the place was taken over or removed")]
pub struct Evicted;

impl Seat {
    /// Hands over the next packet; waits while the room is busy, which in turn slows the sender's connection. Cancel
    /// safe.
    pub async fn send(&self, packet: Packet) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Packet(self.feed, packet)).await.map_err(|_| Evicted)
    }

    /// Sets the rotation of the pictures that follow, in quarter turns clockwise, 0 to 3; waits like [`Seat::send`].
    /// Cancel safe.
    pub async fn turn(&self, quarters: u8) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Turned(self.feed, quarters)).await.map_err(|_| Evicted)
    }

    /// Reports that a part of a track is left out, with a reason for the sender; waits like [`Seat::send`]. Cancel
    /// safe.
    pub async fn unusable(&self, track: Track, reason: String) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Unusable(self.feed, track, reason)).await.map_err(|_| Evicted)
    }

    /// Sets the colours of the pictures that follow, where their bitstream does not say; waits like [`Seat::send`].
    /// Cancel safe.
    pub async fn color(&self, space: ColorSpace) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Colored(self.feed, space)).await.map_err(|_| Evicted)
    }

    /// What the room can use now, and every change of it.
    pub fn demand(&self) -> watch::Receiver<Demand> {
        self.demand.clone()
    }

    /// Resolves when the seat is lost. Cancel safe.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Gives the seat up, with the way the connection ended. Without this call, a dropped seat counts as
    /// [`Parting::Lost`].
    pub fn part(mut self, parting: Parting) {
        self.parting = parting;
    }

    /// Gives the seat up because the connection was cut off; the participant's status has the reason.
    pub fn fail(mut self, reason: String) {
        self.why = Some(reason);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // There is one message per connection, so the number of open connections bounds this unbounded queue.
        let _ = self.ends.send(Arrival::End(self.feed, self.parting, self.why.take()));
    }
}

/// A seat without a room, for tests of its users.
#[cfg(test)]
pub(crate) mod detached {
    use super::*;

    /// A seat as its room sees it.
    pub struct Row {
        arrivals: mpsc::Receiver<Arrival>,
        ends: mpsc::UnboundedReceiver<Arrival>,
        evicted: CancellationToken,
        _demand: watch::Sender<Demand>,
    }

    /// A seat and its room's side.
    pub fn seat(feed: Feed) -> (Seat, Row) {
        let (arrivals, arriving) = mpsc::channel(8);
        let (ends, ending) = mpsc::unbounded_channel();
        let evicted = CancellationToken::new();
        let (demand, demanded) = watch::channel(Demand::default());
        let row = Row { arrivals: arriving, ends: ending, evicted: evicted.clone(), _demand: demand };
        (Seat { feed, arrivals, ends, evicted, demand: demanded, parting: Parting::Lost, why: None }, row)
    }

    impl Row {
        /// The next packet.
        pub async fn packet(&mut self) -> Option<Packet> {
            match self.arrivals.recv().await? {
                Arrival::Packet(_, packet) => Some(packet),
                Arrival::Turned(..) | Arrival::Colored(..) | Arrival::Unusable(..) | Arrival::End(..) => None,
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
