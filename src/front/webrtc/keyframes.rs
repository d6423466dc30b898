//! When to ask a sender for a keyframe. PURE.

use std::time::{Duration, Instant};

/// Shortest time between two requests: a keyframe takes a round trip and an encode to come, and each costs the sender the
/// rate of ten frames.
const EVERY: Duration = Duration::from_millis(500);

/// Time between requests to a sender that did not answer [`PATIENCE`] of them: its camera is off, or it knows no such request.
const EVERY_WHEN_UNANSWERED: Duration = Duration::from_secs(3);

/// Requests without an answer after which they become rare.
const PATIENCE: u32 = 8;

/// Coalesces wishes into requests, at most two a second, until a keyframe comes.
#[derive(Debug, Default)]
pub struct Keyframes {
    wanted: bool,
    asked: Option<Instant>,
    unanswered: u32,
}

impl Keyframes {
    /// Nothing decodes before the next keyframe.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The sender begins, with a keyframe as a rule: asking can wait for it.
    pub fn begins(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// A keyframe came.
    pub fn came(&mut self) {
        self.wanted = false;
        self.unanswered = 0;
    }

    /// When to call [`Keyframes::ask`] next, `now` being the soonest; `None` while no keyframe is wanted.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let wait = if self.unanswered < PATIENCE { EVERY } else { EVERY_WHEN_UNANSWERED };
        self.wanted.then(|| self.asked.map_or(now, |asked| (asked + wait).max(now)))
    }

    /// True when a request is to go out now; it counts as sent.
    pub fn ask(&mut self, now: Instant) -> bool {
        let due = self.next(now).is_some_and(|at| at <= now);
        if due {
            self.asked = Some(now);
            self.unanswered += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_coalesced_to_two_a_second_and_end_with_a_keyframe() {
        let begin = Instant::now();
        let mut keyframes = Keyframes::default();
        let mut asked = 0;
        for millis in 0..3000 {
            keyframes.want();
            asked += u32::from(keyframes.ask(begin + Duration::from_millis(millis)));
        }
        assert_eq!(asked, 6);
        keyframes.came();
        assert!(!keyframes.ask(begin + Duration::from_secs(9)));
        assert_eq!(keyframes.next(begin), None);
    }

    #[test]
    fn a_sender_that_never_answers_is_asked_rarely() {
        let begin = Instant::now();
        let mut keyframes = Keyframes::default();
        keyframes.want();
        let asked = (0..60_000).filter(|millis| keyframes.ask(begin + Duration::from_millis(*millis))).count();
        assert!((25..30).contains(&asked), "{asked}");
    }
}
