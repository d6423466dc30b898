//! `tilecast docker-gate` (authorising API proxy): limits what a front may ask of Docker; see docs/cluster.md.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, bail};
use tokio::net::TcpListener;

use super::serve::{DRAIN, Signals};
use crate::{
    base::tasks::Tasks,
    front::docker_gate::{Gate, Settings},
};

/// Most that one worker may reserve: several times a large room's need.
const MAX_MILLICORES: &str = "16000";
const MAX_MIB: &str = "16384";

/// Most rooms: those of two full fronts.
const MAX_ROOMS: &str = "512";

/// Lets through to Docker what the fronts of one installation ask of it, and nothing else.
///
/// Runs beside the socket of a Swarm manager, and is all that fronts reach of it. Give it what the fronts are given.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where fronts reach it
    #[arg(long, value_name = "IP:PORT", env = "TILECAST_GATE_LISTEN", default_value = "127.0.0.1:2375")]
    listen: SocketAddr,
    /// Docker's socket
    #[arg(long, value_name = "ADDRESS", env = "TILECAST_GATE_DOCKER", default_value = "unix:///var/run/docker.sock")]
    docker: String,
    /// The image of workers, exactly as the fronts name it, best by its digest; several while one takes the other's
    /// place
    #[arg(long, value_name = "IMAGE", env = "TILECAST_SWARM_IMAGE", value_delimiter = ',', required = true)]
    image: Vec<String>,
    /// The network that workers are attached to, as the fronts name it
    #[arg(long, value_name = "NETWORK", env = "TILECAST_SWARM_NETWORK")]
    network: Option<String>,
    /// The installation, as the fronts name it
    #[arg(long, value_name = "NAME", env = "TILECAST_SWARM_NAME", default_value = "tilecast")]
    name: String,
    /// On which nodes workers run, as the fronts ask for it
    #[arg(long, value_name = "CONSTRAINT", env = "TILECAST_SWARM_CONSTRAINT", value_delimiter = ',')]
    constraint: Vec<String>,
    /// Most that one room's worker may reserve, thousandths of a core; it may use twice as much
    #[arg(long, value_name = "NUMBER", env = "TILECAST_GATE_MAX_MILLICORES", default_value = MAX_MILLICORES,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_millicores: u32,
    /// Most memory that one room's worker may reserve, MiB; it may use three times as much
    #[arg(long, value_name = "MIB", env = "TILECAST_GATE_MAX_MIB", default_value = MAX_MIB,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_mib: u32,
    /// Most rooms, of all fronts together
    #[arg(long, value_name = "NUMBER", env = "TILECAST_GATE_MAX_ROOMS", default_value = MAX_ROOMS,
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_rooms: u32,
}

/// Serves until SIGINT or SIGTERM. A second signal ends the process at once.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let Args { listen, docker, image, network, name, constraint, max_millicores, max_mib, max_rooms } = args;
    let Some(docker) = docker.strip_prefix("unix://").filter(|path| path.starts_with('/')) else {
        bail!("--docker: {docker:?} is no socket of Docker's; write unix:///var/run/docker.sock");
    };
    for image in image.iter().filter(|image| !image.contains("@sha256:")) {
        tracing::warn!(
            image,
            "whoever may change what this name leads to decides what workers run; name the image by its digest"
        );
    }
    let settings = Settings {
        docker: PathBuf::from(docker),
        name,
        images: image,
        network: network.filter(|network| !network.is_empty()),
        constraints: constraint.into_iter().filter(|constraint| !constraint.is_empty()).collect(),
        max_millicores,
        max_mib,
        max_rooms: usize::try_from(max_rooms)?,
    };
    let listener = TcpListener::bind(listen).await;
    let listener =
        listener.with_context(|| format!("the gate cannot listen on {listen}; choose another by --listen"))?;
    tracing::info!("Docker's API for fronts on {}, from {docker}", listener.local_addr()?);
    let tasks = Tasks::new();
    tasks.spawn("docker gate", Gate::new(settings).serve(listener, tasks.clone()));
    signals.wait().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        done = tasks.join(DRAIN) => {
            if !done {
                tracing::warn!("some connections did not close in time and were cut");
            }
            Ok(())
        }
        () = signals.wait() => bail!("stopped at once by a second signal"),
    }
}
