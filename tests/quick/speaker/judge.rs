//! Comparison of who had the floor with whose turn it was.

use std::fmt;

use super::{
    hear::Taken,
    meeting::{Meeting, SPEAKERS, Span},
};

/// The floor may follow the end of a turn by this much, ms: the turn was short, and the switch was on its way.
const TRAIL_MS: u32 = 1000;

/// How well the floor followed a meeting, in which it was held for 2 s at least.
#[derive(Debug)]
pub struct Figures {
    /// From the first sound of a turn, or the end of the turn before if that was later, to the switch, ms, in order.
    /// Where the hold stood in the way, from its end.
    pub takeover_ms: Vec<u32>,
    /// Turns in which the speaker never got the floor, though the hold was no hindrance.
    pub missed: usize,
    /// Share of the speech time, from 2 s into each turn on, in which one of those who spoke had the floor, %.
    pub settled: f32,
    /// The same of all speech time but what the hold forbade, so with the time to notice in it, %.
    pub always: f32,
    /// Switches to somebody who had no turn, with what they did instead.
    pub wrong: Vec<String>,
    /// Length of the meeting.
    pub minutes: f32,
}

impl Figures {
    pub fn of(meeting: &Meeting, taken: &[Taken], hold_ms: u32) -> Self {
        let (takeover_ms, missed) = takeovers(meeting, taken, hold_ms);
        let (settled, always) = agreement(meeting, taken, hold_ms);
        let wrong =
            taken.iter().filter(|taken| !is_turn(meeting, taken)).map(|taken| explain(meeting, taken)).collect();
        Self { takeover_ms, missed, settled, always, wrong, minutes: meeting.length_ms as f32 / 60_000.0 }
    }

    /// Half of the take-overs were quicker than this, ms.
    pub fn median_ms(&self) -> u32 {
        self.takeover_ms[self.takeover_ms.len() / 2]
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slow = self.takeover_ms[self.takeover_ms.len() * 9 / 10];
        write!(
            f,
            "take-over {} ms (nine in ten within {slow}), {} turns missed; right {:.1} % once 2 s into a turn, {:.1} % of \
             all speech; {:.2} wrong switches a minute {:?}",
            self.median_ms(),
            self.missed,
            self.settled,
            self.always,
            self.wrong.len() as f32 / self.minutes,
            self.wrong
        )
    }
}

fn holder(taken: &[Taken], at: u32) -> Option<Taken> {
    taken.iter().rfind(|taken| taken.at <= at).copied()
}

fn takeovers(meeting: &Meeting, taken: &[Taken], hold_ms: u32) -> (Vec<u32>, usize) {
    let (mut times, mut missed) = (Vec::new(), 0);
    let mut before = 0;
    for turn in &meeting.turns {
        let begun = turn.from.max(before);
        before = turn.to;
        let present = holder(taken, turn.from);
        if present.is_some_and(|present| present.who == turn.who) {
            continue;
        }
        let free = present.map_or(begun, |present| begun.max(present.at + hold_ms));
        let in_turn = |taken: &&Taken| taken.who == turn.who && (turn.from..turn.to + TRAIL_MS).contains(&taken.at);
        match taken.iter().find(in_turn) {
            Some(taken) => times.push(taken.at.saturating_sub(free)),
            None => missed += usize::from(free + TRAIL_MS < turn.to),
        }
    }
    times.sort_unstable();
    (times, missed)
}

/// Shares in %, looked at every 10 ms.
fn agreement(meeting: &Meeting, taken: &[Taken], hold_ms: u32) -> (f32, f32) {
    let share = |counts: [u32; 2]| 100.0 * counts[1] as f32 / counts.iter().sum::<u32>() as f32;
    let (mut settled, mut always) = ([0, 0], [0, 0]);
    for at in (0..meeting.length_ms).step_by(10) {
        let speak: Vec<&Span> = meeting.turns.iter().filter(|turn| (turn.from..turn.to).contains(&at)).collect();
        if speak.is_empty() {
            continue;
        }
        let present = holder(taken, at);
        let right = present.is_some_and(|present| speak.iter().any(|turn| turn.who == present.who));
        let bound = present.is_some_and(|present| at < present.at + hold_ms);
        always[usize::from(right)] += u32::from(right || !bound);
        settled[usize::from(right)] += u32::from(speak.iter().all(|turn| at >= turn.from + hold_ms));
    }
    (share(settled), share(always))
}

fn is_turn(meeting: &Meeting, taken: &Taken) -> bool {
    let theirs = |turn: &Span| turn.who == taken.who && (turn.from..turn.to + TRAIL_MS).contains(&taken.at);
    meeting.turns.iter().any(theirs)
}

fn explain(meeting: &Meeting, taken: &Taken) -> String {
    let theirs = |span: &Span| span.who == taken.who && (span.from..span.to + 2 * TRAIL_MS).contains(&taken.at);
    let what: Vec<_> = meeting.disturbances.iter().filter(|(_, span)| theirs(span)).map(|(what, _)| what).collect();
    format!("{} at {} ms, {:?} after {what:?}", SPEAKERS[taken.who].id, taken.at, taken.why)
}
