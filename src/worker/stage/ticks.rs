//! PURE. Frame clock (tick): when the program's frames are.

use tilecast_core::media::Timestamp;

/// The tick. Frame `n` belongs to `n` · second / fps of program time, computed anew each time, so that nothing drifts.
/// It is made at that room time less the phase, which [`super::phase`] keeps within half a frame.
#[derive(Debug)]
pub struct Ticks {
    fps: u32,
    next: u64,
    /// How much earlier than its program time a frame is made, ns.
    early: i64,
}

impl Ticks {
    /// Begins with the first tick after `now`.
    pub fn new(fps: u32, now: Timestamp) -> Self {
        let mut ticks = Self { fps, next: 0, early: 0 };
        ticks.next = ticks.passed(now) + 1;
        ticks
    }

    /// Program time of the next frame.
    pub fn pts(&self) -> Timestamp {
        Timestamp::from_units(self.next as i64, self.fps)
    }

    /// True if the next tick is one of those that are left out at half the rate.
    pub fn is_odd(&self) -> bool {
        self.next % 2 == 1
    }

    /// Room time of the next tick.
    pub fn due(&self) -> Timestamp {
        self.made_at(self.next)
    }

    fn made_at(&self, tick: u64) -> Timestamp {
        Timestamp::from_nanos(Timestamp::from_units(tick as i64, self.fps).nanos() - self.early)
    }

    /// Makes every later tick `earlier` ns earlier; negative for later.
    pub fn shift(&mut self, earlier: i64) {
        self.early += earlier;
    }

    /// Advances to the next tick. Ticks that have passed are left out, except that one may be late by less than a
    /// frame. Returns how many were left out.
    pub fn advance(&mut self, now: Timestamp) -> u64 {
        let after = self.next + 1;
        self.next = after.max(self.passed(now));
        self.next - after
    }

    /// The newest tick not after `now`.
    fn passed(&self, now: Timestamp) -> u64 {
        let now = now.nanos() + self.early;
        let ticks = i128::from(now) * i128::from(self.fps) / 1_000_000_000;
        // Timestamps are rounded down to whole ns, and ticks lie between them.
        let rounded = i128::from(Timestamp::from_units((ticks + 1) as i64, self.fps).nanos() <= now);
        u64::try_from(ticks + rounded).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slow_machine_loses_ticks_and_never_bursts() {
        let ms = Timestamp::from_millis;
        let mut ticks = Ticks::new(10, ms(1234));
        assert_eq!(ticks.due(), ms(1300));
        assert_eq!(ticks.advance(ms(1310)), 0);
        assert_eq!(ticks.due(), ms(1400));
        assert_eq!(ticks.advance(ms(1590)), 0, "the next is late, but its frame is not over");
        assert_eq!(ticks.due(), ms(1500));
        assert_eq!(ticks.advance(ms(1999)), 3);
        assert_eq!(ticks.due(), ms(1900));
    }

    #[test]
    fn the_phase_moves_when_a_frame_is_made_and_not_where_it_belongs() {
        let ms = Timestamp::from_millis;
        let mut ticks = Ticks::new(10, ms(1234));
        ticks.shift(20_000_000);
        assert_eq!((ticks.pts(), ticks.due()), (ms(1300), ms(1280)));
        assert_eq!(ticks.advance(ms(1285)), 0);
        assert_eq!((ticks.pts(), ticks.due()), (ms(1400), ms(1380)));
        ticks.shift(-40_000_000);
        assert_eq!((ticks.pts(), ticks.due()), (ms(1400), ms(1420)));
    }

    proptest! {
        #[test]
        fn time_only_rises(fps in 1u32..=60, steps in prop::collection::vec(0i64..500_000_000, 1..50)) {
            let mut now = Timestamp::ZERO;
            let mut ticks = Ticks::new(fps, now);
            for step in steps {
                let before = ticks.due();
                now = Timestamp::from_nanos(now.nanos().max(before.nanos()) + step);
                ticks.advance(now);
                prop_assert!(ticks.due() > before);
                prop_assert!(ticks.due().since(now).as_nanos() <= 1_000_000_000 / u128::from(fps) + 1);
                prop_assert!(now.since(ticks.due()).as_nanos() <= 1_000_000_000 / u128::from(fps) + 1);
            }
        }
    }
}
