//! PURE. Animation: where everything lies at a moment, at rest in a scene or in transition to it.

use std::time::Duration;

use tilecast_core::{
    layout::{
        Backdrop, Scene, Transition,
        transition::{Element, Placed, halt, tween},
    },
    media::{Size, Timestamp},
};

/// A running transition.
#[derive(Debug, Clone, Copy, Default)]
pub struct Course {
    began: Timestamp,
    transition: Transition,
}

impl Course {
    /// Begins a transition with the frame that is made at `now`. The frame before it, `frame` earlier, was the last one
    /// at rest, so that this frame moves already: viewers see the change one frame sooner than if the transition began
    /// now.
    pub fn begin(now: Timestamp, frame: Duration, transition: Transition) -> Self {
        Self { began: now - frame, transition }
    }

    /// Its duration, and how its speed changes.
    pub fn transition(&self) -> Transition {
        self.transition
    }

    /// True at the end.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.progress(now) >= 1.0
    }

    /// Progress of the movement, 0 to 1.
    pub fn eased(&self, now: Timestamp) -> f64 {
        self.transition.easing.at(self.progress(now))
    }

    fn progress(&self, now: Timestamp) -> f64 {
        let takes = Duration::from_millis(self.transition.ms.into());
        if takes.is_zero() { 1.0 } else { now.since(self.began).as_secs_f64() / takes.as_secs_f64() }
    }
}

/// The present scene, the one before it, and the one that waits for its time.
#[derive(Debug, Default)]
pub struct Motion {
    from: Scene,
    to: Scene,
    course: Course,
    /// Time from one frame to the next.
    frame: Duration,
    waiting: Option<(Scene, Transition, Option<Timestamp>)>,
}

impl Motion {
    /// An empty scene with this backdrop; there is another frame every `frame`.
    pub fn over(background: Backdrop, frame: Duration) -> Self {
        Self { to: Scene { background, ..Scene::default() }, frame, ..Self::default() }
    }

    /// Plans another scene: it begins at the first frame of program time `at` or later, or at the next frame. It
    /// replaces a waiting scene, and keeps that scene's time if it has none of its own.
    pub fn plan(&mut self, scene: Scene, transition: Transition, at: Option<Timestamp>) {
        let before = self.waiting.take().and_then(|(_, _, at)| at);
        self.waiting = Some((scene, transition, at.or(before)));
    }

    /// Begins the waiting scene if its time has come: at the frame of program time `pts`, at `now` of room time.
    pub fn begin(&mut self, pts: Timestamp, now: Timestamp) {
        if let Some((scene, transition, _)) = self.waiting.take_if(|(_, _, at)| at.is_none_or(|at| at <= pts)) {
            self.go(scene, transition, now);
        }
    }

    /// Begins the transition to another scene from the positions of the frame before.
    fn go(&mut self, scene: Scene, transition: Transition, now: Timestamp) {
        self.from = halt(&self.placed(now - self.frame), &self.to.background);
        self.to = scene;
        self.course = Course::begin(now, self.frame, transition);
    }

    /// The positions of everything, back to front.
    pub fn placed(&self, now: Timestamp) -> Vec<Placed<'_>> {
        tween(&self.from, &self.to, self.course.eased(now))
    }

    /// The size of an element at the end of the transition; for an element that leaves, its present size.
    pub fn resting_size(&self, placed: &Placed<'_>) -> Size {
        let resting = match placed.element {
            Element::Tile(tile) => self.to.tiles.iter().find(|there| there.is(tile)).map(|there| there.rect),
            Element::Overlay(overlay) => {
                self.to.overlays.iter().find(|there| there.is(overlay)).map(|there| there.rect)
            }
        };
        resting.unwrap_or(placed.rect).size()
    }

    /// True when nothing moves.
    pub fn rests(&self, now: Timestamp) -> bool {
        self.course.is_over(now)
    }

    /// The transition to the present scene.
    pub fn transition(&self) -> Transition {
        self.course.transition()
    }

    /// What lies behind everything.
    pub fn backdrop(&self) -> &Backdrop {
        &self.to.background
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::{
        layout::{Fit, Tile},
        media::Rect,
    };

    fn scene(x: i32, width: u32) -> Scene {
        let rect = Rect { x, y: 0, width, height: 100 };
        Scene { tiles: vec![Tile::plain("a".parse().expect("an id"), rect, 0, Fit::Cover)], ..Scene::default() }
    }

    #[test]
    fn a_change_may_turn_back_half_way_without_a_jump() {
        let ms = Timestamp::from_millis;
        let mut motion = Motion::default();
        let go = |motion: &mut Motion, scene, takes, now| {
            motion.plan(scene, Transition::of_ms(takes), None);
            motion.begin(now, now);
        };
        go(&mut motion, scene(0, 100), 0, ms(0));
        assert_eq!(motion.placed(ms(0))[0].rect, scene(0, 100).tiles[0].rect);
        go(&mut motion, scene(400, 200), 1000, ms(1000));
        let half_way = motion.placed(ms(1500))[0].rect;
        assert_eq!((half_way.x, half_way.width), (200, 150));
        assert_eq!(motion.resting_size(&motion.placed(ms(1500))[0]).width, 200);
        go(&mut motion, scene(0, 100), 1000, ms(1500));
        assert_eq!(motion.placed(ms(1500))[0].rect, half_way);
        assert_eq!(motion.placed(ms(2500))[0].rect.x, 0);
    }

    #[test]
    fn the_first_frame_after_a_change_is_on_its_way_and_turning_back_starts_from_what_was_seen() {
        let ms = Timestamp::from_millis;
        let mut motion = Motion::over(Backdrop::default(), Duration::from_millis(100));
        motion.plan(scene(0, 100), Transition::CUT, None);
        motion.begin(ms(0), ms(0));
        let linear = Transition { ms: 400, easing: tilecast_core::layout::Easing::Linear };
        motion.plan(scene(400, 100), linear, None);
        motion.begin(ms(100), ms(100));
        let seen = |motion: &Motion, at| motion.placed(ms(at))[0].rect.x;
        assert_eq!([100, 200, 300, 400].map(|at| seen(&motion, at)), [100, 200, 300, 400]);
        assert!(!motion.rests(ms(300)) && motion.rests(ms(400)));
        motion.plan(scene(0, 100), linear, None);
        motion.begin(ms(300), ms(300));
        // 200 was seen last; the way back from there takes as long as any.
        assert_eq!([300, 400, 600].map(|at| seen(&motion, at)), [150, 100, 0]);
    }

    #[test]
    fn a_scene_waits_for_its_frame_and_leaves_its_time_to_the_next() {
        let ms = Timestamp::from_millis;
        let mut motion = Motion::default();
        motion.plan(scene(100, 100), Transition::CUT, Some(ms(500)));
        motion.begin(ms(499), ms(9));
        assert!(motion.placed(ms(9)).is_empty());
        motion.plan(scene(200, 100), Transition::CUT, None);
        motion.begin(ms(499), ms(9));
        assert!(motion.placed(ms(9)).is_empty());
        motion.begin(ms(500), ms(10));
        assert_eq!(motion.placed(ms(10))[0].rect.x, 200);
        motion.plan(scene(300, 100), Transition::CUT, None);
        motion.begin(ms(501), ms(11));
        assert_eq!(motion.placed(ms(11))[0].rect.x, 300);
    }
}
