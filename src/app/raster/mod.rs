//! `tilecast raster` (sandboxed image decoder): one job of drawing, in a process that may die.
//!
//! In a server, only this process decodes uploads and draws text with fonts. It gives up everything but computing
//! before it reads a byte, answers on its standard output, and ends. The front starts it, limits its time, and trusts
//! none of its output (`front/raster`); the messages are in `draw::job`.

mod limits;
mod work;

use std::{
    io::{self, BufWriter},
    thread,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

/// Stack of the working thread, bytes: enough for an SVG nested some thousands deep. A deeper one ends this process.
const STACK: usize = 16 << 20;

/// One job of drawing; started by `serve`, not by people.
#[derive(Debug, Args)]
pub struct RasterArgs {
    /// What is to be done
    #[arg(value_enum)]
    task: Task,
}

/// What is to be done. It is said on the command line, so that the limits are those of the job before any of it is
/// read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// A file that somebody uploaded becomes pixels.
    Upload,
    /// Pixels become a finished picture.
    Pack,
    /// A layout is drawn for people who are not there.
    Preview,
}

/// Does one job.
///
/// # Errors
/// When the limits cannot be set, or the job could not be read or answered. A fault of the upload is an answer, not an
/// error.
pub fn run(args: &RasterArgs) -> anyhow::Result<()> {
    let task = args.task;
    limits::apply(task)?;
    let work = move || {
        let (mut input, mut output) = (io::stdin().lock(), BufWriter::new(io::stdout().lock()));
        match task {
            Task::Upload => work::upload(&mut input, &mut output),
            Task::Pack => work::pack(&mut input, &mut output),
            Task::Preview => work::preview(&mut input, &mut output),
        }
    };
    let thread = thread::Builder::new().name("raster".to_owned()).stack_size(STACK).spawn(work);
    match thread.context("no thread to work in")?.join() {
        Ok(done) => done.context("the job was not done"),
        Err(_) => bail!("the job panicked"),
    }
}
