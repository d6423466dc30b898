//! Conversations on scripted levels, ten a second as the worker sends them.

use super::*;

fn id(name: &str) -> ParticipantId {
    name.parse().expect("an id")
}

fn at(dbfs: f32) -> Levels {
    Levels { rms_dbfs: dbfs, peak_dbfs: dbfs }
}

const SPEECH: f32 = -24.0;
const ROOM: f32 = -55.0;

/// A floor, what time it is there, and who took it when, in ms.
struct Meeting {
    floor: Floor,
    now: u64,
    taken: Vec<(u64, String)>,
}

impl Meeting {
    fn new() -> Self {
        let mut meeting = Self { floor: Floor::new(Mode::Auto), now: 0, taken: Vec::new() };
        meeting.run(1000, &[("ann", ROOM), ("bob", ROOM)]);
        assert_eq!(meeting.taken, [], "nobody spoke yet");
        meeting
    }

    fn run(&mut self, ms: u64, levels: &[(&str, f32)]) {
        let levels: Vec<_> = levels.iter().map(|(name, dbfs)| (id(name), at(*dbfs))).collect();
        for _ in 0..ms / 100 {
            self.now += 100;
            if self.floor.hear(Duration::from_millis(self.now), &levels) {
                let holder = self.floor.holder().expect("somebody took it").to_string();
                self.taken.push((self.now, holder));
            }
        }
    }

    fn holder(&self) -> Option<&str> {
        self.floor.holder().map(ParticipantId::as_str)
    }
}

#[test]
fn whoever_speaks_takes_a_free_floor_within_a_second() {
    let mut meeting = Meeting::new();
    meeting.run(1000, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!(meeting.taken, [(1500, "ann".to_owned())]);
}

#[test]
fn the_next_speaker_takes_it_from_one_who_fell_silent_but_not_before_the_hold() {
    let mut meeting = Meeting::new();
    meeting.run(1000, &[("ann", SPEECH), ("bob", ROOM)]);
    meeting.run(3000, &[("ann", ROOM), ("bob", SPEECH)]);
    assert_eq!(meeting.taken, [(1500, "ann".to_owned()), (3500, "bob".to_owned())]);
    meeting.run(3000, &[("ann", ROOM), ("bob", ROOM)]);
    assert_eq!(meeting.holder(), Some("bob"), "silence takes it from nobody");
    meeting.run(1000, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!(meeting.taken[2], (8500, "ann".to_owned()), "long after the hold, a new voice alone counts");
}

#[test]
fn one_who_speaks_keeps_it_unless_another_is_clearly_louder() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", SPEECH), ("bob", ROOM)]);
    meeting.run(5000, &[("ann", SPEECH), ("bob", SPEECH + 5.0)]);
    assert_eq!(meeting.holder(), Some("ann"));
    meeting.run(3000, &[("ann", SPEECH), ("bob", SPEECH + 8.0)]);
    assert_eq!(meeting.holder(), Some("bob"));
}

#[test]
fn a_cough_or_a_knock_takes_nothing() {
    let mut meeting = Meeting::new();
    for _ in 0..20 {
        meeting.run(200, &[("ann", ROOM), ("bob", -18.0)]);
        meeting.run(1500, &[("ann", ROOM), ("bob", ROOM)]);
        meeting.run(100, &[("ann", -6.0), ("bob", ROOM)]);
        meeting.run(1500, &[("ann", ROOM), ("bob", ROOM)]);
    }
    assert_eq!(meeting.taken, []);
}

#[test]
fn pauses_between_words_lose_nothing() {
    let mut meeting = Meeting::new();
    for _ in 0..20 {
        meeting.run(700, &[("ann", SPEECH), ("bob", ROOM)]);
        meeting.run(300, &[("ann", ROOM), ("bob", ROOM)]);
    }
    assert_eq!(meeting.taken.len(), 1);
}

#[test]
fn a_holder_who_is_muted_or_hidden_gives_way_to_the_next_voice() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", SPEECH), ("bob", ROOM)]);
    meeting.run(1000, &[("bob", ROOM)]);
    assert_eq!(meeting.holder(), Some("ann"));
    meeting.run(1000, &[("bob", SPEECH)]);
    assert_eq!(meeting.holder(), Some("bob"));
}

#[test]
fn an_operator_holds_it_against_any_voice_until_giving_it_back() {
    let mut meeting = Meeting::new();
    meeting.floor.hold(id("bob"));
    meeting.run(5000, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("bob"), true));
    meeting.floor.release();
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("bob"), false), "nobody else has it yet");
    meeting.run(100, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!(meeting.holder(), Some("ann"));
}

#[test]
fn in_manual_mode_only_the_operator_moves_it() {
    let mut meeting = Meeting::new();
    meeting.floor.set_mode(Mode::Manual);
    meeting.run(5000, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!(meeting.holder(), None);
    meeting.floor.hold(id("bob"));
    meeting.floor.release();
    assert_eq!(meeting.holder(), None);
    meeting.floor.set_mode(Mode::Auto);
    meeting.run(100, &[("ann", SPEECH), ("bob", ROOM)]);
    assert_eq!(meeting.holder(), Some("ann"));
}

#[test]
fn who_leaves_leaves_the_floor() {
    let mut meeting = Meeting::new();
    meeting.floor.hold(id("bob"));
    meeting.floor.left(&id("ann"));
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("bob"), true));
    meeting.floor.left(&id("bob"));
    assert_eq!((meeting.holder(), meeting.floor.held()), (None, false));
    meeting.run(1000, &[("ann", SPEECH)]);
    assert_eq!(meeting.holder(), Some("ann"));
}

#[test]
fn absurd_levels_and_times_are_silence() {
    let mut floor = Floor::new(Mode::Auto);
    for (ms, dbfs) in [(1000, f32::NAN), (900, f32::NEG_INFINITY), (5000, -1e30), (5000, f32::NAN), (90_000, f32::NAN)]
    {
        floor.hear(Duration::from_millis(ms), &[(id("ann"), at(dbfs))]);
    }
    assert_eq!(floor.holder(), None);
    for second in 91..95 {
        floor.hear(Duration::from_secs(second), &[(id("ann"), at(f32::INFINITY))]);
    }
    assert_eq!(floor.holder().map(ParticipantId::as_str), Some("ann"));
}
