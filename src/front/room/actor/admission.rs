//! What the room takes of its machine or cluster, and whether it may begin.

use std::time::{Duration, Instant};

use super::{super::load, Actor, Entry};
use crate::{base::ParticipantId, cost::Budget, front::model::event::Event};

/// How often it is worked out what the room takes, and whether one that waits fits: its scene is made for that.
const EVERY: Duration = Duration::from_secs(1);

impl Actor {
    /// Enters what the room takes now, or asks again to be let in.
    pub(super) fn account(&mut self, now: Instant) {
        if now < self.account_at {
            return;
        }
        self.account_at = now + EVERY;
        let (engine, ledger) = (&self.context.engine, &self.context.ledger);
        if self.entry == Entry::Waiting {
            match ledger.admit(engine.capacity(), &self.id, self.opening_budget()) {
                Ok(()) => self.entry = Entry::Admitted,
                Err(shortage) => {
                    let reason = format!("there is no room for it yet: {shortage}");
                    let event = self.production.delay(reason);
                    self.happen(event);
                }
            }
            return;
        }
        let shortage = ledger.set(engine.capacity(), &self.id, self.present_budget());
        if let Some(shortage) = shortage.filter(|_| !self.overdrawn) {
            let text =
                format!("the room has outgrown what is left here: {shortage}; it goes on, and may be made simpler");
            self.say(Event::Fault { participant: None, text });
        }
        self.overdrawn = shortage.is_some();
        self.production.grow_to(self.whole_budget());
    }

    /// Starts the room's worker if it is to have one and has none.
    pub(super) fn start_worker(&mut self, now: Instant) {
        if self.entry == Entry::Admitted && self.production.wants_worker(now) {
            self.production.start(self.whole_budget(), now);
        }
    }

    /// What the room's worker takes with everyone in the document there, as they send or are expected to.
    fn whole_budget(&self) -> Budget {
        let load = load::of(&self.document, &self.layout, |id| self.people.sends(id), |_| true);
        load.budget(&self.context.ledger.prices())
    }

    fn opening_budget(&self) -> Budget {
        load::opening(&self.document, &self.layout).budget(&self.context.ledger.prices())
    }

    /// What it takes with those who are connected, and at least what it is let in with.
    fn present_budget(&self) -> Budget {
        let sends = |id: &ParticipantId| self.people.sends(id);
        let connected = |id: &ParticipantId| self.people.is_connected(id);
        let present = load::of(&self.document, &self.layout, sends, connected);
        present.budget(&self.context.ledger.prices()).or(self.opening_budget())
    }
}
