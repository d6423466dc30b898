//! Tokio runtime of a command; it ends when the command does.

use std::time::Duration;

/// How long blocking calls may go on after the command. `serve` waits for its tasks, so important calls have ended by
/// then. A call that hangs on a disk or a name server must not keep the process, which ignores signals by then.
const LEFT: Duration = Duration::from_millis(300);

/// Runs a command on a runtime of its own. Remaining tasks are cancelled.
///
/// # Errors
/// Errors of the command, and failure to start threads.
pub fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(command);
    // Dropping it would wait for such calls without a limit.
    runtime.shutdown_timeout(LEFT);
    result
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_call_that_hangs_does_not_keep_the_process() {
        let (let_go, held) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let hang = move || tell.send(held.recv_timeout(Duration::from_secs(30)).is_ok());
        block_on(async {
            drop(tokio::task::spawn_blocking(hang));
            Ok(())
        })
        .expect("done");
        let_go.send(()).expect("it hangs still");
        assert_eq!(told.recv(), Ok(true), "it was let go after the command had ended");
    }
}
