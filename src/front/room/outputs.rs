//! A room's pushes, each in a task of its own.

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::Context;
use crate::{
    base::{OutputId, RoomId, tasks::Tasks},
    front::{
        model::{
            Program,
            document::Output,
            status::{OutputState, OutputStatus},
        },
        net::address::{HttpUrl, InvalidUrl, RtmpUrl},
        outputs::{self, Target},
        webrtc::Endpoint,
    },
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    running: BTreeMap<OutputId, Push>,
}

#[derive(Debug)]
struct Push {
    wanted: Output,
    report: watch::Receiver<OutputStatus>,
    announced: OutputState,
    stop: CancellationToken,
}

impl Drop for Push {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Outputs {
    /// Makes the outputs those of a document. One whose address stays is left alone.
    pub(super) fn apply(
        &mut self,
        room: &RoomId,
        wanted: &BTreeMap<OutputId, Output>,
        program: &Program,
        context: &Context,
        tasks: &Tasks,
    ) {
        self.running.retain(|id, push| wanted.get(id) == Some(&push.wanted));
        for (id, output) in wanted {
            if self.running.contains_key(id) {
                continue;
            }
            let (sender, report) = watch::channel(OutputStatus::default());
            let stop = CancellationToken::new();
            match target(output, context) {
                Ok(target) => {
                    let about = tracing::error_span!("to", %room, output = %id);
                    let run = outputs::run(target, program.clone(), sender, stop.clone());
                    tasks.spawn("output", run.instrument(about));
                }
                // Documents are checked before they come here; one kept from an older version may not pass any more.
                Err(error) => sender.send_modify(|status| {
                    status.state = OutputState::Waiting;
                    status.last_error = Some(error.to_string());
                }),
            }
            let push = Push { wanted: output.clone(), report, announced: OutputState::Idle, stop };
            self.running.insert(id.clone(), push);
        }
    }

    /// Those whose state changed since this was last asked, with the reason there may be.
    pub(super) fn changes(&mut self) -> Vec<(OutputId, OutputState, Option<String>)> {
        let mut changes = Vec::new();
        for (id, push) in &mut self.running {
            let status = push.report.borrow();
            if status.state != push.announced {
                push.announced = status.state;
                let reason = status.last_error.clone().filter(|_| status.state == OutputState::Waiting);
                changes.push((id.clone(), status.state, reason));
            }
        }
        changes
    }

    /// As REST tells them.
    pub(super) fn status(&self) -> BTreeMap<OutputId, OutputStatus> {
        self.running.iter().map(|(id, push)| (id.clone(), push.report.borrow().clone())).collect()
    }
}

fn target(output: &Output, context: &Context) -> Result<Target, InvalidUrl> {
    Ok(match output {
        Output::Rtmp { url } => Target::Rtmp(RtmpUrl::parse(url)?, context.connector.clone()),
        Output::Whip { url, token } => {
            Target::Whip(Endpoint { url: HttpUrl::parse(url)?, token: token.clone() }, context.webrtc.clone())
        }
    })
}
