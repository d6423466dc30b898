//! Mailbox (bounded queue) of a worker's thread. Its senders never wait, so that a thread that hangs blocks nobody
//! else.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The queue was full, and the item is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a thread does not take what it is told")]
pub struct Full;

#[derive(Debug)]
pub struct Mailbox<T> {
    items: Mutex<VecDeque<T>>,
    wake: Condvar,
    most: usize,
}

impl<T> Mailbox<T> {
    /// An empty queue of at most `most` items.
    pub fn new(most: usize) -> Self {
        Self { items: Mutex::default(), wake: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // Every update leaves the queue whole.
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn put(&self, item: T) -> Result<(), Full> {
        self.put_within(self.most, item)
    }

    /// Adds an item if fewer than `most` wait, which leaves the rest of the space to other items.
    pub fn put_within(&self, most: usize, item: T) -> Result<(), Full> {
        let mut items = self.lock();
        if items.len() >= most { Err(Full) } else { self.add(&mut items, item) }
    }

    /// Adds an item in place of those that it makes unnecessary: `replaces` says which, and may take over their data.
    /// For items that must not be lost, whose number is bounded.
    pub fn put_newest(&self, mut item: T, replaces: impl Fn(&mut T, &T) -> bool) -> Result<(), Full> {
        let mut items = self.lock();
        items.retain(|older| !replaces(&mut item, older));
        self.add(&mut items, item)
    }

    fn add(&self, items: &mut VecDeque<T>, item: T) -> Result<(), Full> {
        if items.len() >= self.most {
            return Err(Full);
        }
        items.push_back(item);
        self.wake.notify_one();
        Ok(())
    }

    /// The next item, if one is there.
    pub fn try_next(&self) -> Option<T> {
        self.lock().pop_front()
    }

    /// The next item; waits for it at most this long.
    pub fn next(&self, patience: Duration) -> Option<T> {
        let waited = self.wake.wait_timeout_while(self.lock(), patience, |items| items.is_empty());
        let (mut items, _) = waited.unwrap_or_else(PoisonError::into_inner);
        items.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_and_the_newest_of_a_kind_stays() {
        let mailbox = Mailbox::new(3);
        for item in [("a", 1), ("b", 1), ("a", 2)] {
            mailbox.put_newest(item, |new, old| new.0 == old.0).expect("it fits");
        }
        mailbox.put(("a", 3)).expect("it fits");
        assert_eq!(mailbox.put(("c", 1)), Err(Full));
        assert_eq!(mailbox.put_newest(("b", 2), |new, old| new.0 == old.0), Ok(()));
        assert_eq!(std::iter::from_fn(|| mailbox.try_next()).collect::<Vec<_>>(), [("a", 2), ("a", 3), ("b", 2)]);
        assert_eq!(mailbox.next(Duration::ZERO), None);
    }
}
