//! How a front that stops hands its rooms to the others.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::member::{AT_ONCE, Cluster, PATIENCE, Shared};
use crate::{base::RoomId, front::docker::record::Kind};

/// How long a room may take to close before it is handed over all the same: what is left then is a push that says goodbye.
const CLOSING: Duration = Duration::from_millis(1000);

/// Longest time for handing over everything. With what a front takes to close after, it is within the 10 s that Docker gives.
const LEAVE: Duration = Duration::from_millis(3500);

impl Cluster {
    /// Hands every room to another front, for as long as `LEAVE`, while connections are served still.
    pub async fn leave(&self) {
        let Shared { store, index, poke, .. } = &*self.0;
        self.0.leaving.store(true, Ordering::Relaxed);
        index.set_leaving();
        poke.notify_one();
        let held = index.all_held();
        tracing::info!(rooms = held.len(), "handing over the rooms");
        let hand_over = stream::iter(held).for_each_concurrent(AT_ONCE, async |room| self.hand_over(&room).await);
        if timeout(LEAVE, hand_over).await.is_err() {
            tracing::warn!("some rooms could not be handed over in time; the others take them when this front is gone");
        }
        let goodbye = async {
            if let Ok(Some(record)) = store.records.get(Kind::Front, index.me().as_str()).await {
                let _ = store.records.delete(&record).await;
            }
        };
        if timeout(PATIENCE, goodbye).await.is_err() {
            tracing::warn!("this front could not say goodbye to the others");
        }
    }

    async fn hand_over(&self, room: &RoomId) {
        let Shared { store, index, rooms, .. } = &*self.0;
        // First, so that whoever is cut off sees why.
        index.let_go(room);
        // It closes in any case; what is waited for is that pushes have said goodbye before another front takes their place.
        let last = timeout(CLOSING, rooms.close(room, false)).await.ok().flatten();
        match store.give(room, index.heir_of(room).as_ref(), last.as_ref()).await {
            Ok(()) => store.tell(room),
            Err(error) => tracing::warn!(%room, "the room could not be handed over: {error}"),
        }
    }
}
