//! `tilecast calibrate` (benchmark for the cost model): measures what work costs on this machine. `tilecast serve` does
//! the same in the background, and stores the result.
//!
//! The worker's own code measures, in a child process of this program; this folder reads, stores and prints the result.

mod kept;
pub mod machine;

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tokio::{io::AsyncReadExt, process::Command, time::timeout};

pub use kept::{in_background, keep};
use machine::Machine;

use crate::{
    cost::{EXPECTED, Load, Prices, Seen},
    media::{Size, VideoCodec},
};

/// Longest time of a measurement: five times the time on the machine of docs/scale.md.
const LIMIT: Duration = Duration::from_secs(120);

/// Longest answer read, bytes: prices are half a kilobyte.
const MAX_ANSWER: u64 = 64 << 10;

/// Numbers of participants in the printed table.
const TABLE: [u32; 4] = [1, 4, 9, 16];

/// Measures what decoding, scaling, composing and encoding cost on this machine, in about fifteen seconds
///
/// `tilecast serve` does this by itself on a new machine as soon as it has no rooms, and keeps the result in its state
/// folder.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print the prices as JSON: CPU time a pixel in ns, and thousandths of a core
    #[arg(long)]
    json: bool,
    /// Keep the prices for the server with this state folder, which goes by them from its next start on
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// When a part of the worker does not run here, or the machine has no time for it.
pub async fn run(args: Args) -> Result<()> {
    if !args.json {
        eprintln!("Measuring this machine, about fifteen seconds …");
    }
    let prices = measure().await?;
    if let Some(folder) = &args.state {
        keep(folder, &prices).with_context(|| format!("--state {}", folder.display()))?;
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&prices)?);
    } else {
        print!("{}", told(&prices, &Machine::here()));
    }
    Ok(())
}

/// Measures this machine's prices in a child process.
///
/// # Errors
/// When it fails, with its last output, or takes longer than two minutes.
pub async fn measure() -> Result<Prices> {
    let program: PathBuf = std::env::current_exe().context("this program's own path is not known")?;
    let mut command = Command::new(program);
    command.args(["worker", "--calibrate"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("TILECAST_LOG", "warn").process_group(0).kill_on_drop(true);
    let mut child = command.spawn().context("the measuring process cannot be started")?;
    let (mut answer, mut words) = (Vec::new(), String::new());
    let (out, errors) = (child.stdout.take().context("piped")?, child.stderr.take().context("piped")?);
    let (mut out, mut errors) = (out.take(MAX_ANSWER), errors.take(MAX_ANSWER));
    let talk = async { tokio::try_join!(out.read_to_end(&mut answer), errors.read_to_string(&mut words)) };
    timeout(LIMIT, talk).await.context("measuring takes more than two minutes: the machine is too busy")??;
    let status = timeout(LIMIT, child.wait()).await.context("the measuring process does not end")??;
    if !status.success() {
        bail!("{}", words.lines().last().unwrap_or("the measuring process failed").trim_start_matches("tilecast: "));
    }
    let prices: Prices = serde_json::from_slice(&answer).context("the measuring process gave no prices")?;
    ensure!(prices.are_sane(), "what was measured cannot be true: {prices:?}");
    Ok(prices)
}

/// The prices as a text, and the cost of usual rooms.
fn told(prices: &Prices, machine: &Machine) -> String {
    use std::fmt::Write;
    let mut text = format!("{}, {:.2} cores, {} MiB\n\n", machine.cpu, machine.cores, machine.mib);
    let rows = [
        ("decoding H.264", prices.decode),
        ("  for small tiles", prices.decode_small),
        ("scaling", prices.scale),
        ("composing", prices.compose),
    ];
    let encode = prices.encode.iter().map(|(preset, price)| (format!("encoding, {preset}"), *price));
    for (what, price) in rows.map(|(what, price)| (what.to_owned(), price)).into_iter().chain(encode) {
        let _ = writeln!(text, "{what:<20} {price:6.2} ns a pixel");
    }
    let _ = writeln!(text, "{:<20} {:6.1} thousandths of a core a participant", "sound", prices.voice);
    let _ = writeln!(text, "{:<20} {:6.1} thousandths of a core a room\n", "everything else", prices.base);
    for people in TABLE {
        let budget = grid(people).budget(prices);
        let (cores, mib) = (budget.cores(), budget.mib);
        let _ = writeln!(text, "{people:>2} participants of 720p30 in a grid: {cores:.2} cores, {mib} MiB");
    }
    text
}

/// A room of equal tiles.
fn grid(people: u32) -> Load {
    let side = (1..).find(|side| side * side >= people).unwrap_or(1);
    let tile = Size { width: EXPECTED.width / side / 2 * 2, height: EXPECTED.height / side / 2 * 2 };
    let seen = Seen { picture: EXPECTED, codec: VideoCodec::H264, tiles: vec![tile] };
    Load { canvas: EXPECTED, preset: "veryfast".to_owned(), voices: people as usize, seen: vec![seen; people as usize] }
}
