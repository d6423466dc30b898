//! The actor that is a room: it alone knows who is connected, who has the floor and what the worker is told.

mod admission;
mod direct;
mod listen;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Context,
    outputs::Outputs,
    people::{Admission, People, Pull},
    production::{Production, SceneStart, WorkerEvent},
};
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::{
        model::{
            Audience, Coming, Door, Holder, Program, Question, RoomDocument, RoomError, Seat,
            document::Source,
            event::Event,
            seat::{Arrival, Parting},
            status::{RoomStatus, RoomView, SpeakerStatus},
        },
        net::address::HttpUrl,
        sources::{self, Origin, PullStatus, PullUrl},
        webrtc::Endpoint,
    },
    layout::{Director, Layout, Scene},
    link::{
        Control,
        message::{Report, State},
    },
    media::{Levels, fanout::Fanout},
    speaker::Floor,
};

/// How often the room looks at what time alone changes: stalls, output states, a worker that fell silent.
const TICK: Duration = Duration::from_millis(100);

/// How long a room's own tasks (pushes above all) may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a room is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Become this document, which was checked and stored; with the scene it brings at this moment, or the next frame.
    Apply(Box<RoomDocument>, Option<SceneStart>, oneshot::Sender<RoomView>),
    View(oneshot::Sender<RoomView>),
    Speaker(oneshot::Sender<SpeakerStatus>),
    HoldFloor(ParticipantId, Option<Duration>, oneshot::Sender<Result<SpeakerStatus, RoomError>>),
    ReleaseFloor(oneshot::Sender<SpeakerStatus>),
    Snapshot(oneshot::Sender<oneshot::Receiver<Option<Bytes>>>),
    Publish(ParticipantId, Secret, Coming, oneshot::Sender<Result<Seat, RoomError>>),
    /// Does the key open the place?
    MayPublish(ParticipantId, Secret, oneshot::Sender<Result<(), RoomError>>),
    /// A connection that came with this key was refused all the same, for this reason.
    Refused(ParticipantId, Secret, String),
    /// Is nobody else live there, for one who comes so?
    IsFree(ParticipantId, Coming, oneshot::Sender<Result<(), RoomError>>),
    /// May someone with this token watch?
    MayWatch(Option<Secret>, oneshot::Sender<Result<Audience, RoomError>>),
    /// Someone who publishes elsewhere, with this key, is fetched from there; see [`super::Rooms::fetch`].
    Fetch {
        participant: ParticipantId,
        key: Secret,
        from: Source,
        newcomer: bool,
        reply: oneshot::Sender<Result<(), RoomError>>,
    },
    /// Someone publishes there no more.
    StopFetching(ParticipantId, Source),
    /// A pull of ours wants its seat.
    Pulled(ParticipantId, oneshot::Sender<Option<Seat>>),
    /// Templates or assets.
    LibraryChanged,
    /// Why what is true is not stored, or that it is.
    Unsaved(Option<String>),
    /// Something that whoever listens to the room is to know.
    Tell(Event),
}

/// How a room comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Its worker begins at once.
    Admitted,
    /// Its worker begins when there is room for it.
    Waiting,
}

/// Where a room's packets come in; held by its seats.
#[derive(Debug)]
pub(super) struct Inlets {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) ends: mpsc::UnboundedSender<Arrival>,
}

/// The receiving ends of [`Inlets`].
#[derive(Debug)]
pub(super) struct Outlets {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) questions: mpsc::Receiver<Question>,
    pub(super) arrivals: mpsc::Receiver<Arrival>,
    pub(super) ends: mpsc::UnboundedReceiver<Arrival>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Actor {
    id: RoomId,
    context: Arc<Context>,
    inlets: Inlets,
    document: RoomDocument,
    people: People,
    floor: Floor,
    layout: Layout,
    director: Director,
    scene: Scene,
    /// Nobody was told yet of the layout that was taken up last.
    layout_changed: bool,
    /// Until when the pictures of those who leave the scene are still seen.
    fades_until: Instant,
    /// While a document is applied that has its time: when its scene begins.
    moment: Option<SceneStart>,
    /// Who was told to be heard or to have a bad connection.
    told_states: Vec<(ParticipantId, State)>,
    production: Production,
    outputs: Outputs,
    program_levels: Option<Levels>,
    events: broadcast::Sender<Event>,
    /// The document is not what is stored.
    unsaved: bool,
    entry: Entry,
    /// When what it takes is worked out again.
    account_at: Instant,
    /// Was told to take more than there is.
    overdrawn: bool,
    began: Instant,
    /// The same moment for people, who read clocks.
    began_at: SystemTime,
    tasks: Tasks,
}

impl Actor {
    pub(super) fn new(
        id: RoomId,
        context: Arc<Context>,
        inlets: Inlets,
        events: broadcast::Sender<Event>,
        entry: Entry,
        tasks: Tasks,
    ) -> Self {
        let now = Instant::now();
        Self {
            production: Production::new(id.clone(), context.engine.clone(), now),
            id,
            context,
            inlets,
            document: RoomDocument::default(),
            people: People::default(),
            floor: Floor::default(),
            layout: Layout::default(),
            director: Director::default(),
            scene: Scene::default(),
            layout_changed: false,
            fades_until: now,
            moment: None,
            told_states: Vec::new(),
            outputs: Outputs::default(),
            program_levels: None,
            events,
            unsaved: false,
            entry,
            account_at: now,
            overdrawn: false,
            began: now,
            began_at: SystemTime::now(),
            tasks,
        }
    }

    /// The program, for players.
    pub(super) fn program(&self) -> Fanout {
        self.production.fanout.clone()
    }

    /// Becomes `document`, then lives until `stop`.
    pub(super) async fn run(mut self, document: RoomDocument, mut outlets: Outlets, stop: CancellationToken) {
        let room = self.id.clone();
        tracing::info!(%room, "room opened");
        self.apply(document);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(command) = outlets.commands.recv() => self.obey(command),
                Some(question) = outlets.questions.recv() => self.answer(question),
                Some(arrival) = outlets.arrivals.recv() => self.arrive(arrival),
                Some(arrival) = outlets.ends.recv() => self.arrive(arrival),
                event = self.production.next() => {
                    let event = self.production.take(event, Instant::now());
                    self.happen(event);
                }
                _ = tick.tick() => self.pass_time(),
            }
        }
        self.production.control(Control::Stop);
        self.production.end();
        let Self { production, people, outputs, tasks, .. } = self;
        drop((production, people, outputs));
        if !tasks.join(GOODBYE).await {
            tracing::warn!(%room, "some connections of the room did not close in 2 s and were cut");
        }
        tracing::info!(%room, "room closed");
    }

    fn answer(&mut self, question: Question) {
        match question {
            Question::Listen(without, reply) => {
                // Whoever asked may have gone; that changes nothing here.
                let _ = reply.send(self.listen(without.as_ref()));
            }
            Question::Keyframe => self.production.keyframe(Instant::now()),
        }
    }

    fn obey(&mut self, command: Command) {
        // Whoever asked may have gone; that changes nothing here.
        match command {
            Command::Apply(document, moment, reply) => {
                self.moment = moment;
                self.apply(*document);
                self.moment = None;
                let _ = reply.send(self.view());
            }
            Command::View(reply) => {
                let _ = reply.send(self.view());
            }
            Command::Speaker(reply) => {
                let _ = reply.send(self.speaker());
            }
            Command::HoldFloor(id, ttl, reply) => {
                let _ = reply.send(self.hold_floor(id, ttl));
            }
            Command::ReleaseFloor(reply) => {
                let switch = self.floor.release(self.began.elapsed());
                self.switched(switch);
                let _ = reply.send(self.speaker());
            }
            Command::Snapshot(reply) => {
                let _ = reply.send(self.production.snapshot(Instant::now()));
            }
            Command::Publish(id, key, coming, reply) => {
                let answer = self.admits(&id, &key).and_then(|()| self.keeps_out(&id, coming)).and_then(|()| {
                    let seat = self.seat(&id, coming.door, Some(coming.from));
                    seat.ok_or_else(|| RoomError::NoParticipant(self.id.clone(), id.clone()))
                });
                let _ = reply.send(answer);
            }
            Command::MayPublish(id, key, reply) => {
                let _ = reply.send(self.admits(&id, &key));
            }
            Command::Refused(id, key, reason) => {
                // Nobody else writes into a room.
                if self.admits(&id, &key).is_ok() {
                    self.people.refused(&id, reason.clone());
                    self.fault(Some(id), format!("a connection was refused: {reason}"));
                }
            }
            Command::IsFree(id, Coming { door, from }, reply) => {
                let holder = self.people.holder(&id, door, Some(from), Instant::now());
                let _ = reply.send(holder.map_or(Ok(()), |(by, _)| Err(RoomError::Taken(id, Holder(by)))));
            }
            Command::MayWatch(token, reply) => {
                let _ = reply.send(self.lets_watch(token.as_ref()));
            }
            Command::Fetch { participant, key, from, newcomer, reply } => {
                let answer = self.admits(&participant, &key);
                if answer.is_ok() && self.people.fetch(&participant, from, newcomer) {
                    self.start_pulls();
                }
                let _ = reply.send(answer);
            }
            Command::StopFetching(participant, from) => self.people.stop_fetching(&participant, &from),
            // One that was stopped while it asked would evict whoever has come in its place.
            Command::Pulled(_, reply) if reply.is_closed() => {}
            Command::Pulled(id, reply) => {
                let door = match self.people.fetched_from(&id) {
                    Some(Source::Pull { .. }) => Some(Door::Pull),
                    Some(Source::Whep { .. }) => Some(Door::Whep),
                    Some(Source::Publish { .. }) | None => None,
                };
                let _ = reply.send(door.and_then(|door| self.seat(&id, door, None)));
            }
            Command::Tell(event) => self.say(event),
            Command::Unsaved(why) => {
                self.unsaved = why.is_some();
                self.say(Event::Stored { unsaved: self.unsaved, reason: why });
            }
            Command::LibraryChanged => {
                self.take_up_layout();
                self.recast();
            }
        }
    }

    fn admits(&self, id: &ParticipantId, key: &Secret) -> Result<(), RoomError> {
        let why = match self.people.source(id) {
            None => "there is no such participant",
            Some(Source::Pull { .. } | Source::Whep { .. }) => "the participant is pulled by this server",
            Some(Source::Publish { key: wanted }) if wanted != key => "the key does not fit",
            Some(Source::Publish { .. }) => return Ok(()),
        };
        // For the operator alone.
        tracing::info!(room = %self.id, participant = %id, "a publisher was not let in: {why}");
        Err(RoomError::WrongKey)
    }

    /// A room without a viewers' token is watched by whoever reaches the server.
    fn lets_watch(&self, token: Option<&Secret>) -> Result<Audience, RoomError> {
        match &self.document.viewer_token {
            None => Ok(Audience::Everybody),
            Some(wanted) if token == Some(wanted) => Ok(Audience::Invited),
            Some(_) => Err(RoomError::WrongToken),
        }
    }

    fn listen(&mut self, without: Option<&ParticipantId>) -> Result<Fanout, RoomError> {
        if let Some(id) = without.filter(|id| self.people.source(id).is_none()) {
            return Err(RoomError::NoParticipant(self.id.clone(), id.clone()));
        }
        self.production.listen(without, Instant::now()).ok_or_else(|| RoomError::TooManyMixes(self.id.clone()))
    }

    /// Refuses an encoder that has just lost its place to somebody who is live there.
    fn keeps_out(&self, id: &ParticipantId, Coming { door, from }: Coming) -> Result<(), RoomError> {
        match self.people.holder(id, door, Some(from), Instant::now()) {
            Some((by, Some(left))) => Err(RoomError::TakenOver(id.clone(), Holder(by), left.as_secs() + 1)),
            Some((_, None)) | None => Ok(()),
        }
    }

    fn seat(&mut self, id: &ParticipantId, door: Door, from: Option<IpAddr>) -> Option<Seat> {
        let Admission { feed, evicted, demand } = self.people.seat(id, door, from, Instant::now())?;
        self.tell_people();
        let (arrivals, ends) = (self.inlets.arrivals.clone(), self.inlets.ends.clone());
        Some(Seat { feed, arrivals, ends, evicted, demand, parting: Parting::Lost, why: None })
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Packet(feed, packet) => self.forward(feed, packet),
            Arrival::Turned(feed, quarter_turns) => {
                if self.people.turned(feed, quarter_turns) {
                    self.production.control(Control::Rotation { feed, quarter_turns });
                }
            }
            Arrival::Unusable(feed, track, reason) => {
                if let Some(id) = self.people.left_out(feed, track, reason.clone(), Instant::now()) {
                    self.fault(Some(id), reason);
                }
            }
            Arrival::Colored(feed, space) => {
                if self.people.colored(feed, space) {
                    self.production.control(Control::Color { feed, space });
                }
            }
            Arrival::End(feed, parting, why) => {
                if let Some(id) = self.people.ended(feed, parting, why, Instant::now()) {
                    let switch = self.floor.left(self.began.elapsed(), &id);
                    self.tell_people();
                    self.switched(switch);
                }
            }
        }
    }

    fn apply(&mut self, document: RoomDocument) {
        let now = Instant::now();
        let old = std::mem::replace(&mut self.document, document);
        self.people.apply(&self.document.participants);
        let order =
            |document: &RoomDocument| document.participants.iter().map(|(id, p)| (id.clone(), p.order)).collect();
        let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) = (order(&old), order(&self.document));
        if before.iter().any(|(id, order)| after.get(id).is_some_and(|after| after != order)) {
            self.director.forget();
        }
        self.take_up_layout();
        let gone = old.participants.keys().filter(|id| !self.document.participants.contains_key(*id));
        let switches: Vec<_> = gone.map(|id| self.floor.left(self.began.elapsed(), id)).collect();
        self.floor.set_rules(self.document.speaker.rules());
        self.start_pulls();
        let program = Program::new(self.program(), self.inlets.questions.clone());
        self.outputs.apply(&self.id, &self.document.outputs, &program, &self.context, &self.tasks);
        self.change_settings(&old, now);
        self.tell_people();
        switches.into_iter().for_each(|switch| self.switched(switch));
        self.recast();
        self.account_at = now;
        self.account(now);
        self.start_worker(now);
    }

    fn start_pulls(&mut self) {
        for (id, person) in self.people.iter_mut() {
            if person.pull.is_some() {
                continue;
            }
            let Some(origin) = origin(person.fetched_from(), &self.context) else { continue };
            let (sender, report) = watch::channel(PullStatus::default());
            let stop = CancellationToken::new();
            match origin {
                Ok(origin) => {
                    let about = tracing::error_span!("from", room = %self.id, participant = %id);
                    let (commands, id) = (self.inlets.commands.clone(), id.clone());
                    let open = move || {
                        let (commands, id) = (commands.clone(), id.clone());
                        async move {
                            let (reply, answer) = oneshot::channel();
                            commands.send(Command::Pulled(id, reply)).await.ok()?;
                            answer.await.ok()?
                        }
                    };
                    let run = sources::run(origin, open, sender, stop.clone());
                    self.tasks.spawn("pull", run.instrument(about));
                }
                Err(error) => sender.send_modify(|status| status.last_error = Some(error.to_string())),
            }
            person.pull = Some(Pull { report, stop });
        }
    }

    fn happen(&mut self, event: WorkerEvent) {
        match event {
            WorkerEvent::Nothing => {}
            WorkerEvent::Linked => self.greet_worker(Instant::now()),
            WorkerEvent::Delayed(reason) => {
                tracing::warn!(room = %self.id, "the room has no worker yet: {reason}");
                self.say(Event::Fault { participant: None, text: format!("the room has no worker yet: {reason}") });
            }
            WorkerEvent::Report(Report::Ready { version, pid }) => {
                tracing::info!(room = %self.id, pid, version, "worker ready");
            }
            WorkerEvent::Report(Report::Showing { feed, showing }) => self.people.showing(feed, showing),
            WorkerEvent::Report(Report::Levels { participants, program }) => self.hear(participants, program),
            WorkerEvent::Report(Report::Stats(stats)) => {
                for (id, text) in self.people.stats(&stats.feeds, Instant::now()) {
                    self.fault(Some(id), text);
                }
            }
            WorkerEvent::Report(Report::Fault { feed, text }) => {
                let participant = feed.and_then(|feed| self.people.of(feed)).cloned();
                self.fault(participant, text);
            }
            WorkerEvent::Report(Report::Eased { level, text }) => {
                tracing::warn!(room = %self.id, level, "{text}");
                self.say(Event::Eased { level, text });
            }
            // These are the production's own.
            WorkerEvent::Report(Report::Pong(_) | Report::Late { .. }) => {}
            WorkerEvent::Report(Report::Lost { feed, replay }) => self.lost(feed, replay),
            WorkerEvent::Ended(reason) => {
                self.replaced(reason);
                self.pass_time();
            }
        }
    }

    /// Tells of a worker that was given up, before anything of the next one.
    fn tell_failure(&mut self) {
        if let Some(reason) = self.production.take_failure() {
            self.replaced(reason);
        }
    }

    fn replaced(&mut self, reason: String) {
        tracing::warn!(room = %self.id, "{reason}; starting another");
        self.people.nothing_shows();
        self.say(Event::WorkerReplaced { reason });
    }

    fn pass_time(&mut self) {
        let now = Instant::now();
        self.production.tick(now);
        self.tell_failure();
        if self.production.lacks_images() {
            self.send_images();
        }
        let switch = self.floor.pass(self.began.elapsed());
        self.switched(switch);
        self.account(now);
        self.start_worker(now);
        // Pages turn, silence lasts, cameras come and go.
        self.recast();
        self.forward_the_visible();
        for (participant, state) in self.people.changes(now) {
            let reason = self.people.why(&participant, state, now);
            self.say(Event::Participant { participant, state, reason });
        }
        for (output, state, reason) in self.outputs.changes() {
            if let Some(reason) = &reason {
                tracing::warn!(room = %self.id, %output, "push is waiting: {reason}");
            }
            self.say(Event::Output { output, state, reason });
        }
    }

    fn view(&self) -> RoomView {
        let mut program = self.production.program_status();
        program.levels = self.program_levels;
        let mut participants = self.people.status(Instant::now());
        participants.iter_mut().for_each(|(id, status)| status.speaking = self.floor.is_speaking(id));
        let status = RoomStatus {
            worker: self.production.worker_status(),
            participants,
            floor: self.floor.holder().cloned(),
            floor_held: self.floor.held(),
            scene: self.tiles(),
            outputs: self.outputs.status(),
            program,
            unsaved: self.unsaved,
        };
        RoomView { id: self.id.clone(), document: self.document.clone(), status }
    }

    fn fault(&self, participant: Option<ParticipantId>, text: String) {
        tracing::warn!(room = %self.id, participant = participant.as_ref().map(ParticipantId::as_str), "{text}");
        self.say(Event::Fault { participant, text });
    }

    fn say(&self, event: Event) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }
}

/// Where to fetch a participant from; none for one that comes by itself.
fn origin(source: &Source, context: &Context) -> Option<Result<Origin, String>> {
    let origin = match source {
        Source::Publish { .. } => return None,
        Source::Pull { url } => PullUrl::parse(url)
            .map(|url| Origin::Play(url, context.connector.clone()))
            .map_err(|error| error.to_string()),
        Source::Whep { url, token } => HttpUrl::parse(url)
            .map(|url| {
                let endpoint = Endpoint { url, token: token.clone() };
                Origin::Whep(endpoint, context.webrtc.clone())
            })
            .map_err(|error| error.to_string()),
    };
    Some(origin)
}
