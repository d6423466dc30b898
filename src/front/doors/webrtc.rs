//! The WebRTC door: who may publish to which place, who may watch which program, and every session under way.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use tokio::sync::{mpsc, oneshot};

use super::stay::Stay;
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::{
        metrics::Counters,
        model::{Audience, Coming, Door, RoomError},
        net::accept::{Admissions, Shares, Standing},
        room::Rooms,
        webrtc::{
            End, Error, Fragment, IceServers, Port, Role,
            bucket::Bucket,
            peer::{Made, Maker},
            run::{Command, Connection},
            session::Session,
        },
    },
};

/// Places of sessions. A stranger is one that asked for an open room's program and has not connected yet: it costs some 100 kB for at most
/// 30 s, and anyone may ask for it. Guests watch such a program, at some 3 Mbit/s each, so the line of a large server is full before. Those
/// who came with a key or token have places of their own, from the first moment.
const SESSIONS: Shares = Shares { strangers: 256, guests: 512, known: 512 };

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
    admissions: Admissions,
    sessions: Mutex<HashMap<SessionId, Entry>>,
}

#[derive(Debug)]
struct Entry {
    etag: String,
    commands: mpsc::Sender<Command>,
    /// Changes that its client may still ask for.
    changes: Bucket,
}

/// Where a session belongs.
#[derive(Debug, Clone)]
enum Place {
    Publish { room: RoomId, participant: ParticipantId, key: Secret, from: IpAddr },
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
        let (sessions, admissions) = (Mutex::default(), Admissions::new(SESSIONS));
        Self(Arc::new(Shared { port, maker, rooms, servers, counters, tasks, admissions, sessions }))
    }

    /// Opens a session for a client that publishes, and [may](WebRtc::may_publish).
    ///
    /// # Errors
    /// When there is no place for it, or the offer is of no use.
    pub fn publish(
        &self,
        (room, participant): (RoomId, ParticipantId),
        key: Secret,
        from: IpAddr,
        offer: &str,
    ) -> Result<Answer, Error> {
        self.open(Place::Publish { room, participant, key, from }, from, Standing::Known, offer)
    }

    /// Whether the key opens the place.
    pub async fn may_publish(&self, room: &RoomId, participant: &ParticipantId, key: &Secret) -> Result<(), Error> {
        let may = self.0.rooms.may_publish(room, participant, key).await;
        may.inspect_err(|_| self.0.counters.webrtc_refused("publish")).map_err(Error::Room)
    }

    /// Tells the room of a publisher that showed its key why it was refused all the same.
    pub async fn refused(&self, room: &RoomId, participant: &ParticipantId, key: &Secret, reason: String) {
        self.0.rooms.refused(room, participant, key, reason).await;
    }

    /// Fails when somebody else is live at the place that a client from this address would take over.
    pub async fn is_free(&self, room: &RoomId, participant: &ParticipantId, from: IpAddr) -> Result<(), Error> {
        let free = self.0.rooms.is_free(room, participant, Coming { door: Door::Whip, from }).await;
        free.inspect_err(|_| self.0.counters.webrtc_refused("taken")).map_err(Error::Room)
    }

    /// Opens a session for a client that watches, with everyone's sound or everyone's but one's, as it
    /// [may](WebRtc::may_watch).
    ///
    /// # Errors
    /// When there is no place for it, or the offer is of no use.
    pub fn watch(
        &self,
        (room, without): (RoomId, Option<ParticipantId>),
        audience: Audience,
        from: IpAddr,
        offer: &str,
    ) -> Result<Answer, Error> {
        let standing = match audience {
            Audience::Everybody => Standing::Stranger,
            Audience::Invited => Standing::Known,
        };
        self.open(Place::Watch { room, without }, from, standing, offer)
    }

    /// What lets a client watch, with the sound of everyone but `without`, who must be in the room. A participant's own key opens what they
    /// take part in, so that who joins needs one key, not two.
    pub async fn may_watch(
        &self,
        room: &RoomId,
        token: Option<&Secret>,
        without: Option<&ParticipantId>,
    ) -> Result<Audience, Error> {
        let may = self.lets_watch(room, token, without).await;
        may.inspect_err(|_| self.0.counters.webrtc_refused("watch")).map_err(Error::Room)
    }

    async fn lets_watch(
        &self,
        room: &RoomId,
        token: Option<&Secret>,
        without: Option<&ParticipantId>,
    ) -> Result<Audience, RoomError> {
        let rooms = &self.0.rooms;
        if let (Some(participant), Some(key)) = (without, token)
            && rooms.may_publish(room, participant, key).await.is_ok()
        {
            return Ok(Audience::Invited);
        }
        let (_, audience) = rooms.program(room, token).await?;
        if let Some(participant) = without {
            rooms.has_participant(room, participant).await.map_err(|error| match audience {
                // Who has shown nothing is not told who is there.
                Audience::Everybody => RoomError::WrongToken,
                Audience::Invited => error,
            })?;
        }
        Ok(audience)
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

    /// Fails when there is no such session.
    pub fn find(&self, id: &SessionId) -> Result<(), Error> {
        self.sessions().contains_key(id).then_some(()).ok_or(Error::NoSession)
    }

    /// Ends a session.
    pub async fn leave(&self, id: &SessionId) -> Result<(), Error> {
        let commands = self.sessions().get(id).map(|entry| entry.commands.clone());
        let commands = commands.ok_or(Error::NoSession)?;
        commands.send(Command::Leave).await.map_err(|_| Error::NoSession)
    }

    fn open(&self, place: Place, from: IpAddr, standing: Standing, offer: &str) -> Result<Answer, Error> {
        let shared = &self.0;
        let stay = Stay::begin(&shared.admissions, from, standing, shared.tasks.token().child_token());
        let stay = stay.inspect_err(|_| shared.counters.webrtc_refused("full"))?;
        let now = Instant::now();
        let made = shared.maker.answer(place.role(), offer, now);
        let made = made.inspect_err(|_| shared.counters.webrtc_refused("offer"))?;
        Ok(self.start(place, stay, made, offer, now))
    }

    fn start(&self, place: Place, stay: Stay, made: Made, offer: &str, now: Instant) -> Answer {
        let shared = self.0.clone();
        let sdp = made.answer.clone();
        let mut session = Session::new(place.role(), made, offer, now);
        let name = session.ufrag();
        let etag = format!("\"{name}\"");
        let lease = shared.port.lease(name, place.role().datagrams(), stay.shown());
        let (sender, commands) = mpsc::channel(MAILBOX);
        let id = SessionId::random();
        let entry = Entry { etag: etag.clone(), commands: sender, changes: CHANGES };
        self.sessions().insert(id.clone(), entry);
        let connection = Connection::new(session, lease, commands, stay.stop());
        let (door, own) = (self.clone(), id.clone());
        shared.tasks.spawn("webrtc", async move {
            // Dropped with the task, however that ends.
            let _listed = Listed { door: door.clone(), id: own.clone() };
            let _open = door.0.counters.webrtc_opened(place.role().name());
            let connected = || stay.connected();
            let run = async {
                match &place {
                    Place::Publish { room, participant, key, from } => {
                        let take = || async {
                            connected();
                            let coming = Coming { door: Door::Whip, from: *from };
                            let taken = door.0.rooms.publish(room, participant, key, coming).await;
                            let seat = taken.map_err(|error| End::Cut(error.to_string()))?;
                            tracing::info!(%room, %participant, "publishing by WHIP");
                            Ok(seat)
                        };
                        connection.publish(take).await
                    }
                    Place::Watch { room, without } => {
                        let connected = || {
                            connected();
                            tracing::info!(%room, "watching by WHEP");
                        };
                        connection.watch(door.0.rooms.watched(room), without.as_ref(), connected).await
                    }
                }
            };
            let end = stay.live(run).await;
            door.ended(&place, &end);
        });
        Answer { id, sdp, etag }
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
