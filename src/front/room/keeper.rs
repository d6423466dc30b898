//! The keeper of a room's document: one change after the other is checked, written to the state folder, then made true.
//!
//! Apart from the actor because writing waits for the disk, and media must not.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Change, Context, RoomDocument, RoomError, actor::Command, status::RoomView};
use crate::base::RoomId;

/// What a keeper is asked.
pub(super) enum Request {
    /// A change of the document.
    Change(Change, oneshot::Sender<Result<RoomView, RoomError>>),
    /// The end of the room.
    Delete(oneshot::Sender<Result<(), RoomError>>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) id: RoomId,
    pub(super) context: Arc<Context>,
    pub(super) document: RoomDocument,
    pub(super) actor: mpsc::Sender<Command>,
    /// Ends the actor.
    pub(super) stop: CancellationToken,
}

impl Keeper {
    /// Lives until the room is deleted or stopped.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            let request = tokio::select! {
                () = self.stop.cancelled() => return,
                request = requests.recv() => request,
            };
            match request {
                None => return,
                // Whoever asked may have gone; the change stands all the same.
                Some(Request::Change(change, reply)) => {
                    let answer = self.change(change).await;
                    let _ = reply.send(answer);
                }
                Some(Request::Delete(reply)) => {
                    let answer = self.context.forget(&self.id).await;
                    let done = answer.is_ok();
                    if done {
                        self.stop.cancel();
                    }
                    let _ = reply.send(answer);
                    if done {
                        return;
                    }
                }
            }
        }
    }

    async fn change(&mut self, change: Change) -> Result<RoomView, RoomError> {
        let wanted = change(&self.document)?;
        let faults = self.context.new_faults(&self.document, &wanted);
        if !faults.is_empty() {
            return Err(RoomError::Faults(faults));
        }
        if wanted != self.document {
            self.context.keep(&self.id, &wanted).await?;
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::Apply(Box::new(wanted.clone()), reply);
        self.actor.send(command).await.map_err(|_| RoomError::Stopping)?;
        self.document = wanted;
        answer.await.map_err(|_| RoomError::Stopping)
    }
}
