//! `tilecast-lab bench` (benchmark): Tilecast beside `ffmpeg xstack` and a `gst-launch-1.0` compositor, live, on the
//! same streams.
//!
//! Owns the comparison and its report; the instruments are the other modules of this crate. Asserts nothing: a bench on
//! a busy machine measures that machine. Every run has a length, and every process it started ends with it.

mod alone;
mod alternatives;
mod browsers;
mod dress;
mod figures;
mod layers;
mod lips;
mod report;
mod run;
mod shared;
mod subject;
mod viewers;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use self::{
    figures::Figures,
    report::{Report, Row},
    shared::Bench,
    subject::Kind,
};
use crate::{
    clip::{Clip, Recipe},
    process::interrupted,
    relay::Relay,
};
use tilecast::app::calibrate;
use tilecast::media::Size;

/// The film of the figures in docs/bench.md, if it lies beside the project.
const USUAL_FILM: &str = "../shared/media/bigbuckbunny-720p25.mp4";

/// Size and rate of participants and program: 720p30.
const SIZE: Size = Size { width: 1280, height: 720 };
const FPS: u32 = 30;

/// Rate of each participant's picture, kbit/s: a good webcam.
const CLIP_KBPS: u32 = 1800;

/// Length of the clip, frames: 60 s. A counter repeats after that, so frames of a program that lags by almost as much
/// are not mistaken.
const CLIP_FRAMES: u32 = 1800;

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Compare,
    Operate,
    Dress,
    Browsers,
}

/// Measures Tilecast beside ffmpeg and gst-launch on the same live streams
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Numbers of participants to run with
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,9,16", value_parser = clap::value_parser!(u32).range(1..=16))]
    participants: Vec<u32>,
    /// Rounds with each number of participants. The subjects take turns in each, since a shared machine's speed changes
    /// by the minute
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Measured time of each round, after it has settled
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Which to run
    #[arg(long, value_delimiter = ',', default_value = "tilecast,ffmpeg,gst")]
    subjects: Vec<Kind>,
    /// What to measure: the subjects beside each other, what an operator does, what dress and motion cost, what people
    /// in browsers get
    #[arg(long, value_delimiter = ',', default_value = "compare,operate,dress,browsers")]
    parts: Vec<Part>,
    /// A film for the participants' pictures; a generated one if there is none
    #[arg(long, value_name = "FILE", env = "TILECAST_CLIP")]
    clip: Option<PathBuf>,
    /// A Tilecast server that already runs, as API_URL,RTMP_URL; its allow-list must hold 127.0.0.0/8 for the relay
    #[arg(long, value_name = "API_URL,RTMP_URL")]
    server: Option<String>,
    /// Process id of that server, for its CPU and memory
    #[arg(long, requires = "server")]
    server_pid: Option<u32>,
    /// API key of that server
    #[arg(long, requires = "server", env = "TILECAST_API_KEY", hide_env_values = true)]
    server_key: Option<String>,
    /// Write the report to this file as well
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Afterwards, a meeting of this many minutes in which people leave and join every 7 s
    #[arg(long, value_name = "MINUTES", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=1440))]
    soak: u64,
    /// 5 s with 1 and 4 participants: shows that the bench works, not how fast anything is
    #[arg(long)]
    quick: bool,
}

/// Runs the bench and prints its report. Ctrl-C ends it and everything it started.
///
/// # Errors
/// When the relay, the clip or a server does not start. A failed subject leaves a line in the report instead.
pub async fn run(args: Args) -> Result<()> {
    let stop = interrupted()?;
    tokio::select! {
        done = measure(args) => done,
        () = stop => bail!("interrupted; nothing was written"),
    }
}

/// Every subject with this many participants, its rounds combined.
async fn compare(bench: &Bench, args: &Args, count: u32) -> Vec<(Kind, Result<Figures>)> {
    let mut rounds: Vec<Result<Vec<Figures>>> = args.subjects.iter().map(|_| Ok(Vec::new())).collect();
    for round in 1..=args.rounds {
        for (&kind, so_far) in args.subjects.iter().zip(&mut rounds) {
            let Ok(figures) = so_far else { continue };
            println!("{} with {count}, round {round} …", kind.name());
            match bench.round(kind, count).await {
                Ok(more) => figures.push(more),
                Err(error) => *so_far = Err(error),
            }
        }
    }
    let pooled = rounds.into_iter().map(|rounds| rounds.map(Figures::pooled));
    args.subjects.iter().copied().zip(pooled).collect()
}

/// Measurements with browsers.
async fn webrtc(bench: &Bench) -> Vec<Row> {
    let mut rows = browsers::all(bench).await;
    rows.extend(lips::all(bench).await);
    rows.push(viewers::row(bench).await);
    rows.push(layers::row(bench).await);
    rows
}

async fn measure(args: Args) -> Result<()> {
    let args = if args.quick { Args { participants: vec![1, 4], rounds: 1, seconds: 5, ..args } } else { args };
    let film = args.clip.clone().or_else(|| Some(PathBuf::from(USUAL_FILM)).filter(|film| film.exists()));
    ensure!(
        film.as_ref().is_none_or(|film| film.exists()),
        "--clip: there is no {}",
        film.unwrap_or_default().display()
    );
    println!("Making a clip of {} s, which takes about as long.", CLIP_FRAMES / FPS);
    let recipe =
        Recipe { film: film.clone(), size: SIZE, fps: FPS, frames: CLIP_FRAMES, gop: FPS * 2, bitrate_kbps: CLIP_KBPS };
    let clip = Clip::make(&recipe).await.context("making the clip")?;
    let mut bench = Bench::new(Arc::new(clip), film.clone(), Relay::start().await?, &args)?;
    if bench.server.is_none() && args.subjects.contains(&Kind::Tilecast) {
        println!("Measuring what work costs here, about fifteen seconds …");
        bench.prices = calibrate::measure().await.inspect_err(|error| println!("not measured: {error:#}")).ok();
    }
    let mut report = Report::new(film.is_some(), args.rounds, args.seconds);
    let wants = |part| args.parts.contains(&part);
    if wants(Part::Compare) {
        report.relay = Some(bench.relay_alone().await?);
    }
    for &count in args.participants.iter().filter(|_| wants(Part::Compare)) {
        for (kind, outcome) in compare(&bench, &args, count).await {
            println!("{}", report.add(kind, count, outcome));
        }
    }
    if args.subjects.contains(&Kind::Tilecast) {
        if wants(Part::Operate) {
            report.alone = alone::all(&bench).await;
        }
        if wants(Part::Dress) {
            println!("Dress and motion …");
            report.alone.extend(dress::all(&bench).await);
        }
        if wants(Part::Browsers) {
            report.alone.extend(webrtc(&bench).await);
        }
        if args.soak > 0 {
            println!("A meeting of {} minutes …", args.soak);
            report.alone.extend(alone::soak(&bench, Duration::from_secs(args.soak * 60)).await);
        }
    }
    let text = report.markdown();
    println!("\n{text}");
    if let Some(out) = &args.out {
        std::fs::write(out, text).with_context(|| format!("--out {}", out.display()))?;
    }
    Ok(())
}
