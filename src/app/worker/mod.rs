//! `tilecast worker` (media worker process): one room's media, as a child process of its front or, with `--join`, on
//! another machine.

mod join;

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

use crate::{
    cost::Prices,
    worker::{
        self,
        calibrate::{self, Findings},
        process,
    },
};

/// One room's media; started by a front or by Docker Swarm, not by people.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Join the front that this ticket names instead of one at standard input
    #[arg(long, value_name = "FILE")]
    join: Option<PathBuf>,
    /// Measure what a worker's work costs on this machine, as JSON on standard output
    #[arg(long, conflicts_with = "join")]
    calibrate: bool,
    /// List the plugins of this machine for the workers that come, then end
    #[arg(long, conflicts_with_all = ["join", "calibrate"])]
    prepare: bool,
    /// Keep files, system calls and privileges, for launch texts that need more than a sandbox lets them
    #[arg(long, conflicts_with_all = ["join", "calibrate", "prepare"])]
    unconfined: bool,
}

/// Runs a worker.
pub fn run(args: &WorkerArgs) -> anyhow::Result<()> {
    process::keep_memory_whole();
    match &args.join {
        _ if args.calibrate => calibrate(),
        _ if args.prepare => worker::prepare().context("the media libraries do not start"),
        Some(ticket) => join::run(ticket),
        None => serve(!args.unconfined),
    }
}

/// Prints this machine's prices.
fn calibrate() -> anyhow::Result<()> {
    let Findings { decode, decode_small, scale, compose, encode, voice, base } = calibrate::run()?;
    let [decode, decode_small, scale, compose, voice, base] =
        [decode, decode_small, scale, compose, voice, base].map(|price| price as f32);
    let encode = encode.into_iter().map(|(preset, price)| (preset.to_owned(), price as f32)).collect();
    let prices = Prices { decode, decode_small, scale, compose, encode, voice, base };
    serde_json::to_writer(std::io::stdout(), &prices).context("the prices cannot be written")
}

/// Serves the link on this process's standard input.
fn serve(confined: bool) -> anyhow::Result<()> {
    let link = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let link = UnixStream::from(link);
    link.peer_addr().context("a worker is started by `tilecast serve`, which gives it a socket as standard input")?;
    let result = if confined {
        worker::run_confined(link)
    } else {
        process::give_back_memory();
        worker::run(link)
    };
    result.context("the worker cannot go on")
}
