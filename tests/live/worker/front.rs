//! The front's side of a link to a real worker. The worker is a confined process, as in a service, or a thread of this
//! process, whose error can be examined.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::BytesMut;
use tilecast::{
    layout::{Canvas, Fit, Scene, Tile, Transition},
    link::{
        Control, Feed, FromWorker, Report, ToWorker, launch,
        message::{AudioSettings, Participant, Pipelines, Settings, Stats, VERSION, VideoSettings},
    },
    media::{Packet, Rect, Track},
    sandbox, worker,
};

use super::media::{Frame, Program};

/// Longest any of these tests waits for something, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(30);

/// A rectangle: x, y, width, height, px.
pub type Area = (u32, u32, u32, u32);

/// The front of one room.
pub struct Front {
    link: UnixStream,
    input: BytesMut,
    worker: Option<Worker>,
    program: Program,
    newest: Option<Frame>,
    /// Every report so far.
    pub reports: Vec<Report>,
    /// Every program packet so far, video and sound.
    pub packets: Vec<Packet>,
    /// Every packet of a listener's mix so far.
    pub sounds: Vec<(u32, Packet)>,
    /// The snapshots so far.
    pub snapshots: Vec<(u64, bytes::Bytes)>,
}

enum Worker {
    Thread(JoinHandle<Result<(), worker::Error>>),
    Process(Child),
}

/// Settings for a canvas, with x264 at its quickest.
pub fn settings(width: u32, height: u32, fps: u32) -> Settings {
    let text = |path| launch::builtin(path).expect("a built-in launch text").to_owned();
    Settings {
        version: VERSION,
        room: "test".parse().expect("an id"),
        canvas: Canvas { width, height, fps, ..Canvas::default() },
        video: VideoSettings {
            preset: "ultrafast".to_owned(),
            bitrate_kbps: 4000,
            keyframe_frames: fps * 2,
            buffer_ms: 300,
        },
        audio: AudioSettings { bitrate_kbps: 96 },
        pipelines: Pipelines { stage: text("stage"), video: text("video/x264"), opus: text("audio/opus") },
    }
}

/// A participant `p0`, `p1`, … with its feed.
pub fn person(index: u32, feed: Option<u32>) -> Participant {
    Participant {
        id: format!("p{index}").parse().expect("an id"),
        name: format!("Person {index}"),
        feed: feed.map(Feed),
        gain_db: 0.0,
        muted: false,
    }
}

/// A scene of participants in rectangles, later ones in front.
pub fn scene(tiles: &[(u32, Area)]) -> Scene {
    let tile = |(z, (index, (x, y, width, height))): (usize, &(u32, Area))| {
        let rect = Rect { x: *x as i32, y: *y as i32, width: *width, height: *height };
        Tile::plain(format!("p{index}").parse().expect("an id"), rect, z as u32, Fit::Cover)
    };
    Scene { tiles: tiles.iter().enumerate().map(tile).collect(), ..Scene::default() }
}

impl Front {
    /// Starts a worker and waits until it is ready.
    pub fn start(settings: Settings) -> Self {
        let mut front = Self::start_process(settings);
        front.until(|front| front.reports.iter().any(|report| matches!(report, Report::Ready { .. })).then_some(()));
        front
    }

    /// Starts a worker in a thread, whatever comes of it.
    pub fn start_unready(settings: Settings) -> Self {
        let (link, theirs) = UnixStream::pair().expect("a pair of sockets");
        let worker = std::thread::spawn(move || worker::run(theirs));
        Self::begin(link, Worker::Thread(worker), settings)
    }

    /// Starts a worker that is a process of its own.
    pub fn start_process(settings: Settings) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tilecast"));
        command.arg("worker").env("TILECAST_LOG", "error");
        Self::start_command(command, settings)
    }

    /// Starts the worker that this command runs, with the environment of a worker and what the command adds to it.
    pub fn start_command(mut command: Command, settings: Settings) -> Self {
        let (link, theirs) = UnixStream::pair().expect("a pair of sockets");
        let added: Vec<_> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command.env_clear().envs(sandbox::environment()).envs(added).stdin(OwnedFd::from(theirs));
        let child = command.spawn().expect("the program is built");
        Self::begin(link, Worker::Process(child), settings)
    }

    fn begin(link: UnixStream, worker: Worker, settings: Settings) -> Self {
        let (reports, packets, sounds, snapshots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (input, program) = (BytesMut::new(), Program::new());
        let worker = Some(worker);
        let mut front = Self { link, input, worker, program, newest: None, reports, packets, sounds, snapshots };
        front.control(Control::Start(Box::new(settings)));
        front
    }

    pub fn process(&mut self) -> &mut Child {
        match &mut self.worker {
            Some(Worker::Process(child)) => child,
            _ => panic!("it is a thread"),
        }
    }

    pub fn send(&mut self, message: &ToWorker) {
        let frame = message.encode();
        self.link.write_all(&frame.head).expect("the worker reads");
        self.link.write_all(&frame.tail).expect("the worker reads");
    }

    /// Sends a control message.
    pub fn control(&mut self, control: Control) {
        self.send(&ToWorker::Control(control));
    }

    /// Cuts to a scene.
    pub fn cut(&mut self, tiles: &[(u32, Area)]) {
        self.control(Control::Scene { scene: scene(tiles), transition: Transition::CUT, at: None });
    }

    /// Sends packets of a feed.
    pub fn packets(&mut self, feed: u32, replay: bool, packets: &[Packet]) {
        for packet in packets {
            self.send(&ToWorker::Packet { feed: Feed(feed), replay, packet: packet.clone() });
        }
    }

    /// Takes what the worker says until `found` answers, which is asked after each message.
    pub fn until<T>(&mut self, mut found: impl FnMut(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "waited too long; reports: {:?}", self.reports);
            self.receive().expect("the worker goes on");
        }
    }

    /// The next program frame for which `wanted` holds.
    pub fn frame(&mut self, mut wanted: impl FnMut(&Frame) -> bool) -> Frame {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(frame) = self.next_frame()
                && wanted(&frame)
            {
                return frame;
            }
            assert!(Instant::now() < deadline, "no such frame; reports: {:?}", self.reports);
        }
    }

    /// One more message; the frame, if it was one of the program.
    pub fn next_frame(&mut self) -> Option<Frame> {
        self.newest = None;
        self.receive().expect("the worker goes on");
        self.newest.take()
    }

    /// Errors in decoding the program.
    pub fn errors(&self) -> usize {
        self.program.errors
    }

    pub fn stats(&self) -> Option<&Stats> {
        self.reports.iter().rev().find_map(|report| match report {
            Report::Stats(stats) => Some(stats),
            _ => None,
        })
    }

    fn receive(&mut self) -> Option<()> {
        loop {
            match FromWorker::decode(&mut self.input).expect("valid messages") {
                Some(FromWorker::Report(report)) => self.reports.push(report),
                Some(FromWorker::Program(packet)) => {
                    if packet.track() == Track::Video {
                        self.newest = self.program.push(&packet);
                    }
                    self.packets.push(packet);
                }
                Some(FromWorker::Sound { listener, packet }) => self.sounds.push((listener, packet)),
                Some(FromWorker::Snapshot { id, jpeg }) => self.snapshots.push((id, jpeg)),
                None => {
                    let mut chunk = [0; 65536];
                    match self.link.read(&mut chunk) {
                        // A worker that refuses does not read what was sent to it, and then its end looks like this.
                        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                        Err(error) => panic!("the link: {error}"),
                        Ok(0) => return None,
                        Ok(length) => self.input.extend_from_slice(&chunk[..length]),
                    }
                    continue;
                }
            }
            return Some(());
        }
    }

    /// Ends the worker in order and reads all it still says.
    pub fn stop(mut self) -> (Self, Result<(), worker::Error>) {
        self.control(Control::Stop);
        self.ended()
    }

    pub fn hang_up(&self, how: Shutdown) {
        self.link.shutdown(how).expect("the link was up");
    }

    /// Waits for a worker that ends by itself; a process must end well.
    pub fn ended(mut self) -> (Self, Result<(), worker::Error>) {
        while self.receive().is_some() {}
        let result = match self.worker.take().expect("joined once") {
            Worker::Thread(worker) => worker.join().expect("the worker does not panic"),
            Worker::Process(mut child) => {
                let status = child.wait().expect("a child");
                assert!(status.success(), "{status}; reports: {:?}", self.reports);
                Ok(())
            }
        };
        (self, result)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A test that failed: the worker sees the link's end.
        let _ = self.link.shutdown(Shutdown::Both);
        match self.worker.take() {
            Some(Worker::Thread(worker)) => drop(worker.join()),
            Some(Worker::Process(mut child)) => {
                // Fails when it has ended.
                let _ = child.kill();
                let _ = child.wait();
            }
            None => {}
        }
    }
}
