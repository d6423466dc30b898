//! `tilecast worker`: one room's media, as a child process of its front or, by `--join`, on another machine.

mod join;

use std::{
    os::{fd::AsFd, unix::net::UnixStream},
    path::PathBuf,
};

use anyhow::Context;
use clap::Args;

/// One room's media; started by a front or by Docker Swarm, not by people.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Join the front that this ticket names instead of one at standard input
    #[arg(long, value_name = "FILE")]
    join: Option<PathBuf>,
}

/// Runs a worker.
pub fn run(args: &WorkerArgs) -> anyhow::Result<()> {
    match &args.join {
        Some(ticket) => join::run(ticket),
        None => serve(),
    }
}

/// Works over the link that is this process's standard input.
fn serve() -> anyhow::Result<()> {
    let link = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let link = UnixStream::from(link);
    link.peer_addr().context("a worker is started by `tilecast serve`, which gives it a socket as standard input")?;
    crate::worker::run(link).context("the worker cannot go on")
}
