//! `tilecast worker`: the child process of one room.

use std::os::{fd::AsFd, unix::net::UnixStream};

use anyhow::Context;

/// Runs a worker on the link that is this process's standard input. Not for people: a front starts it.
pub fn run() -> anyhow::Result<()> {
    let link = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let link = UnixStream::from(link);
    link.peer_addr().context("a worker is started by `tilecast serve`, which gives it a socket as standard input")?;
    crate::worker::run(link).context("the worker cannot go on")
}
