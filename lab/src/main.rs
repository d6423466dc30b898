//! Command line of the laboratory; see `tilecast-lab --help`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tilecast::app::runtime::block_on;
use tilecast_lab::{bench, demo};

/// Shows Tilecast, and measures it.
#[derive(Debug, Parser)]
#[command(name = "tilecast-lab", version, arg_required_else_help = true)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show it all with four synthetic participants
    Demo(demo::Args),
    /// Measure it beside ffmpeg and gst-launch
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Bench(args) => block_on(bench::run(args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tilecast-lab: {error:#}");
            ExitCode::FAILURE
        }
    }
}
