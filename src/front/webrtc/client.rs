//! Sessions that we ask other servers for: WHEP to pull from them, WHIP to push to them.

use std::{future::Future, sync::Arc, time::Instant};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    CallError, End, Endpoint, Port, Role,
    peer::Maker,
    port::Lease,
    request::Opened,
    run::{Connection, Sent},
    session::Session,
};
use crate::front::{
    metrics::Counters,
    model::{Program, Seat},
    net::address::{Connector, HttpUrl},
};

/// Opens sessions with other servers. Clones share everything.
#[derive(Debug, Clone)]
pub struct Client(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    maker: Maker,
    connector: Connector,
    counters: Counters,
}

/// A session whose offer was answered.
struct Call {
    session: Session,
    lease: Lease,
    /// Where to say goodbye.
    place: Option<HttpUrl>,
}

impl Client {
    /// Reaches servers through `connector`, media included.
    pub fn new(connector: Connector, counters: Counters) -> Self {
        Self(Arc::new(Shared { maker: Maker::new(&[], &[]), connector, counters }))
    }

    /// What it reaches servers through.
    pub fn connector(&self) -> &Connector {
        &self.0.connector
    }

    /// Pulls from `endpoint` over one session, until it ends or `stop`. `take` asks for the seat once media come, and says none
    /// when there is no place any more, which is no failure.
    pub async fn pull<F>(
        &self,
        endpoint: &Endpoint,
        take: impl Fn() -> F + Send + Sync,
        stop: &CancellationToken,
    ) -> Result<(), CallError>
    where
        F: Future<Output = Option<Seat>> + Send,
    {
        let Some(call) = stop.run_until_cancelled(self.call(Role::Pull, endpoint)).await else { return Ok(()) };
        self.hold(Role::Pull, endpoint, call?, stop, |connection| connection.pull(take)).await
    }

    /// Pushes the program to `endpoint` over one session, until it ends or `stop`. `tell` is called when the session stands and
    /// whenever something was sent.
    pub async fn push(
        &self,
        endpoint: &Endpoint,
        program: &Program,
        tell: impl FnMut(Sent) + Send,
        stop: &CancellationToken,
    ) -> Result<(), CallError> {
        let Some(call) = stop.run_until_cancelled(self.call(Role::Push, endpoint)).await else { return Ok(()) };
        self.hold(Role::Push, endpoint, call?, stop, |connection| connection.push(program, tell)).await
    }

    /// Offers, and takes the answer.
    async fn call(&self, role: Role, endpoint: &Endpoint) -> Result<Call, CallError> {
        let Shared { maker, connector, counters } = &*self.0;
        let connection = endpoint.connect(connector).await?;
        // The way to the server's HTTP is as a rule the way to its media.
        let lease = Port::alone(connection.local, role.datagrams(), connector.clone(), counters.clone()).await;
        let lease = lease.map_err(CallError::Socket)?;
        let offering = maker.offer(role, lease.port().addresses()[0], Instant::now());
        let offer = offering.offer.clone();
        let Opened { answer, session: place } = endpoint.post(connection.stream, offer.clone()).await?;
        match offering.accept(&answer, |address| connector.admits(address)) {
            Ok(made) => Ok(Call { session: Session::new(role, made, &offer, Instant::now()), lease, place }),
            Err(error) => {
                if let Some(place) = &place {
                    endpoint.delete(connector, place).await;
                }
                Err(error)
            }
        }
    }

    /// Carries media until an end, and says goodbye.
    async fn hold<F>(
        &self,
        role: Role,
        endpoint: &Endpoint,
        call: Call,
        stop: &CancellationToken,
        carry: impl FnOnce(Connection) -> F,
    ) -> Result<(), CallError>
    where
        F: Future<Output = End>,
    {
        let Shared { connector, counters, .. } = &*self.0;
        let _open = counters.webrtc_opened(role.name());
        let port = call.lease.port().clone();
        // Nobody sends commands to a session of ours; it ends when it is told to stop.
        let (_commands, none) = mpsc::channel(1);
        let connection = Connection::new(call.session, call.lease, none, stop.clone());
        let end = tokio::select! {
            end = carry(connection) => end,
            never = port.read() => match never {},
        };
        counters.webrtc_ended(end.label());
        if let Some(place) = &call.place {
            endpoint.delete(connector, place).await;
        }
        match end {
            End::Stopping | End::Over => Ok(()),
            end => Err(CallError::Ended(end)),
        }
    }
}
