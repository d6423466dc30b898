//! SRS as a neighbour: whoever publishes a stream to it joins the room that the stream's name says, and leaves with the stream.
//!
//! Owns what SRS told (its callbacks, and its API asked every few seconds) and turns it into participants of rooms, pulled from
//! SRS. Touches only participants that it brought itself, which their documents say, so a restart changes nothing. Never
//! connects anywhere but through the [`Connector`]. [`Srs::watch`] ends when told to stop; nothing else runs.

mod address;
mod book;
mod hook;
mod listing;
mod pattern;
mod watch;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

pub use address::{InvalidSource, SourceTemplate};
pub use hook::{Action, Hook};
pub use listing::{ApiUrl, InvalidApi};
pub use pattern::{InvalidPattern, Pattern};

use book::Book;

use super::room::{
    RoomDocument, RoomError, Rooms,
    document::{BroughtBy, Output, Participant, Source},
};
use crate::{
    base::{ParticipantId, RoomId, Secret},
    front::auth::address::{Connector, RtmpUrl},
};

/// A place in a room.
pub type Place = (RoomId, ParticipantId);

/// A stream on SRS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Virtual host; `None` for SRS's default one.
    pub vhost: Option<String>,
    /// Application.
    pub app: String,
    /// Name.
    pub name: String,
}

/// What happens to streams whose name says a room that is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnknownRoom {
    /// They are published all the same, and join once the room is there.
    #[default]
    Ignore,
    /// SRS is told to refuse them.
    Refuse,
}

/// How SRS and this server know each other.
#[derive(Debug)]
pub struct Settings {
    /// What SRS sends with every callback.
    pub secret: Secret,
    /// Which streams are whose.
    pub streams: Pattern,
    /// Where they are pulled from.
    pub source: SourceTemplate,
    /// APIs that are asked what is published: of every SRS that people publish to. Without one, a callback that got lost is
    /// not made up for.
    pub apis: Vec<ApiUrl>,
    /// What happens to streams of rooms that are not there.
    pub unknown_room: UnknownRoom,
}

/// What SRS is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Pass,
    /// The publisher or player is to be disconnected, for this reason.
    Refuse(String),
}

/// The neighbour; clones share it.
#[derive(Debug, Clone)]
pub struct Srs(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    rooms: Rooms,
    connector: Connector,
    book: Mutex<Book>,
}

impl Srs {
    /// Nothing heard yet.
    pub fn new(settings: Settings, rooms: Rooms, connector: Connector) -> Self {
        Self(Arc::new(Shared { settings, rooms, connector, book: Mutex::default() }))
    }

    /// Whether this is the secret; takes the same time whatever it is.
    pub fn knows(&self, secret: &Secret) -> bool {
        self.0.settings.secret == *secret
    }

    /// The room that a callback is about.
    pub fn room_of(&self, hook: &Hook) -> Option<RoomId> {
        Some(self.place(&hook.stream()?)?.0)
    }

    /// Takes a callback of SRS.
    pub async fn hear(&self, hook: Hook, now: Instant) -> Verdict {
        let Some((place, stream)) = hook.stream().and_then(|stream| Some((self.place(&stream)?, stream))) else {
            return Verdict::Pass;
        };
        match hook.action {
            Action::OnPublish => {
                self.book(|book| book.published(place.clone(), &hook.client_id, now));
                let verdict = self.join(&place, &stream).await;
                if let Verdict::Refuse(reason) = &verdict {
                    tracing::warn!(room = %place.0, participant = %place.1, "a stream on SRS was refused: {reason}");
                    self.book(|book| book.forget(&place));
                }
                verdict
            }
            Action::OnUnpublish => {
                if self.book(|book| book.unpublished(&place, &hook.client_id, now)) {
                    self.leave(&place).await;
                }
                Verdict::Pass
            }
            Action::OnPlay | Action::OnStop | Action::OnDvr | Action::OnHls | Action::Other => {
                tracing::debug!(action = ?hook.action, room = %place.0, participant = %place.1, "told by SRS");
                Verdict::Pass
            }
        }
    }

    /// Whose a stream is, by its name.
    fn place(&self, stream: &Stream) -> Option<Place> {
        self.0.settings.streams.place(&stream.app, &stream.name)
    }

    fn book<T>(&self, with: impl FnOnce(&mut Book) -> T) -> T {
        with(&mut self.0.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds the participant that a stream belongs to, unless the room has one of that name.
    async fn join(&self, place: &Place, stream: &Stream) -> Verdict {
        let (room, id) = place;
        let source = self.0.settings.source.of(stream);
        let (at, stream) = (id.clone(), stream.clone());
        let add = move |present: &RoomDocument| {
            let mut wanted = present.clone();
            if !present.outputs.values().any(|output| is_of(output, &stream)) {
                add(&mut wanted.participants, at, source);
            }
            Ok(wanted)
        };
        match self.0.rooms.change(room, Box::new(add)).await {
            Ok(_) => Verdict::Pass,
            Err(RoomError::NoRoom(_)) if self.0.settings.unknown_room == UnknownRoom::Ignore => Verdict::Pass,
            // What is true only now is no reason to turn a publisher away: the next look at SRS's list brings the stream in.
            Err(error @ (RoomError::Stopping | RoomError::Store(_) | RoomError::Moving(..))) => {
                tracing::warn!(%room, participant = %id, "a stream on SRS did not join: {error}");
                Verdict::Pass
            }
            Err(RoomError::Faults(faults)) => {
                Verdict::Refuse(faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; "))
            }
            Err(error) => Verdict::Refuse(error.to_string()),
        }
    }

    /// Removes a participant that SRS brought.
    async fn leave(&self, place: &Place) {
        let (room, id) = place;
        let at = id.clone();
        let remove = move |present: &RoomDocument| {
            let mut wanted = present.clone();
            if wanted.participants.get(&at).is_some_and(|found| found.brought_by == Some(BroughtBy::Srs)) {
                wanted.participants.remove(&at);
                wanted.pins.retain(|pin| *pin != at);
            }
            Ok(wanted)
        };
        match self.0.rooms.change(room, Box::new(remove)).await {
            Ok(_) | Err(RoomError::NoRoom(_)) => {}
            Err(error) => tracing::warn!(%room, participant = %id, "a stream on SRS ended, but stays for now: {error}"),
        }
    }
}

/// True for a room's own program, which must not become a participant of it.
fn is_of(output: &Output, stream: &Stream) -> bool {
    match output {
        Output::Rtmp { url } => RtmpUrl::parse(url)
            .is_ok_and(|url| url.app() == stream.app && url.name().split('?').next() == Some(&stream.name)),
        // SRS has both in the query: /rtc/v1/whip/?app=live&stream=weekly
        Output::Whip { url, .. } => url::Url::parse(url).is_ok_and(|url| {
            let has = |key: &str, value: &str| url.query_pairs().any(|(k, v)| k == key && v == value);
            has("app", &stream.app) && has("stream", &stream.name)
        }),
    }
}

/// Adds a participant, or lets one that was brought before follow its stream. One that was added by hand stays as it is.
fn add(participants: &mut BTreeMap<ParticipantId, Participant>, id: ParticipantId, source: Source) {
    match participants.get_mut(&id) {
        Some(present) if present.brought_by == Some(BroughtBy::Srs) => present.source = source,
        Some(_) => {}
        None => {
            let brought_by = Some(BroughtBy::Srs);
            let (name, role, gain_db, muted, hidden, order) = (None, None, 0.0, false, false, 0);
            participants.insert(id, Participant { name, role, source, gain_db, muted, hidden, order, brought_by });
        }
    }
}
