//! PURE. Who lives: a front whose beat has changed lately, by this front's own clock alone.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::front::docker::ownership::FrontId;

/// How often a front says that it lives. Each time is a write that the Swarm's managers agree on.
pub const BEAT: Duration = Duration::from_secs(2);

/// How long after it last said so a front asks the others to say it: a beat may be lost.
pub const DOUBT: Duration = Duration::from_secs(3);

/// How long after it last said so, or another said it, a front stops what it owns.
pub const LET_GO: Duration = Duration::from_secs(6);

/// How long the others wait for the next beat before they ask the front itself: it has let go by then if it knew that it had to, and
/// may answer before it counts as dead.
const ASK: Duration = Duration::from_millis(6500);

/// How long the others wait for the next beat before they take its rooms: longer than [`LET_GO`] by what a room takes to close, so
/// that no room is ever open at two.
pub const DEAD: Duration = Duration::from_secs(8);

/// How long a front that is dead stays on record: whoever is slow has taken its rooms by then.
pub const FORGET: Duration = Duration::from_secs(60);

/// Who did not look for this long has not seen whose beat went on meanwhile, and begins to wait anew.
const BLIND: Duration = Duration::from_secs(4);

/// When each front's beat was last seen to change.
#[derive(Debug, Default)]
pub struct Heartbeat {
    seen: BTreeMap<FrontId, Seen>,
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    beat: u64,
    /// When it last changed, or the front was heard of by another way.
    at: Instant,
    /// It has been asked itself since.
    asked: bool,
}

impl Heartbeat {
    /// These are the beats now. A front that is seen for the first time lives.
    pub fn see(&mut self, beats: &BTreeMap<FrontId, u64>, now: Instant) {
        self.seen.retain(|front, _| beats.contains_key(front));
        if self.looked.replace(now).is_some_and(|looked| now.saturating_duration_since(looked) > BLIND) {
            self.seen.values_mut().for_each(|seen| (seen.at, seen.asked) = (now, false));
        }
        for (front, &beat) in beats {
            let fresh = || Seen { beat, at: now, asked: false };
            let seen = self.seen.entry(front.clone()).or_insert_with(fresh);
            if seen.beat != beat {
                *seen = fresh();
            }
        }
    }

    /// A front was heard of by another way.
    pub fn hear(&mut self, front: &FrontId, at: Instant) {
        if let Some(seen) = self.seen.get_mut(front).filter(|seen| at > seen.at) {
            (seen.at, seen.asked) = (at, false);
        }
    }

    /// Those to ask now whether they live. They count as asked.
    pub fn newly_silent(&mut self, now: Instant) -> Vec<FrontId> {
        let silent = |seen: &&mut Seen| !seen.asked && now.saturating_duration_since(seen.at) >= ASK;
        let ask = self.seen.iter_mut().filter_map(|(front, seen)| {
            let seen = Some(seen).filter(silent)?;
            seen.asked = true;
            Some(front.clone())
        });
        ask.collect()
    }

    /// Whether a front lives.
    pub fn lives(&self, front: &FrontId, now: Instant) -> bool {
        self.seen.get(front).is_some_and(|seen| now.saturating_duration_since(seen.at) < DEAD)
    }

    /// Whether a front has been dead for so long that it may be forgotten.
    pub fn is_stale(&self, front: &FrontId, now: Instant) -> bool {
        self.seen.get(front).is_some_and(|seen| now.saturating_duration_since(seen.at) > DEAD + FORGET)
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
        let mut pulse = Heartbeat::default();
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
    fn a_silent_front_is_asked_once_before_it_counts_as_dead() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let a = FrontId::read("a").expect("a name");
        let mut pulse = Heartbeat::default();
        for second in 0..8 {
            let now = at(second * 1000);
            pulse.see(&BTreeMap::from([(a.clone(), 7)]), now);
            assert_eq!(pulse.newly_silent(now).is_empty(), second < 7, "{second}");
            assert!(pulse.lives(&a, now));
        }
        assert!(pulse.newly_silent(at(7500)).is_empty(), "it is being asked");
        pulse.hear(&a, at(7000));
        assert!(pulse.lives(&a, at(14_900)), "it has answered");
        assert!(pulse.newly_silent(at(13_400)).is_empty());
        assert_eq!(pulse.newly_silent(at(13_500)), [a]);
    }

    #[test]
    fn who_could_not_look_takes_nobody_for_dead_at_once() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let a = FrontId::read("a").expect("a name");
        let beats = BTreeMap::from([(a.clone(), 7)]);
        let mut pulse = Heartbeat::default();
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
                && (LET_GO.as_millis() < ASK.as_millis() && ASK.as_millis() < DEAD.as_millis())
                && BEAT.as_millis() < DOUBT.as_millis()
                && DOUBT.as_millis() < LET_GO.as_millis()
        );
    }
}
