//! Retry policy: the wait between two attempts to connect to another server, the same for every pull and push.
//!
//! A server that refuses is asked less and less often. A server that is unreachable is probed meanwhile, which costs it
//! nothing, and is tried again as soon as it is reachable.

use std::{fmt, time::Duration};

use tokio::time::{self, MissedTickBehavior};

use super::address::ConnectError;
use crate::base::backoff::Backoff;

/// Shortest wait before another try: a server that restarts is back in about a second.
pub const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait before another try: an operator who repaired the server waits at most this long.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a connection must last so that its end counts as a first failure again. Without this, a server that accepts
/// and then closes would be called every second.
pub const STEADY: Duration = Duration::from_secs(10);

/// Time between two probes of an unreachable server: with the probe's own 2 s, the server is tried within 5 s of its
/// return.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// Longest wait before the next try of a server that accepts connections and says nothing. A probe shows nothing of it;
/// the try itself takes 10 s, so the server is called rarely all the same.
const MUTE_WAIT: Duration = Duration::from_secs(3);

/// The kind of failure, as far as it matters to the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection is possible.
    Unreachable,
    /// The server accepts connections and says nothing: its process stands still.
    Mute,
    /// Any other failure: the server refused, or the connection ended.
    Other,
}

impl From<&ConnectError> for Failure {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Connect { .. } | ConnectError::Resolve { .. } => Self::Unreachable,
            ConnectError::Url(_) | ConnectError::NotAllowed { .. } | ConnectError::NoRoots => Self::Other,
        }
    }
}

/// The waits of one pull or push.
#[derive(Debug)]
pub struct Retry(Backoff);

impl Default for Retry {
    fn default() -> Self {
        Self(Backoff::new(SHORTEST_WAIT, LONGEST_WAIT))
    }
}

impl Retry {
    /// How long to wait after a connection that took or held for `held` and then failed. `chance` is a random number in
    /// `0.0..1.0`.
    pub fn wait(&mut self, held: Duration, failure: Failure, chance: f64) -> Duration {
        if held > STEADY {
            self.0.reset();
        }
        let wait = self.0.next(chance);
        if failure == Failure::Mute { wait.min(MUTE_WAIT) } else { wait }
    }

    /// Waits this long, or until `look` finds an unreachable server again. Then a new series of tries begins, as the
    /// server may need some moments more before it accepts the stream. Cancel safe.
    pub async fn pause<F>(&mut self, wait: Duration, failure: Failure, look: impl Fn() -> F)
    where
        F: Future<Output = bool>,
    {
        if failure != Failure::Unreachable {
            return time::sleep(wait).await;
        }
        tokio::select! {
            () = time::sleep(wait) => {}
            () = seen(LOOK_EVERY, look) => self.0.reset(),
        }
    }
}

/// The reason why a pull or push has no connection, logged once and not at every try.
#[derive(Debug, Default)]
pub struct Trouble(String);

impl Trouble {
    /// True unless the last try had the same trouble, and no connection was made between the two.
    pub fn is_new(&mut self, error: &impl fmt::Display, held: Duration) -> bool {
        let text = error.to_string();
        let new = !held.is_zero() || text != self.0;
        self.0 = text;
        new
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Probes at this interval until the server is found.
async fn seen<F: Future<Output = bool>>(every: Duration, look: impl Fn() -> F) {
    let mut looks = time::interval_at(time::Instant::now() + every, every);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if look().await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_connection_that_held_begins_a_new_row() {
        let mut retry = Retry::default();
        let mut longest = |held, failure| retry.wait(held, failure, 1.0).as_secs();
        let row: Vec<u64> = (0..6).map(|_| longest(Duration::ZERO, Failure::Other)).collect();
        assert_eq!(row, [2, 4, 8, 16, 30, 30]);
        assert_eq!(longest(Duration::ZERO, Failure::Mute), 3);
        assert_eq!(longest(STEADY + Duration::from_millis(1), Failure::Other), 2);
        assert_eq!(retry.wait(Duration::ZERO, Failure::Other, 0.0), SHORTEST_WAIT);
    }

    #[test]
    fn trouble_is_said_once() {
        let mut trouble = Trouble::default();
        assert!(trouble.is_new(&"refused", Duration::ZERO));
        assert!(!trouble.is_new(&"refused", Duration::ZERO), "the same again");
        assert!(trouble.is_new(&"refused", Duration::from_secs(1)), "after a connection");
        assert!(trouble.is_new(&"no such name", Duration::ZERO));
    }

    #[tokio::test]
    async fn a_server_that_comes_back_ends_the_wait() {
        let mut retry = Retry::default();
        (0..6).for_each(|_| _ = retry.wait(Duration::ZERO, Failure::Unreachable, 1.0));
        let looks = Cell::new(0);
        let look = || async {
            looks.set(looks.get() + 1);
            looks.get() > 3
        };
        seen(Duration::from_millis(1), look).await;
        assert_eq!(looks.get(), 4);
        // It would take an hour by itself.
        retry.pause(Duration::from_secs(3600), Failure::Unreachable, async || true).await;
        assert_eq!(retry.wait(Duration::ZERO, Failure::Other, 1.0).as_secs(), 2, "a new row");
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_left_alone() {
        for failure in [Failure::Other, Failure::Mute] {
            let mut retry = Retry::default();
            (0..6).for_each(|_| _ = retry.wait(Duration::ZERO, failure, 1.0));
            let look = async || unreachable!("nobody looks at a server that is there");
            retry.pause(Duration::from_millis(10), failure, look).await;
            assert_eq!(retry.wait(Duration::ZERO, Failure::Other, 1.0), LONGEST_WAIT, "the row goes on");
        }
    }
}
