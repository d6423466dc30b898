//! Test media of the participants, made by the program's own encoders.

use std::{
    io::Read,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use bytes::BytesMut;
use gstreamer as gst;

use super::{CANVAS, CalibrateError, FPS, usage};
use crate::{
    clock::Clock,
    encode::{AacEncoder, Video},
    i420::Picture,
    out::Writer,
    sound::{BLOCK, Block},
};
use tilecast_core::{
    layout::Canvas,
    link::{
        FromWorker,
        message::{AudioSettings, VideoSettings},
    },
    media::{Packet, Role, Timestamp, Track},
};

/// Pictures in the loop that every participant sends: one GOP.
pub const PICTURES: usize = 30;

/// Rates of a participant's picture and of the program, kbit/s.
const PARTICIPANT_KBPS: u32 = 1800;
pub const PROGRAM_KBPS: u32 = 2500;

/// Sound in the loop, blocks of 10 ms.
const BLOCKS: usize = 100;

/// Longest wait for an encoder's picture before the next one is offered.
const PATIENCE: Duration = Duration::from_millis(1);

/// One second of a participant's media, the configurations of picture and sound first.
pub struct Material {
    pub video: Vec<Packet>,
    pub audio: Vec<Packet>,
}

pub struct Encoded {
    packets: Vec<Packet>,
    /// CPU time a pixel, ns.
    pub per_pixel: f64,
}

impl Material {
    /// Encodes a film and a voice.
    pub fn make(text: &str, film: &[Picture]) -> Result<Self, CalibrateError> {
        let video = encode(text, "veryfast", PARTICIPANT_KBPS, film)?.packets;
        let whole = video.iter().filter(|packet| packet.role != Role::Config).count() == film.len();
        if !whole || video.first().is_none_or(|packet| packet.role != Role::Config) {
            return Err(CalibrateError::Incomplete("the encoder kept some of the pictures"));
        }
        let audio = voice()?;
        if audio.len() < 3 {
            return Err(CalibrateError::Incomplete("the sound's encoder gave nothing"));
        }
        Ok(Self { video, audio })
    }
}

/// Encodes pictures one after the other as fast as possible.
pub fn encode(text: &str, preset: &str, kbps: u32, film: &[Picture]) -> Result<Encoded, CalibrateError> {
    let (ours, theirs) = UnixStream::pair()?;
    let (out, writer) = Writer::start(&ours)?;
    let reader = collect(theirs)?;
    let canvas = Canvas { width: CANVAS.width, height: CANVAS.height, fps: FPS, ..Canvas::default() };
    let settings = VideoSettings {
        preset: preset.to_owned(),
        bitrate_kbps: kbps,
        keyframe_frames: film.len().max(1) as u32,
        buffer_ms: 300,
    };
    let clock = Clock::start();
    let video = Video::start(text, &canvas, &settings, clock, out, Arc::default())?;
    let before = usage::of_process();
    for (number, picture) in film.iter().enumerate() {
        while video.is_behind(clock.now())? {
            std::thread::sleep(PATIENCE);
        }
        let pts = Timestamp::from_units(number as i64, FPS);
        let mut buffer = picture.buffer.clone();
        let own = buffer.make_mut();
        own.set_pts(gst::ClockTime::from_nseconds(pts.nanos().unsigned_abs()));
        own.set_duration(gst::ClockTime::from_nseconds(1_000_000_000 / u64::from(FPS)));
        video.push(buffer, pts, clock.now())?;
    }
    video.finish();
    let took = usage::of_process().saturating_sub(before);
    drop(video);
    writer.finish();
    // Ends the reader; it fails only if the other end is closed already.
    let _ = ours.shutdown(std::net::Shutdown::Both);
    let messages = reader.join().map_err(|_| CalibrateError::Incomplete("the packets' reader panicked"))?;
    let pixels = f64::from(CANVAS.width) * f64::from(CANVAS.height) * film.len().max(1) as f64;
    Ok(Encoded { packets: program(messages, Track::Video), per_pixel: took.as_nanos() as f64 / pixels })
}

fn program(messages: Vec<FromWorker>, track: Track) -> Vec<Packet> {
    let packets = messages.into_iter().filter_map(|message| match message {
        FromWorker::Program(packet) => Some(packet),
        _ => None,
    });
    packets.filter(|packet| packet.track() == track).collect()
}

fn collect(mut link: UnixStream) -> std::io::Result<JoinHandle<Vec<FromWorker>>> {
    std::thread::Builder::new().name(usage::READER.to_owned()).spawn(move || {
        let (mut input, mut chunk, mut messages) = (BytesMut::new(), vec![0; 64 << 10], Vec::new());
        while let Ok(length @ 1..) = link.read(&mut chunk) {
            input.extend_from_slice(&chunk[..length]);
            while let Ok(Some(message)) = FromWorker::decode(&mut input) {
                messages.push(message);
            }
        }
        messages
    })
}

/// A second of room-like sound: tones that come and go, and hiss.
fn voice() -> Result<Vec<Packet>, CalibrateError> {
    let heard = Arc::<Mutex<Vec<FromWorker>>>::default();
    let ear = Arc::clone(&heard);
    let sink = Arc::new(move |message| ear.lock().unwrap_or_else(PoisonError::into_inner).push(message));
    let mut audio = AacEncoder::start(&AudioSettings { bitrate_kbps: 96 }, 0, sink)?;
    let mut chance = 1u32;
    for number in 0..BLOCKS {
        let mut block: Block = [[0.0; 2]; BLOCK];
        for (index, sample) in block.iter_mut().enumerate() {
            chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let time = (number * BLOCK + index) as f32 / 48_000.0;
            let hiss = (chance >> 16) as f32 / 65_536.0 - 0.5;
            let syllable = (time * 4.0 * std::f32::consts::TAU).sin().max(0.0);
            let tone: f32 = (1..6).map(|n| (time * 140.0 * n as f32 * std::f32::consts::TAU).sin() / n as f32).sum();
            *sample = [syllable * tone * 0.12 + hiss * 0.01; 2];
        }
        audio.push(&block)?;
    }
    audio.finish()?;
    let messages = std::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(program(messages, Track::Audio))
}
