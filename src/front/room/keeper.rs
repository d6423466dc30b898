//! The keeper of a room's document: one change after the other is checked, written to the state folder, then made true.
//!
//! Apart from the actor because writing waits for the disk, and media must not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{Context, actor::Command, production::SceneStart, whole::Whole};
use crate::{
    base::RoomId,
    front::model::{Change, RoomDocument, RoomError, event::Event, status::RoomView},
};

/// How long before its time a layout is taken up, so that the worker has it before the frame it begins with.
const LEAD: Duration = Duration::from_millis(250);

/// Longest single wait: a clock that is set meanwhile is noticed after this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often what could not be stored is tried again: a disk has space again when somebody has looked.
const STORE_AGAIN: Duration = Duration::from_secs(2);

/// What a keeper is asked.
pub(super) enum Request {
    /// A change of the document.
    Change(Change, oneshot::Sender<Result<RoomView, RoomError>>),
    /// What is kept of the room is not its document, or was not when it was read.
    KeepStill,
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
    /// Takes the document that the room had last.
    pub(super) last: watch::Sender<Option<RoomDocument>>,
    pub(super) whole: Whole,
    /// Why what is true is not what is stored, while the disk takes nothing.
    pub(super) unsaved: Option<String>,
}

impl Keeper {
    /// Lives until the room is deleted or stopped.
    pub(super) async fn run(mut self, requests: mpsc::Receiver<Request>) {
        self.serve(requests).await;
        self.store_again().await;
        self.last.send_replace(Some(self.document));
    }

    async fn serve(&mut self, mut requests: mpsc::Receiver<Request>) {
        loop {
            let request = tokio::select! {
                () = self.stop.cancelled() => return,
                request = requests.recv() => request,
                () = tokio::time::sleep(STORE_AGAIN), if self.unsaved.is_some() => {
                    self.store_again().await;
                    continue;
                }
                moment = self.next_layout() => {
                    if let Err(error) = self.take_up_next_layout(moment).await {
                        self.give_up_next_layout(&error).await;
                    }
                    continue;
                }
            };
            match request {
                None => return,
                // Whoever asked may have gone; the change stands all the same.
                Some(Request::Change(change, reply)) => {
                    let answer = self.change(change).await;
                    let _ = reply.send(answer);
                }
                Some(Request::KeepStill) => self.keep_still().await,
                Some(Request::Delete(reply)) => {
                    let answer = self.context.forget(self.whole, &self.id).await;
                    let done = answer.is_ok();
                    if done {
                        self.unsaved = None;
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

    /// Resolves shortly before the layout that waits is due; never while none waits.
    async fn next_layout(&self) -> SceneStart {
        let Some(next) = &self.document.next_layout else { return std::future::pending().await };
        // One that cannot be read is due, so that it does not wait for ever.
        let wait = next
            .time()
            .map_or(Duration::ZERO, |at| Duration::try_from(at - OffsetDateTime::now_utc()).unwrap_or(Duration::ZERO));
        let at = Instant::now() + wait.min(LONGEST_WAIT);
        tokio::time::sleep_until((at - LEAD.min(wait)).into()).await;
        next.pts_ms.map_or(SceneStart::At(at), SceneStart::Pts)
    }

    async fn take_up_next_layout(&mut self, moment: SceneStart) -> Result<(), RoomError> {
        let mut wanted = self.document.clone();
        let waits = wanted.next_layout.as_ref().and_then(|next| next.time());
        if waits.is_some_and(|at| at - OffsetDateTime::now_utc() > LEAD * 2) {
            // The wait was cut short because it was too long for one.
            return Ok(());
        }
        if let Some(next) = wanted.next_layout.take() {
            wanted.layout = next.layout;
        }
        self.make_true(wanted, Some(moment)).await.map(drop)
    }

    /// What cannot be taken up when it is due is forgotten, and the operator told why: it would be due again at once.
    async fn give_up_next_layout(&mut self, error: &RoomError) {
        let why = match error {
            RoomError::Faults(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            other => other.to_string(),
        };
        let text = format!("the layout that was planned for now was not taken up: {why}");
        tracing::warn!(room = %self.id, "{text}");
        // A room that is closing needs to know nothing.
        let _ = self.actor.send(Command::Tell(Event::Fault { participant: None, text })).await;
        let wanted = RoomDocument { next_layout: None, ..self.document.clone() };
        if let Err(error) = self.make_true(wanted, None).await {
            tracing::warn!(room = %self.id, "that the planned layout is forgotten cannot be kept: {error}");
            self.document.next_layout = None;
        }
    }

    /// A store that answers too late may keep what was refused; what is kept is to be what is true.
    async fn keep_still(&self) {
        match self.context.keep_still(self.whole, &self.id, &self.document).await {
            Ok(false) => {}
            Ok(true) => {
                let text = "the store kept a change after it had been refused; it was taken back".to_owned();
                tracing::warn!(room = %self.id, "{text}");
                let _ = self.actor.send(Command::Tell(Event::Fault { participant: None, text })).await;
            }
            // The next look at the store sees it again.
            Err(error) => tracing::debug!(room = %self.id, "what is kept of the room is not known: {error}"),
        }
    }

    async fn change(&mut self, change: Change) -> Result<RoomView, RoomError> {
        let wanted = change(&self.document)?;
        self.make_true(wanted, None).await
    }

    async fn make_true(&mut self, wanted: RoomDocument, moment: Option<SceneStart>) -> Result<RoomView, RoomError> {
        let faults = self.context.new_faults(&self.document, &wanted);
        if !faults.is_empty() {
            return Err(RoomError::Faults(faults));
        }
        if wanted != self.document {
            let kept = self.context.keep(self.whole, &self.id, &wanted).await;
            match kept {
                Ok(()) => self.tell_unsaved(None).await,
                // Who is heard and seen cannot wait for a disk.
                Err(RoomError::Unwritable(why)) if self.document.differs_live(&wanted) => {
                    self.tell_unsaved(Some(why)).await;
                }
                Err(error) => return Err(error),
            }
            self.document = wanted.clone();
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::Apply(Box::new(wanted), moment, reply);
        self.actor.send(command).await.map_err(|_| RoomError::Stopping)?;
        answer.await.map_err(|_| RoomError::Stopping)
    }

    /// Stores what could not be stored before.
    async fn store_again(&mut self) {
        if self.unsaved.is_some() && self.context.keep(self.whole, &self.id, &self.document).await.is_ok() {
            self.tell_unsaved(None).await;
        }
    }

    /// Says when what is true is no longer what is stored, and when it is again.
    async fn tell_unsaved(&mut self, why: Option<String>) {
        if why.is_some() == self.unsaved.is_some() {
            return;
        }
        match &why {
            Some(why) => tracing::error!(
                room = %self.id,
                "the room goes on with changes that a restart would undo, until they can be stored: {why}"
            ),
            None => tracing::info!(room = %self.id, "what could not be stored is stored now"),
        }
        self.unsaved.clone_from(&why);
        // A room that is closing needs to know nothing.
        let _ = self.actor.send(Command::Unsaved(why)).await;
    }
}
