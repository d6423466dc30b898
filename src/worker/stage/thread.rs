//! Tick thread (frame clock): composes and encodes one frame per tick.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use gstreamer as gst;

use super::{
    Command, StageError, Timings,
    backdrop::BackdropLayer,
    compositor::{Compositor, Input},
    degradation::{Change, Degradation, Step, quicker},
    draw_thread::{DrawThread, plain},
    drawing_cache::DrawingCache,
    dress::{Contents, Faces, Painter},
    motion::Motion,
    phase::Phase,
    snapshot::Snapshots,
    ticks::Ticks,
    tiles::Tiles,
};
use crate::{clock::Clock, encode, mailbox::Mailbox, out::Out, watch::Heartbeat};
use tilecast_core::{
    layout::{Backdrop, Canvas, transition::Placed},
    link::{
        Report,
        message::{Settings, VideoSettings},
    },
    media::{Rect, Size, Timestamp},
};

/// Most composing times that are kept until somebody asks: a minute at 60 fps.
const MAX_TIMES: usize = 3600;

/// How often the helper threads are checked. They are lost rarely, if ever.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Size of a blank picture, px; the compositor stretches it.
const BLANK: Size = Size { width: 16, height: 16 };

/// Everything the tick owns. Fields are dropped in their order: inputs before their compositor, and the receiver of the
/// drawing thread's results before the drawing thread.
pub struct Thread {
    tiles: Tiles,
    background: Input,
    compositor: Compositor,
    commands: Arc<Mailbox<Command>>,
    drawings: DrawingCache,
    snapshots: Snapshots,
    encoder: encode::Video,
    /// How the encoder is made.
    recipe: Recipe,
    degradation: Degradation,
    canvas: Canvas,
    clock: Clock,
    out: Out,
    motion: Motion,
    ground: BackdropLayer,
    contents: Contents,
    painter: Painter,
    newest: Option<gst::Buffer>,
    timings: Arc<Mutex<Timings>>,
    pulse: Arc<Heartbeat>,
    looked: Timestamp,
    /// Frames since the last requested keyframe, at half the rate.
    since_keyframe: u32,
}

impl Thread {
    /// Builds everything; nothing ticks yet.
    pub fn new(
        settings: &Settings,
        clock: Clock,
        out: Out,
        commands: Arc<Mailbox<Command>>,
        draw_thread: DrawThread,
        timings: Arc<Mutex<Timings>>,
        pulse: Arc<Heartbeat>,
    ) -> Result<Self, StageError> {
        let canvas = settings.canvas.clone();
        let resources = |error: std::io::Error| StageError::Resources(error.to_string());
        let no_memory = || StageError::Resources("no picture buffers".to_owned());
        let frame = Duration::from_secs(1) / canvas.fps.max(1);
        let ground = BackdropLayer::new(&canvas, frame).ok_or_else(no_memory)?;
        let blank = plain(BLANK, canvas.background).ok_or_else(no_memory)?;
        let compositor = Compositor::start(&settings.pipelines.stage, canvas.size(), Arc::clone(&pulse))?;
        let mut background = compositor.input(canvas.size())?;
        let Size { width, height } = canvas.size();
        background.lie_behind(Rect { x: 0, y: 0, width, height });
        let recipe = Recipe { text: settings.pipelines.video.clone(), settings: settings.video.clone() };
        let encoder = recipe.start(&canvas, clock, out.clone(), &pulse, false)?;
        Ok(Self {
            tiles: Tiles::new(blank),
            background,
            compositor,
            drawings: DrawingCache::new(draw_thread),
            snapshots: Snapshots::start(canvas.size(), out.clone(), clock.now()).map_err(resources)?,
            encoder,
            degradation: Degradation::new(recipe.quicker().is_some(), clock.now()),
            recipe,
            motion: Motion::over(Backdrop { color: canvas.background, image: None }, frame),
            canvas,
            clock,
            out,
            commands,
            ground,
            contents: Contents::default(),
            painter: Painter::default(),
            newest: None,
            timings,
            pulse,
            looked: clock.now(),
            since_keyframe: 0,
        })
    }

    /// Ticks until told to stop.
    pub fn run(&mut self) -> Result<(), StageError> {
        let mut ticks = Ticks::new(self.canvas.fps, self.clock.now());
        let mut phase = Phase::new(self.canvas.fps);
        while self.listen(ticks.due()) {
            self.pulse.stage.beat();
            self.look_after();
            let half = self.degradation.has(Step::Rate);
            if !(half && ticks.is_odd()) {
                self.tick(ticks.due(), ticks.pts(), &mut phase)?;
            }
            ticks.shift(phase.ticked());
            let left_out = ticks.advance(self.clock.now());
            self.missed(if half { left_out / 2 } else { left_out });
            if let Some(change) = self.degradation.judge(self.clock.now()) {
                self.ease(change);
            }
        }
        self.encoder.finish();
        Ok(())
    }

    /// Executes commands until the tick is due; false when told to stop.
    fn listen(&mut self, due: Timestamp) -> bool {
        loop {
            match self.commands.next(self.clock.until(due)) {
                Some(Command::Stop) => return false,
                Some(command) => self.obey(command),
                None => return true,
            }
        }
    }

    /// Checks the drawing thread and the snapshot thread.
    fn look_after(&mut self) {
        let now = self.clock.now();
        if now.since(self.looked) < LOOK_EVERY {
            return;
        }
        self.looked = now;
        for text in [self.drawings.look(now), self.snapshots.look(now)].into_iter().flatten() {
            self.out.report(Report::Fault { feed: None, text });
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::People(people) => self.tiles.people = people,
            Command::States(states) => self.tiles.states = states,
            Command::Scene { scene, transition, at } => self.motion.plan(scene, transition, at),
            Command::Bitrate(kbps) => {
                self.recipe.settings.bitrate_kbps = kbps;
                self.encoder.set_bitrate(self.rate());
            }
            Command::Keyframe => self.encoder.force_keyframe(),
            Command::Snapshot(id) => self.snapshots.take(id, self.newest.as_ref()),
            Command::Drawn(subject, drawn) => {
                if !self.drawings.put(subject, drawn) {
                    let text = "the images of this scene take more memory than a room has: some are left out";
                    self.out.report(Report::Fault { feed: None, text: text.to_owned() });
                }
            }
            Command::Stop => {}
        }
    }

    fn timed(&self, note: impl FnOnce(&mut Timings)) {
        note(&mut self.timings.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn missed(&mut self, frames: u64) {
        if frames > 0 {
            self.degradation.missed(frames);
            self.timed(|timings| timings.missed += frames);
        }
    }

    /// Applies a degradation step, or takes it back.
    fn ease(&mut self, change: Change) {
        let (step, text) = match change {
            Change::Down(step, share) => {
                let missed = (share * 100.0).round();
                let text = format!("the machine is too slow for this room, which missed {missed} % of its frames");
                (step, format!("{text}: {}", step.says()))
            }
            Change::Up(step) => (step, format!("the machine keeps up again; no longer so: {}", step.says())),
        };
        match step {
            Step::SmallTiles => self.tiles.spare = self.degradation.has(step),
            Step::Preset => self.change_encoder(self.degradation.has(step)),
            Step::Rate => self.encoder.set_bitrate(self.rate()),
        }
        self.out.report(Report::Eased { level: self.degradation.level() as u32, text });
    }

    /// Target rate for the encoder, kbit/s. The encoder divides it among all announced frames, of which half come at
    /// half the rate.
    fn rate(&self) -> u32 {
        let kbps = self.recipe.settings.bitrate_kbps;
        if self.degradation.has(Step::Rate) { kbps.saturating_mul(2) } else { kbps }
    }

    /// Requests keyframes at half the rate, so that they stay equally far apart in time. The encoder does not know of
    /// the halved rate.
    fn keep_keyframes(&mut self) {
        if !self.degradation.has(Step::Rate) {
            return;
        }
        self.since_keyframe += 1;
        if self.since_keyframe >= self.recipe.settings.keyframe_frames / 2 {
            self.since_keyframe = 0;
            self.encoder.force_keyframe();
        }
    }

    /// Replaces the encoder by one with the faster preset, or with the room's own.
    fn change_encoder(&mut self, eased: bool) {
        match self.recipe.start(&self.canvas, self.clock, self.out.clone(), &self.pulse, eased) {
            Ok(next) => {
                // The present encoder's content is sent first; the next encoder begins with a keyframe.
                self.encoder.finish();
                self.encoder = next;
                self.encoder.set_bitrate(self.rate());
            }
            Err(error) => {
                let text = format!("the program goes on with the preset it has: {error}");
                self.out.report(Report::Fault { feed: None, text });
            }
        }
    }

    /// Makes the frame of program time `pts`, at `tick` of room time.
    fn tick(&mut self, tick: Timestamp, pts: Timestamp, phase: &mut Phase) -> Result<(), StageError> {
        if self.encoder.is_behind(self.clock.now())? {
            self.missed(1);
            return Ok(());
        }
        self.motion.begin(pts, tick);
        self.drawings.ticked();
        let (backdrop, transition) = (self.motion.backdrop(), self.motion.transition());
        self.ground.become_like(backdrop, transition, tick, &mut self.drawings)?;
        let placed = self.motion.placed(tick);
        self.tiles.update(&placed, (tick, pts), &self.out, phase);
        self.contents.keep(placed.iter().filter_map(Placed::overlay));
        let utc = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs() as i64);
        for placed in &placed {
            if let Some(tile) = placed.tile() {
                self.tiles.show(placed, tile, &self.motion, utc, &mut self.drawings, &self.compositor)?;
            } else if let Some(overlay) = placed.overlay() {
                self.contents.update(overlay, self.motion.resting_size(placed), utc, &mut self.drawings);
            }
        }
        let frame = self.compositor.frame();
        self.tiles.feed_compositor(frame)?;
        let faces = Faces::look(&placed, &self.tiles)?;
        let mut layers = faces.layers(&placed, &self.tiles, &self.contents);
        let ground = self.ground.under(&mut layers, self.motion.rests(tick))?;
        self.background.feed(&ground, frame)?;
        let composed = self.compositor.compose()?;
        let mut composed = self.painter.dress(composed, &ground, &layers)?;
        self.stamp(&mut composed, pts);
        self.newest = Some(composed.clone());
        let now = self.clock.now();
        self.keep_keyframes();
        self.encoder.push(composed, pts, now)?;
        self.degradation.made();
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

/// How the encoder is made.
struct Recipe {
    text: String,
    settings: VideoSettings,
}

impl Recipe {
    /// The next faster preset, if the encoder's is one of x264's.
    fn quicker(&self) -> Option<&'static str> {
        quicker(&self.settings.preset)
    }

    fn start(
        &self,
        canvas: &Canvas,
        clock: Clock,
        out: Out,
        pulse: &Arc<Heartbeat>,
        eased: bool,
    ) -> Result<encode::Video, StageError> {
        let preset = self.quicker().filter(|_| eased).unwrap_or(&self.settings.preset).to_owned();
        let settings = VideoSettings { preset, ..self.settings.clone() };
        Ok(encode::Video::start(&self.text, canvas, &settings, clock, out, Arc::clone(pulse))?)
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
