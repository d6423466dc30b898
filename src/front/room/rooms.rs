//! Every room of this front, and the one way to reach them.

use bytes::Bytes;
use tokio::sync::broadcast;

use super::{Door, RoomDocument, Seat, status::RoomView};
use crate::{
    base::{ParticipantId, RoomId, Secret, TemplateName},
    front::events::Event,
    layout::Template,
    media::fanout::Fanout,
};

/// A fault in something a client sent: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Fault {
    /// JSON pointer (RFC 6901) of the value at fault.
    pub pointer: String,
    /// A sentence a person can act on.
    pub detail: String,
}

/// Why a room did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// No such room.
    #[error("there is no room {0}; PUT /v1/rooms/{0} creates it")]
    NoRoom(RoomId),
    /// No such participant.
    #[error("room {0} has no participant {1}; PUT /v1/rooms/{0}/participants/{1} adds it")]
    NoParticipant(RoomId, ParticipantId),
    /// No such template.
    #[error("there is no layout {0}; GET /v1/layouts lists what there is")]
    NoTemplate(TemplateName),
    /// The template cannot be deleted or changed so.
    #[error("layout {0} {1}")]
    TemplateInUse(TemplateName, String),
    /// The change was refused, and nothing changed.
    #[error("the change was refused")]
    Faults(Vec<Fault>),
    /// The key does not open this participant's place.
    #[error("the key does not fit")]
    WrongKey,
    /// The participant is pulled, so nobody may publish for it.
    #[error("participant {0} is pulled by this server; give it a source of type publish to connect yourself")]
    NotPublished(ParticipantId),
    /// More rooms than this front holds.
    #[error("this server holds {0} rooms and takes no more; delete one first")]
    Full(usize),
    /// There is no program frame yet.
    #[error("room {0} has no picture yet; try again in a second")]
    NoPicture(RoomId),
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
    /// The store could not keep the change, and nothing changed.
    #[error("the change could not be written to the state folder: {0}")]
    Store(String),
}

/// A change to a room's document: the present one in, the wanted one or the faults out.
pub type Change = Box<dyn FnOnce(&RoomDocument) -> Result<RoomDocument, RoomError> + Send>;

/// Handle on all rooms; clones share them.
#[derive(Debug, Clone)]
pub struct Rooms {}

impl Rooms {
    /// Creates the room or replaces its document. The flag is true when it was created.
    pub async fn put(&self, _room: &RoomId, _document: RoomDocument) -> Result<(RoomView, bool), RoomError> {
        Err(RoomError::Stopping)
    }

    /// Changes the document in one step that no other change comes between.
    pub async fn change(&self, room: &RoomId, _change: Change) -> Result<RoomView, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// Ends the room: publishers and outputs are closed, its worker stops.
    pub async fn delete(&self, room: &RoomId) -> Result<(), RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// One room.
    pub async fn view(&self, room: &RoomId) -> Result<RoomView, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// Every room, by id.
    pub async fn list(&self) -> Vec<RoomView> {
        Vec::new()
    }

    /// An operator gives the floor to someone.
    pub async fn hold_floor(&self, room: &RoomId, _who: ParticipantId) -> Result<RoomView, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// An operator gives the floor back.
    pub async fn release_floor(&self, room: &RoomId) -> Result<RoomView, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// The newest program frame as JPEG.
    pub async fn snapshot(&self, room: &RoomId) -> Result<Bytes, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// What happens in the room from now on. A listener that falls behind misses events, not the room.
    pub async fn events(&self, room: &RoomId) -> Result<broadcast::Receiver<Event>, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// The room's program, to play.
    pub async fn program(&self, room: &RoomId) -> Result<Fanout, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// Takes the place of a participant who publishes; whoever had it is evicted.
    pub async fn publish(
        &self,
        room: &RoomId,
        _participant: &ParticipantId,
        _key: &Secret,
        _door: Door,
    ) -> Result<Seat, RoomError> {
        Err(RoomError::NoRoom(room.clone()))
    }

    /// Every template by name, built-in and stored; the flag is true for built-in ones that were not replaced.
    pub async fn templates(&self) -> Vec<(TemplateName, Template, bool)> {
        Vec::new()
    }

    /// One template.
    pub async fn template(&self, name: &TemplateName) -> Result<Template, RoomError> {
        Err(RoomError::NoTemplate(name.clone()))
    }

    /// Stores a template that was validated; rooms that use it change at once. The flag is true when it is new.
    pub async fn put_template(&self, name: &TemplateName, _template: Template) -> Result<bool, RoomError> {
        Err(RoomError::NoTemplate(name.clone()))
    }

    /// Forgets a stored template. One that a room uses is refused, unless a built-in of the same name takes over.
    pub async fn delete_template(&self, name: &TemplateName) -> Result<(), RoomError> {
        Err(RoomError::NoTemplate(name.clone()))
    }
}
