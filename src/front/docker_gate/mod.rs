//! A gate in front of Docker's API, for a Swarm: whoever may start services may do anything with its machines, so fronts are given
//! this instead.
//!
//! Lets through the calls that a front makes, about services, secrets and configs of one installation, of the shapes that a front
//! makes, and refuses everything else. Nothing that a client wrote goes on to Docker: `call` reads what is asked and `judge` what is
//! to be made, both strictly, and what was understood is written anew. Of Docker's answers `answer` lets through what a front reads,
//! so nobody sees what else runs in the Swarm. `upstream` is the way to Docker, `serve` the way in; [`Gate::serve`] ends when
//! its tasks are told to stop.

mod answer;
mod call;
mod judge;
mod serve;
#[cfg(test)]
mod tests;
mod upstream;

use std::{fmt, path::PathBuf, sync::Arc};

use http::StatusCode;
use tokio::sync::Semaphore;

/// What the gate is told; as the fronts are.
#[derive(Debug, Clone)]
pub struct Settings {
    pub docker: PathBuf,
    pub name: String,
    /// Images that workers may run from, each exactly as the fronts name it; several while one takes the other's place.
    pub images: Vec<String>,
    /// The network that workers are attached to, if fronts name one.
    pub network: Option<String>,
    /// On which nodes workers may run, exactly as fronts ask for it.
    pub constraints: Vec<String>,
    /// Most that one worker may reserve, thousandths of a core.
    pub max_millicores: u32,
    /// The same for memory, MiB.
    pub max_mib: u32,
    /// Most rooms, of all fronts together.
    pub max_rooms: usize,
}

/// Why something is not let through, for whoever asked and for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: String,
    /// It is Docker's, and the gate has let it through.
    by_docker: bool,
}

impl Refusal {
    /// It may not be.
    fn no(reason: impl Into<String>) -> Self {
        Self::with(StatusCode::FORBIDDEN, reason)
    }

    fn with(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), by_docker: false }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// See the module. Clones share it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    rates: serve::Rates,
    /// Places for requests to Docker.
    places: Semaphore,
}
