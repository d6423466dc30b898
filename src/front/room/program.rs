//! A room's program, for those who carry it out of the room.

use tokio::sync::{mpsc, oneshot};

use super::{RoomError, actor::Command};
use crate::{base::ParticipantId, media::fanout::Fanout};

/// Who may watch a room's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever reaches the server: the room has no token.
    Everybody,
    /// Whoever has the room's token, as the one who asked has.
    Invited,
}

/// Handle on a room's program; clones share it.
#[derive(Debug, Clone)]
pub struct Program {
    packets: Fanout,
    room: mpsc::Sender<Command>,
}

impl Program {
    pub(super) fn new(packets: Fanout, room: mpsc::Sender<Command>) -> Self {
        Self { packets, room }
    }

    /// Picture and sound as the program is encoded: H.264 and AAC.
    pub fn packets(&self) -> &Fanout {
        &self.packets
    }

    /// The sound as Opus, made while someone reads it: of everyone, or of everyone but one participant.
    pub async fn listen(&self, without: Option<&ParticipantId>) -> Result<Fanout, RoomError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Listen(without.cloned(), reply);
        self.room.send(command).await.map_err(|_| RoomError::Stopping)?;
        answer.await.map_err(|_| RoomError::Stopping)?
    }

    /// Asks for a keyframe soon; requests that come close together are one.
    pub async fn keyframe(&self) {
        // A room that is closing has no next keyframe.
        let _ = self.room.send(Command::Keyframe).await;
    }
}

/// A program that no room makes: it has no Opus, and nobody to ask for keyframes.
impl From<Fanout> for Program {
    fn from(packets: Fanout) -> Self {
        Self { packets, room: mpsc::channel(1).0 }
    }
}
