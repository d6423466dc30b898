//! The actor that is a room: it alone knows who is connected, who has the floor and what the worker is told.

mod direct;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use super::{
    Context, Door, RoomDocument, RoomError, Seat,
    document::{Source, SpeakerMode},
    outputs::Outputs,
    people::{People, Pull},
    production::{Happening, Production},
    seat::Arrival,
    status::{RoomStatus, RoomView},
};
use crate::{
    base::{ParticipantId, RoomId, Secret, tasks::Tasks},
    front::{
        auth::address::RtmpUrl,
        events::{Event, ParticipantLevels},
        pull::{self, PullStatus},
    },
    layout::Scene,
    link::{Control, message::Report},
    media::{Levels, fanout::Fanout},
    speaker::{Floor, Mode},
};

/// How often the room looks at what time alone changes: stalls, output states, a worker that fell silent.
const TICK: Duration = Duration::from_millis(100);

/// How long a room's own tasks (pushes above all) may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a room is asked.
#[derive(Debug)]
pub(super) enum Command {
    /// Become this document, which was checked and stored.
    Apply(Box<RoomDocument>, oneshot::Sender<RoomView>),
    View(oneshot::Sender<RoomView>),
    HoldFloor(ParticipantId, oneshot::Sender<Result<RoomView, RoomError>>),
    ReleaseFloor(oneshot::Sender<Result<RoomView, RoomError>>),
    Snapshot(oneshot::Sender<oneshot::Receiver<Option<Bytes>>>),
    Publish(ParticipantId, Secret, Door, oneshot::Sender<Result<Seat, RoomError>>),
    /// A pull of ours wants its seat.
    Pulled(ParticipantId, oneshot::Sender<Option<Seat>>),
    TemplatesChanged,
}

/// Where a room's packets come in; held by its seats.
#[derive(Debug)]
pub(super) struct Inlets {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) arrivals: mpsc::Sender<Arrival>,
    pub(super) ends: mpsc::UnboundedSender<Arrival>,
}

/// The receiving ends of [`Inlets`].
#[derive(Debug)]
pub(super) struct Outlets {
    pub(super) commands: mpsc::Receiver<Command>,
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
    announced_floor: (Option<ParticipantId>, bool),
    scene: Scene,
    production: Production,
    outputs: Outputs,
    program_levels: Option<Levels>,
    events: broadcast::Sender<Event>,
    began: Instant,
    tasks: Tasks,
}

impl Actor {
    pub(super) fn new(
        id: RoomId,
        context: Arc<Context>,
        inlets: Inlets,
        events: broadcast::Sender<Event>,
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
            announced_floor: (None, false),
            scene: Scene::default(),
            outputs: Outputs::default(),
            program_levels: None,
            events,
            began: now,
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
                Some(arrival) = outlets.arrivals.recv() => self.arrive(arrival),
                Some(arrival) = outlets.ends.recv() => self.arrive(arrival),
                event = self.production.next() => {
                    let happening = self.production.take(event, Instant::now());
                    self.happen(happening);
                }
                _ = tick.tick() => self.pass_time(),
            }
        }
        self.production.control(Control::Stop);
        self.production.fanout.end();
        let Self { production, people, outputs, tasks, .. } = self;
        drop((production, people, outputs));
        if !tasks.join(GOODBYE).await {
            tracing::warn!(%room, "some connections of the room did not close in 2 s and were cut");
        }
        tracing::info!(%room, "room closed");
    }

    fn obey(&mut self, command: Command) {
        // Whoever asked may have gone; that changes nothing here.
        match command {
            Command::Apply(document, reply) => {
                self.apply(*document);
                let _ = reply.send(self.view());
            }
            Command::View(reply) => {
                let _ = reply.send(self.view());
            }
            Command::HoldFloor(id, reply) => {
                let answer = match self.people.get_mut(&id) {
                    Some(_) => {
                        self.floor.hold(id);
                        self.floor_moved();
                        Ok(self.view())
                    }
                    None => Err(RoomError::NoParticipant(self.id.clone(), id)),
                };
                let _ = reply.send(answer);
            }
            Command::ReleaseFloor(reply) => {
                self.floor.release();
                self.floor_moved();
                let _ = reply.send(Ok(self.view()));
            }
            Command::Snapshot(reply) => {
                let _ = reply.send(self.production.snapshot(Instant::now()));
            }
            Command::Publish(id, key, door, reply) => {
                let _ = reply.send(self.admit(&id, &key, door));
            }
            Command::Pulled(id, reply) => {
                let pulled = matches!(self.people.source(&id), Some(Source::Pull { .. }));
                let _ = reply.send(pulled.then(|| self.seat(&id, Door::Pull)).flatten());
            }
            Command::TemplatesChanged => self.recast(),
        }
    }

    fn admit(&mut self, id: &ParticipantId, key: &Secret, door: Door) -> Result<Seat, RoomError> {
        let nobody = RoomError::NoParticipant(self.id.clone(), id.clone());
        match self.people.source(id) {
            None => Err(nobody),
            Some(Source::Pull { .. }) => Err(RoomError::NotPublished(id.clone())),
            Some(Source::Publish { key: wanted }) if wanted != key => Err(RoomError::WrongKey),
            Some(Source::Publish { .. }) => self.seat(id, door).ok_or(nobody),
        }
    }

    fn seat(&mut self, id: &ParticipantId, door: Door) -> Option<Seat> {
        let (feed, evicted) = self.people.seat(id, door, Instant::now())?;
        self.tell_people();
        let (arrivals, ends) = (self.inlets.arrivals.clone(), self.inlets.ends.clone());
        Some(Seat { feed, arrivals, ends, evicted })
    }

    fn arrive(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Packet(feed, packet) => self.forward(feed, packet),
            Arrival::End(feed) => {
                if let Some(id) = self.people.ended(feed) {
                    self.floor.left(&id);
                    self.tell_people();
                    self.floor_moved();
                }
            }
        }
    }

    fn apply(&mut self, document: RoomDocument) {
        let now = Instant::now();
        let old = std::mem::replace(&mut self.document, document);
        self.people.apply(&self.document.participants);
        for id in old.participants.keys().filter(|id| !self.document.participants.contains_key(*id)) {
            self.floor.left(id);
        }
        self.floor.set_mode(match self.document.speaker.mode {
            SpeakerMode::Auto => Mode::Auto,
            SpeakerMode::Manual => Mode::Manual,
        });
        self.start_pulls();
        let program = self.production.fanout.clone();
        self.outputs.apply(&self.document.outputs, &program, &self.context.connector, &self.tasks);
        self.change_settings(&old, now);
        self.tell_people();
        self.floor_moved();
        self.recast();
        if self.production.wants_worker(now) {
            self.start_worker(now);
        }
    }

    fn start_pulls(&mut self) {
        for (id, person) in self.people.iter_mut() {
            let Source::Pull { url } = &person.wanted.source else { continue };
            if person.pull.is_some() {
                continue;
            }
            let (sender, report) = watch::channel(PullStatus::default());
            let stop = CancellationToken::new();
            match RtmpUrl::parse(url) {
                Ok(url) => {
                    let (commands, id) = (self.inlets.commands.clone(), id.clone());
                    let open = move || {
                        let (commands, id) = (commands.clone(), id.clone());
                        async move {
                            let (reply, answer) = oneshot::channel();
                            commands.send(Command::Pulled(id, reply)).await.ok()?;
                            answer.await.ok()?
                        }
                    };
                    let pull = pull::run(url, self.context.connector.clone(), open, sender, stop.clone());
                    self.tasks.spawn("pull", pull);
                }
                Err(error) => sender.send_modify(|status| status.last_error = Some(error.to_string())),
            }
            person.pull = Some(Pull { report, stop });
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Nothing => {}
            Happening::Report(Report::Ready { version, pid }) => {
                tracing::info!(room = %self.id, pid, version, "worker ready");
            }
            Happening::Report(Report::Showing { feed, showing }) => self.people.showing(feed, showing),
            Happening::Report(Report::Levels { participants, program }) => self.hear(participants, program),
            Happening::Report(Report::Stats(stats)) => self.people.stats(&stats.feeds),
            Happening::Report(Report::Fault { feed, text }) => {
                let participant = feed.and_then(|feed| self.people.of(feed)).cloned();
                tracing::warn!(room = %self.id, participant = participant.as_ref().map(ParticipantId::as_str), "{text}");
                self.say(Event::Fault { participant, text });
            }
            Happening::Ended(reason) => {
                tracing::warn!(room = %self.id, "{reason}; starting another");
                self.people.nothing_shows();
                self.say(Event::WorkerReplaced { reason });
                self.pass_time();
            }
        }
    }

    fn hear(&mut self, participants: Vec<(ParticipantId, Levels)>, program: Levels) {
        for (_, person) in self.people.iter_mut() {
            person.levels = None;
        }
        for (id, levels) in &participants {
            if let Some(person) = self.people.get_mut(id) {
                person.levels = Some(*levels);
            }
        }
        self.program_levels = Some(program);
        self.floor.hear(self.began.elapsed(), &self.people.candidates());
        self.floor_moved();
        if self.events.receiver_count() > 0 {
            let level = |(participant, levels)| ParticipantLevels { participant, levels };
            self.say(Event::Levels { participants: participants.into_iter().map(level).collect(), program });
        }
    }

    /// Announces a change of the floor, if there is one, and casts anew.
    fn floor_moved(&mut self) {
        let floor = (self.floor.holder().cloned(), self.floor.held());
        if floor != self.announced_floor {
            self.announced_floor = floor.clone();
            self.say(Event::Speaker { participant: floor.0, held: floor.1 });
            self.recast();
        }
    }

    fn pass_time(&mut self) {
        let now = Instant::now();
        self.production.tick(now);
        if self.production.wants_worker(now) {
            self.start_worker(now);
        }
        for (participant, state) in self.people.changes(now) {
            let pull = self.people.get_mut(&participant).and_then(|person| person.pull.as_ref());
            let reason = pull.and_then(|pull| pull.report.borrow().last_error.clone());
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
        let status = RoomStatus {
            worker: self.production.worker_status(),
            participants: self.people.status(Instant::now()),
            floor: self.floor.holder().cloned(),
            floor_held: self.floor.held(),
            scene: self.tiles(),
            outputs: self.outputs.status(),
            program,
        };
        RoomView { id: self.id.clone(), document: self.document.clone(), status }
    }

    fn say(&self, event: Event) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }
}
