//! PURE. Degradation ladder (load shedding): what a room does without while its machine is too slow, and when it gets
//! it back.
//!
//! There is one step down after two bad seconds in a row, and one step up after a calm time. A step up that was too
//! early makes the next calm time longer, so that a machine that is slightly too slow does not go up and down for ever.

use std::time::Duration;

use tilecast_core::media::Timestamp;

/// Time over which frames are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Share of missed frames that makes a window bad: one or two frames are a short disturbance.
const BAD: f64 = 0.1;

/// Bad windows in a row before a step down. Half a second of other load on the machine is no reason.
const BAD_WINDOWS: u32 = 2;

/// Time without a bad window before a step up, at first and at most.
const CALM: Duration = Duration::from_secs(10);
const LONGEST_CALM: Duration = Duration::from_secs(160);

/// The steps, in the order in which they are taken: what viewers miss least comes first. A speaker's tile is not
/// touched before the program itself is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Small tiles of people who do not speak move at half their rate.
    SmallTiles,
    /// The program is encoded with the next faster preset.
    Preset,
    /// The program has half its frame rate.
    Rate,
}

impl Step {
    /// The step in words, for the operator.
    pub fn says(self) -> &'static str {
        match self {
            Self::SmallTiles => "small tiles move at half their rate",
            Self::Preset => "the program is encoded with a quicker preset",
            Self::Rate => "the program has half its rate",
        }
    }
}

/// A step that was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// A step down: this is left out from now on, since this share of the frames was missed.
    Down(Step, f64),
    /// A step up: this is back.
    Up(Step),
}

/// The ladder of degradation.
#[derive(Debug)]
pub struct Degradation {
    steps: Vec<Step>,
    /// Number of steps that are taken.
    level: usize,
    window: Timestamp,
    made: u64,
    missed: u64,
    bad: u32,
    /// Since when no window was bad.
    calm: Timestamp,
    patience: Duration,
    /// When a step was last undone.
    climbed: Option<Timestamp>,
}

impl Degradation {
    /// All steps, or all but the preset's; none is taken.
    pub fn new(preset: bool, now: Timestamp) -> Self {
        let mut steps = vec![Step::SmallTiles, Step::Preset, Step::Rate];
        steps.retain(|step| preset || *step != Step::Preset);
        Self { steps, level: 0, window: now, made: 0, missed: 0, bad: 0, calm: now, patience: CALM, climbed: None }
    }

    /// Number of steps that are taken.
    pub fn level(&self) -> usize {
        self.level
    }

    /// True if this step is taken.
    pub fn has(&self, step: Step) -> bool {
        self.steps[..self.level].contains(&step)
    }

    /// A frame was made.
    pub fn made(&mut self) {
        self.made += 1;
    }

    /// This many frames were due and not made.
    pub fn missed(&mut self, frames: u64) {
        self.missed += frames;
    }

    /// The change to make now, at most one step.
    pub fn judge(&mut self, now: Timestamp) -> Option<Change> {
        if now.since(self.window) < WINDOW {
            return None;
        }
        let (made, missed) = (std::mem::take(&mut self.made), std::mem::take(&mut self.missed));
        self.window = now;
        let share = missed as f64 / (made + missed).max(1) as f64;
        if share > BAD {
            self.calm = now;
            self.bad += 1;
            return if self.bad >= BAD_WINDOWS { self.down(now, share) } else { None };
        }
        self.bad = 0;
        if now.since(self.calm) < self.patience {
            return None;
        }
        self.up(now)
    }

    fn down(&mut self, now: Timestamp, share: f64) -> Option<Change> {
        let step = *self.steps.get(self.level)?;
        self.level += 1;
        self.bad = 0;
        if self.climbed.take().is_some_and(|climbed| now.since(climbed) < self.patience) {
            self.patience = (self.patience * 2).min(LONGEST_CALM);
        }
        Some(Change::Down(step, share))
    }

    fn up(&mut self, now: Timestamp) -> Option<Change> {
        self.calm = now;
        let Some(level) = self.level.checked_sub(1) else {
            // Nothing was left out for a while, so earlier experience with this machine no longer counts.
            self.patience = CALM;
            return None;
        };
        self.level = level;
        self.climbed = Some(now);
        Some(Change::Up(self.steps[level]))
    }
}

/// The next faster preset of x264; `None` for the fastest, and for other presets.
pub fn quicker(preset: &str) -> Option<&'static str> {
    const PRESETS: [&str; 10] =
        ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];
    let at = PRESETS.iter().position(|known| *known == preset)?;
    PRESETS.get(at.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A room on simulated time: in each second some of its 30 frames are missed.
    struct Run {
        degradation: Degradation,
        second: i64,
    }

    impl Run {
        fn new(preset: bool) -> Self {
            Self { degradation: Degradation::new(preset, Timestamp::ZERO), second: 0 }
        }

        fn second(&mut self, missed: u64) -> Option<Change> {
            (missed..30).for_each(|_| self.degradation.made());
            self.degradation.missed(missed);
            self.second += 1;
            self.degradation.judge(Timestamp::from_millis(self.second * 1000))
        }

        /// Seconds until something changes.
        fn until(&mut self, missed: u64) -> (i64, Change) {
            let begun = self.second;
            loop {
                if let Some(change) = self.second(missed) {
                    return (self.second - begun, change);
                }
                assert!(self.second - begun < 1000, "nothing changes");
            }
        }
    }

    #[test]
    fn a_slow_machine_goes_down_step_by_step_and_no_further() {
        let mut run = Run::new(true);
        for step in [Step::SmallTiles, Step::Preset, Step::Rate] {
            assert!(!run.degradation.has(step));
            let (took, change) = run.until(15);
            assert_eq!((took, change), (2, Change::Down(step, 0.5)));
            assert!(run.degradation.has(step));
        }
        assert!((0..60).all(|_| run.second(30).is_none()));
        assert_eq!(run.degradation.level(), 3);
    }

    #[test]
    fn every_step_is_undone_after_ten_calm_seconds() {
        let mut run = Run::new(false);
        run.until(15);
        run.until(15);
        assert_eq!(run.until(0), (10, Change::Up(Step::Rate)));
        assert_eq!(run.until(2), (10, Change::Up(Step::SmallTiles)));
        assert!((0..100).all(|_| run.second(0).is_none()));
    }

    #[test]
    fn a_moment_of_trouble_changes_nothing() {
        let mut run = Run::new(true);
        for second in 0..100 {
            assert_eq!(run.second(if second % 2 == 0 { 30 } else { 0 }), None);
            assert_eq!(run.second(3), None);
        }
    }

    #[test]
    fn a_step_up_that_was_too_early_makes_the_next_one_later() {
        let mut run = Run::new(true);
        run.until(15);
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(run.until(0).0);
            assert_eq!(run.until(15).0, 2);
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 160]);
        run.until(0);
        // All is well for a long time, and forgiven.
        assert!((0..200).all(|_| run.second(0).is_none()));
        run.until(15);
        assert_eq!(run.until(0).0, 10);
    }

    #[test]
    fn there_is_a_quicker_preset_up_to_the_quickest() {
        assert_eq!(quicker("veryfast"), Some("superfast"));
        assert_eq!(quicker("ultrafast"), None);
        assert_eq!(quicker("p4"), None);
    }
}
