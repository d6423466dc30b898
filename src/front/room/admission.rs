//! What every room takes, and at which prices.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    base::RoomId,
    cost::{Budget, Capacity, Prices, Shortage},
};

/// The one account of a front's rooms; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug)]
struct Books {
    prices: Arc<Prices>,
    rooms: BTreeMap<RoomId, Budget>,
}

impl Default for Books {
    fn default() -> Self {
        Self { prices: Arc::new(Prices::reference()), rooms: BTreeMap::new() }
    }
}

impl Books {
    fn capacity(&self, total: Budget, except: Option<&RoomId>) -> Capacity {
        let others = self.rooms.iter().filter(|(id, _)| Some(*id) != except);
        Capacity { total, taken: others.fold(Budget::default(), |sum, (_, budget)| sum.and(*budget)) }
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Books> {
        // Every update leaves the books whole.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What work costs here.
    pub fn prices(&self) -> Arc<Prices> {
        self.lock().prices.clone()
    }

    /// This machine was measured.
    pub fn set_prices(&self, prices: Prices) {
        self.lock().prices = Arc::new(prices);
    }

    /// True while there are no rooms.
    pub fn is_empty(&self) -> bool {
        self.lock().rooms.is_empty()
    }

    /// What there is, of `total`, beside every room but this.
    pub(super) fn capacity(&self, total: Budget, room: Option<&RoomId>) -> Capacity {
        self.lock().capacity(total, room)
    }

    /// Enters a room if it fits; without a limit it always does.
    pub(super) fn admit(&self, total: Option<Budget>, room: &RoomId, needed: Budget) -> Result<(), Shortage> {
        let mut books = self.lock();
        if let Some(total) = total {
            books.capacity(total, Some(room)).admits(needed)?;
        }
        books.rooms.insert(room.clone(), needed);
        Ok(())
    }

    /// A room that is there takes this much now. Says what is missing when that is more than there is.
    pub(super) fn set(&self, total: Option<Budget>, room: &RoomId, budget: Budget) -> Option<Shortage> {
        let mut books = self.lock();
        books.rooms.insert(room.clone(), budget);
        total.and_then(|total| books.capacity(total, Some(room)).admits(budget).err())
    }

    /// The room is no more.
    pub(super) fn remove(&self, room: &RoomId) {
        self.lock().rooms.remove(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_let_in_until_there_is_no_room_and_again_when_one_goes() {
        let ledger = Ledger::default();
        let total = Some(Budget { millicores: 1000, mib: 1000 });
        let needed = Budget { millicores: 400, mib: 100 };
        let [a, b, c] = ["a", "b", "c"].map(|id| id.parse::<RoomId>().expect("an id"));
        assert_eq!(ledger.admit(total, &a, needed), Ok(()));
        assert_eq!(ledger.admit(total, &b, needed), Ok(()));
        assert!(ledger.admit(total, &c, needed).is_err());
        assert_eq!(ledger.admit(total, &b, needed), Ok(()), "a room does not stand in its own way");
        ledger.remove(&a);
        assert_eq!(ledger.admit(total, &c, needed), Ok(()));
        assert!(ledger.set(total, &c, Budget { millicores: 700, mib: 100 }).is_some());
        assert!(ledger.admit(total, &a, needed).is_err(), "what rooms have grown to counts");
        assert_eq!(ledger.admit(None, &a, needed), Ok(()));
    }
}
