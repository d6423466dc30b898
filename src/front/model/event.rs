//! Room events (server-sent events), as `GET /v1/rooms/{room}/events` sends them.

use serde::Serialize;
use utoipa::ToSchema;

use super::status::{MediaState, OutputState, TileStatus};
use crate::{
    base::{OutputId, ParticipantId},
    media::{Heard, Levels},
    speaker::Switch,
};

/// One event. The server-sent event's name is `type`, its data the whole as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A participant's media changed state: `joining` when it connects, `live`, `stalled`, `absent` when it is gone.
    Participant {
        /// Who.
        participant: ParticipantId,
        /// The new state.
        state: MediaState,
        /// Why, where there is a reason to tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The floor changed hands, or an operator's hold on it did.
    Speaker(Switch),
    /// The program's tiles changed.
    Layout {
        /// Every tile now, back to front.
        scene: Vec<TileStatus>,
    },
    /// An output changed state.
    Output {
        /// Which.
        output: OutputId,
        /// The new state.
        state: OutputState,
        /// Why, where there is a reason to tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The worker was replaced.
    WorkerReplaced {
        /// Why the last one ended.
        reason: String,
    },
    /// Something went wrong and was dealt with: a track that cannot be used, a connection that was refused.
    Fault {
        /// Whose, if it concerns one participant.
        #[serde(skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        /// A sentence for the operator.
        text: String,
    },
    /// Changes could not be stored and a restart would undo them, or they have been stored since.
    Stored {
        /// True while they are not.
        unsaved: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The machine is too slow for the room, which does without something from now on; or it keeps up again.
    Eased {
        /// How many things are done without now; 0 is none.
        level: u32,
        /// What changed and why, a sentence for the operator.
        text: String,
    },
    /// How loud everyone is, ten a second.
    Levels {
        /// Everyone with sound, before gain and mute.
        participants: Vec<ParticipantLevels>,
        /// The mix.
        program: Levels,
    },
}

/// See [`Event::Levels`].
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ParticipantLevels {
    /// Who.
    pub participant: ParticipantId,
    /// What was heard.
    #[serde(flatten)]
    pub heard: Heard,
}
