//! The command line; see `tilecast --help`.

use std::{io::IsTerminal, process::ExitCode};

use clap::Parser;
use tilecast::app::{
    bench, calibrate,
    config::{Cli, Command, Config, LogFormat},
    demo, gate, health, layout, raster,
    runtime::block_on,
    serve, worker,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => {
            let config = Config::load(&args, |name| std::env::var(name).ok());
            config.map_err(Into::into).and_then(|config| {
                log(config.log_format, &config.log);
                block_on(serve::serve(config))
            })
        }
        Command::Worker(args) => {
            log_worker();
            worker::run(&args)
        }
        Command::DockerGate(args) => {
            log_gate();
            block_on(gate::run(args))
        }
        Command::Raster(args) => raster::run(&args),
        Command::Health(args) => block_on(health::run(args)),
        Command::Layout(command) => layout::run(command),
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Calibrate(args) => block_on(calibrate::run(args)),
        Command::Bench(args) => block_on(bench::run(args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tilecast: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Log lines go to standard error: standard output is for what was asked for.
fn log(format: LogFormat, filter: &str) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(EnvFilter::new(filter));
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// As a front's by the environment, beside which it runs.
fn log_gate() {
    let json = std::env::var("TILECAST_LOG_FORMAT").is_ok_and(|format| format == "json");
    let filter = std::env::var("TILECAST_LOG").unwrap_or_else(|_| "info".to_owned());
    log(if json { LogFormat::Json } else { LogFormat::Text }, &filter);
}

/// A worker's lines go through the front's log, which adds time and room.
fn log_worker() {
    let filter = EnvFilter::try_from_env("TILECAST_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    lines.with_ansi(false).with_target(false).without_time().init();
}
