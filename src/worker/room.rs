//! The room on the thread that reads the link: connections, visibility, and where each packet goes.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Error,
    clock::Clock,
    connection::Connection,
    decode::{Rotation, Targets},
    leavers::Leavers,
    out::Out,
    process::Usage,
    reader::{Event, Reader},
    sound::{Recipe, Sound},
    stage::{self, Command, People, Person, Stage},
    visibility::Visibility,
    watch::{Heartbeat, Watch},
};
use tilecast_core::{
    base::ParticipantId,
    layout::{Canvas, Scene, Transition},
    link::{
        Control, Feed, Report, ToWorker,
        message::{FeedStats, Participant, Settings, State, Stats},
    },
    media::{Packet, Timestamp, Track},
};

/// Time between two reports of statistics.
const STATS_EVERY: Duration = Duration::from_secs(1);

/// Time between two checks of the decoders: an eighth of the time that a decoder may stand still.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Most decoders of a worker that may hang. Each keeps its thread, its pictures and what it holds; a new worker has
/// none of that.
const MAX_HUNG: usize = 4;

/// Longest time for the parts to finish at the end. With writing their messages, this is less than 2 s, after which the
/// process is ended.
const END: Duration = Duration::from_millis(1400);

/// Most participants of a room, which bounds the memory that one message can take.
const MAX_PARTICIPANTS: usize = 1024;

/// Longest name shown on a card, bytes.
const MAX_NAME_BYTES: usize = 256;

pub struct Room {
    stage: Stage,
    sound: Sound,
    canvas: Canvas,
    clock: Clock,
    out: Out,
    participants: Vec<Participant>,
    connections: HashMap<Feed, Connection>,
    /// Decoders that are about to end.
    leavers: Leavers,
    seen: Visibility,
    /// Feeds that are decoded although nobody sees them.
    warm: HashSet<Feed>,
    usage: Usage,
    stats_due: Timestamp,
    look_due: Timestamp,
    pulse: Arc<Heartbeat>,
    watch: Watch,
}

impl Room {
    /// Starts stage and sound, with nobody in the room.
    pub fn start(settings: &Settings, clock: Clock, out: Out, usage: Usage) -> Result<Self, Error> {
        let pulse = Arc::<Heartbeat>::default();
        let stage = Stage::start(settings, clock, &out, Arc::clone(&pulse))?;
        let voice = out.clone();
        let sink = Arc::new(move |message| voice.send(&message));
        let recipe = Recipe { settings: settings.audio.clone(), opus: settings.pipelines.opus.clone() };
        let sound = Sound::start(clock, recipe, sink, Arc::clone(&pulse))?;
        let canvas = settings.canvas.clone();
        let frame = Duration::from_secs(1) / canvas.fps.max(1);
        let watch = Watch::start(Arc::clone(&pulse), frame, clock, out.clone()).map_err(Error::Watch)?;
        let (stats_due, look_due) = (clock.now() + STATS_EVERY, clock.now() + LOOK_EVERY);
        let (participants, connections, seen) = (Vec::new(), HashMap::new(), Visibility::default());
        let leavers = Leavers::default();
        Ok(Self {
            stage,
            sound,
            canvas,
            clock,
            out,
            participants,
            connections,
            leavers,
            seen,
            warm: HashSet::new(),
            usage,
            stats_due,
            look_due,
            pulse,
            watch,
        })
    }

    /// Serves the link until its end. The result says why the room cannot go on; nothing that may hang was waited for.
    pub fn run(&mut self, reader: &mut Reader) -> Result<(), Error> {
        let served = self.serve(reader);
        // A stage that failed has shut the link; its reason is the one to report.
        self.stage.failure().map_or(served, |failure| Err(failure.into()))
    }

    /// Makes everything finish, within a bounded time. What hangs is abandoned.
    pub fn end(self) -> Result<(), Error> {
        let Self { stage, sound, connections, mut leavers, watch, .. } = self;
        let deadline = Instant::now() + END;
        // All at once: a part that hangs costs the others no time.
        connections.into_values().for_each(|connection| connection.end(&mut leavers));
        sound.end();
        stage.end();
        drop(watch);
        sound.join(deadline);
        let ended = stage.join(deadline);
        leavers.wait(deadline);
        Ok(ended?)
    }

    fn serve(&mut self, reader: &mut Reader) -> Result<(), Error> {
        loop {
            match reader.next()? {
                Event::Message(ToWorker::Packet { feed, replay, packet }) => self.packet(feed, replay, packet),
                Event::Message(ToWorker::Asset { hash, file }) => {
                    if let Err(error) = self.stage.assets().keep(hash, file) {
                        self.fault(None, error.to_string());
                    }
                }
                Event::Message(ToWorker::Control(Control::Stop)) | Event::End => return Ok(()),
                Event::Message(ToWorker::Control(control)) => self.control(control)?,
                Event::Quiet => {}
            }
            self.pulse.reader.beat();
            let now = self.clock.now();
            if self.seen.settle(now) {
                self.decode_what_is_seen();
            }
            if now >= self.look_due {
                self.look_due = now + LOOK_EVERY;
                self.look_after_decoders()?;
            }
            if now >= self.stats_due {
                self.stats_due = now + STATS_EVERY;
                self.report(now);
                if !self.sound.is_running() {
                    return Err(Error::SoundEnded);
                }
            }
        }
    }

    fn control(&mut self, control: Control) -> Result<(), Error> {
        match control {
            Control::Start(_) => return Err(Error::NotStarted),
            Control::Participants(list) => self.set_participants(list),
            Control::Scene { scene, transition, at } => self.set_scene(scene, transition, at),
            Control::States(list) => self.set_states(list),
            Control::ForgetAssets(list) => self.stage.assets().forget(&list),
            Control::Rotation { feed, quarter_turns } => {
                // A message about a feed that has just ended may still come.
                if let Some(connection) = self.connections.get_mut(&feed) {
                    connection.turn(Rotation::quarters(quarter_turns));
                }
            }
            Control::Color { feed, space } => {
                if let Some(connection) = self.connections.get_mut(&feed) {
                    connection.color(space);
                }
            }
            Control::Warm(list) => {
                self.warm = list.into_iter().take(MAX_PARTICIPANTS).collect();
                self.decode_what_is_seen();
            }
            Control::Listeners(list) => self.sound.listeners(list),
            Control::VideoBitrate(kbps) => self.stage.tell(Command::Bitrate(kbps)),
            Control::Keyframe => self.stage.tell(Command::Keyframe),
            Control::Snapshot(id) => self.stage.tell(Command::Snapshot(id)),
            Control::Ping(number) => self.out.report(Report::Pong(number)),
            Control::Stop => {}
        }
        Ok(())
    }

    fn fault(&self, feed: Option<Feed>, text: String) {
        tracing::warn!(feed = feed.map(|feed| feed.0), %text, "fault");
        self.out.report(Report::Fault { feed, text });
    }

    fn set_participants(&mut self, list: Vec<Participant>) {
        let ids: HashSet<&ParticipantId> = list.iter().map(|person| &person.id).collect();
        let feeds: HashSet<Feed> = list.iter().filter_map(|person| person.feed).collect();
        let connected = list.iter().filter(|person| person.feed.is_some()).count();
        if list.len() > MAX_PARTICIPANTS || ids.len() != list.len() || feeds.len() != connected {
            let text =
                format!("the list of participants is refused: at most {MAX_PARTICIPANTS}, each id and feed once");
            return self.fault(None, text);
        }
        for (feed, connection) in self.connections.extract_if(|feed, _| !feeds.contains(feed)) {
            self.sound.forget(feed);
            connection.end(&mut self.leavers);
        }
        for feed in feeds {
            self.connections.entry(feed).or_insert_with(|| Connection::new(feed));
        }
        self.sound.participants(&list);
        self.participants = list;
        self.stage.tell(Command::People(self.people()));
        self.decode_what_is_seen();
    }

    fn people(&self) -> People {
        let person = |person: &Participant| {
            let end = (0..=MAX_NAME_BYTES).rev().find(|end| person.name.is_char_boundary(*end)).unwrap_or(0);
            let name = person.name.get(..end).unwrap_or(&person.name).to_owned();
            let video = person.feed.and_then(|feed| self.connections.get(&feed));
            let video = video.map(|connection| Arc::clone(connection.video()));
            (person.id.clone(), Person { name, video, muted: person.muted })
        };
        self.participants.iter().map(person).collect()
    }

    fn set_states(&mut self, list: Vec<(ParticipantId, State)>) {
        if list.len() > MAX_PARTICIPANTS {
            return self.fault(None, format!("a list of states is refused: at most {MAX_PARTICIPANTS} are possible"));
        }
        self.stage.tell(Command::States(list.into_iter().collect()));
    }

    fn set_scene(&mut self, scene: Scene, mut transition: Transition, at: Option<Timestamp>) {
        if let Err(error) = stage::check(&scene, &self.canvas) {
            return self.fault(None, format!("the scene is refused: {error}"));
        }
        transition.ms = transition.ms.min(tilecast_core::layout::choice::MAX_TRANSITION_MS);
        self.seen.plan(scene.clone(), transition, at, self.clock.now());
        self.decode_what_is_seen();
        self.stage.tell(Command::Scene { scene, transition, at });
    }

    /// Starts, changes and ends decoders, so that exactly the visible and the warm feeds have one.
    fn decode_what_is_seen(&mut self) {
        let targets = self.seen.targets();
        let of = |person: &Participant| {
            let targets = targets.get(&person.id)?;
            Some((person.feed?, Targets::from(targets.as_slice())))
        };
        let mut targets: HashMap<Feed, Targets> = self.participants.iter().filter_map(of).collect();
        for (feed, connection) in &mut self.connections {
            let unseen = || self.warm.contains(feed).then(|| Targets::from([]));
            let targets = targets.remove(feed).or_else(unseen);
            if let Err(error) = connection.set_targets(targets, self.clock, &mut self.leavers) {
                tracing::error!(feed = feed.0, %error, "no thread for a decoder");
            }
        }
    }

    fn packet(&mut self, feed: Feed, replay: bool, packet: Packet) {
        // Packets of a feed that has just ended may still come.
        let Some(connection) = self.connections.get_mut(&feed) else { return };
        connection.arrived(replay, &packet, self.clock.now());
        match packet.track() {
            Track::Video => {
                if !connection.picture(replay, packet) {
                    self.out.report(Report::Lost { feed, replay: false });
                }
            }
            Track::Audio => self.sound.packet(feed, replay, packet, &connection.video().playout),
        }
    }

    /// Replaces decoders that hang or panicked. With too many of those, the worker ends and is replaced.
    fn look_after_decoders(&mut self) -> Result<(), Error> {
        for (feed, connection) in &mut self.connections {
            match connection.look(self.clock, &mut self.leavers) {
                Ok(None) => {}
                Ok(Some((text, replay))) => {
                    tracing::warn!(feed = feed.0, %text, "fault");
                    self.out.report(Report::Fault { feed: Some(*feed), text });
                    self.out.report(Report::Lost { feed: *feed, replay });
                }
                Err(error) => tracing::error!(feed = feed.0, %error, "no thread for a decoder"),
            }
        }
        match self.leavers.sweep() {
            hung if hung > MAX_HUNG => Err(Error::Hung(hung)),
            _ => Ok(()),
        }
    }

    fn report(&mut self, now: Timestamp) {
        for (feed, _) in self.connections.iter().filter(|(_, connection)| connection.starves()) {
            // An earlier request may have been lost on the way.
            self.out.report(Report::Lost { feed: *feed, replay: false });
        }
        let timings = self.stage.take_timings();
        let mut feeds: Vec<FeedStats> =
            self.connections.iter().map(|(feed, connection)| connection.stats(*feed, &self.sound)).collect();
        feeds.sort_by_key(|stats| stats.feed);
        for stats in &feeds {
            let connection = self.connections.get_mut(&stats.feed);
            if let Some(text) = connection.and_then(|connection| connection.fault(stats.corrupt, now)) {
                self.fault(Some(stats.feed), text);
            }
        }
        self.out.report(Report::Stats(Stats {
            frames: timings.frames,
            missed: timings.missed,
            compose_us: median_us(timings.compose),
            encode_us: median_us(timings.encode),
            cpu_ms: self.usage.cpu_ms(),
            rss_kib: self.usage.rss_kib(),
            feeds,
        }));
    }
}

fn median_us(mut times: Vec<Duration>) -> u32 {
    let middle = times.len() / 2;
    if times.is_empty() {
        return 0;
    }
    let (_, median, _) = times.select_nth_unstable(middle);
    u32::try_from(median.as_micros()).unwrap_or(u32::MAX)
}
