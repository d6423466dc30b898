//! The command line; see `tilecast --help`.

use std::process::ExitCode;

use clap::Parser;
use tilecast::app::{
    calibrate,
    config::{Cli, Command, Config},
    gate, health, layout, log, raster,
    runtime::block_on,
    serve, worker,
};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => {
            let config = Config::load(&args, |name| std::env::var(name).ok());
            config.map_err(Into::into).and_then(|config| {
                log::start(config.log_format, &config.log);
                block_on(serve::serve(config))
            })
        }
        Command::Worker(args) => {
            log::start_worker();
            worker::run(&args)
        }
        Command::DockerGate(args) => {
            log::start_gate();
            block_on(gate::run(args))
        }
        Command::Raster(args) => raster::run(&args),
        Command::Health(args) => block_on(health::run(args)),
        Command::Layout(command) => layout::run(command),
        Command::Calibrate(args) => block_on(calibrate::run(args)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tilecast: {error:#}");
            ExitCode::FAILURE
        }
    }
}
