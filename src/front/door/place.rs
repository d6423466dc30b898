//! Where a connection's media go to or come from: a room of this front, or another front that has the room.

use super::Wire;
use crate::{
    front::{
        fleet,
        room::{Parting, Seat},
        rtmp::{self, Player},
    },
    media::{Packet, fanout::Fanout},
};

/// Where a publisher's packets go.
pub(super) enum Target {
    /// Into a room of this front.
    Seat(Seat),
    /// To the front that has the room.
    Front(Box<fleet::Publication>),
}

/// How a place was lost.
pub(super) enum Lost {
    /// The seat was taken away.
    Evicted,
    /// The front that has the room says why.
    Refused(String),
    /// The front that has the room is about to go, or gone.
    Moving,
}

/// What a player is sent.
pub(super) enum Program {
    /// A program of this front.
    Here(Fanout),
    /// One of another.
    There(Box<fleet::Playback>),
}

/// Passes a program on from another front until either end goes.
pub(super) async fn pass_on<S: Wire>(
    playback: &mut fleet::Playback,
    player: &mut Player<S>,
) -> Result<(), rtmp::Error> {
    loop {
        let packet = tokio::select! {
            packet = playback.next() => packet,
            error = player.closed() => return Err(error),
        };
        match packet {
            Ok(Some(packet)) => player.send(&packet).await?,
            // The player comes again, and then finds the room wherever it is.
            Ok(None) | Err(_) => return Ok(()),
        }
    }
}

impl Target {
    /// Hands the next packet on.
    pub async fn send(&mut self, packet: &Packet) -> Result<(), Lost> {
        match self {
            Self::Seat(seat) => seat.send(packet.clone()).await.map_err(|_| Lost::Evicted),
            Self::Front(publication) => publication.send(packet).await.map_err(Lost::of),
        }
    }

    /// Resolves when the place is lost. Cancel safe.
    pub async fn lost(&mut self) -> Lost {
        match self {
            Self::Seat(seat) => {
                seat.evicted().await;
                Lost::Evicted
            }
            Self::Front(publication) => Lost::of(publication.closed().await),
        }
    }

    /// Gives the place up. A publisher that was lost is lost to the other front as well, whose connection just closes.
    pub async fn close(self, parting: Parting) {
        match self {
            Self::Seat(seat) => seat.part(parting),
            Self::Front(publication) => match parting {
                Parting::Left => publication.finish().await,
                Parting::Lost => drop(publication),
            },
        }
    }
}

impl Lost {
    fn of(error: rtmp::Error) -> Self {
        match error {
            rtmp::Error::Refused(reason) if reason != fleet::MOVING => Self::Refused(reason),
            _ => Self::Moving,
        }
    }
}
