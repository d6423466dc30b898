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
        /// The participant.
        participant: ParticipantId,
        /// The new state.
        state: MediaState,
        /// The reason, where there is one to tell.
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
        /// The reason, where there is one to tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The worker was replaced.
    WorkerReplaced {
        /// The reason why the last one ended.
        reason: String,
    },
    /// Something went wrong and was dealt with: a track that cannot be used, a connection that was refused.
    Fault {
        /// The participant, if it concerns one.
        #[serde(skip_serializing_if = "Option::is_none")]
        participant: Option<ParticipantId>,
        /// A sentence for the operator.
        text: String,
    },
    /// Changes could not be stored and a restart would undo them, or they have been stored since.
    Stored {
        /// True while they are not.
        unsaved: bool,
        /// The reason why they are not.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The machine is too slow for the room, which does without something from now on; or it keeps up again.
    Eased {
        /// Degradation level: how many things are left out now; 0 is none.
        level: u32,
        /// The change and its reason, a sentence for the operator.
        text: String,
    },
    /// Audio levels of everyone, ten times a second.
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
    /// The participant.
    pub participant: ParticipantId,
    /// Levels and speech of the participant's sound.
    #[serde(flatten)]
    pub heard: Heard,
}
