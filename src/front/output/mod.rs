//! Where a program goes: one [`run`] an output, each with its own queue, connection, state and counters.
//!
//! Never touches the program or another output: the queue is the program's fan-out, which drops to the next keyframe for a
//! reader that is slow. Ends when told to stop or when the program ends, and says goodbye to the target within 2 s.

use std::time::{Duration, Instant};

use tokio::{sync::watch, time::interval};
use tokio_util::sync::CancellationToken;

use crate::{
    base::backoff::Backoff,
    front::{
        auth::address::{Connector, RtmpUrl},
        room::status::{OutputState, OutputStatus},
        rtmp::{self, Publication, client},
    },
    media::fanout::{Fanout, Subscription},
};

/// Shortest wait before another try: a target that restarts is back in about a second.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait before another try: how long an operator who repaired the target waits to see it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a connection must hold before its end counts as the first of a new row of failures. Without it a target that
/// accepts and then closes would be called every second.
const STEADY: Duration = Duration::from_secs(10);
/// How often the counters are told; states are told at once.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Pushes the program to `url` until `stop`, over as many connections as it takes. Each connection begins with the program's
/// GOP cache and carries the program's own timestamps.
pub async fn run(
    url: RtmpUrl,
    connector: Connector,
    program: Fanout,
    report: watch::Sender<OutputStatus>,
    stop: CancellationToken,
) {
    let work = Push { url, connector, program, report };
    let mut backoff = Backoff::new(SHORTEST_WAIT, LONGEST_WAIT);
    loop {
        if !work.program.has_picture() {
            work.enter(OutputState::Idle);
        }
        // The first packet shows that there is a program; the connection takes its own subscription.
        let mut probe = work.program.subscribe();
        let begun = stop.run_until_cancelled(probe.next()).await;
        drop(probe);
        if !matches!(begun, Some(Some(_))) {
            break;
        }
        let began = Instant::now();
        let Some(error) = work.once(&stop).await else { break };
        if began.elapsed() > STEADY {
            backoff.reset();
        }
        let wait = backoff.next(rand::random());
        tracing::warn!(url = %work.url, %error, ?wait, "the output is not connected");
        work.report.send_modify(|status| {
            status.state = OutputState::Waiting;
            status.last_error = Some(error.to_string());
        });
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            break;
        }
    }
    work.enter(OutputState::Idle);
}

struct Push {
    url: RtmpUrl,
    connector: Connector,
    program: Fanout,
    report: watch::Sender<OutputStatus>,
}

impl Push {
    fn enter(&self, state: OutputState) {
        self.report.send_if_modified(|status| std::mem::replace(&mut status.state, state) != state);
    }

    /// One connection; `None` when it ended because it should.
    async fn once(&self, stop: &CancellationToken) -> Option<rtmp::Error> {
        self.enter(OutputState::Connecting);
        let publication = match stop.run_until_cancelled(client::publish(&self.url, &self.connector)).await? {
            Ok(publication) => publication,
            Err(error) => return Some(error),
        };
        tracing::info!(url = %self.url, "the output is connected");
        self.report.send_modify(|status| {
            status.state = OutputState::Live;
            status.connects += 1;
            status.last_error = None;
        });
        let mut tally = Tally { packets: self.program.subscribe(), publication, report: &self.report, told: (0, 0) };
        let end = stop.run_until_cancelled(tally.carry()).await;
        tally.tell();
        match end {
            Some(Err(error)) => Some(error),
            Some(Ok(())) | None => {
                tally.publication.finish().await;
                None
            }
        }
    }
}

/// One connection, its queue, and what went through them.
struct Tally<'a> {
    packets: Subscription,
    publication: Publication,
    report: &'a watch::Sender<OutputStatus>,
    /// Sent bytes and dropped packets already told.
    told: (u64, u64),
}

impl Tally<'_> {
    /// Sends until the program ends or the connection breaks.
    async fn carry(&mut self) -> Result<(), rtmp::Error> {
        let mut report = interval(REPORT_INTERVAL);
        loop {
            tokio::select! {
                end = self.publication.carry(&mut self.packets) => return end,
                _ = report.tick() => self.tell(),
            }
        }
    }

    /// Adds what came about since the last time to the output's counters.
    fn tell(&mut self) {
        let now = (self.publication.sent_bytes(), self.packets.stats().dropped);
        let before = std::mem::replace(&mut self.told, now);
        self.report.send_if_modified(|status| {
            status.sent_bytes += now.0 - before.0;
            status.dropped_packets += now.1 - before.1;
            now != before
        });
    }
}
