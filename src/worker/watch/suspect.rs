//! PURE. Hang detection: tells a part that hangs from one that is slow, by what its threads do.

use std::time::Duration;

use super::{Beat, Effort};
use tilecast_core::media::Timestamp;

/// A standstill of this length is examined. A shorter one needs no explanation.
const SUSPICIOUS: Duration = Duration::from_millis(300);

/// Longest time that one check counts: the watchdog itself may have stood still.
const STEP: Duration = Duration::from_millis(500);

/// One part, from check to check.
#[derive(Debug)]
pub struct Suspect {
    at: Timestamp,
    done: u64,
    still: Duration,
    /// The work of its threads when it became suspicious.
    begun: Option<Effort>,
    observed: Duration,
    /// Time since then in which one of its threads ran or waited for a CPU.
    runnable: Duration,
}

/// A part's time without progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standstill {
    /// Zero when the part makes progress.
    pub time: Duration,
    /// True if its threads ran or waited for a CPU half of the time; `None` where that is unknown.
    pub busy: Option<bool>,
}

impl Suspect {
    /// A part about which nothing is known yet.
    pub fn new(now: Timestamp) -> Self {
        Self {
            at: now,
            done: 0,
            still: Duration::ZERO,
            begun: None,
            observed: Duration::ZERO,
            runnable: Duration::ZERO,
        }
    }

    /// Checks the part; `effort` is called only where there is something to explain.
    pub fn look(&mut self, now: Timestamp, beat: &Beat, effort: impl FnOnce() -> Option<Effort>) -> Standstill {
        let step = now.since(self.at).min(STEP);
        self.at = now;
        let done = beat.done();
        if !beat.is_waiting() || done != self.done {
            *self = Self { done, ..Self::new(now) };
            return Standstill { time: Duration::ZERO, busy: None };
        }
        self.still += step;
        if self.still >= SUSPICIOUS {
            self.observe(step, effort());
        }
        Standstill { time: self.still, busy: self.busy() }
    }

    fn observe(&mut self, step: Duration, effort: Option<Effort>) {
        let Some(effort) = effort else { return };
        let Some(begun) = &mut self.begun else {
            self.begun = Some(effort);
            return;
        };
        self.observed += step;
        // Waiting for a CPU is accounted only when the thread gets one, so the thread's state counts as well as the
        // sum.
        let spent = Duration::from_nanos(effort.nanos.saturating_sub(begun.nanos));
        let seen = self.runnable + if effort.runnable { step } else { Duration::ZERO };
        self.runnable = seen.max(spent.min(self.observed));
    }

    fn busy(&self) -> Option<bool> {
        (!self.observed.is_zero()).then(|| self.runnable * 2 >= self.observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a part ten times a second for two seconds; its threads behave as `effort` says for each check.
    fn look(beat: &Beat, effort: impl Fn(u64) -> Option<Effort>) -> Standstill {
        let mut suspect = Suspect::new(Timestamp::ZERO);
        let mut last = Standstill { time: Duration::ZERO, busy: None };
        for tenth in 0..=20 {
            last = suspect.look(Timestamp::from_millis(tenth as i64 * 100), beat, || effort(tenth));
        }
        last
    }

    fn works(nanos: u64, runnable: bool) -> Option<Effort> {
        Some(Effort { nanos, runnable })
    }

    #[test]
    fn what_neither_runs_nor_waits_for_a_cpu_hangs() {
        let hung = look(&Beat::steady(), |_| works(7, false));
        assert_eq!(hung, Standstill { time: Duration::from_secs(2), busy: Some(false) });
    }

    #[test]
    fn what_runs_or_waits_for_a_cpu_is_busy() {
        let runs = look(&Beat::steady(), |tenth| works(tenth * 60_000_000, false));
        assert_eq!(runs.busy, Some(true), "60 % of a CPU");
        let starves = look(&Beat::steady(), |tenth| works(0, tenth % 3 > 0));
        assert_eq!(starves.busy, Some(true));
        let dozes = look(&Beat::steady(), |tenth| works(tenth * 10_000_000, tenth % 5 == 0));
        assert_eq!(dozes.busy, Some(false), "something else of its name does a little");
    }

    #[test]
    fn what_has_nothing_to_do_or_moves_is_well_and_what_is_not_known_is_not_said() {
        assert_eq!(look(&Beat::idle(), |_| works(0, false)).time, Duration::ZERO);
        let beat = Beat::steady();
        let moves = look(&beat, |_| None);
        assert_eq!(moves, Standstill { time: Duration::from_secs(2), busy: None });
        let mut suspect = Suspect::new(Timestamp::ZERO);
        for tenth in 1..50 {
            beat.beat();
            let look =
                suspect.look(Timestamp::from_millis(tenth * 100), &beat, || panic!("nothing is to be explained"));
            assert_eq!(look.time, Duration::ZERO);
        }
        assert!(suspect.look(Timestamp::from_millis(90_000), &beat, || None).time <= STEP, "the looker stood still");
    }
}
