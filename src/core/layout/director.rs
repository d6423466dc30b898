//! The director (layout state machine with hysteresis): which arrangement is on, since when, and who sits where.

use std::time::Duration;

use super::{
    Layout, Meeting, Scene, Transition,
    cast::{Company, Seating},
};

/// Makes the successive scenes of one room, so that people keep their places and arrangements do not flap. The caller
/// has the clock: `now` is any time that only goes forward.
#[derive(Debug, Clone, Default)]
pub struct Director {
    on: Option<On>,
}

/// The arrangement that is on.
#[derive(Debug, Clone)]
struct On {
    rung: usize,
    since: Duration,
    seating: Seating,
}

impl Director {
    /// The scene of `meeting` at `now`. The layout must be that of the last call, unless [`Director::forget`] came
    /// between.
    pub fn direct(&mut self, layout: &Layout, meeting: &Meeting<'_>, now: Duration) -> Scene {
        let people = layout.admit(meeting.people);
        let company = Company::new(&people, meeting, &layout.named);
        let Some(suited) = layout.suited(&company, meeting) else { return Scene::default() };
        let On { rung, since, seating } = match self.on.take() {
            Some(on) if on.rung == suited || now.saturating_sub(on.since) < layout.dwell => on,
            _ => On { rung: suited, since: now, seating: Seating::default() },
        };
        let shown = now.saturating_sub(since);
        let solved = layout.arrange(rung, &company, meeting, seating, shown);
        self.on = Some(On { rung, since, seating: solved.seating });
        solved.scene
    }

    /// The transition to the last scene, as its arrangement says.
    pub fn transition(&self, layout: &Layout) -> Transition {
        let rung = self.on.as_ref().and_then(|on| layout.rungs.get(on.rung));
        rung.map_or_else(Transition::default, |rung| rung.transition)
    }

    /// Starts afresh: another layout, or another order of people, counts from the next scene on.
    pub fn forget(&mut self) {
        self.on = None;
    }
}

impl Layout {
    /// The scene of a meeting that begins now.
    pub fn scene(&self, meeting: &Meeting<'_>) -> Scene {
        Director::default().direct(self, meeting, Duration::ZERO)
    }
}
