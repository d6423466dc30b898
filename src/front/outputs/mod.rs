//! Where a program goes: one [`run`] an output, each with its own queue, connection, state and counters.
//!
//! Never touches the program or another output: the queue is the program's fan-out, which drops to the next keyframe for a
//! reader that is slow. Ends when told to stop or when the program ends, and says goodbye to the target within 2 s.

mod report;
mod rtmp;
mod whip;

use std::fmt;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use report::Report;

use super::{
    model::{
        Program,
        status::{OutputState, OutputStatus},
    },
    net::{
        address::{Connector, RtmpUrl},
        retry::{Failure, Retry, Trouble},
    },
    rtmp as protocol,
    webrtc::{CallError, Client, Endpoint},
};

/// Where the program goes.
#[derive(Debug, Clone)]
pub enum Target {
    /// An RTMP server.
    Rtmp(RtmpUrl, Connector),
    /// A WHIP server.
    Whip(Endpoint, Client),
}

impl Target {
    /// Whether somebody takes connections there.
    async fn answers(&self) -> bool {
        match self {
            Self::Rtmp(url, connector) => connector.answers(url.host(), url.port()).await,
            Self::Whip(Endpoint { url, .. }, client) => client.connector().answers(url.host(), url.port()).await,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtmp(url, _) => url.fmt(f),
            Self::Whip(endpoint, _) => endpoint.fmt(f),
        }
    }
}

/// Why a connection failed or ended.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Rtmp(#[from] protocol::Error),
    #[error(transparent)]
    Whip(#[from] CallError),
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        match error {
            Error::Rtmp(error) => error.into(),
            Error::Whip(error) => error.into(),
        }
    }
}

/// Pushes the program to `target` until `stop`, over as many connections as it takes. Each connection begins with the program's
/// GOP cache and carries the program's own timestamps.
pub async fn run(target: Target, program: Program, status: watch::Sender<OutputStatus>, stop: CancellationToken) {
    let mut report = Report::new(status);
    let (mut retry, mut trouble) = (Retry::default(), Trouble::default());
    loop {
        if !program.packets().has_picture() {
            report.enter(OutputState::Idle);
        }
        // The first packet shows that there is a program; the connection takes its own subscription.
        let mut probe = program.packets().subscribe();
        let begun = stop.run_until_cancelled(probe.next()).await;
        drop(probe);
        if !matches!(begun, Some(Some(_))) {
            break;
        }
        report.enter(OutputState::Connecting);
        let end = match &target {
            Target::Rtmp(url, connector) => {
                rtmp::once(url, connector, &program, &mut report, &stop).await.map_err(Error::Rtmp)
            }
            Target::Whip(endpoint, client) => {
                whip::once(endpoint, client, &program, &mut report, &stop).await.map_err(Error::Whip)
            }
        };
        let Err(error) = end else { break };
        let failure = Failure::from(&error);
        let wait = retry.wait(report.lasted(), failure, rand::random());
        if trouble.is_new(&error, report.lasted()) {
            tracing::warn!(url = %target, error = %trouble, ?wait, "the output is not connected");
        }
        report.failed(error.to_string());
        if stop.run_until_cancelled(retry.pause(wait, failure, || target.answers())).await.is_none() {
            break;
        }
    }
    report.enter(OutputState::Idle);
}
