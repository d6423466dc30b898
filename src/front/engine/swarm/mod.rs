//! Swarm engine: workers as Docker Swarm services, one per room. Swarm places, limits, restarts and reschedules them;
//! there is no scheduler and no list of nodes here.
//!
//! `reconcile` makes a room's service what it should be (`docker::service`), through Docker's API (`docker::api`). The
//! service's worker connects to the `door` with its ticket, and a `lease` lets one task at a time work. A service
//! outlives the front, which finds it again by its labels; it is removed with its room.

mod door;
mod lease;
mod reconcile;
mod worker_slot;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::TlsAcceptor;

use self::worker_slot::WorkerSlot;
use super::Worker;
use crate::{
    base::{RoomId, tasks::Tasks},
    cost::{Budget, Capacity},
    front::{
        docker::{Arrived, ClusterKey, Identity, IdentityError, Index, Records, SwarmSettings, api::Api, service},
        net::accept::Shares,
    },
};

/// Shared state of the cluster, for a front that is one of several.
#[derive(Debug, Clone)]
pub struct Several {
    /// The keys of the cluster.
    pub key: ClusterKey,
    /// Which front owns which room.
    pub index: Index,
    /// The records of the rooms.
    pub records: Records,
    /// Receives the connections that other fronts open.
    pub callers: mpsc::Sender<Arrived>,
}

/// Why the engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// The API's address is invalid.
    #[error("swarm_docker: {0}")]
    Docker(String),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// The engine. Clones share everything.
#[derive(Clone)]
pub struct Swarm {
    shared: Arc<Shared>,
}

struct Shared {
    settings: SwarmSettings,
    api: Api,
    certificate: String,
    acceptor: TlsAcceptor,
    slots: Mutex<BTreeMap<RoomId, Arc<WorkerSlot>>>,
    several: Option<Several>,
    tasks: Tasks,
}

impl fmt::Debug for Swarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swarm").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Swarm {
    /// Accepts workers at `listener`, with these places for strangers. The front's certificate is kept in the folder
    /// `state`, or is that of the cluster. `tasks` owns what runs.
    ///
    /// # Errors
    /// When the API's address is invalid, or there is no certificate. Docker itself may be away: rooms wait for it.
    pub fn open(
        settings: SwarmSettings,
        (listener, shares): (TcpListener, Shares),
        state: &Path,
        several: Option<Several>,
        tasks: Tasks,
    ) -> Result<Self, SwarmError> {
        let api = Api::new(&settings.docker).map_err(SwarmError::Docker)?;
        let Identity { certificate, acceptor } = match &several {
            Some(several) => Identity::of_seed(several.key.identity_seed()),
            None => Identity::open(state)?,
        };
        let slots = Mutex::default();
        let shared = Shared { settings, api, certificate, acceptor, slots, several, tasks: tasks.clone() };
        let swarm = Self { shared: Arc::new(shared) };
        tasks.spawn("worker door", door::serve(swarm.clone(), listener, shares));
        tasks.spawn("swarm sweep", reconcile::sweep(swarm.clone()));
        Ok(swarm)
    }

    pub fn start(&self, room: &RoomId, budget: Budget) -> Worker {
        let (worker, events, orders) = Worker::new();
        let slot = self.slot(room, budget);
        slot.resize(budget);
        slot.want(events, orders);
        worker
    }

    pub fn resize(&self, room: &RoomId, budget: Budget) {
        if let Some(slot) = self.find(room) {
            slot.resize(budget);
        }
    }

    pub fn release(&self, room: &RoomId) {
        if let Some(slot) = self.lock().remove(room) {
            slot.release();
        }
    }

    pub fn remove(&self, room: &RoomId) {
        if let Some(slot) = self.lock().remove(room) {
            slot.remove();
        }
    }

    /// The node with the most free capacity, since a room must fit on one node. `None` while Docker does not say; then
    /// no room is refused.
    pub async fn emptiest(&self) -> Option<Capacity> {
        let nodes = self.shared.api.nodes().await.inspect_err(|error| tracing::warn!("what nodes have left: {error}"));
        nodes.ok()?.into_iter().max_by_key(|node| node.free().millicores)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<RoomId, Arc<WorkerSlot>>> {
        // A map is whole between its operations.
        self.shared.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, room: &RoomId) -> Option<Arc<WorkerSlot>> {
        self.lock().get(room).cloned()
    }

    /// The room's slot; its service is kept from now on.
    fn slot(&self, room: &RoomId, budget: Budget) -> Arc<WorkerSlot> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(room) {
            return slot.clone();
        }
        let slot = Arc::new(WorkerSlot::new(room.clone(), budget));
        if let Some(several) = &self.shared.several {
            // A worker may come before Docker was asked: its room has just moved here.
            slot.trust(service::hash(&several.key.worker_token(room)));
        }
        slots.insert(room.clone(), slot.clone());
        self.shared.tasks.spawn("swarm service", reconcile::keep(self.clone(), slot.clone()));
        slot
    }
}
