//! PURE. Frame rate detection: whether pictures come so regularly that a pause tells something.

use std::time::Duration;

use tilecast_core::media::Timestamp;

/// Number of steps between pictures that are judged. With two slides in a second and a pause after them, most steps are
/// long.
const STEPS: usize = 5;

/// Longest usual step of a sender with a rate. Slides, a still screen or one picture a second have no rate that is
/// missed.
const SELDOM: Duration = Duration::from_millis(700);

/// Steps between the newest pictures of one feed, on its sender's clock, so that a replay counts too.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<Timestamp>,
    steps: [Duration; STEPS],
    count: usize,
}

impl Pace {
    /// Takes in the next picture, by its decoding time.
    pub fn came(&mut self, dts: Timestamp) {
        if let Some(last) = self.last.replace(dts) {
            self.steps[self.count % STEPS] = dts.since(last);
            self.count += 1;
        }
    }

    /// True if there is a rate; false before the first few pictures.
    pub fn is_steady(&self) -> bool {
        let close = self.steps.iter().filter(|step| **step < SELDOM).count();
        self.count >= STEPS && close > STEPS / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_have_no_rate_and_cameras_have() {
        let mut pace = Pace::default();
        let mut at = 0;
        let mut come = |pace: &mut Pace, count, step| {
            for _ in 0..count {
                at += step;
                pace.came(Timestamp::from_millis(at));
            }
            pace.is_steady()
        };
        assert!(!come(&mut pace, 5, 33), "too early to tell");
        assert!(come(&mut pace, 1, 33));
        assert!(come(&mut pace, 30, 200));
        assert!(!come(&mut pace, 3, 1000));
        assert!(!come(&mut pace, 10, 4000));
        assert!(come(&mut pace, 3, 66));
    }
}
