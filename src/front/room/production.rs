//! The making of a room's program: the present worker, its replacement when it ends, and the program's one time line.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Assets,
    mixes::Mixes,
    scrutiny::{Breach, Scrutiny, clean},
    vitals::{Reach, Vitals},
};
use crate::{
    base::{AssetHash, ParticipantId, RoomId, backoff::Backoff},
    cost::Budget,
    front::{
        engine::{self, Engine, Outbox, Worker},
        model::status::{ProgramStatus, WorkerState, WorkerStatus},
    },
    link::{
        Control, Feed, FromWorker, ToWorker,
        message::{Report, Settings, Stats},
    },
    media::{Packet, Role, Timestamp, Track, fanout::Fanout},
};

/// Time between heartbeats, a fifth of what a worker may take to answer.
const HEARTBEAT: Duration = Duration::from_millis(300);

/// Waits between replacements of a worker that keeps ending at once. The first replacement does not wait.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// A worker that lived this long has proved that its inputs do not kill it.
const PROVEN: Duration = Duration::from_secs(10);

/// Workers ended within [`PROVEN`] after which cached media are not replayed: one of those packets may be what kills them.
const SUSPECT_REPLAY: u32 = 2;

/// How long a snapshot may take.
const SNAPSHOT: Duration = Duration::from_secs(2);

/// Most snapshots asked for at once.
const MAX_SNAPSHOTS: usize = 8;

/// Shortest time between keyframes that viewers ask for. Each costs everyone a frame of several times the size, and a viewer
/// who lost something waits half as long on average.
const KEYFRAME_EVERY: Duration = Duration::from_millis(500);

/// Gap left on the time line when a worker is replaced faster than time passes on it: one frame at 30 fps.
const SEAM: Duration = Duration::from_millis(34);

/// See the module.
#[derive(Debug)]
pub(super) struct Production {
    room: RoomId,
    engine: Engine,
    /// The program, for outputs and players.
    pub(super) fanout: Fanout,
    worker: Option<Worker>,
    reserved: Budget,
    /// The way to it, once it is there.
    outbox: Option<Outbox>,
    state: WorkerState,
    pid: Option<u32>,
    started: u64,
    started_at: Instant,
    /// Of the worker that was told how to work.
    examined: Option<Examined>,
    /// Why the worker was given up, to be told.
    failure: Option<String>,
    last_exit: Option<String>,
    delayed: Option<String>,
    restart_at: Option<Instant>,
    backoff: Backoff,
    quick_ends: u32,
    zero: Instant,
    offset: Duration,
    last_dts: [Option<Timestamp>; 2],
    stats: Stats,
    /// How many things the present worker does without.
    eased: u32,
    images: Images,
    snapshots: Vec<(u64, Instant, oneshot::Sender<Option<Bytes>>)>,
    next_snapshot: u64,
    keyframe_at: Option<Instant>,
    mixes: Mixes,
}

/// Uploaded images, as far as the present worker is concerned.
#[derive(Debug, Default)]
struct Images {
    /// Those that it was sent.
    sent: BTreeSet<AssetHash>,
    /// Those of the present layout.
    wanted: BTreeSet<AssetHash>,
}

/// When a scene begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SceneStart {
    /// At the frame of this moment.
    At(Instant),
    /// At the first frame that is not before this time of the program, ms.
    Pts(i64),
}

/// What is known of a worker by how it behaves.
#[derive(Debug)]
struct Examined {
    vitals: Vitals,
    scrutiny: Scrutiny,
    /// Heartbeats sent and answered, and when the last was sent.
    sent: u64,
    answered: u64,
    sent_at: Instant,
}

/// What the room must do about what its worker did.
#[derive(Debug)]
pub(super) enum WorkerEvent {
    /// Nothing.
    Nothing,
    /// The worker is there and waits to be told everything.
    Linked,
    /// The worker is not there yet, for a reason not given before.
    Delayed(String),
    /// A report for the room to read.
    Report(Report),
    /// The worker ended; a new one starts by itself.
    Ended(String),
}

impl Production {
    pub(super) fn new(room: RoomId, engine: Engine, now: Instant) -> Self {
        Self {
            room,
            engine,
            fanout: Fanout::new(),
            worker: None,
            reserved: Budget { millicores: 0, mib: 0 },
            outbox: None,
            state: WorkerState::Waiting,
            pid: None,
            started: 0,
            started_at: now,
            examined: None,
            failure: None,
            last_exit: None,
            delayed: None,
            restart_at: Some(now),
            backoff: Backoff::new(BACKOFF.0, BACKOFF.1),
            quick_ends: 0,
            zero: now,
            offset: Duration::ZERO,
            last_dts: [None; 2],
            stats: Stats::default(),
            eased: 0,
            images: Default::default(),
            snapshots: Vec::new(),
            next_snapshot: 0,
            keyframe_at: None,
            mixes: Mixes::default(),
        }
    }

    /// True when a worker is to be started now.
    pub(super) fn wants_worker(&self, now: Instant) -> bool {
        self.worker.is_none() && self.restart_at.is_some_and(|at| at <= now)
    }

    /// Asks for a worker that may use this much; [`WorkerEvent::Linked`] comes when it is there.
    pub(super) fn start(&mut self, budget: Budget, now: Instant) {
        let budget = budget.in_steps();
        self.reserved = budget;
        self.restart_at = None;
        self.started_at = now;
        match self.engine.start(&self.room, budget) {
            Ok(worker) => {
                self.state = WorkerState::Starting;
                self.worker = Some(worker);
            }
            Err(error) => {
                self.plan_restart(format!("worker could not be started: {error}"), now);
            }
        }
    }

    /// There is no worker yet, for this reason.
    pub(super) fn delay(&mut self, reason: String) -> WorkerEvent {
        let known = self.delayed.replace(reason.clone());
        if known.as_ref() == Some(&reason) { WorkerEvent::Nothing } else { WorkerEvent::Delayed(reason) }
    }

    /// Tells a worker that has just come how it is to work. Afterwards the room tells it everything else it knows.
    pub(super) fn greet(&mut self, settings: Settings, now: Instant) {
        self.images = Default::default();
        self.join_time_line(now);
        let reach = match self.engine {
            Engine::Local(_) => Reach::Local,
            Engine::Swarm(_) => Reach::Remote,
        };
        let frame = Duration::from_secs(1) / settings.canvas.fps.max(1);
        let (vitals, scrutiny) = (Vitals::new(reach, frame, now), Scrutiny::new(&settings, now));
        self.examined = Some(Examined { vitals, scrutiny, sent: 0, answered: 0, sent_at: now });
        self.control(Control::Start(Box::new(settings)));
        self.tell_mixes();
    }

    /// Has more reserved when this is more than is.
    pub(super) fn grow_to(&mut self, budget: Budget) {
        let wanted = self.reserved.or(budget.in_steps());
        if self.worker.is_some() && wanted != self.reserved {
            self.reserved = wanted;
            self.engine.resize(&self.room, wanted);
        }
    }

    /// Lets the present worker finish and starts the next at once: for settings that a running worker cannot change.
    pub(super) fn replace(&mut self, now: Instant) {
        if self.worker.is_some() {
            self.control(Control::Stop);
            self.let_go();
            self.state = WorkerState::Waiting;
        }
        self.restart_at = Some(now);
    }

    /// True when cached media may be replayed: into a new worker, or for who is cast now.
    pub(super) fn trusts_replay(&self, now: Instant) -> bool {
        self.quick_ends < SUSPECT_REPLAY || self.is_proven(now)
    }

    /// True while the present worker has lived for long enough.
    fn is_proven(&self, now: Instant) -> bool {
        self.state == WorkerState::Running && now.duration_since(self.started_at) >= PROVEN
    }

    /// Sends a control message; a worker that cannot take it is ended, and the next one is told everything.
    pub(super) fn control(&mut self, control: Control) {
        if let (Control::VideoBitrate(kbps), Some(examined)) = (&control, &mut self.examined) {
            examined.scrutiny.expect(*kbps);
        }
        let refused = self.outbox.as_ref().is_some_and(|outbox| outbox.send(&ToWorker::Control(control)).is_err());
        if refused {
            self.abandon("the worker does not take what it is told".to_owned());
        }
    }

    /// The Opus mix of everyone, or of everyone but one, from now on; `None` when the worker makes no more.
    pub(super) fn listen(&mut self, without: Option<&ParticipantId>, now: Instant) -> Option<Fanout> {
        let (sound, fresh) = self.mixes.listen(without, now)?;
        if fresh {
            self.tell_mixes();
        }
        Some(sound)
    }

    fn tell_mixes(&mut self) {
        self.control(Control::Listeners(self.mixes.wanted()));
    }

    /// Ends the program for everyone who reads it.
    pub(super) fn end(&self) {
        self.fanout.end();
        self.mixes.end();
    }

    /// Makes the next frame a keyframe, unless one was asked for a moment ago: whoever asks now is helped by that one, or asks
    /// again.
    pub(super) fn keyframe(&mut self, now: Instant) {
        if self.keyframe_at.is_none_or(|at| now.duration_since(at) >= KEYFRAME_EVERY) {
            self.keyframe_at = Some(now);
            self.control(Control::Keyframe);
        }
    }

    /// Program time as the present worker counts it; none when it has passed or there is no worker.
    pub(super) fn worker_time(&self, moment: SceneStart) -> Option<Timestamp> {
        let program = match moment {
            SceneStart::At(instant) => Timestamp::ZERO + instant.checked_duration_since(self.zero)?,
            SceneStart::Pts(ms) => Timestamp::from_millis(ms),
        };
        let worker = program - self.offset;
        (self.outbox.is_some() && worker > Timestamp::ZERO).then_some(worker)
    }

    /// Sees that the worker has these images and keeps no others but those it had for the scene before. What its link has no room
    /// for now is sent when this is asked again: see [`Production::lacks_images`].
    pub(super) fn images(&mut self, wanted: &BTreeSet<AssetHash>, assets: &Assets) {
        let Some(outbox) = &self.outbox else { return };
        let Images { sent, wanted: before } = &mut self.images;
        let missing: Vec<AssetHash> = wanted.difference(sent).copied().collect();
        for hash in missing {
            let message = assets.raster(hash).map(|file| ToWorker::Asset { hash, file });
            if message.is_some_and(|message| outbox.send_spare(&message).is_ok()) {
                sent.insert(hash);
            }
        }
        if before != wanted {
            // A change that is under way still shows those of the scene before.
            let gone = |hash: &AssetHash| !wanted.contains(hash) && !before.contains(hash);
            let gone: Vec<AssetHash> = sent.iter().copied().filter(gone).collect();
            sent.retain(|hash| !gone.contains(hash));
            before.clone_from(wanted);
            if !gone.is_empty() {
                self.control(Control::ForgetAssets(gone));
            }
        }
    }

    /// True while an image of the present layout is still to be sent to the worker.
    pub(super) fn lacks_images(&self) -> bool {
        self.outbox.is_some() && !self.images.wanted.is_subset(&self.images.sent)
    }

    /// Sends media. False when the worker cannot take it now: the rest of the GOP is then useless to it.
    pub(super) fn media(&self, feed: Feed, replay: bool, packet: Packet) -> bool {
        self.outbox.as_ref().is_none_or(|outbox| outbox.send(&ToWorker::Packet { feed, replay, packet }).is_ok())
    }

    /// The worker's next event; never resolves while there is no worker. Cancel safe.
    pub(super) async fn next(&mut self) -> engine::Event {
        match &mut self.worker {
            Some(worker) => worker.next().await,
            None => std::future::pending().await,
        }
    }

    /// Takes in what the worker did.
    pub(super) fn take(&mut self, event: engine::Event, now: Instant) -> WorkerEvent {
        match event {
            engine::Event::Linked(outbox) => {
                self.outbox = Some(outbox);
                self.delayed = None;
                self.started += 1;
                self.started_at = now;
                WorkerEvent::Linked
            }
            engine::Event::Delayed(reason) => self.delay(clean(&reason)),
            engine::Event::Message(message, _) => self.hear(message, now),
            engine::Event::Ended(reason) => {
                let reason = clean(&reason);
                self.plan_restart(reason.clone(), now);
                WorkerEvent::Ended(reason)
            }
        }
    }

    fn hear(&mut self, message: FromWorker, now: Instant) -> WorkerEvent {
        // A worker that speaks before it is spoken to is not listened to.
        let Some(examined) = &mut self.examined else { return WorkerEvent::Nothing };
        examined.vitals.heard();
        let believed = examined.scrutiny.pass(message, now).and_then(|message| self.believe(message));
        believed.unwrap_or_else(|breach| {
            self.refuse(breach, now);
            WorkerEvent::Nothing
        })
    }

    fn believe(&mut self, message: FromWorker) -> Result<WorkerEvent, Breach> {
        match message {
            FromWorker::Program(packet) => self.publish(packet),
            FromWorker::Sound { listener, mut packet } => {
                packet.pts = packet.pts + self.offset;
                packet.dts = packet.dts + self.offset;
                self.mixes.take(listener, packet);
            }
            FromWorker::Snapshot { id, jpeg } => {
                let asked = self.snapshots.iter().position(|(wanted, ..)| *wanted == id).ok_or(Breach::Unasked)?;
                let (.., reply) = self.snapshots.swap_remove(asked);
                // The one who asked may have gone.
                let _ = reply.send(Some(jpeg).filter(|jpeg| !jpeg.is_empty()));
            }
            FromWorker::Report(report) => return self.note(report),
        }
        Ok(WorkerEvent::Nothing)
    }

    /// Keeps what a report says of the worker itself; the rest is the room's.
    fn note(&mut self, report: Report) -> Result<WorkerEvent, Breach> {
        let Some(examined) = &mut self.examined else { return Ok(WorkerEvent::Nothing) };
        match &report {
            Report::Ready { pid, .. } => {
                examined.vitals.ready();
                self.state = WorkerState::Running;
                self.pid = Some(*pid);
            }
            Report::Stats(stats) => self.stats = stats.clone(),
            Report::Eased { level, .. } => self.eased = *level,
            Report::Pong(number) => {
                if *number <= examined.answered || *number > examined.sent {
                    return Err(Breach::Unasked);
                }
                examined.answered = *number;
                examined.vitals.answered();
                return Ok(WorkerEvent::Nothing);
            }
            Report::Late { part, cause } => {
                tracing::debug!(room = %self.room, pid = self.pid, ?part, ?cause, "a part of the worker is late");
                examined.vitals.late(*part, *cause);
                return Ok(WorkerEvent::Nothing);
            }
            _ => {}
        }
        Ok(WorkerEvent::Report(report))
    }

    fn refuse(&mut self, breach: Breach, now: Instant) {
        let Some(examined) = &mut self.examined else { return };
        let forgiven = examined.scrutiny.forgive(now);
        let times = examined.scrutiny.refused();
        tracing::debug!(room = %self.room, pid = self.pid, times, "the worker {breach}");
        if !forgiven {
            self.abandon(format!("the worker broke the rules of its link {times} times; the last time it {breach}"));
        }
    }

    /// Sees to what time alone brings: a worker that makes no program, snapshots that nobody answers.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(death) = self.examined.as_mut().and_then(|examined| examined.vitals.tick(now)) {
            self.abandon(death.to_string());
        }
        if let Some(examined) = &mut self.examined
            && now.duration_since(examined.sent_at) >= HEARTBEAT
        {
            examined.sent_at = now;
            examined.sent += 1;
            let number = examined.sent;
            self.control(Control::Ping(number));
        }
        if self.mixes.tidy(now) {
            self.tell_mixes();
        }
        // Dropping the sender tells the one who waits.
        self.snapshots.retain(|(_, asked, _)| now.duration_since(*asked) < SNAPSHOT);
    }

    /// Why the worker was given up, once for each that was; another starts by itself.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Asks for the newest frame. `None` comes back, or the sender is dropped, when there is none.
    pub(super) fn snapshot(&mut self, now: Instant) -> oneshot::Receiver<Option<Bytes>> {
        let (reply, answer) = oneshot::channel();
        if self.snapshots.len() < MAX_SNAPSHOTS && self.state == WorkerState::Running {
            let id = self.next_snapshot;
            self.next_snapshot += 1;
            self.snapshots.push((id, now, reply));
            self.control(Control::Snapshot(id));
        }
        answer
    }

    /// A worker's zero is the moment it is told how to work; the program's is the room's. A new worker goes on where time is now, and
    /// never before what was already sent. Its first frames may come before it says that it is ready.
    fn join_time_line(&mut self, now: Instant) {
        let last = self.last_dts.iter().flatten().max().copied();
        let after_last = last.map_or(Duration::ZERO, |dts| dts.since(Timestamp::ZERO) + SEAM);
        self.offset = now.duration_since(self.zero).max(after_last);
    }

    fn publish(&mut self, mut packet: Packet) {
        packet.pts = packet.pts + self.offset;
        packet.dts = packet.dts + self.offset;
        let track = packet.track();
        let last = &mut self.last_dts[usize::from(track == Track::Audio)];
        let advances = last.is_none_or(|last| packet.dts > last) && packet.role != Role::Config;
        match last {
            // Sound of a new worker that belongs before the seam.
            Some(last) if packet.dts < *last && packet.role != Role::Config => return,
            Some(last) => packet.dts = packet.dts.max(*last),
            None => {}
        }
        *last = Some(packet.dts);
        if let Some(examined) = self.examined.as_mut().filter(|_| advances) {
            examined.vitals.advanced(track);
        }
        self.fanout.push(&packet);
    }

    fn abandon(&mut self, reason: String) {
        // What hangs or lies gets no time to finish, which the next one needs.
        if let Some(worker) = self.worker.take() {
            worker.kill();
        }
        self.failure = Some(reason.clone());
        self.plan_restart(reason, Instant::now());
    }

    fn let_go(&mut self) {
        self.worker = None;
        self.outbox = None;
        self.examined = None;
        self.pid = None;
        self.eased = 0;
    }

    fn plan_restart(&mut self, reason: String, now: Instant) {
        self.quick_ends = if self.is_proven(now) { 0 } else { self.quick_ends + 1 };
        self.let_go();
        let wait = match self.quick_ends {
            0 | 1 => {
                self.backoff.reset();
                Duration::ZERO
            }
            _ => self.backoff.next(rand::random()),
        };
        self.state = WorkerState::Waiting;
        self.last_exit = Some(reason);
        self.restart_at = Some(now + wait);
    }

    pub(super) fn worker_status(&self) -> WorkerStatus {
        WorkerStatus {
            state: self.state,
            pid: self.pid,
            started: self.started,
            last_exit: self.last_exit.clone(),
            delayed: self.delayed.clone(),
            cpu_ms: self.stats.cpu_ms,
            rss_kib: self.stats.rss_kib,
            refused: self.examined.as_ref().map_or(0, |examined| examined.scrutiny.refused()),
        }
    }

    pub(super) fn program_status(&self) -> ProgramStatus {
        ProgramStatus {
            frames: self.stats.frames,
            missed: self.stats.missed,
            eased: self.eased,
            pts_ms: self.last_dts[0].map_or(0, Timestamp::millis),
            readers: self.fanout.readers(),
            compose_us: self.stats.compose_us,
            encode_us: self.stats.encode_us,
            levels: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::assets::{Asset, Upload},
        *,
    };
    use crate::{
        base::tasks::Tasks,
        draw::Kind,
        front::{
            engine::{Local, Weight},
            raster::{Drawing, Raster},
        },
        link::message::VERSION,
        media::{Codec, Size, VideoCodec},
    };

    fn program(packet: Packet) -> engine::Event {
        engine::Event::Message(FromWorker::Program(packet), Weight::default())
    }

    fn report(report: Report) -> engine::Event {
        engine::Event::Message(FromWorker::Report(report), Weight::default())
    }

    fn frame(at: i64) -> engine::Event {
        let at = Timestamp::from_millis(at);
        let codec = Codec::Video(VideoCodec::H264);
        program(Packet { codec, role: Role::Key, pts: at, dts: at, data: Bytes::from_static(b"frame") })
    }

    /// A production whose worker was told how to work half a second after it began, and is ready.
    fn running(begun: Instant) -> Production {
        let mut production = production(begun);
        told(&mut production, begun + Duration::from_millis(500));
        production
    }

    fn production(begun: Instant) -> Production {
        let engine = Engine::Local(Local::new("/bin/true".into(), String::new(), Tasks::new()));
        Production::new("weekly".parse().expect("an id"), engine, begun)
    }

    /// Tells the worker how to work.
    fn told(production: &mut Production, now: Instant) {
        let settings = json!({
            "version": 0,
            "room": "weekly",
            "canvas": {},
            "video": {"preset": "", "bitrate_kbps": 1, "keyframe_frames": 1, "buffer_ms": 300},
            "audio": {"bitrate_kbps": 1},
            "pipelines": {"stage": "", "video": "", "opus": ""},
        });
        production.greet(serde_json::from_value(settings).expect("settings"), now);
    }

    fn ready() -> engine::Event {
        report(Report::Ready { version: VERSION, pid: 1 })
    }

    #[tokio::test]
    async fn frames_keep_their_distance_whenever_the_worker_says_it_is_ready() {
        let begun = Instant::now();
        let mut production = running(begun);
        let mut seen = production.fanout.subscribe();
        production.take(frame(100), begun + Duration::from_millis(600));
        production.take(ready(), begun + Duration::from_millis(630));
        production.take(frame(133), begun + Duration::from_millis(640));
        assert_eq!(seen.next().await.expect("a frame").pts.millis(), 600);
        assert_eq!(seen.next().await.expect("a frame").pts.millis(), 633);
    }

    #[test]
    fn a_worker_that_lives_clears_the_media_that_were_suspected() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut production = production(begun);
        for second in 0..2 {
            assert!(production.trusts_replay(at(second)));
            production.take(engine::Event::Ended("killed".to_owned()), at(second));
        }
        let (outbox, _drain) = Outbox::new();
        production.take(engine::Event::Linked(outbox), at(2));
        told(&mut production, at(2));
        production.take(ready(), at(2));
        assert!(!production.trusts_replay(at(3)), "one of those packets may have killed two");
        assert!(production.trusts_replay(at(62)), "none of them has killed this one");
        production.take(engine::Event::Ended("killed".to_owned()), at(63));
        assert!(production.trusts_replay(at(63)), "that was one end since");
    }

    #[tokio::test]
    async fn more_images_than_the_link_has_room_for_are_sent_as_room_is_made() {
        let now = Instant::now();
        let mut production = production(now);
        let (outbox, mut drain) = Outbox::new();
        production.take(engine::Event::Linked(outbox), now);
        let asset = |number: u8| {
            let file = Bytes::from(vec![number; 4 << 20]);
            let size = Size { width: 1, height: 1 };
            let raster = Raster { hash: AssetHash::of(&file), size, file: file.clone() };
            let asset = Asset { upload: Upload::new(file), drawing: Drawing { kind: Kind::Png, size, raster } };
            (format!("a{number}").parse().expect("a name"), asset)
        };
        let assets: Vec<_> = (0..9).map(asset).collect();
        let wanted: BTreeSet<AssetHash> = assets.iter().map(|(_, asset)| asset.drawing.raster.hash).collect();
        let assets = Assets::new(assets, Vec::new());
        production.images(&wanted, &assets);
        assert!(production.lacks_images());
        let mut arrived = 0;
        for _ in 0..9 {
            let mut frames = Vec::new();
            drain.next(&mut frames, 64).await.expect("the link stands");
            arrived += frames.len();
            if !production.lacks_images() {
                break;
            }
            production.images(&wanted, &assets);
        }
        assert_eq!(arrived, 9, "the ninth arrives, and none twice");
        production.images(&wanted, &assets);
        production.control(Control::Keyframe);
        let mut frames = Vec::new();
        drain.next(&mut frames, 64).await.expect("the link stands");
        assert_eq!(frames.len(), 1, "nothing but the word after them");
    }

    #[tokio::test]
    async fn one_absurd_stamp_spoils_nothing_that_follows_of_this_worker_or_the_next() {
        let begun = Instant::now();
        let mut production = running(begun);
        let mut seen = production.fanout.subscribe();
        production.take(frame(100), begun + Duration::from_millis(600));
        production.take(frame(i64::MAX), begun + Duration::from_millis(610));
        production.take(frame(133), begun + Duration::from_millis(640));
        assert_eq!(seen.next().await.expect("a frame").pts.millis(), 600);
        assert_eq!(seen.next().await.expect("a frame").pts.millis(), 633);
        assert_eq!(production.worker_status().refused, 1);
        production.join_time_line(begun + Duration::from_secs(2));
        assert_eq!(production.offset, Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_worker_that_goes_on_breaking_the_rules_is_given_up_and_that_is_told_once() {
        let begun = Instant::now();
        let mut production = running(begun);
        production.take(ready(), begun);
        let wrongs: [fn() -> engine::Event; 4] = [
            || report(Report::Pong(3)),
            ready,
            || frame(i64::MIN),
            || engine::Event::Message(FromWorker::Snapshot { id: 7, jpeg: Bytes::new() }, Weight::default()),
        ];
        for n in 0..100 {
            production.take(wrongs[n % 4](), begun);
        }
        assert_eq!(production.take_failure(), None, "what is rare is forgiven");
        production.take(wrongs[0](), begun);
        let reason = production.take_failure().expect("enough is enough");
        assert!(reason.contains("101 times") && reason.contains("answered what nobody asked"), "{reason}");
        production.take(wrongs[0](), begun);
        assert_eq!(production.take_failure(), None);
        assert_eq!(production.worker_status().last_exit, Some(reason));
        assert!(production.wants_worker(Instant::now()), "another one starts at once");
    }

    #[tokio::test]
    async fn a_worker_lives_by_its_program_and_not_by_what_it_says() {
        let begun = Instant::now();
        let mut production = running(begun);
        production.take(ready(), begun + Duration::from_millis(500));
        let mut failed = None;
        for tenth in 6..100 {
            let now = begun + Duration::from_millis(tenth * 100);
            if tenth < 20 {
                production.take(frame(tenth as i64 * 100 - 500), now);
            }
            let levels = Report::Levels { participants: Vec::new(), program: crate::media::Levels::SILENCE };
            production.take(report(levels), now);
            if tenth % 3 == 0 && production.examined.is_some() {
                let number = production.examined.as_ref().map_or(0, |examined| examined.sent);
                production.take(report(Report::Pong(number)), now);
            }
            production.tick(now);
            if let Some(reason) = production.take_failure() {
                failed = Some((tenth, reason));
                break;
            }
        }
        let (tenth, reason) = failed.expect("it is given up");
        assert_eq!((tenth, reason.as_str()), (33, "the program's picture stood still for 1.5 s"));
    }
}
