//! Errors of rooms: why a room did not do what it was asked.

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
    /// The template is in use, so it cannot be deleted or changed in this way.
    #[error("layout {0} {1}")]
    TemplateInUse(TemplateName, String),
    /// The template has no such version.
    #[error("layout {0} has no version {1}; GET /v1/layouts/{0}/versions lists those that are kept")]
    NoVersion(TemplateName, u64),
    /// The template has changed since the caller read it.
    #[error("layout {0} is not what If-Match or If-None-Match says; GET it, look at what changed, and try again")]
    Changed(TemplateName),
    #[error("there is no asset {0}; GET /v1/assets lists what there is, PUT /v1/assets/{0} uploads it")]
    NoAsset(AssetName),
    /// The asset cannot be stored or deleted.
    #[error("asset {0} {1}")]
    AssetInUse(AssetName, String),
    /// The change was refused, and nothing changed.
    #[error("the change was refused")]
    Faults(Vec<Fault>),
    /// The key opens no place here. This covers a wrong key, a missing room, a missing participant, and a pulled one:
    /// without a right key, nobody learns what exists.
    #[error(
        "no place is open to this key: see that room, participant and key are right, or ask who made the room for them"
    )]
    WrongKey,
    /// Another connection is live in this participant's place.
    #[error(
        "the place of {0} is taken: {1} is live there; stop that one, or POST to the same address with ?takeover=1 to throw it out"
    )]
    Taken(ParticipantId, Holder),
    /// Another connection has taken this one's place and is live; an encoder that reconnects by itself is let in again
    /// after this many seconds.
    #[error(
        "the place of {0} was taken over: {1} is live there; stop one of the two: this one is let in again in {2} s, or once the \
         other has left"
    )]
    TakenOver(ParticipantId, Holder, u64),
    /// The token opens no program here; this covers a wrong token and a missing room.
    #[error(
        "no program is open under this name to this token, or without one: see that the room is right, and send its viewer_token as \
         Authorization: Bearer TOKEN, or as ?token=TOKEN by RTMP"
    )]
    WrongToken,
    /// More mixes are requested than the worker makes.
    #[error("as many different mixes of room {0} are listened to as can be; watch without ?for=, or try again later")]
    TooManyMixes(RoomId),
    /// This front holds its largest number of rooms.
    #[error("this server holds {0} rooms and takes no more; delete one first")]
    Full(usize),
    /// The machine has too little capacity for the room.
    #[error(
        "the room was not made: {0}; end another, ask for less, or ask with ?wait=1 to have it begin when there is room"
    )]
    NoCapacity(Shortage),
    /// The room belongs to another front, or to none at this moment.
    #[error("room {0} is not here now: {1}")]
    Moving(RoomId, String),
    /// There is no program frame yet.
    #[error("room {0} has no picture yet; try again in a second")]
    NoPicture(RoomId),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store refused the change, and nothing changed.
    #[error("the change could not be stored: {0}")]
    Store(String),
    /// The state folder's disk is full or broken, and nothing changed.
    #[error("the change could not be stored: {0}")]
    Unwritable(String),
    /// The store did not answer in time, so it may or may not have the change.
    #[error("nothing is known of the change, for the store does not answer ({0}); GET it to see what is true")]
    Unknown(String),
}

/// The connection that has a place, in words.
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
    /// True for a wrong key or token, and for a missing room or participant.
    pub fn is_guess(&self) -> bool {
        matches!(self, Self::WrongKey | Self::WrongToken)
    }
}

/// A change to a room's document: from the present one to the wanted one, or to faults.
pub type Change = Box<dyn FnOnce(&RoomDocument) -> Result<RoomDocument, RoomError> + Send>;
