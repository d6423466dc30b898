//! To a WHIP server.

use tokio_util::sync::CancellationToken;

use super::report::Report;
use crate::front::{
    model::Program,
    webrtc::{CallError, Client, Endpoint, Sent},
};

/// One session; `Ok` when it ended because it should.
pub(super) async fn once(
    endpoint: &Endpoint,
    client: &Client,
    program: &Program,
    report: &mut Report,
    stop: &CancellationToken,
) -> Result<(), CallError> {
    let mut total = Sent::default();
    let mut connected = false;
    let tell = |sent: Sent| {
        total = sent;
        if !std::mem::replace(&mut connected, true) {
            tracing::info!(url = %endpoint, "the output is connected");
            report.connected();
        }
        report.tell_now_and_then(sent.bytes, sent.dropped);
    };
    let end = client.push(endpoint, program, tell, stop).await;
    report.tell(total.bytes, total.dropped);
    end
}
