//! The tick's thread.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use gstreamer as gst;

use super::{
    Command, People, StageError, Timings,
    cards::{self, Cards, Request},
    compositor::{Appearance, Compositor, Input},
    motion::Motion,
    phase::Phase,
    snapshot::Snapshots,
    ticks::Ticks,
    tile::Tile,
};
use crate::{
    base::ParticipantId,
    layout::Canvas,
    link::message::Settings,
    media::{Rect, Size, Timestamp},
    worker::{clock::Clock, encode, i420::Picture, out::Out},
};

/// Composing times kept until somebody asks: a minute at 60 fps.
const MAX_TIMES: usize = 3600;

/// A blank's size, px; the compositor stretches it.
const BLANK: Size = Size { width: 16, height: 16 };

/// Everything the tick owns. Fields end in the order they stand: inputs before their compositor, and what cards are sent to
/// before the thread that sends them.
pub struct Thread {
    tiles: HashMap<ParticipantId, Tile>,
    background: Input,
    compositor: Compositor,
    commands: Receiver<Command>,
    cards: Cards,
    snapshots: Snapshots,
    encoder: encode::Video,
    canvas: Canvas,
    clock: Clock,
    out: Out,
    people: People,
    motion: Motion,
    backdrop: Picture,
    blank: Picture,
    newest: Option<gst::Buffer>,
    timings: Arc<Mutex<Timings>>,
}

impl Thread {
    /// Builds everything; nothing ticks yet.
    pub fn new(
        settings: &Settings,
        clock: Clock,
        out: Out,
        commands: Receiver<Command>,
        to_self: SyncSender<Command>,
        timings: Arc<Mutex<Timings>>,
    ) -> Result<Self, StageError> {
        let canvas = settings.canvas.clone();
        let resources = |error: std::io::Error| StageError::Resources(error.to_string());
        let plain = |size| {
            cards::plain(size, canvas.background).ok_or_else(|| StageError::Resources("no picture buffers".to_owned()))
        };
        let (backdrop, blank) = (plain(canvas.size())?, plain(BLANK)?);
        let compositor = Compositor::start(&settings.pipelines.stage, canvas.size())?;
        let mut background = compositor.input(canvas.size())?;
        let Size { width, height } = canvas.size();
        background.lie_behind(Rect { x: 0, y: 0, width, height });
        let encoder = encode::Video::start(&settings.pipelines.video, &canvas, &settings.video, clock, out.clone())?;
        let cards = Cards::start(canvas.background, out.clone(), move |request, card| {
            // It only fails when the stage has ended.
            let _ = to_self.send(Command::Card(request, card));
        });
        Ok(Self {
            tiles: HashMap::new(),
            background,
            compositor,
            cards: cards.map_err(resources)?,
            snapshots: Snapshots::start(canvas.size(), out.clone()).map_err(resources)?,
            encoder,
            canvas,
            clock,
            out,
            commands,
            people: People::new(),
            motion: Motion::default(),
            backdrop,
            blank,
            newest: None,
            timings,
        })
    }

    /// Ticks until told to stop.
    pub fn run(mut self) -> Result<(), StageError> {
        let mut ticks = Ticks::new(self.canvas.fps, self.clock.now());
        let mut phase = Phase::new(self.canvas.fps);
        while self.listen(ticks.due()) {
            self.tick(ticks.due(), ticks.pts(), &mut phase)?;
            ticks.shift(phase.ticked());
            let left_out = ticks.advance(self.clock.now());
            if left_out > 0 {
                self.timed(|timings| timings.missed += left_out);
            }
        }
        self.encoder.finish();
        Ok(())
    }

    /// Does as told until the tick is due; false when told to stop.
    fn listen(&mut self, due: Timestamp) -> bool {
        loop {
            match self.commands.recv_timeout(self.clock.until(due)) {
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::People(people) => self.people = people,
            Command::Scene { scene, takes } => self.motion.go(scene, takes, self.clock.now()),
            Command::Bitrate(kbps) => self.encoder.set_bitrate(kbps),
            Command::Keyframe => self.encoder.force_keyframe(),
            Command::Snapshot(id) => self.snapshots.take(id, self.newest.as_ref()),
            Command::Card(request, card) => {
                if let Some(tile) = self.tiles.get_mut(&request.participant) {
                    tile.set_card(request.name, card);
                }
            }
            Command::Stop => {}
        }
    }

    fn timed(&self, note: impl FnOnce(&mut Timings)) {
        note(&mut self.timings.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Makes the frame of program time `pts`, at `tick` of room time.
    fn tick(&mut self, tick: Timestamp, pts: Timestamp, phase: &mut Phase) -> Result<(), StageError> {
        if self.encoder.is_behind(self.clock.now())? {
            self.timed(|timings| timings.missed += 1);
            return Ok(());
        }
        let placed = self.motion.placed(tick);
        self.tiles.retain(|id, _| placed.iter().any(|placed| placed.participant == id));
        for placed in &placed {
            let tile = self.tiles.entry(placed.participant.clone()).or_default();
            let person = self.people.get(placed.participant);
            if let Some(waited) = tile.update(person, tick, &self.out) {
                phase.waited(waited, f64::from(placed.rect.width) * f64::from(placed.rect.height));
            }
            let name = person.map_or(placed.participant.as_str(), |person| &person.name);
            let size = self.motion.resting_size(placed);
            if tile.wants_card(name, size) {
                let (participant, name) = (placed.participant.clone(), name.to_owned());
                if self.cards.ask(Request { participant, name: name.clone(), size }) {
                    tile.asked(name, size);
                }
            }
            let appearance = Appearance { rect: placed.rect, z: placed.z, alpha: placed.alpha };
            tile.take_place(&self.compositor, appearance, &self.blank)?;
        }
        let frame = self.compositor.frame();
        for tile in self.tiles.values() {
            tile.feed_compositor(&self.blank, frame)?;
        }
        self.background.feed(&self.backdrop, frame)?;
        let mut composed = self.compositor.compose()?;
        self.stamp(&mut composed, pts);
        self.newest = Some(composed.clone());
        let now = self.clock.now();
        self.encoder.push(composed, pts, now)?;
        let (took, encoded) = (now.since(tick), self.encoder.take_times());
        self.timed(|timings| {
            timings.frames += 1;
            timings.note(took, encoded);
        });
        Ok(())
    }

    fn stamp(&self, frame: &mut gst::Buffer, pts: Timestamp) {
        let own = frame.make_mut();
        own.set_pts(gst::ClockTime::from_nseconds(u64::try_from(pts.nanos()).unwrap_or(0)));
        own.set_dts(gst::ClockTime::NONE);
        own.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / u64::from(self.canvas.fps)));
    }
}

impl Timings {
    fn note(&mut self, compose: Duration, encode: Vec<Duration>) {
        let room = MAX_TIMES.saturating_sub(self.encode.len());
        self.encode.extend(encode.into_iter().take(room));
        if self.compose.len() < MAX_TIMES {
            self.compose.push(compose);
        }
    }
}
