//! When to ask a sender for a keyframe. PURE.

use std::time::{Duration, Instant};

/// A keyframe costs the sender the rate of ten frames, so that it is asked for [`MOST`] in this time.
const SPAN: Duration = Duration::from_secs(1);
const MOST: usize = 2;

/// Shortest time between two requests: the first, or its keyframe, may be lost. Browsers take what comes within 300 ms of
/// another for the same request, so the second costs nothing where the first arrived.
const APART: Duration = Duration::from_millis(250);

/// How long the keyframe with which a sender begins may take.
const BEGINNING: Duration = Duration::from_millis(500);

/// Time between requests to a sender that did not answer [`PATIENCE`] of them: its camera is off, or it knows no such request.
const EVERY_WHEN_UNANSWERED: Duration = Duration::from_secs(3);

/// Requests without an answer after which they become rare.
const PATIENCE: u32 = 8;

/// Coalesces wishes into requests, at most two a second, until a keyframe comes.
#[derive(Debug, Default)]
pub struct Keyframes {
    wanted: bool,
    begun: Option<Instant>,
    /// The last requests, the newest first.
    asked: [Option<Instant>; MOST],
    unanswered: u32,
}

impl Keyframes {
    /// Nothing decodes before the next keyframe.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// The sender begins, with a keyframe as a rule: asking can wait for it.
    pub fn begins(&mut self, now: Instant) {
        self.begun = Some(now);
    }

    /// A keyframe came.
    pub fn came(&mut self) {
        self.wanted = false;
        self.unanswered = 0;
    }

    /// When to call [`Keyframes::ask`] next, `now` being the soonest; `None` while no keyframe is wanted. `doubt` is when one
    /// will be useful though it may turn out that none was needed.
    pub fn next(&self, doubt: Option<Instant>, now: Instant) -> Option<Instant> {
        let apart = if self.unanswered < PATIENCE { APART } else { EVERY_WHEN_UNANSWERED };
        let due = [
            if self.wanted { Some(now) } else { doubt }?,
            self.begun.map_or(now, |begun| begun + BEGINNING),
            self.asked[0].map_or(now, |asked| asked + apart),
            self.asked[MOST - 1].map_or(now, |asked| asked + SPAN),
        ];
        due.into_iter().max().map(|at| at.max(now))
    }

    /// True when a request is to go out now; it counts as sent. For `doubt` see [`Keyframes::next`].
    pub fn ask(&mut self, doubt: Option<Instant>, now: Instant) -> bool {
        let due = self.next(doubt, now).is_some_and(|at| at <= now);
        if due {
            self.asked.rotate_right(1);
            self.asked[0] = Some(now);
            self.unanswered += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_coalesced_to_two_in_any_second_and_end_with_a_keyframe() {
        let begin = Instant::now();
        let mut keyframes = Keyframes::default();
        let mut asked = Vec::new();
        for millis in 0..3000 {
            keyframes.want();
            if keyframes.ask(None, begin + Duration::from_millis(millis)) {
                asked.push(millis);
            }
        }
        assert_eq!(asked, [0, 250, 1000, 1250, 2000, 2250]);
        keyframes.came();
        assert!(!keyframes.ask(None, begin + Duration::from_secs(9)));
        assert_eq!(keyframes.next(None, begin), None);
    }

    #[test]
    fn a_sender_that_never_answers_is_asked_rarely() {
        let begin = Instant::now();
        let mut keyframes = Keyframes::default();
        keyframes.want();
        let asked = (0..60_000).filter(|millis| keyframes.ask(None, begin + Duration::from_millis(*millis))).count();
        assert!((25..30).contains(&asked), "{asked}");
    }

    #[test]
    fn doubt_asks_when_it_is_due_and_leaves_no_wish_behind() {
        let begin = Instant::now();
        let mut keyframes = Keyframes::default();
        let doubt = Some(begin + Duration::from_millis(340));
        assert_eq!(keyframes.next(doubt, begin), doubt);
        assert!(!keyframes.ask(doubt, begin));
        assert!(keyframes.ask(doubt, begin + Duration::from_millis(340)));
        assert_eq!(keyframes.next(None, begin), None);
    }
}
