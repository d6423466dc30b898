//! Structured concurrency: named tasks with one owner. The owner tells every task to stop and waits for all of them.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// A group of tasks that stop together. Clones share the group. [`Tasks::child`] makes a group that stops with its
/// parent and can also stop alone.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    token: CancellationToken,
    tracker: TaskTracker,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// A group inside this one. Stopping the parent stops the child; stopping the child does not stop the parent.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), tracker: TaskTracker::new() }
    }

    /// Starts a task. It must end soon after [`Tasks::stopping`] resolves.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task.instrument(tracing::info_span!(parent: None, "task", name)));
    }

    /// Resolves when the group is told to stop; cancel safe.
    pub async fn stopping(&self) {
        self.token.cancelled().await;
    }

    /// The token behind [`Tasks::stopping`], for callees that only need to know when to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Tells every task to stop, without waiting.
    pub fn stop(&self) {
        self.token.cancel();
    }

    /// Tells every task to stop and waits for them, at most `limit`. Returns false if some were still running.
    pub async fn join(&self, limit: Duration) -> bool {
        self.token.cancel();
        self.tracker.close();
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}
