//! The WebRTC door: who may publish to which place, who may watch which program, and every session under way.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    End, Error, Fragment, IceServers, Port, Role,
    bucket::Bucket,
    peer::{Made, Maker},
    run::{Command, Connection},
    session::Session,
};
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::{metrics::Counters, room::Rooms},
};

/// Most sessions at once. Each viewer is some 3 Mbit/s, so the line of a large server is full before.
const MAX_SESSIONS: usize = 1024;

/// Most sessions whose clients have not connected yet. Each costs some 100 kB for at most 30 s, and anyone may ask for one
/// where no viewers' token is set.
const MAX_WAITING: usize = 256;

/// Requests that may wait for one session.
const MAILBOX: usize = 16;

/// Changes that a session's client may ask for: a browser of many interfaces tells its candidates one by one, some thirty in the
/// first second.
const CHANGES: Bucket = Bucket::new(5, 100);

/// What restarting ICE counts as: it makes a new answer, and a client that moves does it once a network.
const RESTART: u32 = 10;

/// The name of a session in its URL: 128 random bits, which only the one who opened it was told.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(u128);

impl SessionId {
    fn random() -> Self {
        Self(rand::random())
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u128::from_str_radix(text, 16).ok()).flatten().map(Self)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A session that was opened.
#[derive(Debug)]
pub struct Answer {
    /// Its name.
    pub id: SessionId,
    /// Our SDP.
    pub sdp: String,
    /// Names the present ICE session; changes when ICE restarts.
    pub etag: String,
}

/// What came of a PATCH.
#[derive(Debug)]
pub enum Changed {
    /// Candidates were taken.
    Trickled,
    /// ICE starts over.
    Restarted {
        /// What the client needs of our SDP.
        fragment: String,
        /// Names the new ICE session.
        etag: String,
    },
}

/// Handle on the door; clones share it.
#[derive(Debug, Clone)]
pub struct WebRtc(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    port: Arc<Port>,
    maker: Maker,
    rooms: Rooms,
    servers: IceServers,
    counters: Counters,
    tasks: Tasks,
    sessions: Mutex<HashMap<SessionId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    etag: String,
    commands: mpsc::Sender<Command>,
    connected: bool,
    /// Changes that its client may still ask for.
    changes: Bucket,
}

/// Where a session belongs.
#[derive(Debug, Clone)]
enum Place {
    Publish { room: RoomId, participant: ParticipantId, key: Secret },
    Watch { room: RoomId, without: Option<ParticipantId> },
}

impl Place {
    fn role(&self) -> Role {
        match self {
            Self::Publish { .. } => Role::Publish,
            Self::Watch { .. } => Role::Watch,
        }
    }
}

impl WebRtc {
    /// Sessions on `port`, to and from `rooms`, as tasks of `tasks`; clients are told of `servers`.
    pub fn new(port: Arc<Port>, rooms: Rooms, servers: IceServers, counters: Counters, tasks: Tasks) -> Self {
        let maker = Maker::new(port.addresses(), port.addresses());
        let sessions = Mutex::default();
        Self(Arc::new(Shared { port, maker, rooms, servers, counters, tasks, sessions }))
    }

    /// Opens a session for a client that publishes.
    pub async fn publish(
        &self,
        room: RoomId,
        participant: ParticipantId,
        key: Secret,
        offer: &str,
    ) -> Result<Answer, Error> {
        self.may_publish(&room, &participant, &key).await?;
        self.open(Place::Publish { room, participant, key }, offer)
    }

    /// Whether [`WebRtc::publish`] would find its place.
    pub async fn may_publish(&self, room: &RoomId, participant: &ParticipantId, key: &Secret) -> Result<(), Error> {
        let may = self.0.rooms.may_publish(room, participant, key).await;
        may.inspect_err(|_| self.0.counters.webrtc_refused("publish")).map_err(Error::Room)
    }

    /// Opens a session for a client that watches, with everyone's sound or everyone's but one's. A participant's own key opens
    /// what they take part in, so that who joins needs one key, not two.
    pub async fn watch(
        &self,
        room: RoomId,
        token: Option<&Secret>,
        without: Option<ParticipantId>,
        offer: &str,
    ) -> Result<Answer, Error> {
        let own = match (&without, token) {
            (Some(participant), Some(key)) => self.0.rooms.may_publish(&room, participant, key).await.is_ok(),
            _ => false,
        };
        if !own {
            self.may_watch(&room, token).await?;
        }
        if let Some(participant) = &without {
            self.0.rooms.has_participant(&room, participant).await?;
        }
        self.open(Place::Watch { room, without }, offer)
    }

    /// Whether [`WebRtc::watch`] would be granted.
    pub async fn may_watch(&self, room: &RoomId, token: Option<&Secret>) -> Result<(), Error> {
        let may = self.0.rooms.program(room, token).await;
        may.inspect_err(|_| self.0.counters.webrtc_refused("watch")).map(|_| ()).map_err(Error::Room)
    }

    /// `Link` header values for STUN and TURN servers, for someone who was let in.
    pub fn links(&self, user: &str) -> Vec<String> {
        self.0.servers.links(user, SystemTime::now(), |key, text| self.0.maker.hmac(key, text))
    }

    /// Takes note of a session's client's candidates, or restarts its ICE when `fragment` has other credentials. `wanted` is the
    /// `If-Match` that came along. Candidates are of no use: an agent that is ICE-lite begins no checks (RFC 8445 §2.5), and the
    /// client's own checks tell where it is.
    pub async fn change(&self, id: &SessionId, wanted: Option<&str>, fragment: Fragment) -> Result<Changed, Error> {
        let restarts = wanted == Some("*");
        let (commands, etag) = {
            let mut sessions = self.sessions();
            let entry = sessions.get_mut(id).ok_or(Error::NoSession)?;
            if !entry.changes.take(if restarts { RESTART } else { 1 }, Instant::now()) {
                return Err(Error::Restless);
            }
            (entry.commands.clone(), entry.etag.clone())
        };
        if !restarts && wanted.is_some_and(|wanted| wanted != etag) {
            return Err(Error::Stale);
        }
        let ended = |_| Error::NoSession;
        let changed = match fragment.credentials {
            Some((ufrag, password)) if restarts => {
                let (reply, answer) = oneshot::channel();
                commands.send(Command::Restart { ufrag, password, reply }).await.map_err(ended)?;
                let (answer, name) = answer.await.map_err(|_| Error::NoSession)??;
                let etag = format!("\"{name}\"");
                if let Some(entry) = self.sessions().get_mut(id) {
                    entry.etag.clone_from(&etag);
                }
                Changed::Restarted { fragment: Fragment::of_answer(&answer), etag }
            }
            None if restarts => return Err(Error::Fragment("restarting ICE takes ice-ufrag and ice-pwd")),
            _ => Changed::Trickled,
        };
        Ok(changed)
    }

    /// Ends a session.
    pub async fn leave(&self, id: &SessionId) -> Result<(), Error> {
        let commands = self.sessions().get(id).map(|entry| entry.commands.clone());
        let commands = commands.ok_or(Error::NoSession)?;
        commands.send(Command::Leave).await.map_err(|_| Error::NoSession)
    }

    fn open(&self, place: Place, offer: &str) -> Result<Answer, Error> {
        let shared = &self.0;
        self.admit().inspect_err(|_| shared.counters.webrtc_refused("full"))?;
        let now = Instant::now();
        let made = shared.maker.answer(place.role(), offer, now);
        let made = made.inspect_err(|_| shared.counters.webrtc_refused("offer"))?;
        Ok(self.start(place, made, offer, now))
    }

    fn admit(&self) -> Result<(), Error> {
        let sessions = self.sessions();
        if sessions.len() >= MAX_SESSIONS {
            return Err(Error::Full(MAX_SESSIONS));
        }
        let waiting = sessions.values().filter(|entry| !entry.connected).count();
        if waiting >= MAX_WAITING { Err(Error::Crowded(MAX_WAITING)) } else { Ok(()) }
    }

    fn start(&self, place: Place, made: Made, offer: &str, now: Instant) -> Answer {
        let shared = self.0.clone();
        let sdp = made.answer.clone();
        let mut session = Session::new(place.role(), made, offer, now);
        let name = session.ufrag();
        let etag = format!("\"{name}\"");
        let lease = shared.port.lease(name, place.role().datagrams());
        let (sender, commands) = mpsc::channel(MAILBOX);
        let id = SessionId::random();
        let entry = Entry { etag: etag.clone(), commands: sender, connected: false, changes: CHANGES };
        self.sessions().insert(id.clone(), entry);
        let connection = Connection::new(session, lease, commands, shared.tasks.token());
        let (door, own) = (self.clone(), id.clone());
        shared.tasks.spawn("webrtc", async move {
            // Dropped with the task, however that ends.
            let _listed = Listed { door: door.clone(), id: own.clone() };
            let _open = door.0.counters.webrtc_opened(place.role().name());
            let connected = || door.connected(&own);
            let end = match &place {
                Place::Publish { room, participant, key } => {
                    connection.publish(&door.0.rooms, room, participant, key, connected).await
                }
                Place::Watch { room, without } => {
                    connection.watch(&door.0.rooms, room, without.as_ref(), connected).await
                }
            };
            door.ended(&place, &end);
        });
        Answer { id, sdp, etag }
    }

    fn connected(&self, id: &SessionId) {
        if let Some(entry) = self.sessions().get_mut(id) {
            entry.connected = true;
        }
    }

    fn ended(&self, place: &Place, end: &End) {
        self.0.counters.webrtc_ended(end.label());
        match place {
            Place::Publish { room, participant, .. } => {
                tracing::info!(%room, %participant, "publishing by WHIP ended: {end}");
            }
            Place::Watch { room, .. } => tracing::info!(%room, "watching by WHEP ended: {end}"),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        // Nothing under this lock can panic half-way.
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's entry, until dropped.
struct Listed {
    door: WebRtc,
    id: SessionId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.door.sessions().remove(&self.id);
    }
}
