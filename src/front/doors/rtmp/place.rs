//! Where a connection's media go to or come from: a room of this front, or another front that has the room.

use std::pin::pin;

use futures_util::future::{self, Either};

use super::Wire;
use crate::{
    front::{
        cluster,
        model::{Parting, Seat},
        rtmp::{self, Player},
    },
    media::{Packet, Track, fanout::Fanout},
};

/// Where a publisher's packets go.
pub(super) enum Target {
    /// Into a room of this front.
    Seat(Seat),
    /// To the front that has the room.
    Front(Box<cluster::Publication>),
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
    There(Box<cluster::Playback>),
}

/// Passes a program on from another front until either end goes. What comes is read as it comes, however slow the player is, so
/// that nothing grows old between the two fronts.
pub(super) async fn pass_on<S: Wire>(
    playback: &mut cluster::Playback,
    player: &mut Player<S>,
) -> Result<(), rtmp::Error> {
    let program = Fanout::uncached();
    let mut packets = program.subscribe();
    let read = async {
        // When it ends the player comes again, and then finds the room wherever it is.
        while let Ok(Some(packet)) = playback.next().await {
            program.push(&packet);
        }
        program.end();
    };
    let carry = pin!(player.carry(&mut packets));
    match future::select(carry, pin!(read)).await {
        Either::Left((end, _)) => end,
        Either::Right(((), carry)) => carry.await,
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

    /// Says that something of a track is left out, and why.
    pub async fn unusable(&mut self, track: Track, reason: String) -> Result<(), Lost> {
        match self {
            Self::Seat(seat) => seat.unusable(track, reason).await.map_err(|_| Lost::Evicted),
            Self::Front(publication) => publication.tell_unusable(track, &reason).await.map_err(Lost::of),
        }
    }

    /// Gives the place up, because the connection was cut off for this reason.
    pub fn fail(self, reason: &str) {
        match self {
            Self::Seat(seat) => seat.fail(reason.to_owned()),
            Self::Front(publication) => drop(publication),
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
            rtmp::Error::Refused(reason) if reason != cluster::MOVING => Self::Refused(reason),
            _ => Self::Moving,
        }
    }
}
