//! Savings by simulcast: nine people in a grid who send three layers each, against nine who send one large picture.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;
use str0m::{
    format::Codec,
    media::{Frequency, MediaTime},
};
use tokio::task::JoinSet;

use super::{
    FPS,
    report::Row,
    shared::Bench,
    subject::{Meeting, id, template},
};
use crate::{
    access_units::Recipe,
    meter,
    webrtc::{Client, Wire},
};
use tilecast::media::Size;

/// Number of people: a 3×3 grid.
const PEOPLE: u32 = 9;

/// The layers that a browser makes of a 720p camera: name, size, kbit/s.
const LAYERS: [(Option<&str>, Size, u32); 3] = [
    (Some("l"), Size { width: 320, height: 180 }, 150),
    (Some("m"), Size { width: 640, height: 360 }, 500),
    (Some("h"), Size { width: 1280, height: 720 }, 1800),
];

/// A camera without simulcast.
const FULL: [(Option<&str>, Size, u32); 1] = [(None, LAYERS[2].1, LAYERS[2].2)];

/// Length of a camera's content, pictures; it repeats.
pub const PICTURES: u32 = 10 * FPS;

/// How often the two variants alternate.
const ROUNDS: u32 = 2;

/// Pause from the last arrival to the measurement: smaller layers are chosen after 2 s, at a keyframe, which comes each
/// second.
const SETTLE: Duration = Duration::from_secs(5);

/// Longest time for a room to do what it is asked.
pub const POLL_LIMIT: Duration = Duration::from_secs(30);

/// The measurement as a row; a failed one says so.
pub async fn row(bench: &Bench) -> Row {
    println!("Simulcast …");
    let what = format!("decoding {PEOPLE} simulcast senders in a 3×3 grid, against {PEOPLE} who send 720p alone");
    Row::from(&what, measure(bench).await)
}

async fn measure(bench: &Bench) -> Result<String> {
    let film = |size, kbps| Recipe::film(bench.film.as_deref(), size, PICTURES, kbps);
    let cameras = [Camera::of(&FULL, film).await?, Camera::of(&LAYERS, film).await?];
    let mut cores = [0.0; 2];
    for _ in 0..ROUNDS {
        for (cores, camera) in cores.iter_mut().zip(&cameras) {
            *cores += decoding(bench, camera).await? / f64::from(ROUNDS);
        }
    }
    let [full, layered] = cores;
    Ok(format!("{:.2} ({layered:.2} of {full:.2} core)", layered / full))
}

/// Cores that the decoders use with nine of this camera.
async fn decoding(bench: &Bench, camera: &Camera) -> Result<f64> {
    let meeting = Meeting::open(bench, PEOPLE, &template("grid")).await?;
    let mut senders = JoinSet::new();
    for person in 0..PEOPLE {
        camera.publish(&meeting, person, &mut senders).await?;
    }
    let shows = |view: &Value| (0..PEOPLE).all(|n| view["status"]["participants"][id(n).as_str()]["showing"] == true);
    meeting.api.until(&meeting.path, POLL_LIMIT, shows).await?;
    tokio::time::sleep(SETTLE).await;
    let roots = [meeting.pid()?];
    let (before, begun) = (meter::cpu_of_threads(&roots, "decode-"), Instant::now());
    tokio::time::sleep(bench.seconds / ROUNDS).await;
    let taken = meter::cpu_of_threads(&roots, "decode-").saturating_sub(before);
    let cores = taken.as_secs_f64() / begun.elapsed().as_secs_f64();
    if let Some(ended) = senders.try_join_next() {
        ended?.context("a sender ended")?;
    }
    drop(senders);
    meeting.close().await?;
    Ok(cores)
}

/// A layer's name, if it has one, and its coded pictures.
type Layer = (Option<&'static str>, Arc<Vec<Vec<u8>>>);

/// A camera's picture in its layers, ready to be sent.
pub struct Camera {
    layers: Vec<Layer>,
}

impl Camera {
    /// Codes these layers, each as `recipe` says for its size and rate, kbit/s.
    ///
    /// # Errors
    /// When FFmpeg fails.
    pub async fn of(
        layers: &[(Option<&'static str>, Size, u32)],
        recipe: impl Fn(Size, u32) -> Recipe,
    ) -> Result<Self> {
        let mut made = Vec::new();
        for &(name, size, kbps) in layers {
            let recipe = recipe(size, kbps);
            made.push((name, Arc::new(tokio::task::spawn_blocking(move || recipe.make()).await??)));
        }
        Ok(Self { layers: made })
    }

    /// Publishes for a participant by WHIP, as a task that ends when its connection does. People start at different
    /// times.
    ///
    /// # Errors
    /// When the server refuses the participant.
    pub async fn publish(&self, meeting: &Meeting, number: u32, tasks: &mut JoinSet<Result<()>>) -> Result<()> {
        let what = meeting.whip(number);
        let (path, key) = (what["path"].as_str().context("a path")?, what["key"].as_str().context("a key")?);
        let names: Vec<&str> = self.layers.iter().filter_map(|(name, _)| *name).collect();
        let client = Client::open_layered(meeting.api.base(), path, key, Wire::Udp, &names).await?;
        tasks.spawn(send(client, self.layers.clone(), number));
        Ok(())
    }
}

async fn send(mut client: Client, layers: Vec<Layer>, number: u32) -> Result<()> {
    /// 20 ms of silence in stereo (RFC 6716 §3.1: CELT, fullband, one frame).
    const SILENCE: [u8; 3] = [0xfc, 0xff, 0xfe];
    let begun = Instant::now();
    let mut sounds = 0;
    for index in 0.. {
        let at = Duration::from_secs(index) / FPS;
        client.run(begun + at).await?;
        let time = MediaTime::new(index * u64::from(90_000 / FPS), Frequency::NINETY_KHZ);
        let video = client.video;
        for (name, units) in &layers {
            // Each participant's keyframes come at other times.
            let unit = &units[(index as usize + number as usize * 37) % units.len()];
            client.send_layer(video, *name, Codec::H264, time, unit).await?;
        }
        while Duration::from_millis(sounds * 20) <= at {
            let time = MediaTime::new(sounds * 960, Frequency::FORTY_EIGHT_KHZ);
            let audio = client.audio;
            client.send(audio, Codec::Opus, time, &SILENCE).await?;
            sounds += 1;
        }
    }
    Ok(())
}
