//! When a front that cannot reach the store must let go of its rooms, and how the others keep it from that.

use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use tokio::time::{sleep_until, timeout};

use super::{
    call::{Call, Vouch},
    heartbeat::{DOUBT, Heartbeat, LET_GO},
    member::{BEATS, Cluster, Shared},
};
use crate::front::docker::{
    ownership::FrontId,
    record::{Kind, Record, RecordError},
};

/// Longest wait for another front's word, and from one attempt to get one to the next.
const WORD: (Duration, Duration) = (Duration::from_millis(1200), Duration::from_millis(300));

/// So long after `last`; never while there was none.
async fn passed(last: Option<Instant>, wait: Duration) {
    match last {
        Some(last) => sleep_until((last + wait).into()).await,
        None => std::future::pending().await,
    }
}

/// Whether a front may keep its rooms by the words of all the others that live; none for one who did not answer. PURE.
///
/// One has told the store that it lives. Or most of the fronts, itself among them, say that they do not reach the store: then it is the
/// store that is away, nobody can take anything, and all keep what they have. Fewer may be cut off together from those who reach it and
/// are about to take their rooms. A front that is alone needs nobody's word.
fn vouch(words: &[Option<Vouch>]) -> bool {
    let count = |word| words.iter().filter(|said| **said == Some(word)).count();
    let (fronts, blind) = (words.len() + 1, count(Vouch::StoreUnreachable) + 1);
    count(Vouch::Renewed) > 0 || (count(Vouch::Refused) == 0 && 2 * blind > fronts)
}

impl Cluster {
    /// Sees that this front lets go of every room when neither it nor another could tell the others in time that it lives: they are
    /// about to take them.
    pub(super) async fn fence(self) {
        let Shared { index, rooms, told, tasks, .. } = &*self.0;
        let mut heard = told.subscribe();
        loop {
            let last = *heard.borrow_and_update();
            tokio::select! {
                () = tasks.stopping() => return,
                changed = heard.changed() => if changed.is_ok() { continue } else { return },
                () = passed(last, DOUBT) => {}
            }
            tokio::select! {
                () = tasks.stopping() => return,
                changed = heard.changed() => if changed.is_ok() { continue } else { return },
                since = self.vouched() => {
                    told.send_replace(Some(since));
                    continue;
                }
                () = passed(last, LET_GO) => {}
            }
            index.set_lost(true);
            let held = index.all_held();
            tracing::error!(
                rooms = held.len(),
                "this front has lost touch with the Swarm's store and lets go of its rooms"
            );
            held.iter().for_each(|room| index.let_go(room));
            stream::iter(held).for_each_concurrent(None, async |room| drop(rooms.close(&room, false).await)).await;
            if heard.changed().await.is_err() {
                return;
            }
        }
    }

    /// Asks the other fronts for their word until one gives it; when it was asked for.
    ///
    /// One that reaches the store says there that this front lives.
    async fn vouched(&self) -> Instant {
        let Shared { index, caller, .. } = &*self.0;
        loop {
            let asked = Instant::now();
            let others = index.others();
            let ask = async |address: String| {
                let word = timeout(WORD.0, caller.ask(&address, Call::Vouch(index.me().as_str().to_owned()))).await;
                word.ok()?.inspect_err(|error| tracing::debug!("{error}")).ok()
            };
            let mut words: Vec<Option<Vouch>> = join_all(others.into_iter().map(ask)).await;
            // Those who cannot be asked say nothing either.
            words.resize(words.len().max(index.count_others()), None);
            if vouch(&words) {
                return asked;
            }
            tokio::time::sleep(WORD.1).await;
        }
    }

    /// Another front cannot reach the store: it is told there, in its name, that it lives.
    pub(super) async fn vouch(&self, front: &str) -> Vouch {
        let Some(id) = FrontId::read(front) else { return Vouch::Refused };
        let records = &self.0.store.records;
        let tell = async {
            let Some(record) = records.get(Kind::Front, front).await? else { return Err(RecordError::Changed) };
            records.change(&record, [(BEATS, rand::random::<u64>().to_string())]).await
        };
        let word = match timeout(WORD.0 / 2, tell).await {
            Ok(Ok(())) => Vouch::Renewed,
            Ok(Err(RecordError::Changed | RecordError::Taken)) => return Vouch::Refused,
            Ok(Err(RecordError::Api(_))) | Err(_) => Vouch::StoreUnreachable,
        };
        self.heard().insert(id, Instant::now());
        word
    }

    /// Asks those whose beat has stopped, and who have rooms, whether they live: one that cannot reach the store may, and then its rooms
    /// are not to be taken.
    pub(super) async fn ask_the_silent(&self, silent: Vec<(FrontId, String)>) {
        let Shared { index, caller, .. } = &*self.0;
        let ask = async |(id, address): (FrontId, String)| {
            let call = Call::Lives(id.as_str().to_owned());
            let word = timeout(WORD.0, caller.ask(&address, call)).await;
            if matches!(word, Ok(Ok(Vouch::Renewed))) {
                tracing::warn!(front = %id, "a front lives, and cannot reach the Swarm's store");
                self.heard().insert(id, Instant::now());
            }
        };
        let with_rooms = silent.into_iter().filter(|(id, _)| index.owns_any(id));
        join_all(with_rooms.map(ask)).await;
    }

    /// Whether this is that front, and may own rooms.
    pub(super) fn lives(&self, front: &str) -> Vouch {
        let index = &self.0.index;
        if index.me().as_str() == front && index.may_own() { Vouch::Renewed } else { Vouch::Refused }
    }

    /// Counts among the living who has been heard of by another way than the store.
    pub(super) fn take_words(&self, pulse: &mut Heartbeat, fronts: &BTreeMap<FrontId, Record>) {
        let mut heard = self.heard();
        heard.retain(|id, _| fronts.contains_key(id));
        heard.iter().for_each(|(id, at)| pulse.hear(id, *at));
    }

    fn heard(&self) -> MutexGuard<'_, BTreeMap<FrontId, Instant>> {
        // A map is whole between its operations.
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_cut_off_with_too_few_keeps_no_rooms() {
        const TOLD: Option<Vouch> = Some(Vouch::Renewed);
        const BLIND: Option<Vouch> = Some(Vouch::StoreUnreachable);
        const NO: Option<Vouch> = Some(Vouch::Refused);
        let keeps: [&[_]; 8] = [
            &[],
            &[TOLD],
            &[TOLD, NO],
            &[TOLD, None, None],
            &[BLIND],
            &[BLIND, BLIND],
            // A machine is lost, with the leader of the store's managers on it: they elect another.
            &[BLIND, None],
            &[BLIND, BLIND, None, None],
        ];
        // Two of four, and of five, are cut off from the others.
        let lets_go: [&[_]; 6] =
            [&[BLIND, None, None], &[BLIND, None, None, None], &[None], &[NO], &[BLIND, NO], &[BLIND, BLIND, NO]];
        for words in keeps {
            assert!(vouch(words), "{words:?}");
        }
        for words in lets_go {
            assert!(!vouch(words), "{words:?}");
        }
    }
}
