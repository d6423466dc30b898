//! PURE. Frame pacing: when pictures are shown whose timestamps repeat or wander.
//!
//! Cameras and phones often stamp a picture with the moment at which their software handled it: two pictures have the
//! same stamp and then none comes, or stamps are some ms off. Of two pictures that are due at one tick only one is
//! seen. So a picture whose stamp is too early for the stream's rate is shown when the rate expects it; never earlier
//! than its stamp, and never much later.

use std::time::Duration;

use tilecast_core::media::Timestamp;

/// Steps from which the rate is computed, in two halves.
const STEPS: usize = 16;

/// Longest step of a rate. A rarer picture is shown at its stamp.
const LONGEST: Duration = Duration::from_millis(200);

/// Pictures closer than this come at the rate of the ticks or faster, so some of them may be left out.
const QUICK: Duration = Duration::from_millis(90);

/// Longest time that a picture is held back beyond its stamp.
const MOST: Duration = Duration::from_millis(100);

/// Divisor of the held-back time that is taken back with each picture, so that the mean of the stamps is followed.
const FOLLOW: i64 = 8;

/// The pictures of one decoder, in presentation order.
#[derive(Debug, Default)]
pub struct Cadence {
    last: Option<Timestamp>,
    /// The time at which the last picture was placed.
    placed: Timestamp,
    /// The newest stamps, oldest first in the ring.
    stamps: [Timestamp; STEPS],
    count: usize,
}

impl Cadence {
    /// The time at which a picture with this stamp is to be shown, on the same time line.
    pub fn place(&mut self, stamp: Timestamp) -> Timestamp {
        let apart = self.last.replace(stamp).map(|last| stamp.nanos() - last.nanos());
        let fits = apart.is_some_and(|apart| apart.abs() <= LONGEST.as_nanos() as i64);
        if !fits {
            self.count = 0;
        }
        let step = self.step(stamp);
        self.stamps[self.count % STEPS] = stamp;
        self.count += 1;
        let early = step.map_or(0, |step| self.placed.nanos() + step - stamp.nanos());
        self.placed = if (1..=MOST.as_nanos() as i64).contains(&early) {
            Timestamp::from_nanos(stamp.nanos() + early - early / FOLLOW)
        } else {
            stamp
        };
        self.placed
    }

    /// The mean step of the newest stamps, ns; `None` before there are enough. Of the means of two halves the shorter
    /// one counts: a missing picture makes one half longer, and says nothing of the rate.
    fn step(&self, stamp: Timestamp) -> Option<i64> {
        let (oldest, middle) = (self.stamps[self.count % STEPS], self.stamps[(self.count + STEPS / 2) % STEPS]);
        let shorter = (middle.nanos() - oldest.nanos()).min(stamp.nanos() - middle.nanos());
        (self.count >= STEPS).then_some(shorter / (STEPS as i64 / 2)).filter(|step| *step > 0)
    }

    /// True if the last picture came so soon after the one before that the eye would hardly miss it.
    pub fn is_quick(&self) -> bool {
        let Some(newest) = self.count.checked_sub(1) else { return false };
        let before = newest.checked_sub(1).map(|before| self.stamps[before % STEPS]);
        before.is_some_and(|before| self.stamps[newest % STEPS].since(before) < QUICK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(stamps: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut cadence = Cadence::default();
        stamps.into_iter().map(|ms| cadence.place(Timestamp::from_millis(ms)).nanos() / 1_000_000).collect()
    }

    #[test]
    fn what_is_even_or_seldom_is_shown_as_it_is_stamped() {
        for step in [16, 33, 40, 66, 250, 4000] {
            let stamps: Vec<i64> = (0..100).map(|n| n * step).collect();
            assert_eq!(placed(stamps.clone()), stamps);
        }
        // Thirty a second, in ms; one is missing.
        let stamps = (0..100).filter(|n| *n != 70).map(|n| n * 1000 / 30);
        assert!(placed(stamps.clone()).iter().zip(stamps).all(|(placed, stamp)| (0..=1).contains(&(placed - stamp))));
    }

    #[test]
    fn stamps_that_repeat_or_wander_give_every_picture_a_time_of_its_own() {
        let pairs = (0..100).map(|n| n / 2 * 80);
        let triples = (0..99).map(|n| n / 3 * 120);
        let wandering = (0..100).map(|n| n * 40 + [0, 17, -13, 5, -18, 11][n as usize % 6]);
        for stamps in [pairs.collect::<Vec<_>>(), triples.collect(), wandering.collect()] {
            let placed = placed(stamps.clone());
            for (pair, stamp) in placed.windows(2).zip(&stamps).skip(20) {
                assert!(pair[1] - pair[0] >= 20, "{pair:?}");
                assert!((0..=100).contains(&(pair[0] - stamp)), "{pair:?} for {stamp}");
            }
        }
    }

    #[test]
    fn only_pictures_that_come_quickly_may_be_left_out() {
        let mut cadence = Cadence::default();
        let mut quick = |ms| {
            cadence.place(Timestamp::from_millis(ms));
            cadence.is_quick()
        };
        assert_eq!([0, 33, 66, 1066, 2066, 2099].map(&mut quick), [false, true, true, false, false, true]);
    }
}
