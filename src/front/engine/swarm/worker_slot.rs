//! Worker slot (desired replica): what one room wants of Swarm, which task may have its slot, and which has it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Event, Orders},
    lease::Lease,
};
use crate::{
    base::{RoomId, Secret},
    cost::Budget,
    front::docker::service,
    link::{
        join::{Answer, Greeting},
        message,
    },
};

#[derive(Debug)]
pub struct WorkerSlot {
    pub room: RoomId,
    state: Mutex<State>,
    /// Signals that the service may differ from what it should be.
    pub changed: Notify,
    /// Signals that the room wants a worker.
    wanted: Notify,
}

#[derive(Debug)]
struct State {
    budget: Budget,
    end: Option<End>,
    /// True once it is known what existed before this front had the room.
    looked: bool,
    /// Budget of a service that existed before this front had the room.
    found: Option<Budget>,
    /// [`service::hash`] of the token, once a service has it.
    token: Option<String>,
    lease: Lease,
    wanting: Option<Wanting>,
    /// Ends the present link.
    link: Option<CancellationToken>,
}

/// Why a slot is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The room is removed.
    Removed,
    /// Another front has the room from now on.
    Released,
}

/// A room that wants a worker.
#[derive(Debug)]
pub struct Wanting {
    /// The receiver of the worker's events.
    pub events: mpsc::Sender<Event>,
    /// Says when the room drops the worker.
    pub orders: Orders,
}

/// A worker that was admitted.
#[derive(Debug)]
pub struct Admitted {
    pub wanting: Wanting,
    /// Cancelled when another task takes the slot.
    pub replaced: CancellationToken,
}

impl WorkerSlot {
    /// A slot that no worker has and no room wants.
    pub fn new(room: RoomId, budget: Budget) -> Self {
        let state = State {
            budget,
            end: None,
            looked: false,
            found: None,
            token: None,
            lease: Lease::default(),
            wanting: None,
            link: None,
        };
        Self { room, state: Mutex::new(state), changed: Notify::new(), wanted: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the worker's budget.
    pub fn resize(&self, budget: Budget) {
        let mut state = self.lock();
        if state.budget != budget && !state.found.is_some_and(|found| will_do(found, budget)) {
            state.found = None;
            state.budget = budget;
            self.changed.notify_one();
        }
    }

    /// The worker's budget.
    pub fn budget(&self) -> Budget {
        self.lock().budget
    }

    /// Notes a service that another front made, with this budget. It stays as it is if the budget suffices: the front
    /// that takes a room over computes with its own machine's prices, and a restart of the worker would cost more than
    /// the difference.
    pub fn find(&self, found: Budget) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.looked, true) && will_do(found, state.budget) {
            state.budget = found;
            state.found = Some(found);
        }
    }

    /// The room is removed.
    pub fn remove(&self) {
        self.give_up(End::Removed);
    }

    /// Another front has the room.
    pub fn release(&self) {
        self.give_up(End::Released);
    }

    fn give_up(&self, end: End) {
        self.lock().end = Some(end);
        self.changed.notify_one();
    }

    /// Why the slot was given up, if it was.
    pub fn end(&self) -> Option<End> {
        self.lock().end
    }

    /// The room wants a worker.
    pub fn want(&self, events: mpsc::Sender<Event>, orders: Orders) {
        self.lock().wanting = Some(Wanting { events, orders });
        self.wanted.notify_one();
        self.changed.notify_one();
    }

    /// Whether the room waits for a worker.
    pub fn is_wanting(&self) -> bool {
        self.lock().wanting.as_ref().is_some_and(|wanting| !wanting.orders.end.is_cancelled())
    }

    /// Tells the room why it has no worker yet.
    pub fn delayed(&self, reason: String) {
        if let Some(wanting) = &self.lock().wanting {
            // If the room does not read, the message is not needed.
            let _ = wanting.events.try_send(Event::Delayed(reason));
        }
    }

    /// Admits workers with this token from now on.
    pub fn trust(&self, token_hash: String) {
        self.lock().token = Some(token_hash);
    }

    /// Decides on a worker's greeting; waits until `deadline` for the room to want a worker.
    pub async fn admit(&self, greeting: &Greeting, deadline: Instant) -> Result<Admitted, Answer> {
        if greeting.version != message::VERSION {
            let reason = format!(
                "a worker speaks version {} of the link, the front {}: give swarm_image the image of the front's own build",
                greeting.version,
                message::VERSION
            );
            self.delayed(reason.clone());
            return Err(Answer::Leave(reason));
        }
        let replaced = self.take_lease(greeting)?;
        loop {
            if let Some(wanting) = self.take_wanting(&replaced)? {
                return Ok(Admitted { wanting, replaced });
            }
            if timeout_at(deadline, self.wanted.notified()).await.is_err() {
                return Err(Answer::Later("the room has not asked for a worker yet".to_owned()));
            }
        }
    }

    fn take_lease(&self, greeting: &Greeting) -> Result<CancellationToken, Answer> {
        let mut state = self.lock();
        match &state.token {
            // The front has just come back and has not asked Docker yet.
            None => return Err(Answer::Later("the front does not know the room's service yet".to_owned())),
            Some(hash) if Secret::new(hash.clone()) != Secret::new(service::hash(&greeting.token)) => {
                return Err(Answer::Leave("the token is not this room's; its service was made anew since".to_owned()));
            }
            Some(_) => {}
        }
        let epoch = state.lease.take(&greeting.task).map_err(|fenced| Answer::Leave(fenced.to_string()))?;
        tracing::info!(room = %self.room, task = greeting.task, epoch, "worker of the Swarm");
        let replaced = CancellationToken::new();
        if let Some(before) = state.link.replace(replaced.clone()) {
            before.cancel();
        }
        Ok(replaced)
    }

    fn take_wanting(&self, replaced: &CancellationToken) -> Result<Option<Wanting>, Answer> {
        if replaced.is_cancelled() {
            return Err(Answer::Later("another task asked at the same time".to_owned()));
        }
        Ok(self.lock().wanting.take().filter(|wanting| !wanting.orders.end.is_cancelled()))
    }
}

/// Whether a worker with the budget `found` may go on where `wanted` is needed: its limits are twice its reservation.
fn will_do(found: Budget, wanted: Budget) -> bool {
    let enough = |found: u32, wanted: u32| u64::from(found) * 4 >= u64::from(wanted) * 3;
    enough(found.millicores, wanted.millicores) && enough(found.mib, wanted.mib)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn greeting(task: &str, token: &str) -> Greeting {
        Greeting {
            version: message::VERSION,
            room: "weekly".parse().expect("an id"),
            token: Secret::new(token),
            task: task.to_owned(),
        }
    }

    fn slot() -> WorkerSlot {
        let slot = WorkerSlot::new("weekly".parse().expect("an id"), Budget { millicores: 500, mib: 200 });
        slot.trust(service::hash(&Secret::new("good")));
        slot
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn only_the_right_token_of_the_right_version_gets_in() {
        let slot = slot();
        assert!(matches!(slot.admit(&greeting("a", "bad"), soon()).await, Err(Answer::Leave(_))));
        let old = Greeting { version: 1, ..greeting("a", "good") };
        let (events, mut heard) = mpsc::channel(1);
        slot.want(events, Orders::new());
        assert!(matches!(slot.admit(&old, soon()).await, Err(Answer::Leave(_))));
        assert!(matches!(heard.recv().await, Some(Event::Delayed(reason)) if reason.contains("version 1")));
        assert!(slot.admit(&greeting("a", "good"), soon()).await.is_ok());
    }

    #[tokio::test]
    async fn a_worker_nobody_wants_comes_again_later() {
        let slot = slot();
        assert!(matches!(slot.admit(&greeting("a", "good"), Instant::now()).await, Err(Answer::Later(_))));
    }

    #[test]
    fn a_service_that_another_front_made_stays_where_it_will_do() {
        let budget = |millicores| Budget { millicores, mib: 200 };
        let slot = slot();
        slot.find(budget(400));
        assert_eq!(slot.budget(), budget(400));
        slot.resize(budget(520));
        assert_eq!(slot.budget(), budget(400), "reckoned by another machine");
        slot.resize(budget(700));
        assert_eq!(slot.budget(), budget(700));
        slot.find(budget(650));
        assert_eq!(slot.budget(), budget(700), "what this front asked for itself");
    }

    #[tokio::test]
    async fn a_newer_task_ends_the_link_of_the_one_before() {
        let slot = slot();
        let (events, _heard) = mpsc::channel(1);
        slot.want(events.clone(), Orders::new());
        let first = slot.admit(&greeting("a", "good"), soon()).await.expect("wanted");
        let task_b = greeting("b", "good");
        let (second, ()) = tokio::join!(slot.admit(&task_b, soon()), async {
            first.replaced.cancelled().await;
            // The room notices that its link has ended and asks again.
            slot.want(events.clone(), Orders::new());
        });
        assert!(!second.expect("wanted").replaced.is_cancelled());
        assert!(matches!(slot.admit(&greeting("a", "good"), soon()).await, Err(Answer::Leave(_))));
    }
}
