//! Lease: one task at a time may work for a room, the newest.
//!
//! Swarm can run two tasks of a service at once: while one drains, or when a node that was cut off comes back. A new
//! task takes the lease, and the task before it never gets the lease back.

use std::collections::VecDeque;

/// Replaced tasks that are remembered. A node that was cut off holds one; a task older than this many others is gone.
const MAX_FENCED: usize = 32;

#[derive(Debug, Default)]
pub struct Lease {
    epoch: u64,
    holder: Option<String>,
    fenced: VecDeque<String>,
}

/// The task was replaced by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another task works for this room since then")]
pub struct Fenced;

impl Lease {
    /// A task asks for the lease. Its epoch is higher than every earlier one.
    ///
    /// # Errors
    /// When another task has replaced it.
    pub fn take(&mut self, task: &str) -> Result<u64, Fenced> {
        if self.fenced.iter().any(|fenced| fenced == task) {
            return Err(Fenced);
        }
        if let Some(before) = self.holder.replace(task.to_owned()).filter(|before| before != task) {
            if self.fenced.len() == MAX_FENCED {
                self.fenced.pop_front();
            }
            self.fenced.push_back(before);
        }
        self.epoch += 1;
        Ok(self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_task_has_it_and_the_one_before_never_again() {
        let mut lease = Lease::default();
        let first = lease.take("a").expect("nobody has it");
        let again = lease.take("a").expect("its own");
        assert!(again > first);
        let second = lease.take("b").expect("newer");
        assert_eq!(lease.take("a"), Err(Fenced));
        assert_eq!(lease.take("b"), Ok(second + 1), "a refused task takes nothing away");
        lease.take("c").expect("newer");
        assert_eq!((lease.take("a"), lease.take("b")), (Err(Fenced), Err(Fenced)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut lease = Lease::default();
        for task in 0..1000 {
            lease.take(&task.to_string()).expect("new");
        }
        assert_eq!(lease.fenced.len(), MAX_FENCED);
    }
}
