//! PURE. Clock phase alignment: moves the tick to where the participants' pictures wait least.
//!
//! Cameras and the program often run at the same rate. Then every picture of a camera waits the same time for its tick,
//! up to a whole frame, for the whole meeting. Moving the tick by a fraction of a frame, unseen, makes that wait short.
//! With many cameras there is less to gain, and with other rates nothing.

use std::time::Duration;

/// Ticks that are observed before the phase is judged: a second at 30 fps.
const WATCHED: u32 = 30;

/// Histogram steps of one frame; 1 ms at 30 fps.
const STEPS: usize = 32;

/// A picture should be ready this many steps before its tick: the delay of either by the scheduler of a busy machine.
const MARGIN: usize = 4;

/// Least mean gain that is worth a move, in steps. Below it the best position is a matter of chance, and the tick would
/// move for ever.
const WORTH: f64 = 2.5;

/// Most that the tick moves from one frame to the next, as a fraction of the frame (1/160): 0.2 ms at 30 fps, 6 ms a
/// second.
const SLEW: u32 = 160;

/// Measures how long pictures wait for their tick, and moves the tick.
#[derive(Debug)]
pub struct Phase {
    frame: Duration,
    waits: [f64; STEPS],
    ticks: u32,
    /// How much earlier than its frame's program time the tick is made, ns. It stays within half a frame either way,
    /// which keeps picture and sound together.
    early: i64,
    /// How much earlier (positive) or later the tick is still to move, ns.
    to_go: i64,
}

impl Phase {
    /// For a program of `fps` frames a second.
    pub fn new(fps: u32) -> Self {
        Self { frame: Duration::from_secs(1) / fps.max(1), waits: [0.0; STEPS], ticks: 0, early: 0, to_go: 0 }
    }

    /// A picture was ready `waited` before the tick that shows it. `weight` is its importance, such as its tile's area.
    pub fn waited(&mut self, waited: Duration, weight: f64) {
        if self.to_go != 0 {
            // The tick is still moving.
            return;
        }
        let step = waited.as_nanos() * STEPS as u128 / self.frame.as_nanos();
        // A picture that waited longer than a frame was held back by its own clock, which says nothing of the phase.
        if let Some(count) = usize::try_from(step).ok().and_then(|step| self.waits.get_mut(step)) {
            *count += weight;
        }
    }

    /// Ends a tick. Returns how much earlier than one frame from now the next tick is to be, ns; negative for later.
    pub fn ticked(&mut self) -> i64 {
        if self.to_go == 0 {
            self.ticks += 1;
            if self.ticks == WATCHED {
                self.to_go = self.best();
                self.ticks = 0;
                self.waits = [0.0; STEPS];
            }
        }
        let most = (self.frame / SLEW).as_nanos() as i64;
        let now = self.to_go.clamp(-most, most);
        self.to_go -= now;
        self.early += now;
        now
    }

    /// The move, in ns, that makes the mean wait shortest; 0 when none is worth it.
    fn best(&self) -> i64 {
        let total: f64 = self.waits.iter().sum();
        if total <= 0.0 {
            return 0;
        }
        // If the tick is `earlier` steps earlier, a picture that waits `wait` steps now either still waits, by that
        // much less, or is just missed and waits for the next tick. The margin counts as missed, since the picture
        // might come too late.
        let mean = |earlier: usize| -> f64 {
            let wait = |wait: usize| (wait + 2 * STEPS - earlier - MARGIN) % STEPS + MARGIN;
            self.waits.iter().enumerate().map(|(at, weight)| wait(at) as f64 * weight).sum::<f64>() / total
        };
        let present = mean(0);
        let best = (0..STEPS).min_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap_or(0);
        if present - mean(best) < WORTH {
            return 0;
        }
        // Earlier by a part of a frame equals later by the rest of it: the move that stays within half a frame is
        // chosen.
        let frame = self.frame.as_nanos() as i64;
        let earlier = best as i64 * (frame / STEPS as i64);
        if self.early + earlier > frame / 2 { earlier - frame } else { earlier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{playout::Playout, stage::ticks::Ticks};
    use tilecast_core::media::{Timestamp, Track};

    /// Runs ticks against cameras of the same rate, each with its own phase (part of a frame), and returns the waits at
    /// the end, ms.
    fn settle(cameras: &[f64]) -> Vec<f64> {
        let frame = 1000.0 / 30.0;
        let mut phase = Phase::new(30);
        let (mut tick, mut waits) = (0.0, vec![0.0; cameras.len()]);
        for _ in 0..600 {
            for (wait, camera) in waits.iter_mut().zip(cameras) {
                *wait = (tick - camera * frame).rem_euclid(frame);
                phase.waited(Duration::from_secs_f64(*wait / 1000.0), 1.0);
            }
            let earlier = phase.ticked() as f64 / 1e6;
            assert!(earlier.abs() < 0.25, "the tick moves unseen");
            tick += frame - earlier;
            assert!(phase.early.abs() <= phase.frame.as_nanos() as i64 / 2);
        }
        waits
    }

    #[test]
    fn one_camera_waits_a_few_ms_whatever_its_phase() {
        for tenth in 0..10 {
            let wait = settle(&[f64::from(tenth) / 10.0])[0];
            assert!((2.0..8.0).contains(&wait), "phase 0.{tenth}: {wait} ms");
        }
    }

    #[test]
    fn two_cameras_wait_as_little_as_they_can_together() {
        let waits = settle(&[0.3, 0.5]);
        let mean = waits.iter().sum::<f64>() / 2.0;
        assert!(mean < 9.0, "{waits:?}");
    }

    #[test]
    fn a_camera_whose_clock_runs_fast_is_followed_within_half_a_frame() {
        let (frame, mut phase, mut tick, mut long) = (1000.0 / 30.0, Phase::new(30), 0.0, 0);
        // 500 ppm over 10 min: nine frames.
        for n in 0..18_000 {
            let picture = f64::from(n) * frame * 0.9995;
            let wait = (tick - picture).rem_euclid(frame);
            phase.waited(Duration::from_secs_f64(wait / 1000.0), 1.0);
            long += u32::from(wait > 10.0);
            tick += frame - phase.ticked() as f64 / 1e6;
            assert!(phase.early.abs() <= phase.frame.as_nanos() as i64 / 2);
        }
        assert!(long < 18_000 / 5, "{long} of 18000 pictures waited more than 10 ms");
    }

    #[test]
    fn other_rates_leave_the_tick_alone() {
        let mut phase = Phase::new(30);
        let moved: i64 = (0..300)
            .map(|tick| {
                // 25 fps against 30: every phase in turn.
                phase.waited(Duration::from_secs_f64((f64::from(tick) / 30.0).rem_euclid(0.04)), 1.0);
                phase.ticked().abs()
            })
            .sum();
        assert_eq!(moved, 0);
    }

    #[test]
    fn nothing_to_see_moves_nothing() {
        let mut phase = Phase::new(60);
        assert!((0..200).all(|_| phase.ticked() == 0));
    }

    /// How much later than its picture sound is on the program, ms: for each picture of eight joins, from the fifth
    /// second on.
    fn lips(source: i64, fps: u32) -> Vec<f64> {
        let mut apart = Vec::new();
        for join in 0..8 {
            let (mut ticks, mut phase, mut playout) =
                (Ticks::new(fps, Timestamp::ZERO), Phase::new(fps), Playout::new());
            playout.arrived(Track::Video, Timestamp::ZERO, Timestamp::ZERO);
            let due = |n: i64| join * 5_700_000 + n * 1_000_000_000 / source;
            let mut next = 0;
            for tick in 0..fps * 15 {
                let (now, pts) = (ticks.due(), ticks.pts());
                let first = next;
                while due(next) <= now.nanos() {
                    next += 1;
                }
                if next > first {
                    let late = (first..next).map(|n| now.nanos() - due(n)).sum::<i64>() / (next - first);
                    playout.seen(late + pts.nanos() - now.nanos());
                    phase.waited(now.since(Timestamp::from_nanos(due(next - 1))), 1.0);
                    let heard = playout.heard(Timestamp::ZERO).expect("anchored").nanos();
                    let own = (first..next).map(|n| (due(n) + heard - pts.nanos()) as f64 / 1e6);
                    apart.extend(own.filter(|_| tick > fps * 5));
                }
                ticks.shift(phase.ticked());
                ticks.advance(now);
            }
        }
        apart
    }

    #[test]
    fn sound_is_with_its_picture_at_every_rate() {
        let mut figures = Vec::new();
        for fps in [25, 30] {
            for source in [15, 24, 25, 30, 50, 60] {
                let apart = lips(source, fps);
                let mean = apart.iter().sum::<f64>() / apart.len() as f64;
                assert!(mean.abs() < 2.0, "{source} in {fps} fps: {mean:.1} ms");
                // A picture is shown for a whole frame, so half a frame of error either way is unavoidable. With 24 in
                // 25 fps the tick follows a moving best position within a second.
                let most = apart.iter().fold(0.0_f64, |most, off| most.max(off.abs()));
                assert!(most < 500.0 / f64::from(fps) + 10.0, "{source} in {fps} fps: {most:.1} ms");
                figures.push((source, fps, mean.round(), most.round()));
            }
        }
        println!("source, program, mean and most, ms: {figures:?}");
    }
}
