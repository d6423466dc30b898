//! `tilecast raster`: one job of drawing, in a process that may die of it.
//!
//! What strangers upload, and whatever sets text in fonts, is read here and nowhere else in a server. The process gives up everything
//! but computing before it reads a byte, answers on its standard output, and ends. The front starts it, waits only so long, and
//! trusts nothing that it says (`front/raster`); the messages are `draw::job`'s.

mod limits;
mod work;

use std::{
    io::{self, BufWriter},
    thread,
};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

/// Stack of the thread that works, bytes: an SVG nested some thousands deep. One nested deeper ends this process.
const STACK: usize = 16 << 20;

/// One job of drawing; started by `serve`, not by people.
#[derive(Debug, Args)]
pub struct RasterArgs {
    /// What is to be done
    #[arg(value_enum)]
    task: Task,
}

/// What is to be done. It is said on the command line, so that the limits are those of the job before any of it is read.
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
/// When the limits cannot be set, or the job could not be read or answered. What is wrong with an upload is an answer.
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
