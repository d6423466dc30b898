//! PURE. Who lives: a front whose beat has changed lately, by this front's own clock alone.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::index::FrontId;

/// How often a front says that it lives. Each time is a write that the Swarm's managers agree on.
pub const BEAT: Duration = Duration::from_secs(2);

/// How long after it last said so a front asks the others to say it: a beat may be lost.
pub const DOUBT: Duration = Duration::from_secs(3);

/// How long after it last said so, or another said it, a front stops what it owns.
pub const LET_GO: Duration = Duration::from_secs(6);

/// How long the others wait for the next beat before they take its rooms: longer than [`LET_GO`] by what a room takes to close, so
/// that no room is ever open at two.
pub const DEAD: Duration = Duration::from_secs(8);

/// How long a front that is dead stays on record: whoever is slow has taken its rooms by then.
pub const FORGET: Duration = Duration::from_secs(60);

/// Who did not look for this long has not seen whose beat went on meanwhile, and begins to wait anew.
const BLIND: Duration = Duration::from_secs(4);

/// When each front's beat was last seen to change.
#[derive(Debug, Default)]
pub struct Pulse {
    seen: BTreeMap<FrontId, (u64, Instant)>,
    looked: Option<Instant>,
}

impl Pulse {
    /// These are the beats now. A front that is seen for the first time lives.
    pub fn see(&mut self, beats: &BTreeMap<FrontId, u64>, now: Instant) {
        self.seen.retain(|front, _| beats.contains_key(front));
        if self.looked.replace(now).is_some_and(|looked| now.saturating_duration_since(looked) > BLIND) {
            self.seen.values_mut().for_each(|(_, seen)| *seen = now);
        }
        for (front, beat) in beats {
            let known = self.seen.entry(front.clone()).or_insert((*beat, now));
            if known.0 != *beat {
                *known = (*beat, now);
            }
        }
    }

    /// A front was heard of by another way.
    pub fn hear(&mut self, front: &FrontId, at: Instant) {
        if let Some((_, seen)) = self.seen.get_mut(front) {
            *seen = at.max(*seen);
        }
    }

    /// Whether a front lives.
    pub fn lives(&self, front: &FrontId, now: Instant) -> bool {
        self.seen.get(front).is_some_and(|(_, seen)| now.saturating_duration_since(*seen) < DEAD)
    }

    /// Whether a front has been dead for so long that it may be forgotten.
    pub fn is_stale(&self, front: &FrontId, now: Instant) -> bool {
        self.seen.get(front).is_some_and(|(_, seen)| now.saturating_duration_since(*seen) > DEAD + FORGET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_lives_while_its_beat_changes() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let a = FrontId::read("a").expect("a name");
        let beats = |beat| BTreeMap::from([(a.clone(), beat)]);
        let mut pulse = Pulse::default();
        assert!(!pulse.lives(&a, at(0)));
        for second in 0..=8 {
            pulse.see(&beats(7), at(second));
        }
        assert!(pulse.lives(&a, at(7)));
        assert!(!pulse.lives(&a, at(8)), "the same beat for 8 s");
        pulse.hear(&a, at(5));
        assert!(pulse.lives(&a, at(12)), "another has heard it");
        pulse.see(&beats(8), at(9));
        assert!(pulse.lives(&a, at(16)), "it is back");
        assert!(!pulse.is_stale(&a, at(60)) && pulse.is_stale(&a, at(78)));
        pulse.see(&BTreeMap::new(), at(10));
        assert!(!pulse.lives(&a, at(10)), "it said goodbye");
    }

    #[test]
    fn who_could_not_look_takes_nobody_for_dead_at_once() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let a = FrontId::read("a").expect("a name");
        let beats = BTreeMap::from([(a.clone(), 7)]);
        let mut pulse = Pulse::default();
        pulse.see(&beats, at(0));
        // The store was away for everybody.
        pulse.see(&beats, at(30));
        assert!(pulse.lives(&a, at(37)));
        for second in 31..=38 {
            pulse.see(&beats, at(second));
        }
        assert!(!pulse.lives(&a, at(38)));
    }

    #[test]
    fn a_front_lets_go_before_another_may_take() {
        const _: () = assert!(
            LET_GO.as_millis() + 1_000 < DEAD.as_millis()
                && BEAT.as_millis() < DOUBT.as_millis()
                && DOUBT.as_millis() < LET_GO.as_millis()
        );
    }
}
