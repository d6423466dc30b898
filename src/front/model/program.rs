//! The program (composite stream): a handle on a room's program for those who carry it out of the room.

use tokio::sync::{mpsc, oneshot};

use super::RoomError;
use crate::{base::ParticipantId, media::fanout::Fanout};

/// Who may watch a room's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everyone who reaches the server: the room has no token.
    Everybody,
    /// Holders of the room's token, among them the one who asked.
    Invited,
}

/// A request of a program's reader to the room.
#[derive(Debug)]
pub enum Question {
    /// The sound as Opus: the program mix, or the mix-minus of this participant.
    Listen(Option<ParticipantId>, oneshot::Sender<Result<Fanout, RoomError>>),
    /// A viewer cannot go on before the program's next keyframe.
    Keyframe,
}

/// Handle on a room's program; clones share it.
#[derive(Debug, Clone)]
pub struct Program {
    packets: Fanout,
    room: mpsc::Sender<Question>,
}

impl Program {
    pub(in crate::front) fn new(packets: Fanout, room: mpsc::Sender<Question>) -> Self {
        Self { packets, room }
    }

    /// Picture and sound as the program is encoded: H.264 and AAC.
    pub fn packets(&self) -> &Fanout {
        &self.packets
    }

    /// The sound as Opus, made while somebody reads it: the program mix, or the mix-minus of one participant.
    pub async fn listen(&self, without: Option<&ParticipantId>) -> Result<Fanout, RoomError> {
        let (reply, answer) = oneshot::channel();
        let question = Question::Listen(without.cloned(), reply);
        self.room.send(question).await.map_err(|_| RoomError::Stopping)?;
        answer.await.map_err(|_| RoomError::Stopping)?
    }

    /// Requests a keyframe soon; requests that come close together count as one.
    pub async fn keyframe(&self) {
        // A room that is closing has no next keyframe.
        let _ = self.room.send(Question::Keyframe).await;
    }
}

/// A program without a room: it has no Opus, and nothing answers keyframe requests.
impl From<Fanout> for Program {
    fn from(packets: Fanout) -> Self {
        Self { packets, room: mpsc::channel(1).0 }
    }
}
