//! Settings of the engine: where workers run, and everything about a Docker Swarm.

use std::{fs, net::SocketAddr};

use super::{address, sources::Sources};
use crate::{
    base::Secret,
    front::docker::{MIN_SECRET_BYTES, SwarmSettings},
};

/// Default address for workers: every address of the container or machine.
const LISTEN: &str = "0.0.0.0:8190";

/// Longest name of an installation: with a room's 17 characters it fits Docker's 63 for a service, and a secret has 9
/// more.
const MAX_NAME: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineConfig {
    /// On this machine, as child processes.
    Local,
    /// On the machines of a Docker Swarm.
    Swarm {
        /// Settings of the Swarm.
        settings: Box<SwarmSettings>,
        /// Address of the door for workers.
        listen: SocketAddr,
        /// The secret of the cluster, when there are several fronts.
        cluster: Option<Secret>,
    },
}

impl EngineConfig {
    /// Whether this front is one of several.
    pub fn is_several(&self) -> bool {
        matches!(self, Self::Swarm { cluster: Some(_), .. })
    }
}

/// Reads all settings of the engine; `log` is the log filter.
pub(super) fn engine(sources: &Sources<'_>, log: &str, faults: &mut Vec<String>) -> Option<EngineConfig> {
    let is_swarm = sources.parse("engine", "local", which, faults)?;
    if !is_swarm {
        // These settings have no effect without the engine, so they are a mistake.
        faults.extend(sources.set_with("swarm_").map(|key| format!("{key}: only engine = \"swarm\" uses it")));
        return Some(EngineConfig::Local);
    }
    let docker = sources.parse("swarm_docker", "unix:///var/run/docker.sock", |text| Ok(text.to_owned()), faults);
    let name = sources.parse("swarm_name", "tilecast", installation, faults);
    let listen = sources.parse("swarm_listen", LISTEN, address, faults);
    let mut needed = |key: &str, why: &str| {
        let found = sources.text(key, faults);
        if found.is_none() {
            faults.push(format!("{key}: {why}"));
        }
        found
    };
    let image = needed("swarm_image", "name the image that workers run from, such as tilecast:1.0");
    let advertise = needed("swarm_advertise", "say where workers find this front, such as front:8190");
    let network = sources.text("swarm_network", faults);
    let constraints = sources.list("swarm_constraint", constraint, faults);
    let advertise = advertise.and_then(|text| hosts_and_ports(&text).map_err(|fault| faults.push(fault)).ok());
    let cluster = sources.text("swarm_fleet_key_file", faults);
    let is_fleet = cluster.is_some();
    let cluster = cluster.and_then(|path| fleet_key(&path).map_err(|fault| faults.push(fault)).ok());
    if !is_fleet && advertise.as_ref().is_some_and(|text| text.contains(',')) {
        faults.push(
            "swarm_advertise: only several fronts have several addresses; give them a swarm_fleet_key_file".to_owned(),
        );
    }
    let settings = SwarmSettings {
        docker: docker?,
        name: name?,
        image: image?,
        network,
        constraints,
        advertise: advertise?,
        log: log.to_owned(),
    };
    Some(EngineConfig::Swarm { settings: Box::new(settings), listen: listen?, cluster })
}

fn which(text: &str) -> Result<bool, String> {
    match text {
        "local" => Ok(false),
        "swarm" => Ok(true),
        _ => Err(format!("{text:?} is not an engine; use local or swarm")),
    }
}

fn installation(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let sound = (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|c: char| c.is_ascii_lowercase());
    sound.then(|| text.to_owned()).ok_or_else(|| {
        format!("{text:?} cannot begin a service's name; use 1 to {MAX_NAME} of a-z 0-9 -, beginning with a letter")
    })
}

/// The file's content without white space at its ends, which editors add.
fn fleet_key(path: &str) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("swarm_fleet_key_file: {path}: {error}"))?;
    let text = text.trim();
    if text.len() < MIN_SECRET_BYTES {
        return Err(format!(
            "swarm_fleet_key_file: {path} holds {} characters; make one by openssl rand -hex 32 (at least {MIN_SECRET_BYTES})",
            text.len()
        ));
    }
    Ok(Secret::new(text))
}

fn hosts_and_ports(text: &str) -> Result<String, String> {
    let one =
        |text: &str| text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    let sound = text.split(',').all(one);
    let fault = || format!("swarm_advertise: {text:?} is not HOST:PORT, such as front:8190");
    sound.then(|| text.to_owned()).ok_or_else(fault)
}

fn constraint(text: &str) -> Result<String, String> {
    let sound = text.contains("==") || text.contains("!=");
    sound.then(|| text.to_owned()).ok_or_else(|| {
        format!("{text:?} is not a placement constraint; write one as for Docker, such as node.labels.media==yes")
    })
}
