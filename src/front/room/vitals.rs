//! PURE: whether a worker still makes its program (a watchdog).
//!
//! The life sign is the program itself: its picture and its sound each advance, and the link is read. What a worker says beside
//! that renews nothing. A worker whose machine is too slow says so and is given longer: that is the ladder's work
//! (`worker/stage/ladder.rs`), which a restart would only undo.
//!
//! Time is counted, not read off a clock: each tick adds what passed since the one before, but never more than [`STEP`], so that a front
//! that itself stood still does not blame the worker for it. What came between two ticks counts from the first of them.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    link::{Cause, Part},
    media::Track,
};

/// How long a part of the program may stand still. With a tick and the start of another worker that is less than 2 s without a
/// picture, the time after which viewers reload.
const STILL: Duration = Duration::from_millis(1500);

/// What a picture may take beside its frames' own duration, for programs of a few frames a second at half their rate.
const SLOW_FRAMES: (Duration, u32) = (Duration::from_secs(1), 4);

/// The same before the first packet of a track: an encoder on a graphics card makes its context for its first frame.
const FIRST: Duration = Duration::from_secs(4);

/// How long a machine may be too slow. The ladder takes its three steps within 6 s.
const BUSY: Duration = Duration::from_secs(10);

/// How long a worker's word that it is busy counts. It says so every half second.
const BUSY_HOLDS: Duration = Duration::from_secs(1);

/// How long a worker may take until it is ready. The first start after an installation has GStreamer look at every plugin.
const START: Duration = Duration::from_secs(10);

/// How long a worker on another machine may be silent: networks blink, and what they hold back comes after all.
const REMOTE_SILENCE: Duration = Duration::from_secs(4);

/// A silence of a worker on another machine longer than this is the network's: until it ends, no track stands still.
const BLINK: Duration = Duration::from_millis(500);

/// The most that one tick counts: twice what is between two.
const STEP: Duration = Duration::from_millis(200);

/// How a worker is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// On this machine.
    Local,
    /// Through a network.
    Remote,
}

/// What must advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Picture,
    Sound,
    Reading,
}

const SIGNS: [Sign; 3] = [Sign::Picture, Sign::Sound, Sign::Reading];

/// Why a worker is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Death {
    /// It did not begin.
    NotReady(Duration),
    /// It said nothing at all.
    Silent(Duration),
    /// Something stood still for so long; the part that was named, and why.
    Still(&'static str, Duration, Option<(Part, Cause)>),
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady(time) => write!(f, "the worker was not ready within {} s", time.as_secs()),
            Self::Silent(time) => write!(f, "the worker was silent for {:.1} s", time.as_secs_f64()),
            Self::Still(what, time, None) => write!(f, "{what} stood still for {:.1} s", time.as_secs_f64()),
            Self::Still(what, time, Some((part, cause))) => {
                let part = match part {
                    Part::Stage => "the stage's thread",
                    Part::Compositor => "the compositor",
                    Part::Encoder => "the video encoder",
                    Part::Sound => "the sound's thread",
                    Part::Reader => "the reader of the worker's link",
                };
                let why = match cause {
                    Cause::Busy => "gets too little of this machine",
                    Cause::Hung => "hangs",
                };
                write!(f, "{what} stood still for {:.1} s: {part} {why}", time.as_secs_f64())
            }
        }
    }
}

impl Sign {
    fn of(track: Track) -> Self {
        match track {
            Track::Video => Self::Picture,
            Track::Audio => Self::Sound,
        }
    }

    /// The part of a worker without which it does not advance.
    fn needs(self, part: Part) -> bool {
        match part {
            Part::Stage | Part::Compositor | Part::Encoder => self == Self::Picture,
            Part::Sound => self == Self::Sound,
            Part::Reader => self == Self::Reading,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Picture => "the program's picture",
            Self::Sound => "the program's sound",
            Self::Reading => "the reading of the worker's link",
        }
    }
}

/// How one of the signs stands.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    begun: bool,
    still: Duration,
    /// What is left of the worker's word that it is busy.
    busy: Duration,
    late: Option<(Part, Cause)>,
}

/// The vital signs of one worker.
#[derive(Debug)]
pub(super) struct Vitals {
    reach: Reach,
    /// How long the picture may stand still.
    picture: Duration,
    at: Instant,
    ready: bool,
    starting: Duration,
    silence: Duration,
    signs: [Progress; SIGNS.len()],
}

impl Vitals {
    /// Of a worker that has just come, whose program has another frame every `frame`.
    pub(super) fn new(reach: Reach, frame: Duration, now: Instant) -> Self {
        let picture = STILL.max(SLOW_FRAMES.0 + SLOW_FRAMES.1 * frame);
        let signs = [Progress::default(); SIGNS.len()];
        Self { reach, picture, at: now, ready: false, starting: Duration::ZERO, silence: Duration::ZERO, signs }
    }

    /// It said something, whatever it was.
    pub(super) fn heard(&mut self) {
        self.silence = Duration::ZERO;
    }

    /// It says that it is ready.
    pub(super) fn ready(&mut self) {
        self.ready = true;
    }

    /// A packet of the program came.
    pub(super) fn advanced(&mut self, track: Track) {
        self.advance(Sign::of(track));
    }

    /// It answered a heartbeat: it reads its link.
    pub(super) fn answered(&mut self) {
        self.advance(Sign::Reading);
    }

    fn advance(&mut self, sign: Sign) {
        let progress = &mut self.signs[sign as usize];
        *progress = Progress { begun: true, still: Duration::ZERO, late: None, ..*progress };
    }

    /// It says that a part of it is late, and why.
    pub(super) fn late(&mut self, part: Part, cause: Cause) {
        for sign in SIGNS.into_iter().filter(|sign| sign.needs(part)) {
            let progress = &mut self.signs[sign as usize];
            progress.late = Some((part, cause));
            progress.busy = if cause == Cause::Busy { BUSY_HOLDS } else { Duration::ZERO };
        }
    }

    /// Time passes. The verdict, if the worker is to be replaced.
    pub(super) fn tick(&mut self, now: Instant) -> Option<Death> {
        let step = now.saturating_duration_since(self.at).min(STEP);
        self.at = now;
        if !self.ready {
            self.starting += step;
            return (self.starting >= START).then_some(Death::NotReady(START));
        }
        self.silence += step;
        let silent = match self.reach {
            Reach::Local => STILL,
            Reach::Remote => REMOTE_SILENCE,
        };
        if self.silence >= silent {
            return Some(Death::Silent(self.silence));
        }
        if self.reach == Reach::Remote && self.silence > BLINK {
            return None;
        }
        SIGNS.into_iter().find_map(|sign| self.judge(sign, step))
    }

    fn judge(&mut self, sign: Sign, step: Duration) -> Option<Death> {
        let usual = if sign == Sign::Picture { self.picture } else { STILL };
        let progress = &mut self.signs[sign as usize];
        progress.still += step;
        progress.busy = progress.busy.saturating_sub(step);
        let limit = match (progress.busy.is_zero(), progress.begun) {
            (false, _) => BUSY,
            (true, true) => usual,
            (true, false) => usual.max(FIRST),
        };
        (progress.still >= limit).then_some(Death::Still(sign.name(), progress.still, progress.late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    /// A worker on simulated time: each tenth of a second it does what is said, then the front ticks.
    struct Run {
        vitals: Vitals,
        now: Instant,
    }

    impl Run {
        fn new(reach: Reach) -> Self {
            let now = Instant::now();
            let mut run = Self { vitals: Vitals::new(reach, FRAME, now), now };
            run.vitals.ready();
            run.well(10);
            run
        }

        fn step(&mut self, passes: Duration, does: impl Fn(&mut Vitals)) -> Option<Death> {
            self.now += passes;
            does(&mut self.vitals);
            self.vitals.tick(self.now)
        }

        /// All is well for so many ticks.
        fn well(&mut self, ticks: u32) {
            for _ in 0..ticks {
                assert_eq!(self.step(Duration::from_millis(100), all_is_well), None);
            }
        }

        /// Ticks until the verdict, and the verdict.
        fn until(&mut self, does: impl Fn(&mut Vitals)) -> (u32, String) {
            for tick in 1..200 {
                if let Some(death) = self.step(Duration::from_millis(100), &does) {
                    return (tick, death.to_string());
                }
            }
            panic!("it lives on");
        }
    }

    fn all_is_well(vitals: &mut Vitals) {
        vitals.heard();
        vitals.advanced(Track::Video);
        vitals.advanced(Track::Audio);
        vitals.answered();
    }

    /// Everything but one sign.
    fn but(sign: Sign) -> impl Fn(&mut Vitals) {
        move |vitals| {
            vitals.heard();
            SIGNS.into_iter().filter(|other| *other != sign).for_each(|other| vitals.advance(other));
        }
    }

    #[test]
    fn each_sign_that_stands_still_is_named_whatever_else_is_said() {
        for (sign, what) in [
            (Sign::Picture, "the program's picture stood still for 1.5 s"),
            (Sign::Sound, "the program's sound stood still for 1.5 s"),
            (Sign::Reading, "the reading of the worker's link stood still for 1.5 s"),
        ] {
            for reach in [Reach::Local, Reach::Remote] {
                assert_eq!(Run::new(reach).until(but(sign)), (14, what.to_owned()));
            }
        }
    }

    #[test]
    fn a_part_that_hangs_is_named_and_gets_no_more_time() {
        let hangs = |vitals: &mut Vitals| {
            but(Sign::Picture)(vitals);
            vitals.late(Part::Compositor, Cause::Hung);
        };
        let said = "the program's picture stood still for 1.5 s: the compositor hangs";
        assert_eq!(Run::new(Reach::Local).until(hangs), (14, said.to_owned()));
    }

    #[test]
    fn a_machine_that_is_too_slow_is_given_longer_but_not_for_ever_and_only_while_it_says_so() {
        let busy = |part| {
            move |vitals: &mut Vitals| {
                but(Sign::Picture)(vitals);
                vitals.late(part, Cause::Busy);
            }
        };
        let said = "the program's picture stood still for 10.0 s: the video encoder gets too little of this machine"
            .to_owned();
        assert_eq!(Run::new(Reach::Local).until(busy(Part::Encoder)), (99, said));
        assert_eq!(Run::new(Reach::Local).until(busy(Part::Sound)).0, 14, "that is another part's word");
        let mut run = Run::new(Reach::Local);
        for _ in 0..30 {
            assert_eq!(run.step(Duration::from_millis(100), busy(Part::Stage)), None);
        }
        assert_eq!(run.until(but(Sign::Picture)).0, 9, "its word holds for a second");
        let mut run = Run::new(Reach::Local);
        run.step(Duration::from_millis(100), busy(Part::Stage));
        run.well(50);
        assert_eq!(run.until(but(Sign::Picture)).0, 14, "what was before counts no more");
    }

    #[test]
    fn a_silent_link_is_told_and_a_network_may_blink() {
        let nothing = |_: &mut Vitals| ();
        assert_eq!(Run::new(Reach::Local).until(nothing), (14, "the worker was silent for 1.5 s".to_owned()));
        assert_eq!(Run::new(Reach::Remote).until(nothing), (39, "the worker was silent for 4.0 s".to_owned()));
        let mut run = Run::new(Reach::Remote);
        for _ in 0..38 {
            assert_eq!(run.step(Duration::from_millis(100), nothing), None);
        }
        assert_eq!(run.step(Duration::from_millis(100), Vitals::heard), None, "what was held back comes in any order");
        run.well(1);
    }

    #[test]
    fn a_front_that_stood_still_itself_blames_nobody() {
        let mut run = Run::new(Reach::Local);
        for _ in 0..6 {
            assert_eq!(run.step(Duration::from_secs(60), |_| ()), None);
        }
        run.well(10);
    }

    #[test]
    fn a_start_takes_its_time_and_so_does_the_first_packet() {
        let now = Instant::now();
        let mut run = Run { vitals: Vitals::new(Reach::Local, FRAME, now), now };
        assert_eq!(run.until(|_| ()), (100, "the worker was not ready within 10 s".to_owned()));
        let mut run = Run { vitals: Vitals::new(Reach::Local, FRAME, now), now };
        run.vitals.ready();
        assert_eq!(run.until(but(Sign::Picture)).0, 40);
    }

    #[test]
    fn a_program_of_one_frame_a_second_has_them_two_seconds_apart_at_half_its_rate() {
        let now = Instant::now();
        let mut run = Run { vitals: Vitals::new(Reach::Local, Duration::from_secs(1), now), now };
        run.vitals.ready();
        run.well(1);
        assert_eq!(run.until(but(Sign::Picture)).0, 49);
        assert_eq!(Vitals::new(Reach::Local, Duration::from_millis(100), now).picture, STILL);
    }
}
