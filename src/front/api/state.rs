//! What handlers share.

use std::sync::{Arc, Once};

use ipnet::IpNet;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::problem::{Kind, Problem};
use crate::{
    base::RoomId,
    front::{
        cluster::Cluster,
        doors::{srs::Srs, webrtc::WebRtc},
        metrics::Counters,
        model::{RoomDocument, RoomError, status::RoomView},
        net::{
            guess::Guesses,
            keys::ApiKeys,
            origin::Origins,
            rate::{Allowance, Rates},
        },
        room::{Rooms, check::Rules},
    },
    layout::Fault,
};

/// Most event streams at once: a screen for each operator many times over, and each costs one task and a few kB.
pub(super) const MAX_STREAMS: usize = 256;

/// What the API is given.
#[derive(Debug)]
pub struct Settings {
    /// The rooms.
    pub rooms: Rooms,
    /// What a document may hold on this server.
    pub rules: Arc<Rules>,
    /// Who may ask.
    pub keys: ApiKeys,
    /// How often one address may ask.
    pub allowance: Allowance,
    /// The limiter of all doors for guesses.
    pub guesses: Guesses,
    /// Proxies of the operator's, whose word on where a request comes from is taken.
    pub proxies: Vec<IpNet>,
    /// Where requests are counted.
    pub counters: Counters,
    /// Whose pages may publish by WHIP and watch by WHEP.
    pub origins: Origins,
    /// The WebRTC door.
    pub webrtc: WebRtc,
    /// The neighbour, if there is one.
    pub srs: Option<Srs>,
    /// The other fronts, if there are any.
    pub cluster: Option<Cluster>,
    /// Cancelled when the server stops; event streams end then.
    pub stopping: CancellationToken,
}

/// What handlers share; clones share it.
#[derive(Debug, Clone)]
pub struct ApiState(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub rooms: Rooms,
    pub rules: Arc<Rules>,
    pub keys: ApiKeys,
    pub requests: Rates,
    pub guesses: Guesses,
    pub proxies: Vec<IpNet>,
    /// That a proxy is not known was said.
    pub told_of_proxy: Once,
    pub counters: Counters,
    pub origins: Origins,
    pub webrtc: WebRtc,
    pub srs: Option<Srs>,
    pub cluster: Option<Cluster>,
    pub stopping: CancellationToken,
    pub streams: Arc<Semaphore>,
}

impl ApiState {
    /// Fresh allowances, no streams.
    pub fn new(settings: Settings) -> Self {
        let Settings {
            rooms,
            rules,
            keys,
            allowance,
            guesses,
            proxies,
            counters,
            origins,
            webrtc,
            srs,
            cluster,
            stopping,
        } = settings;
        Self(Arc::new(Shared {
            rooms,
            rules,
            keys,
            requests: Rates::new(allowance),
            guesses,
            proxies,
            told_of_proxy: Once::new(),
            counters,
            origins,
            webrtc,
            srs,
            cluster,
            stopping,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        }))
    }

    pub(super) fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    /// Edits a room's document in one step; what `edit` returns comes back with the room.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        room: &RoomId,
        edit: impl FnOnce(&mut RoomDocument) -> Result<T, RoomError> + Send + 'static,
    ) -> Result<(RoomView, T), RoomError> {
        let (give, mut take) = oneshot::channel();
        let (srs, name) = (self.0.srs.clone(), room.clone());
        let change = move |present: &RoomDocument| {
            let mut wanted = present.clone();
            let result = edit(&mut wanted)?;
            if let Some(srs) = &srs {
                srs.changed_by_hand(&name, present, &wanted);
            }
            // The other end is held below for as long as this closure can run.
            let _ = give.send(result);
            Ok(wanted)
        };
        let view = self.rooms().change(room, Box::new(change)).await?;
        let result = take.try_recv().map_err(|_| RoomError::Stopping)?;
        Ok((view, result))
    }
}

/// A refused change of the part at `prefix`, told with pointers into what the client sent.
pub(super) fn refused_part(error: RoomError, prefix: &str) -> Problem {
    let RoomError::Faults(faults) = error else { return error.into() };
    let relative = |fault: Fault| match fault.pointer.strip_prefix(prefix) {
        Some(rest) => Fault { pointer: rest.to_owned(), ..fault },
        None => Fault { pointer: String::new(), ..fault },
    };
    Problem::faults(faults.into_iter().map(relative).collect())
}

/// The part of a room that was asked for is not there, although the room is.
pub(super) fn no_output(room: &RoomId, output: &str) -> Problem {
    let detail = format!("room {room} has no output {output}; PUT /v1/rooms/{room}/outputs/{output} adds it");
    Problem::new(Kind::NoOutput, detail)
}
