//! Docker gate: an authorising API proxy in front of Docker's API, for a Swarm. A client that may create services has
//! full power over the Swarm's machines, so fronts get this gate instead.
//!
//! The gate passes the calls that a front makes, about services, secrets and configs of one installation, in the forms
//! that a front makes, and refuses everything else. No byte of a client goes on to Docker: `call` parses the request,
//! `judge` the object to be created, both strictly, and the parsed result is written anew. `answer` passes only the
//! parts of Docker's answers that a front reads, so that nobody sees what else runs in the Swarm. `upstream` is the
//! client of Docker, `serve` the server; [`Gate::serve`] ends when its tasks are told to stop.

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

/// Settings of the gate; they match the fronts' settings.
#[derive(Debug, Clone)]
pub struct Settings {
    pub docker: PathBuf,
    pub name: String,
    /// Images that workers may run from, each exactly as the fronts name it; several while one replaces another.
    pub images: Vec<String>,
    /// The network that workers are attached to, if fronts name one.
    pub network: Option<String>,
    /// Placement constraints of workers, exactly as fronts give them.
    pub constraints: Vec<String>,
    /// Most that one worker may reserve, thousandths of a core.
    pub max_millicores: u32,
    /// Most memory that one worker may reserve, MiB.
    pub max_mib: u32,
    /// Most rooms of all fronts together.
    pub max_rooms: usize,
}

/// Why a request is refused, for the client and for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    reason: String,
    /// Docker refused it; the gate had passed it.
    by_docker: bool,
}

impl Refusal {
    /// A refusal by the gate.
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

/// The gate. Clones share it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    rates: serve::Rates,
    /// Places for simultaneous requests to Docker.
    places: Semaphore,
}
