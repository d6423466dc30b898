//! SRS as a neighbour: whoever publishes a stream to it is in the room that the stream's name says, for as long as the stream lasts.
//!
//! Owns what SRS told: its callbacks, and its API asked every few seconds. With keys (`keyed`) a stream that brings its
//! participant's key is fetched into that participant's seat; without (`named`) its name alone makes a participant, which is taken
//! away with the stream. What a restart must not forget is in a file of the state folder (`kept`). Never connects anywhere but
//! through the [`Connector`]. [`Srs::watch`] and [`Srs::keep`] end when told to stop; nothing else runs.

mod address;
mod callback_log;
mod hook;
mod kept;
mod keyed;
mod listing;
mod named;
mod pattern;
mod query;
mod register;
mod watch;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub use address::{InvalidSource, SourceTemplate};
pub use hook::{Action, Hook};
pub use listing::{ApiUrl, InvalidApi};
pub use pattern::{InvalidPattern, Pattern};

use callback_log::Book;
use register::Register;

use crate::{
    base::{AssetHash, ParticipantId, RoomId, Secret},
    front::{
        model::{
            RoomDocument,
            document::{BroughtBy, Output, Source},
        },
        net::{
            address::{Connector, RtmpUrl},
            guess::Guesses,
        },
        room::Rooms,
    },
};

/// A place in a room.
pub type Place = (RoomId, ParticipantId);

/// A stream on SRS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Virtual host; `None` for SRS's default one.
    pub vhost: Option<String>,
    /// Application.
    pub app: String,
    /// Name.
    pub name: String,
}

impl Stream {
    /// The same as SRS tells streams apart: what follows the name's last dot does not count.
    fn named_by_srs(mut self) -> Self {
        if let Some(dot) = self.name.rfind('.') {
            self.name.truncate(dot);
        }
        self
    }
}

/// Whether a stream must bring its participant's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keys {
    /// It must, and the participant is one of the room's document that publishes.
    #[default]
    Required,
    /// Its name is enough: for networks in which only friends publish.
    Off,
}

/// What happens to streams that are nobody's by their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OtherStreams {
    /// They are published: SRS is there for other things as well.
    #[default]
    Pass,
    /// SRS is told to refuse them.
    Refuse,
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
    /// Whether streams bring their participants' keys.
    pub keys: Keys,
    /// What happens to streams of rooms that are not there.
    pub unknown_room: UnknownRoom,
    /// What happens to streams that are nobody's.
    pub other_streams: OtherStreams,
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
    register: Mutex<Register>,
    /// What Tilecast brings when it plays a stream; follows from the secret, and does not tell it.
    pull_key: Secret,
    /// The limiter for guesses of all doors: what SRS asks about was brought by a stranger.
    guesses: Guesses,
    /// Where the register is kept.
    file: PathBuf,
    /// The register has changed.
    changed: Notify,
    /// SRS's list is wanted now.
    poke: Notify,
}

impl Srs {
    /// Knows what the file in the folder `state` says, and nothing else yet; `guesses` are those of all doors. Blocking.
    pub fn open(settings: Settings, rooms: Rooms, connector: Connector, guesses: Guesses, state: &Path) -> Self {
        let file = state.join(kept::FILE);
        let register = Mutex::new(kept::read(&file));
        let pull_key = Secret::new(AssetHash::of(format!("play {}", settings.secret.expose()).as_bytes()).to_string());
        let (book, changed, poke) = Default::default();
        Self(Arc::new(Shared { settings, rooms, connector, book, register, pull_key, guesses, file, changed, poke }))
    }

    /// Whether this is the secret; takes the same time whatever it is.
    pub fn knows(&self, secret: &Secret) -> bool {
        self.0.settings.secret == *secret
    }

    /// The room that a callback is about.
    pub fn room_of(&self, hook: &Hook) -> Option<RoomId> {
        Some(self.whose(hook.stream()?)?.0.0)
    }

    /// Takes a callback of SRS.
    pub async fn hear(&self, hook: Hook, now: Instant) -> Verdict {
        let Some((place, stream)) = hook.stream().and_then(|stream| self.whose(stream)) else {
            return self.hear_of_other(&hook);
        };
        match (hook.action, self.0.settings.keys) {
            (Action::OnPublish, keys) => {
                let verdict = match keys {
                    Keys::Required => self.guarded(&place, stream, &hook, now).await,
                    Keys::Off => self.published_by_name(&place, &stream, &hook.client_id, now).await,
                };
                if let Verdict::Refuse(reason) = &verdict {
                    let (room, participant) = &place;
                    tracing::warn!(%room, %participant, ip = ?hook.ip(), "a stream on SRS was refused: {reason}");
                }
                verdict
            }
            (Action::OnUnpublish, Keys::Required) => self.unpublished_with_key(&place, &hook.client_id, now).await,
            (Action::OnUnpublish, Keys::Off) => self.unpublished_by_name(&place, &hook.client_id, now).await,
            (Action::OnPlay, Keys::Required) => self.plays_with_key(&place, &stream, &hook).await,
            (Action::OnPlay | Action::OnStop | Action::OnDvr | Action::OnHls | Action::Other, _) => {
                tracing::debug!(action = ?hook.action, room = %place.0, participant = %place.1, "told by SRS");
                Verdict::Pass
            }
        }
    }

    /// A stream that is nobody's.
    fn hear_of_other(&self, hook: &Hook) -> Verdict {
        if hook.action != Action::OnPublish || self.0.settings.other_streams == OtherStreams::Pass {
            return Verdict::Pass;
        }
        tracing::warn!(ip = ?hook.ip(), "a stream on SRS was refused: it is nobody's by its name");
        Verdict::Refuse("this stream is nobody's, and srs_other_streams says to refuse those".to_owned())
    }

    /// A room is changed by hand. Whom SRS brought and who is left out is to stay away until they publish anew. Should the change be
    /// refused, they are in the room, and stay there.
    pub fn changed_by_hand(&self, room: &RoomId, before: &RoomDocument, after: &RoomDocument) {
        let ours = before.participants.iter().filter(|(_, found)| found.brought_by == Some(BroughtBy::Srs));
        for (id, _) in ours.filter(|(id, _)| !after.participants.contains_key(*id)) {
            self.register(|register| register.put_out((room.clone(), id.clone())));
        }
    }

    /// Where a stream is pulled from. With keys that has one of ours, which SRS passes on to `on_play`.
    fn source(&self, stream: &Stream) -> Source {
        let Settings { source, keys, .. } = &self.0.settings;
        source.of(stream, (*keys == Keys::Required).then_some(&self.0.pull_key))
    }

    /// Whose a stream is by its name, and the stream as it is told apart from others.
    fn whose(&self, stream: Stream) -> Option<(Place, Stream)> {
        let stream = match self.0.settings.keys {
            // Or else a name that is nobody's would be a way to what SRS takes for somebody's stream.
            Keys::Required => stream.named_by_srs(),
            Keys::Off => stream,
        };
        let place = self.0.settings.streams.place(&stream.app, &stream.name)?;
        Some((place, stream))
    }

    fn book<T>(&self, with: impl FnOnce(&mut Book) -> T) -> T {
        with(&mut self.0.book.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn register<T>(&self, with: impl FnOnce(&mut Register) -> T) -> T {
        let mut register = self.0.register.lock().unwrap_or_else(PoisonError::into_inner);
        let result = with(&mut register);
        if register.has_changed() {
            self.0.changed.notify_one();
        }
        result
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
