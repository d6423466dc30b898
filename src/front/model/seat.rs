//! A participant's place in a room while its media arrive.

use std::net::IpAddr;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    link::Feed,
    media::{ColorSpace, Packet, Size, Track},
};

/// How media came in.
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

/// How somebody comes who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coming {
    /// By which door.
    pub door: Door,
    /// From which address.
    pub from: IpAddr,
}

/// What the room can use of a participant's picture now. A door whose senders can be steered tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// The largest tile it is shown in, px; `None` while it is not on the program.
    pub tile: Option<Size>,
    /// Rises whenever nothing decodes before the next keyframe.
    pub keyframes: u64,
}

/// What arrives at a room from its seats.
#[derive(Debug)]
pub(in crate::front) enum Arrival {
    /// The next packet of a feed.
    Packet(Feed, Packet),
    /// Pictures of the feed from here on are to be turned clockwise by so many quarters.
    Turned(Feed, u8),
    /// Something of this track of the feed is left out, for this reason.
    Unusable(Feed, Track, String),
    /// Pictures of the feed from here on are coloured so where their bitstream does not say.
    Colored(Feed, ColorSpace),
    /// The feed ended: its seat was given up, for this reason where it was cut off.
    End(Feed, Parting, Option<String>),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The sender said goodbye.
    Left,
    /// The connection broke, or nothing came any more.
    Lost,
}

/// The right to feed one participant, until given up or taken over. Dropping it tells the room that the media ended.
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

    /// Has the pictures that follow turned clockwise by so many quarters, 0 to 3; waits like [`Seat::send`]. Cancel safe.
    pub async fn turn(&self, quarters: u8) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Turned(self.feed, quarters)).await.map_err(|_| Evicted)
    }

    /// Says that something of a track is left out and why, in a sentence for whoever sends it; waits like [`Seat::send`]. Cancel
    /// safe.
    pub async fn unusable(&self, track: Track, reason: String) -> Result<(), Evicted> {
        if self.evicted.is_cancelled() {
            return Err(Evicted);
        }
        self.arrivals.send(Arrival::Unusable(self.feed, track, reason)).await.map_err(|_| Evicted)
    }

    /// Says how the pictures that follow are coloured where their bitstream does not; waits like [`Seat::send`]. Cancel safe.
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

    /// Gives the seat up and says how the connection ended. Without it, a dropped seat counts as [`Parting::Lost`].
    pub fn part(mut self, parting: Parting) {
        self.parting = parting;
    }

    /// Gives the seat up because the connection was cut off, for a reason that the participant's status tells.
    pub fn fail(mut self, reason: String) {
        self.why = Some(reason);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One message a connection, so the unbounded queue is bounded by the connections that were open.
        let _ = self.ends.send(Arrival::End(self.feed, self.parting, self.why.take()));
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
        _demand: watch::Sender<Demand>,
    }

    /// A seat and its other side.
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
