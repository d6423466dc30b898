//! To an RTMP server.

use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::report::{INTERVAL, Report};
use crate::{
    front::{
        model::Program,
        net::address::{Connector, RtmpUrl},
        rtmp::{self, Publication, client},
    },
    media::fanout::Subscription,
};

/// One connection; `Ok` when it ended because it should.
pub(super) async fn once(
    url: &RtmpUrl,
    connector: &Connector,
    program: &Program,
    report: &mut Report,
    stop: &CancellationToken,
) -> Result<(), rtmp::Error> {
    let Some(publication) = stop.run_until_cancelled(client::publish(url, connector)).await else { return Ok(()) };
    let publication = publication?;
    tracing::info!(%url, "the output is connected");
    report.connected();
    let mut tally = Tally { packets: program.packets().subscribe(), publication, report };
    let end = stop.run_until_cancelled(tally.carry()).await;
    tally.tell();
    if let Some(Err(error)) = end {
        return Err(error);
    }
    tally.publication.finish().await;
    Ok(())
}

/// One connection, its queue, and what is told of them.
struct Tally<'a> {
    packets: Subscription,
    publication: Publication,
    report: &'a mut Report,
}

impl Tally<'_> {
    /// Sends until the program ends or the connection breaks.
    async fn carry(&mut self) -> Result<(), rtmp::Error> {
        let mut report = interval(INTERVAL);
        loop {
            tokio::select! {
                end = self.publication.carry(&mut self.packets) => return end,
                _ = report.tick() => self.tell(),
            }
        }
    }

    fn tell(&mut self) {
        self.report.tell(self.publication.sent_bytes(), self.packets.stats().dropped);
    }
}
