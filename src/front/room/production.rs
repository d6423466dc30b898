//! The making of a room's program: the present worker, its replacement when it ends, and the program's one time line.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{
    Assets,
    actor::Moment,
    mixes::Mixes,
    status::{ProgramStatus, WorkerState, WorkerStatus},
};
use crate::{
    base::{AssetHash, ParticipantId, RoomId, backoff::Backoff},
    cost::Budget,
    front::engine::{self, Engine, Outbox, Worker},
    link::{
        Control, Feed, FromWorker, ToWorker,
        message::{Report, Settings, Stats},
    },
    media::{Packet, Role, Timestamp, Track, fanout::Fanout},
};

/// A worker reports ten times a second; one that is silent this long is stuck and is replaced. Long enough for a machine
/// that swaps, short enough that viewers of a frozen program are still there.
const SILENCE: Duration = Duration::from_secs(4);

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
    heard_at: Instant,
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

/// What the room must do about what its worker did.
#[derive(Debug)]
pub(super) enum Happening {
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
            heard_at: now,
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

    /// Asks for a worker that may use this much; [`Happening::Linked`] comes when it is there.
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
    pub(super) fn delay(&mut self, reason: String) -> Happening {
        let known = self.delayed.replace(reason.clone());
        if known.as_ref() == Some(&reason) { Happening::Nothing } else { Happening::Delayed(reason) }
    }

    /// Tells a worker that has just come how it is to work. Afterwards the room tells it everything else it knows.
    pub(super) fn greet(&mut self, settings: Settings, now: Instant) {
        self.images = Default::default();
        self.join_time_line(now);
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
        let refused = self.outbox.as_ref().is_some_and(|outbox| outbox.send(&ToWorker::Control(control)).is_err());
        if refused {
            self.abandon("worker stopped reading its link");
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
    pub(super) fn worker_time(&self, moment: Moment) -> Option<Timestamp> {
        let program = match moment {
            Moment::At(instant) => Timestamp::ZERO + instant.checked_duration_since(self.zero)?,
            Moment::Pts(ms) => Timestamp::from_millis(ms),
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
            Some(worker) => match worker.inbox.recv().await {
                Some(event) => event,
                None => engine::Event::Ended("worker vanished".to_owned()),
            },
            None => std::future::pending().await,
        }
    }

    /// Takes in what the worker did.
    pub(super) fn take(&mut self, event: engine::Event, now: Instant) -> Happening {
        self.heard_at = now;
        match event {
            engine::Event::Linked(outbox) => {
                self.outbox = Some(outbox);
                self.delayed = None;
                self.started += 1;
                self.started_at = now;
                Happening::Linked
            }
            engine::Event::Delayed(reason) => self.delay(reason),
            engine::Event::Message(FromWorker::Program(packet)) => {
                self.publish(packet);
                Happening::Nothing
            }
            engine::Event::Message(FromWorker::Sound { listener, mut packet }) => {
                packet.pts = packet.pts + self.offset;
                packet.dts = packet.dts + self.offset;
                self.mixes.take(listener, packet);
                Happening::Nothing
            }
            engine::Event::Message(FromWorker::Snapshot { id, jpeg }) => {
                if let Some(index) = self.snapshots.iter().position(|(wanted, ..)| *wanted == id) {
                    let (.., reply) = self.snapshots.swap_remove(index);
                    // The one who asked may have gone.
                    let _ = reply.send(Some(jpeg).filter(|jpeg| !jpeg.is_empty()));
                }
                Happening::Nothing
            }
            engine::Event::Message(FromWorker::Report(report)) => {
                match &report {
                    Report::Ready { pid, .. } => {
                        self.state = WorkerState::Running;
                        self.pid = Some(*pid);
                    }
                    Report::Stats(stats) => self.stats = stats.clone(),
                    Report::Eased { level, .. } => self.eased = *level,
                    _ => {}
                }
                Happening::Report(report)
            }
            engine::Event::Ended(reason) => {
                self.plan_restart(reason.clone(), now);
                Happening::Ended(reason)
            }
        }
    }

    /// Sees to what time alone brings: silence, snapshots that nobody answers.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.outbox.is_some() && now.duration_since(self.heard_at) > SILENCE {
            self.abandon("worker was silent for 4 s");
        }
        if self.mixes.tidy(now) {
            self.tell_mixes();
        }
        // Dropping the sender tells the one who waits.
        self.snapshots.retain(|(_, asked, _)| now.duration_since(*asked) < SNAPSHOT);
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
        let last = &mut self.last_dts[usize::from(packet.track() == Track::Audio)];
        match last {
            // Sound of a new worker that belongs before the seam.
            Some(last) if packet.dts < *last && packet.role != Role::Config => return,
            Some(last) => packet.dts = packet.dts.max(*last),
            None => {}
        }
        *last = Some(packet.dts);
        self.fanout.push(&packet);
    }

    fn abandon(&mut self, reason: &str) {
        tracing::warn!(room = %self.room, pid = self.pid, "{reason}; it is being replaced");
        // Its link closes, it is killed after a moment's grace, and nobody listens to it any more.
        self.plan_restart(reason.to_owned(), Instant::now());
    }

    fn let_go(&mut self) {
        self.worker = None;
        self.outbox = None;
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

    use crate::{
        base::tasks::Tasks,
        draw::asset::{Inspected, Kind},
        front::{engine::Local, room::assets::Asset},
        media::{Codec, Size, VideoCodec},
    };

    use super::*;

    fn frame(at: u64) -> engine::Event {
        let at = Timestamp::from_millis(at as i64);
        let codec = Codec::Video(VideoCodec::H264);
        let packet = Packet { codec, role: Role::Key, pts: at, dts: at, data: Bytes::from_static(b"frame") };
        engine::Event::Message(FromWorker::Program(packet))
    }

    fn production(begun: Instant) -> Production {
        let engine = Engine::Local(Local::new("/bin/true".into(), String::new(), Tasks::new()));
        Production::new("weekly".parse().expect("an id"), engine, begun)
    }

    fn ready() -> engine::Event {
        engine::Event::Message(FromWorker::Report(Report::Ready { version: 0, pid: 1 }))
    }

    #[tokio::test]
    async fn frames_keep_their_distance_whenever_the_worker_says_it_is_ready() {
        let begun = Instant::now();
        let mut production = production(begun);
        let mut seen = production.fanout.subscribe();
        let settings = json!({
            "version": 0,
            "room": "weekly",
            "canvas": {},
            "video": {"preset": "", "bitrate_kbps": 1, "keyframe_frames": 1},
            "audio": {"bitrate_kbps": 1},
            "pipelines": {"stage": "", "video": "", "opus": ""},
        });
        production.greet(serde_json::from_value(settings).expect("settings"), begun + Duration::from_millis(500));
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
        production.take(engine::Event::Linked(Outbox::new().0), at(2));
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
            let inspected = Inspected { kind: Kind::Png, size: Size { width: 1, height: 1 } };
            let asset = Asset { inspected, hash: AssetHash::of(&file), file };
            (format!("a{number}").parse().expect("a name"), asset)
        };
        let assets: Vec<_> = (0..9).map(asset).collect();
        let wanted: BTreeSet<AssetHash> = assets.iter().map(|(_, asset)| asset.hash).collect();
        let assets = Assets::new(assets);
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
}
