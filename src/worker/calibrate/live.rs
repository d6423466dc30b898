//! Live measurement: a whole room at its usual pace, and the CPU time it uses.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use bytes::BytesMut;

use super::{
    CalibrateError, FPS, MAX_MISSED, MEASURED, WARM_UP,
    material::{Material, PROGRAM_KBPS},
    usage::{Account, FEEDER, READER, ROOM, Usage},
};
use tilecast_core::{
    base::ParticipantId,
    layout::{Arguments, Canvas, Face, Layout, Meeting, Person, Scene, Transition, builtin},
    link::{
        Control, Feed, FromWorker, Report, ToWorker, launch,
        message::{AudioSettings, Participant, Pipelines, Settings, Stats, VERSION, VideoSettings},
    },
    media::{Packet, Role, Timestamp},
};

/// The layout that rooms begin with.
const LAYOUT: &str = "grid";

/// Delay from one participant's start to the next, so that their keyframes lie apart.
const APART: Duration = Duration::from_millis(170);

/// Samples of one AAC packet, and samples of a second.
const SAMPLES: (i64, u32) = (1024, 48_000);

const NAME: &str = "Participant";

/// How often the feeder checks what is due.
const TURN: Duration = Duration::from_millis(3);

pub struct Show {
    pub canvas: Canvas,
    /// Number of participants.
    pub people: usize,
}

impl Show {
    pub fn run(&self, material: &Material) -> Result<Usage, CalibrateError> {
        let (front, link) = UnixStream::pair()?;
        let room = Builder::new().name(ROOM.to_owned()).spawn(move || crate::run(link))?;
        let reader = read(front.try_clone()?)?;
        let (mut feeder, work) = (Feeder::new(front.try_clone()?, material, self.people), self.opening()?);
        let feeder: JoinHandle<io::Result<()>> = Builder::new().name(FEEDER.to_owned()).spawn(move || {
            work.iter().try_for_each(|message| feeder.send(message))?;
            feeder.run(WARM_UP + MEASURED + Duration::from_millis(300))
        })?;
        std::thread::sleep(WARM_UP);
        let (before, begun) = (Account::take()?, Instant::now());
        std::thread::sleep(MEASURED);
        let usage = Account::take()?.since(&before, begun.elapsed());
        let fed = feeder.join().map_err(|_| CalibrateError::Incomplete("the feeder panicked"))?;
        // Ends the room. It fails only when the room has ended by itself.
        let _ = front.shutdown(std::net::Shutdown::Write);
        let ended = room.join().map_err(|_| CalibrateError::Incomplete("the room panicked"))?;
        let _ = front.shutdown(std::net::Shutdown::Both);
        let stats = reader.join().map_err(|_| CalibrateError::Incomplete("the room's reader panicked"))?;
        ended?;
        fed?;
        if stats.missed as f64 > (stats.frames + stats.missed) as f64 * MAX_MISSED || stats.frames == 0 {
            return Err(CalibrateError::Busy(stats.frames + stats.missed, stats.missed));
        }
        Ok(usage)
    }

    /// The first messages to the worker, before media.
    fn opening(&self) -> Result<Vec<ToWorker>, CalibrateError> {
        let text = |path| launch::builtin(path).map(str::to_owned).ok_or(CalibrateError::Incomplete("no launch text"));
        let settings = Settings {
            version: VERSION,
            room: "calibrate".parse().map_err(|_| CalibrateError::Incomplete("no name for the room"))?,
            canvas: self.canvas.clone(),
            video: VideoSettings {
                preset: "veryfast".to_owned(),
                bitrate_kbps: PROGRAM_KBPS,
                keyframe_frames: FPS * 2,
                buffer_ms: 300,
            },
            audio: AudioSettings { bitrate_kbps: 128 },
            pipelines: Pipelines { stage: text("stage")?, video: text("video/x264")?, opus: text("audio/opus")? },
        };
        let person = |number: usize| Participant {
            id: id(number),
            name: NAME.to_owned(),
            feed: Some(Feed(number as u32)),
            gain_db: 0.0,
            muted: false,
        };
        let scene = self.scene()?;
        Ok([
            Control::Start(Box::new(settings)),
            Control::Participants((0..self.people).map(person).collect()),
            Control::Scene { scene, transition: Transition::CUT, at: None },
        ]
        .map(ToWorker::Control)
        .into())
    }

    fn scene(&self) -> Result<Scene, CalibrateError> {
        let template = builtin().into_iter().find(|(name, _)| name.as_str() == LAYOUT);
        let (_, template) = template.ok_or(CalibrateError::Incomplete("no layout"))?;
        let layout = Layout::new(&template, &Arguments::new(), |_| None);
        let person = |number: usize| Person { id: id(number), name: NAME.to_owned(), role: None, face: Face::Picture };
        let people: Vec<Person> = (0..self.people).map(person).collect();
        let scene = layout.scene(&Meeting::of(&people, &self.canvas));
        let all = scene.tiles.len() == self.people;
        all.then_some(scene).ok_or(CalibrateError::Incomplete("the layout leaves somebody out"))
    }
}

fn id(number: usize) -> ParticipantId {
    format!("p{number}").parse().expect("a letter and digits are an id")
}

/// Reads until the end, and returns the newest statistics.
fn read(mut link: UnixStream) -> io::Result<JoinHandle<Stats>> {
    Builder::new().name(READER.to_owned()).spawn(move || {
        let (mut input, mut chunk, mut newest) = (BytesMut::new(), vec![0; 64 << 10], Stats::default());
        while let Ok(length @ 1..) = link.read(&mut chunk) {
            input.extend_from_slice(&chunk[..length]);
            while let Ok(Some(message)) = FromWorker::decode(&mut input) {
                if let FromWorker::Report(Report::Stats(stats)) = message {
                    newest = stats;
                }
            }
        }
        newest
    })
}

/// Sends the participants' media at their usual pace.
struct Feeder {
    link: UnixStream,
    video: Vec<Packet>,
    audio: Vec<Packet>,
    people: usize,
}

impl Feeder {
    fn new(link: UnixStream, material: &Material, people: usize) -> Self {
        Self { link, video: material.video.clone(), audio: material.audio.clone(), people }
    }

    fn send(&mut self, message: &ToWorker) -> io::Result<()> {
        let frame = message.encode();
        self.link.write_all(&frame.head)?;
        self.link.write_all(&frame.tail)
    }

    fn run(&mut self, span: Duration) -> io::Result<()> {
        let begun = Instant::now();
        let mut sent = vec![[0; 2]; self.people];
        while begun.elapsed() < span {
            for (person, sent) in sent.iter_mut().enumerate() {
                if let Some(since) = begun.elapsed().checked_sub(APART * person as u32) {
                    self.catch_up(Feed(person as u32), sent, since)?;
                }
            }
            std::thread::sleep(TURN);
        }
        Ok(())
    }

    /// Sends everything of a participant that is due, their configuration first.
    fn catch_up(&mut self, feed: Feed, sent: &mut [usize; 2], since: Duration) -> io::Result<()> {
        let due = Timestamp::ZERO + since;
        for (track, sent) in sent.iter_mut().enumerate() {
            loop {
                let (packets, (unit, rate)) = if track == 0 { (&self.video, (1, FPS)) } else { (&self.audio, SAMPLES) };
                let pts = Timestamp::from_units((*sent as i64 - 1).max(0) * unit, rate);
                if pts > due {
                    break;
                }
                // The first packet is the configuration; the rest repeats.
                let index = if *sent == 0 { 0 } else { 1 + (*sent - 1) % (packets.len() - 1) };
                let Some(packet) = packets.get(index) else { break };
                let packet = Packet { pts, dts: pts, ..packet.clone() };
                debug_assert_eq!(packet.role == Role::Config, *sent == 0);
                *sent += 1;
                self.send(&ToWorker::Packet { feed, replay: false, packet })?;
            }
        }
        Ok(())
    }
}
