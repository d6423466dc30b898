//! Every room of this front, and the one way to reach them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{
    Context, Quote,
    actor::{Actor, Command, Entry, Inlets, Outlets},
    keeper::{Keeper, Request},
    whole::{self, Whole},
};
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::model::{
        Audience, Change, Coming, Program, Question, RoomDocument, RoomError, Seat,
        document::{Participant, Source},
        event::Event,
        status::{RoomView, SpeakerStatus},
    },
    layout::Fault,
    media::fanout::Fanout,
};

/// Most rooms of one front. Each is a process; a machine is full long before.
pub const MAX_ROOMS: usize = 256;

/// Requests that may wait for one room. More callers than that wait in line outside.
const MAILBOX: usize = 64;

/// Packets that may wait for one room: about half a second of sixteen participants. A room that does not keep up slows
/// its senders' connections.
const ARRIVALS: usize = 512;

/// Events a slow listener may be behind: half a minute of levels.
const EVENTS: usize = 512;

/// Most changes of rooms, templates and images that are under way, or wait for each other, at once: more than people make, and with
/// the largest images 256 MiB. Further ones wait outside, where whoever hangs up has changed nothing.
const MAX_CHANGES: usize = 64;

/// How long a room that ends may take; its own parts are bounded tighter.
const CLOSING: Duration = Duration::from_secs(3);

/// Handle on all rooms; clones share them.
#[derive(Debug, Clone)]
pub struct Rooms {
    pub(super) context: Arc<Context>,
    rooms: Arc<RwLock<BTreeMap<RoomId, Room>>>,
    /// Held by whoever changes templates or assets.
    pub(super) library: Arc<Semaphore>,
    changes: Arc<Semaphore>,
    tasks: Tasks,
}

/// What to do with a new room for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// It is not made.
    Refuse,
    /// It is made, and begins when it fits.
    Wait,
}

/// Handle on one room.
#[derive(Debug, Clone)]
struct Room {
    keeper: mpsc::Sender<Request>,
    actor: mpsc::Sender<Command>,
    questions: mpsc::Sender<Question>,
    events: broadcast::Sender<Event>,
    program: Fanout,
    /// Ends actor and keeper, whatever they wait for.
    stop: CancellationToken,
    /// The document that it had last, once its keeper has ended.
    last: watch::Receiver<Option<RoomDocument>>,
}

impl Rooms {
    /// No rooms yet; `tasks` owns what they run.
    pub fn new(context: Context, tasks: Tasks) -> Self {
        let changes = Arc::new(Semaphore::new(MAX_CHANGES));
        Self { context: Arc::new(context), rooms: Arc::default(), library: Arc::new(Semaphore::new(1)), changes, tasks }
    }

    /// Has a change done to its end, whoever waits for it.
    pub(super) async fn whole<T, F>(&self, change: impl FnOnce(Self, Whole) -> F) -> Result<T, RoomError>
    where
        F: Future<Output = Result<T, RoomError>> + Send + 'static,
        T: Send + 'static,
    {
        let place = self.changes.clone().acquire_owned().await.map_err(|_| RoomError::Stopping)?;
        let rooms = self.clone();
        let work = |whole| {
            let change = change(rooms, whole);
            async move {
                let done = change.await;
                drop(place);
                done
            }
        };
        whole::wait(&self.tasks, "change", work).await
    }

    /// Brings back a room as it was stored. What was once accepted stays, though it would be refused today; that is only
    /// said.
    pub fn restore(&self, id: RoomId, document: RoomDocument) {
        for fault in self.context.check(&document) {
            tracing::warn!(room = %id, pointer = fault.pointer, "a stored room would be refused today: {}", fault.detail);
        }
        self.open(&id, document, Entry::Admitted);
    }

    fn find(&self, id: &RoomId) -> Result<Room, RoomError> {
        match self.entry(id).filter(Room::is_there) {
            Some(room) => Ok(room),
            // With the server all rooms stop, and are there again after it.
            None if self.tasks.token().is_cancelled() => Err(RoomError::Stopping),
            None => Err(RoomError::NoRoom(id.clone())),
        }
    }

    fn entry(&self, id: &RoomId) -> Option<Room> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn handles(&self) -> Vec<(RoomId, Room)> {
        let rooms = self.rooms.read().unwrap_or_else(PoisonError::into_inner);
        rooms.iter().map(|(id, room)| (id.clone(), room.clone())).collect()
    }

    /// Starts a room's actor and keeper, unless it is there; the flag is true when it was not.
    fn open(&self, id: &RoomId, document: RoomDocument, entry: Entry) -> (Room, bool) {
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.get(id).filter(|room| room.is_there()) {
            return (room.clone(), false);
        }
        let (commands, command_outlet) = mpsc::channel(MAILBOX);
        let (questions, question_outlet) = mpsc::channel(MAILBOX);
        let (arrivals, arrival_outlet) = mpsc::channel(ARRIVALS);
        let (ends, end_outlet) = mpsc::unbounded_channel();
        let (events, _) = broadcast::channel(EVENTS);
        let inlets = Inlets { commands: commands.clone(), questions: questions.clone(), arrivals, ends };
        let outlets = Outlets {
            commands: command_outlet,
            questions: question_outlet,
            arrivals: arrival_outlet,
            ends: end_outlet,
        };
        let stop = self.tasks.token().child_token();
        let actor = Actor::new(id.clone(), self.context.clone(), inlets, events.clone(), entry, self.tasks.child());
        let program = actor.program();
        self.tasks.spawn("room", actor.run(document.clone(), outlets, stop.clone()));
        let (keeper, requests) = mpsc::channel(MAILBOX);
        let (context, actor) = (self.context.clone(), commands.clone());
        let (tell_last, last) = watch::channel(None);
        let (name, ending) = (id.clone(), stop.clone());
        whole::spawn(&self.tasks, "room keeper", |whole| {
            let keeper =
                Keeper { id: name, context, document, actor, stop: ending, last: tell_last, whole, unsaved: None };
            keeper.run(requests)
        });
        let room = Room { keeper, actor: commands, questions, events, program, stop, last };
        rooms.insert(id.clone(), room.clone());
        (room, true)
    }

    /// Creates the room or replaces its document. The flag is true when it was created. A room that is there is never refused
    /// for its size. The participants of `made` keep the keys they have, if they have any: theirs were made for this document.
    pub async fn put(
        &self,
        id: &RoomId,
        mut document: RoomDocument,
        made: BTreeSet<ParticipantId>,
        crowded: Crowded,
    ) -> Result<(RoomView, bool), RoomError> {
        if self.find(id).is_err() {
            let (id, document) = (id.clone(), document.clone());
            let made = self.whole(async move |rooms: Self, whole| rooms.make(whole, &id, document, crowded).await);
            if let Some(view) = made.await? {
                return Ok((view, true));
            }
        }
        let change = Box::new(move |present: &RoomDocument| {
            document.keep_keys(&made, present);
            Ok(document)
        });
        self.change(id, change).await.map(|view| (view, false))
    }

    /// Makes a room that is not there; nothing when it is there by now.
    async fn make(
        &self,
        whole: Whole,
        id: &RoomId,
        document: RoomDocument,
        crowded: Crowded,
    ) -> Result<Option<RoomView>, RoomError> {
        let faults = self.context.check(&document);
        if !faults.is_empty() {
            return Err(RoomError::Faults(faults));
        }
        if self.handles().len() >= MAX_ROOMS {
            return Err(RoomError::Full(MAX_ROOMS));
        }
        let entry = match (self.context.admit(id, &document).await, crowded) {
            (Ok(()), _) => Entry::Admitted,
            // What would not fit with nobody else here would wait for ever.
            (Err(shortage), Crowded::Wait) if !shortage.is_hopeless() => Entry::Waiting,
            (Err(shortage), _) => return Err(RoomError::NoCapacity(shortage)),
        };
        if let Err(error) = self.context.keep_new(whole, id, &document).await {
            // Somebody else may have made it at the same time.
            if !self.is_open(id) {
                self.context.ledger.remove(id);
            }
            return Err(error);
        }
        let (room, opened) = self.open(id, document, entry);
        if opened { room.view().await.map(Some) } else { Ok(None) }
    }

    /// What a room would cost; changes nothing. What `id` takes already, if it is given, counts as free.
    pub async fn quote(&self, id: Option<&RoomId>, document: &RoomDocument) -> Result<Quote, RoomError> {
        let faults = self.context.check(document);
        if faults.is_empty() { Ok(self.context.quote(id, document).await) } else { Err(RoomError::Faults(faults)) }
    }

    /// Changes the document in one step that no other change comes between.
    pub async fn change(&self, id: &RoomId, change: Change) -> Result<RoomView, RoomError> {
        self.find(id)?.keep(|reply| Request::Change(change, reply)).await?
    }

    /// What is kept of a room was seen not to be its document; it is put right, unless it has been meanwhile.
    pub async fn keep_still(&self, id: &RoomId) {
        if let Ok(room) = self.find(id) {
            // One that ends needs it no more.
            let _ = room.keeper.send(Request::KeepStill).await;
        }
    }

    /// Ends the room: publishers and outputs are closed, its worker stops.
    pub async fn delete(&self, id: &RoomId) -> Result<(), RoomError> {
        let id = id.clone();
        let delete = async move |rooms: Self, _| {
            let room = rooms.find(&id)?;
            room.keep(Request::Delete).await??;
            rooms.clear_away(&id, room, true).await;
            Ok(())
        };
        self.whole(delete).await
    }

    /// Closes a room that goes on elsewhere: publishers and outputs are closed, and its document and its worker's service stay.
    /// With `gone` nothing of it stays. Returns the document that it had last, if it is known.
    pub async fn close(&self, id: &RoomId, gone: bool) -> Option<RoomDocument> {
        let room = self.entry(id)?;
        // At once, even if the keeper waits for the store.
        room.stop.cancel();
        let (rooms, id) = (self.clone(), id.clone());
        let close = |_| async move { Ok(rooms.clear_away(&id, room, gone).await) };
        whole::wait(&self.tasks, "close", close).await.ok().flatten()
    }

    /// Waits until everything of a room that ends is closed, and lets go of what was taken for it.
    async fn clear_away(&self, id: &RoomId, mut room: Room, gone: bool) -> Option<RoomDocument> {
        // The actor drops its mailbox when everything of the room is closed.
        let keeper_ended = async { room.last.wait_for(Option::is_some).await.ok().and_then(|last| last.clone()) };
        let ended = async { tokio::join!(room.actor.closed(), keeper_ended).1 };
        let last = tokio::time::timeout(CLOSING, ended).await.ok().flatten();
        let mut rooms = self.rooms.write().unwrap_or_else(PoisonError::into_inner);
        if rooms.get(id).is_some_and(|present| present.keeper.same_channel(&room.keeper)) {
            rooms.remove(id);
            if gone {
                self.context.engine.remove(id)
            } else {
                self.context.engine.release(id)
            }
            self.context.ledger.remove(id);
        }
        last
    }

    /// Whether the room is open at this front.
    pub fn is_open(&self, id: &RoomId) -> bool {
        self.find(id).is_ok()
    }

    /// One room.
    pub async fn view(&self, id: &RoomId) -> Result<RoomView, RoomError> {
        self.find(id)?.view().await
    }

    /// Every room, by id.
    pub async fn list(&self) -> Vec<RoomView> {
        let mut views = Vec::new();
        for (_, room) in self.handles() {
            views.extend(room.view().await.ok());
        }
        views
    }

    /// Who has the floor, and why.
    pub async fn speaker(&self, id: &RoomId) -> Result<SpeakerStatus, RoomError> {
        self.find(id)?.ask(Command::Speaker).await
    }

    /// An operator gives the floor to someone, for this long or until it is given back.
    pub async fn hold_floor(
        &self,
        id: &RoomId,
        who: ParticipantId,
        ttl: Option<Duration>,
    ) -> Result<SpeakerStatus, RoomError> {
        self.find(id)?.ask(|reply| Command::HoldFloor(who, ttl, reply)).await?
    }

    /// An operator gives the floor back.
    pub async fn release_floor(&self, id: &RoomId) -> Result<SpeakerStatus, RoomError> {
        self.find(id)?.ask(Command::ReleaseFloor).await
    }

    /// The newest program frame as JPEG.
    pub async fn snapshot(&self, id: &RoomId) -> Result<Bytes, RoomError> {
        let answer = self.find(id)?.ask(Command::Snapshot).await?;
        answer.await.ok().flatten().ok_or_else(|| RoomError::NoPicture(id.clone()))
    }

    /// What happens in the room from now on. A listener that falls behind misses events, not the room.
    pub async fn events(&self, id: &RoomId) -> Result<broadcast::Receiver<Event>, RoomError> {
        Ok(self.find(id)?.events.subscribe())
    }

    /// The room's program, to play, for one who brings `token`, and who may have it.
    pub async fn program(&self, id: &RoomId, token: Option<&Secret>) -> Result<(Fanout, Audience), RoomError> {
        let room = self.find(id).map_err(|_| RoomError::WrongToken)?;
        let token = token.cloned();
        let audience = room.ask(|reply| Command::MayWatch(token, reply)).await??;
        Ok((room.program, audience))
    }

    /// The program of a room that the caller was let watch before.
    pub fn watched(&self, id: &RoomId) -> Result<Program, RoomError> {
        let room = self.find(id)?;
        Ok(Program::new(room.program, room.questions))
    }

    /// Fails when the room has no such participant.
    pub async fn has_participant(&self, id: &RoomId, participant: &ParticipantId) -> Result<(), RoomError> {
        let view = self.view(id).await?;
        let found = view.document.participants.contains_key(participant);
        found.then_some(()).ok_or_else(|| RoomError::NoParticipant(id.clone(), participant.clone()))
    }

    /// Whether [`Rooms::publish`] would be granted now; changes nothing.
    pub async fn may_publish(&self, id: &RoomId, participant: &ParticipantId, key: &Secret) -> Result<(), RoomError> {
        let (participant, key) = (participant.clone(), key.clone());
        self.place(id)?.ask(|reply| Command::MayPublish(participant, key, reply)).await?
    }

    /// Fails when somebody else is live at the place: who asks a person first need not throw anybody out.
    pub async fn is_free(&self, id: &RoomId, participant: &ParticipantId, coming: Coming) -> Result<(), RoomError> {
        let participant = participant.clone();
        self.find(id)?.ask(|reply| Command::IsFree(participant, coming, reply)).await?
    }

    /// Takes the place of a participant who publishes; whoever had it is evicted, and its encoder kept out for a while.
    pub async fn publish(
        &self,
        id: &RoomId,
        participant: &ParticipantId,
        key: &Secret,
        coming: Coming,
    ) -> Result<Seat, RoomError> {
        let (participant, key) = (participant.clone(), key.clone());
        self.place(id)?.ask(|reply| Command::Publish(participant, key, coming, reply)).await?
    }

    /// Keeps in the participant's status, and tells, why a connection that came with this key was refused all the same. Without
    /// the right key it does nothing.
    pub async fn refused(&self, id: &RoomId, participant: &ParticipantId, key: &Secret, reason: String) {
        if let Ok(room) = self.place(id) {
            // A room that ends has no status any more.
            let _ = room.actor.send(Command::Refused(participant.clone(), key.clone(), reason)).await;
        }
    }

    /// A room for one who has yet to show a key of it.
    fn place(&self, id: &RoomId) -> Result<Room, RoomError> {
        self.find(id).map_err(|_| {
            tracing::info!(room = %id, "a publisher was not let in: there is no such room");
            RoomError::WrongKey
        })
    }

    /// What is wrong with a source that a participant's media may come from.
    pub fn check_source(&self, source: &Source) -> Vec<Fault> {
        self.context.rules.check_participant(&Participant::of(source.clone()))
    }

    /// A participant publishes to another server instead of here, with this key: its media are fetched `from` there into its seat,
    /// and nothing of that is in the document. A `newcomer` evicts whoever has the seat; else one that is taken stays so.
    pub async fn fetch(
        &self,
        id: &RoomId,
        participant: &ParticipantId,
        key: &Secret,
        from: Source,
        newcomer: bool,
    ) -> Result<(), RoomError> {
        let faults = self.check_source(&from);
        if !faults.is_empty() {
            return Err(RoomError::Faults(faults));
        }
        let (participant, key) = (participant.clone(), key.clone());
        self.find(id)?.ask(|reply| Command::Fetch { participant, key, from, newcomer, reply }).await?
    }

    /// It publishes there no more.
    pub async fn stop_fetching(&self, id: &RoomId, participant: &ParticipantId, from: Source) {
        if let Ok(room) = self.find(id) {
            // A room that is closing fetches nothing.
            let _ = room.actor.send(Command::StopFetching(participant.clone(), from)).await;
        }
    }

    /// Every room looks again at the templates and images it uses.
    pub(super) async fn library_changed(&self) {
        for (_, room) in self.handles() {
            // A room that is closing needs none.
            let _ = room.actor.send(Command::LibraryChanged).await;
        }
    }
}

impl Room {
    /// Whether it takes requests still.
    fn is_there(&self) -> bool {
        !self.stop.is_cancelled() && !self.keeper.is_closed()
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, RoomError> {
        let (reply, answer) = oneshot::channel();
        self.actor.send(command(reply)).await.map_err(|_| RoomError::Stopping)?;
        answer.await.map_err(|_| RoomError::Stopping)
    }

    async fn keep<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, RoomError> {
        let (reply, answer) = oneshot::channel();
        self.keeper.send(request(reply)).await.map_err(|_| RoomError::Stopping)?;
        answer.await.map_err(|_| RoomError::Stopping)
    }

    async fn view(&self) -> Result<RoomView, RoomError> {
        self.ask(Command::View).await
    }
}
