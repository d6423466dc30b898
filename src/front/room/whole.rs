//! Work that is done whole, whoever waits for it: a client that hangs up and a caller whose patience ends drop what they wait for,
//! and half a change is a second truth.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::{base::tasks::Tasks, front::model::RoomError};

/// Shown to whatever changes what is kept: the caller runs in a task of its own, which nobody drops between two steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole(());

/// Starts work that may show a [`Whole`].
pub(super) fn spawn<F>(tasks: &Tasks, name: &'static str, work: impl FnOnce(Whole) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    tasks.spawn(name, work(Whole(())));
}

/// The same, and waits for what comes of it. Dropping what is returned ends the waiting, not the work; a panic is passed on.
pub(super) async fn wait<T, F>(tasks: &Tasks, name: &'static str, work: impl FnOnce(Whole) -> F) -> Result<T, RoomError>
where
    F: Future<Output = Result<T, RoomError>> + Send + 'static,
    T: Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let work = AssertUnwindSafe(work(Whole(()))).catch_unwind();
    tasks.spawn(name, async move {
        // Whoever asked may have gone.
        let _ = reply.send(work.await);
    });
    match answer.await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => resume_unwind(panic),
        // The runtime is ending.
        Err(_) => Err(RoomError::Stopping),
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_does_not_wait_for_it_stops_nothing() {
        static GATE: Semaphore = Semaphore::const_new(0);
        static DONE: Semaphore = Semaphore::const_new(0);
        let tasks = Tasks::new();
        let work = |_| async {
            GATE.acquire().await.expect("open").forget();
            DONE.add_permits(1);
            Ok(())
        };
        let mut waiting = Box::pin(wait(&tasks, "test", work));
        assert!(poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await);
        drop(waiting);
        GATE.add_permits(1);
        DONE.acquire().await.expect("it goes on to its end").forget();
    }

    #[tokio::test]
    async fn a_panic_is_the_caller_s() {
        let tasks = Tasks::new();
        let waiting = tokio::spawn(async move { wait::<(), _>(&tasks, "test", |_| async { panic!("a fault") }).await });
        assert!(waiting.await.expect_err("passed on").is_panic());
    }
}
