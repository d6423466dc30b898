//! Why a room did not do what it was asked.

use std::fmt;

use super::{Door, RoomDocument};
use crate::{
    base::{AssetName, ParticipantId, RoomId, TemplateName},
    cost::Shortage,
    layout::Fault,
};

/// Why a room did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    #[error("there is no room {0}; PUT /v1/rooms/{0} creates it")]
    NoRoom(RoomId),
    #[error("room {0} has no participant {1}; PUT /v1/rooms/{0}/participants/{1} adds it")]
    NoParticipant(RoomId, ParticipantId),
    #[error("there is no layout {0}; GET /v1/layouts lists what there is")]
    NoTemplate(TemplateName),
    /// The template cannot be deleted or changed so.
    #[error("layout {0} {1}")]
    TemplateInUse(TemplateName, String),
    /// No such version of the template.
    #[error("layout {0} has no version {1}; GET /v1/layouts/{0}/versions lists those that are kept")]
    NoVersion(TemplateName, u64),
    /// It is not what the caller believes it is.
    #[error("layout {0} is not what If-Match or If-None-Match says; GET it, look at what changed, and try again")]
    Changed(TemplateName),
    #[error("there is no asset {0}; GET /v1/assets lists what there is, PUT /v1/assets/{0} uploads it")]
    NoAsset(AssetName),
    /// The asset cannot be kept or deleted.
    #[error("asset {0} {1}")]
    AssetInUse(AssetName, String),
    /// The change was refused, and nothing changed.
    #[error("the change was refused")]
    Faults(Vec<Fault>),
    /// The key opens no place here: whoever has none learns nothing of what there is, so this stands for a wrong key, a room or a
    /// participant that is not there, and one that is pulled.
    #[error(
        "no place is open to this key: see that room, participant and key are right, or ask who made the room for them"
    )]
    WrongKey,
    /// Somebody else is live there.
    #[error(
        "the place of {0} is taken: {1} is live there; stop that one, or POST to the same address with ?takeover=1 to throw it out"
    )]
    Taken(ParticipantId, Holder),
    /// Somebody else has taken its place and is live there; an encoder that connects again by itself is let in again after so many s.
    #[error(
        "the place of {0} was taken over: {1} is live there; stop one of the two: this one is let in again in {2} s, or once the \
         other has left"
    )]
    TakenOver(ParticipantId, Holder, u64),
    /// The token opens no program here, likewise.
    #[error(
        "no program is open under this name to this token, or without one: see that the room is right, and send its viewer_token as \
         Authorization: Bearer TOKEN, or as ?token=TOKEN by RTMP"
    )]
    WrongToken,
    /// More mixes are listened to than the worker makes.
    #[error("as many different mixes of room {0} are listened to as can be; watch without ?for=, or try again later")]
    TooManyMixes(RoomId),
    /// More rooms than this front holds.
    #[error("this server holds {0} rooms and takes no more; delete one first")]
    Full(usize),
    /// There is not enough left for it here.
    #[error(
        "the room was not made: {0}; end another, ask for less, or ask with ?wait=1 to have it begin when there is room"
    )]
    NoCapacity(Shortage),
    /// It belongs to another front, or to none at this moment.
    #[error("room {0} is not here now: {1}")]
    Moving(RoomId, String),
    /// There is no program frame yet.
    #[error("room {0} has no picture yet; try again in a second")]
    NoPicture(RoomId),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store could not keep the change, and nothing changed.
    #[error("the change could not be stored: {0}")]
    Store(String),
    /// The state folder's disk is full or broken, and nothing changed.
    #[error("the change could not be stored: {0}")]
    Unwritable(String),
    /// The store did not say in time whether it keeps the change.
    #[error("nothing is known of the change, for the store does not answer ({0}); GET it to see what is true")]
    Unknown(String),
}

/// Who has a place, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Door);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Door::Rtmp => "an RTMP encoder such as OBS",
            Door::Whip => "another browser or WHIP client",
            Door::Pull | Door::Whep => "a stream that this server pulls",
        })
    }
}

impl RoomError {
    /// True when a key or token was not the right one, or was for something that is not there.
    pub fn is_guess(&self) -> bool {
        matches!(self, Self::WrongKey | Self::WrongToken)
    }
}

/// A change to a room's document: the present one in, the wanted one or the faults out.
pub type Change = Box<dyn FnOnce(&RoomDocument) -> Result<RoomDocument, RoomError> + Send>;
