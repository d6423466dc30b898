//! Conversations as scripted reports, ten a second as the worker sends them.

use std::time::Duration;

use super::*;
use crate::{
    base::ParticipantId,
    media::{Heard, Levels},
};

fn id(name: &str) -> ParticipantId {
    name.parse().expect("an id")
}

fn heard(dbfs: f32, speech: f32) -> Heard {
    Heard { levels: Levels { rms_dbfs: dbfs, peak_dbfs: dbfs }, speech, noise_dbfs: -60.0 }
}

const TALK: Heard = Heard { levels: Levels { rms_dbfs: -24.0, peak_dbfs: -12.0 }, speech: 1.0, noise_dbfs: -60.0 };
const HUSH: Heard = Heard { levels: Levels { rms_dbfs: -55.0, peak_dbfs: -45.0 }, speech: 0.0, noise_dbfs: -55.0 };

/// A floor, its time, and a record of who took it when (ms) and why.
struct Meeting {
    floor: Floor,
    now: u64,
    taken: Vec<(u64, String, Why)>,
}

impl Meeting {
    fn new() -> Self {
        Self::with(Rules::default())
    }

    fn with(rules: Rules) -> Self {
        let mut meeting = Self { floor: Floor::new(rules), now: 0, taken: Vec::new() };
        meeting.run(1000, &[("ann", HUSH), ("bob", HUSH)]);
        assert_eq!(meeting.taken, [], "nobody spoke yet");
        meeting
    }

    fn at(&self) -> Duration {
        Duration::from_millis(self.now)
    }

    fn run(&mut self, ms: u64, heard: &[(&str, Heard)]) {
        let heard: Vec<_> = heard.iter().map(|(name, heard)| (id(name), *heard)).collect();
        for _ in 0..ms / 100 {
            self.now += 100;
            if let Some(switch) = self.floor.hear(self.at(), &heard) {
                let holder = switch.participant.map_or(String::new(), |id| id.to_string());
                assert_eq!(Some(holder.as_str()).filter(|holder| !holder.is_empty()), self.holder());
                self.taken.push((self.now, holder, switch.why));
            }
        }
    }

    fn holder(&self) -> Option<&str> {
        self.floor.holder().map(ParticipantId::as_str)
    }

    fn recent(&self) -> Vec<&str> {
        self.floor.recent().map(ParticipantId::as_str).collect()
    }
}

#[test]
fn whoever_speaks_takes_a_free_floor_within_half_a_second() {
    let mut meeting = Meeting::new();
    meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.taken, [(1400, "ann".to_owned(), Why::Spoke)]);
}

#[test]
fn sensitivity_is_how_much_speech_it_takes() {
    // Reports come every 100 ms, so 350 ms are noticed at 400.
    for (sensitivity, ms) in [(Sensitivity::Low, 1900), (Sensitivity::Normal, 1400), (Sensitivity::High, 1400)] {
        let mut meeting = Meeting::with(Rules { sensitivity, ..Rules::default() });
        meeting.run(2000, &[("ann", TALK), ("bob", HUSH)]);
        assert_eq!(meeting.taken[0].0, ms, "{sensitivity:?}");
    }
}

#[test]
fn the_next_speaker_takes_it_from_one_who_fell_silent_but_not_before_the_hold() {
    let mut meeting = Meeting::new();
    meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(3000, &[("ann", HUSH), ("bob", TALK)]);
    assert_eq!(meeting.taken[1], (3400, "bob".to_owned(), Why::FellSilent));
    meeting.run(3000, &[("ann", HUSH), ("bob", HUSH)]);
    assert_eq!(meeting.holder(), Some("bob"), "silence takes it from nobody");
    meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.taken[2].0, 8400, "long after the hold, a new voice alone counts");
}

#[test]
fn the_hold_is_the_operators_choice() {
    let mut meeting = Meeting::with(Rules { hold: Duration::from_secs(5), ..Rules::default() });
    meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(6000, &[("ann", HUSH), ("bob", TALK)]);
    assert_eq!(meeting.taken[1], (6400, "bob".to_owned(), Why::FellSilent));
}

#[test]
fn one_who_speaks_keeps_it_unless_another_is_clearly_louder() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(5000, &[("ann", TALK), ("bob", heard(-19.0, 1.0))]);
    assert_eq!(meeting.holder(), Some("ann"));
    meeting.run(3000, &[("ann", TALK), ("bob", heard(-16.0, 1.0))]);
    assert_eq!(meeting.taken[1].1, "bob");
    assert_eq!(meeting.taken[1].2, Why::Louder);
}

#[test]
fn a_word_of_consent_takes_nothing() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    for _ in 0..20 {
        meeting.run(300, &[("ann", HUSH), ("bob", TALK)]);
        meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    }
    assert_eq!(meeting.taken.len(), 1, "{:?}", meeting.taken);
}

#[test]
fn loud_noise_that_is_no_speech_takes_nothing() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(10_000, &[("ann", HUSH), ("bob", heard(-6.0, 0.3))]);
    meeting.run(10_000, &[("ann", TALK), ("bob", heard(-6.0, 0.3))]);
    assert_eq!(meeting.taken.len(), 1);
}

#[test]
fn pauses_between_sentences_lose_nothing() {
    let mut meeting = Meeting::new();
    for _ in 0..20 {
        meeting.run(700, &[("ann", TALK), ("bob", HUSH)]);
        meeting.run(600, &[("ann", HUSH), ("bob", HUSH)]);
        assert!(meeting.floor.is_speaking(&id("ann")));
    }
    assert_eq!(meeting.taken.len(), 1);
}

#[test]
fn an_echo_from_a_loudspeaker_is_nobodys_voice() {
    let mut meeting = Meeting::new();
    let echo = heard(-52.0, 1.0);
    for _ in 0..10 {
        meeting.run(3000, &[("ann", TALK), ("bob", echo)]);
        meeting.run(300, &[("ann", HUSH), ("bob", echo)]);
        meeting.run(700, &[("ann", HUSH), ("bob", HUSH)]);
    }
    assert_eq!(meeting.taken.len(), 1);
    assert_eq!(meeting.recent(), ["ann"]);
    meeting.run(3000, &[("ann", HUSH), ("bob", echo)]);
    assert_eq!(meeting.holder(), Some("bob"), "a soft voice alone is one");
}

#[test]
fn a_holder_who_is_muted_or_hidden_gives_way_to_the_next_voice() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(1000, &[("bob", HUSH)]);
    assert_eq!(meeting.holder(), Some("ann"));
    meeting.run(1000, &[("bob", TALK)]);
    assert_eq!(meeting.taken[1], (6400, "bob".to_owned(), Why::OutOfHearing));
}

#[test]
fn a_holder_who_stays_muted_or_hidden_loses_it_to_nobody_after_the_hold() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(1900, &[("bob", HUSH)]);
    assert_eq!(meeting.holder(), Some("ann"));
    meeting.run(100, &[("bob", HUSH)]);
    assert_eq!(meeting.taken[1], (7000, String::new(), Why::OutOfHearing));
    assert_eq!(meeting.floor.explain(meeting.at()).last.and_then(|last| last.lost.clone()), Some(id("ann")));
    meeting.run(1000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(
        meeting.taken[2],
        (7500, "ann".to_owned(), Why::Spoke),
        "back, listened to from 7100 on, and heard again"
    );
}

#[test]
fn one_who_mutes_for_a_cough_keeps_it_and_so_does_one_who_is_only_silent() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    for _ in 0..5 {
        meeting.run(1500, &[("bob", HUSH)]);
        meeting.run(500, &[("ann", HUSH), ("bob", HUSH)]);
    }
    meeting.run(60_000, &[("ann", HUSH), ("bob", HUSH)]);
    assert_eq!(meeting.taken.len(), 1, "{:?}", meeting.taken);
}

#[test]
fn an_operators_word_stands_for_one_who_is_muted_until_it_is_taken_back() {
    let mut meeting = Meeting::new();
    meeting.floor.hold(meeting.at(), id("ann"), None);
    meeting.run(10_000, &[("bob", HUSH)]);
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("ann"), true));
    meeting.floor.release(meeting.at());
    meeting.run(100, &[("bob", HUSH)]);
    assert_eq!(meeting.taken, [(11_100, String::new(), Why::OutOfHearing)]);

    let mut manual = Meeting::with(Rules { mode: Mode::Manual, ..Rules::default() });
    manual.floor.hold(manual.at(), id("ann"), None);
    manual.run(10_000, &[("bob", HUSH)]);
    assert_eq!(manual.holder(), Some("ann"));
}

#[test]
fn an_operator_holds_it_against_any_voice_until_giving_it_back() {
    let mut meeting = Meeting::new();
    let given = meeting.floor.hold(meeting.at(), id("bob"), None).expect("a switch");
    assert_eq!((given.participant, given.held, given.why, given.lost), (Some(id("bob")), true, Why::Operator, None));
    assert_eq!(meeting.floor.hold(meeting.at(), id("bob"), None), None, "nothing new");
    meeting.run(5000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("bob"), true));
    let back = meeting.floor.release(meeting.at()).expect("an event");
    assert_eq!((back.participant, back.held, back.why), (Some(id("bob")), false, Why::GivenBack));
    assert_eq!(meeting.floor.release(meeting.at()), None, "nothing to give back");
    meeting.run(100, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.taken[0].1, "ann");
}

#[test]
fn an_operators_word_may_run_out() {
    let mut meeting = Meeting::new();
    meeting.floor.hold(meeting.at(), id("bob"), Some(meeting.at() + Duration::from_secs(3)));
    assert_eq!(meeting.floor.explain(meeting.at()).held_until, Some(Duration::from_secs(4)));
    meeting.run(2900, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.taken, []);
    meeting.run(200, &[("ann", TALK), ("bob", HUSH)]);
    let wanted = [(4000, "bob".to_owned(), Why::Expired), (4100, "ann".to_owned(), Why::FellSilent)];
    assert_eq!(meeting.taken, wanted);

    let mut silent = Meeting::with(Rules { mode: Mode::Manual, ..Rules::default() });
    silent.floor.hold(silent.at(), id("bob"), Some(Duration::from_secs(2)));
    assert_eq!(silent.floor.pass(Duration::from_millis(1999)), None);
    let over = silent.floor.pass(Duration::from_secs(2)).expect("over");
    assert_eq!((over.participant, over.lost, over.why), (None, Some(id("bob")), Why::Expired));
}

#[test]
fn in_manual_mode_only_the_operator_moves_it() {
    let mut meeting = Meeting::new();
    meeting.floor.set_rules(Rules { mode: Mode::Manual, ..Rules::default() });
    meeting.run(5000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.holder(), None);
    assert_eq!(meeting.recent(), ["ann"], "who speaks is known all the same");
    meeting.floor.hold(meeting.at(), id("bob"), None);
    meeting.floor.release(meeting.at());
    assert_eq!(meeting.holder(), None);
    meeting.floor.set_rules(Rules::default());
    meeting.run(100, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.holder(), Some("ann"));
}

#[test]
fn who_leaves_leaves_the_floor() {
    let mut meeting = Meeting::new();
    meeting.floor.hold(meeting.at(), id("bob"), None);
    assert_eq!(meeting.floor.left(meeting.at(), &id("ann")), None);
    assert_eq!((meeting.holder(), meeting.floor.held()), (Some("bob"), true));
    let left = meeting.floor.left(meeting.at(), &id("bob")).expect("a switch");
    assert_eq!((left.participant, left.held, left.why, left.lost), (None, false, Why::Left, Some(id("bob"))));
    meeting.run(1000, &[("ann", TALK)]);
    assert_eq!(meeting.holder(), Some("ann"));
}

#[test]
fn the_floor_of_who_leaves_goes_to_who_spoke_last_and_is_there() {
    for mode in [Mode::Auto, Mode::Manual] {
        let mut meeting = Meeting::new();
        meeting.run(1000, &[("ann", TALK), ("bob", HUSH), ("eve", HUSH)]);
        meeting.run(1500, &[("ann", HUSH), ("bob", TALK), ("eve", HUSH)]);
        meeting.run(500, &[("ann", HUSH), ("bob", HUSH), ("eve", HUSH)]);
        meeting.floor.set_rules(Rules { mode, ..Rules::default() });
        meeting.floor.hold(meeting.at(), id("eve"), None);
        // Bob, who spoke last, is hidden now.
        meeting.run(200, &[("ann", HUSH), ("eve", HUSH)]);
        let left = meeting.floor.left(meeting.at(), &id("eve")).expect("a switch");
        assert_eq!((left.participant, left.held, left.why), (Some(id("ann")), false, Why::Left), "{mode:?}");
    }
}

#[test]
fn who_spoke_last_is_known_in_order() {
    let mut meeting = Meeting::new();
    let all = |ann, bob, eve| [("ann", ann), ("bob", bob), ("eve", eve)];
    assert_eq!(meeting.recent(), [""; 0]);
    meeting.run(1000, &all(TALK, HUSH, HUSH));
    meeting.run(1000, &all(TALK, TALK, HUSH));
    assert_eq!(meeting.recent(), ["bob", "ann"], "both speak, bob began later");
    meeting.run(2000, &all(TALK, HUSH, HUSH));
    assert_eq!(meeting.recent(), ["ann", "bob"], "ann still speaks");
    meeting.run(1000, &all(TALK, HUSH, TALK));
    meeting.run(2000, &all(HUSH, HUSH, TALK));
    assert_eq!(meeting.recent(), ["eve", "ann", "bob"]);
    meeting.run(3000, &all(HUSH, HUSH, HUSH));
    assert_eq!(meeting.recent(), ["eve", "ann", "bob"], "silence changes nothing");
    meeting.floor.left(meeting.at(), &id("ann"));
    assert_eq!(meeting.recent(), ["eve", "bob"]);
}

#[test]
fn silence_is_measured_from_the_last_word() {
    let mut meeting = Meeting::new();
    assert_eq!(meeting.floor.silence(meeting.at()), Duration::from_secs(1));
    meeting.run(2000, &[("ann", TALK), ("bob", HUSH)]);
    assert_eq!(meeting.floor.silence(meeting.at()), Duration::ZERO);
    meeting.run(5000, &[("ann", HUSH), ("bob", heard(-10.0, 0.2))]);
    let silence = meeting.floor.silence(meeting.at());
    assert!((4000..=5000).contains(&silence.as_millis()), "{silence:?}");
}

#[test]
fn a_switch_says_how_everyone_stood() {
    let mut meeting = Meeting::new();
    meeting.run(4000, &[("ann", TALK), ("bob", HUSH)]);
    meeting.run(200, &[("ann", HUSH), ("bob", HUSH)]);
    let taken = meeting.taken.len();
    while meeting.taken.len() == taken {
        meeting.run(100, &[("ann", HUSH), ("bob", heard(-30.0, 1.0))]);
    }
    let explanation = meeting.floor.explain(meeting.at());
    let switch = explanation.last.expect("it moved");
    assert_eq!((switch.participant.as_ref(), switch.lost.as_ref()), (Some(&id("bob")), Some(&id("ann"))));
    assert_eq!(explanation.since, meeting.at());
    let bob = switch.scores.iter().find(|score| score.participant == id("bob")).expect("scored");
    assert!(bob.speaking && bob.score == 1.0 && bob.quiet_ms == 0 && bob.loudness_dbfs > -45.0, "{bob:?}");
    let ann = switch.scores.iter().find(|score| score.participant == id("ann")).expect("scored");
    assert!(ann.quiet_ms >= u64::from(switch.thresholds.quiet_ms), "{ann:?}");
    assert_eq!(switch.thresholds, Thresholds { speech_ms: 400, quiet_ms: 300, louder_db: 6.0, hold_ms: 2000 });
}

#[test]
fn absurd_reports_and_times_are_silence() {
    let mut floor = Floor::new(Rules::default());
    for (ms, dbfs) in [(1000, f32::NAN), (900, f32::NEG_INFINITY), (5000, -1e30), (5000, f32::NAN), (90_000, f32::NAN)]
    {
        floor.hear(Duration::from_millis(ms), &[(id("ann"), heard(dbfs, f32::NAN))]);
        floor.hear(Duration::from_millis(ms), &[(id("ann"), heard(dbfs, -1e30))]);
    }
    assert_eq!(floor.holder(), None);
    for tenth in 910..920 {
        floor.hear(Duration::from_millis(tenth * 100), &[(id("ann"), heard(f32::INFINITY, f32::INFINITY))]);
    }
    assert_eq!(floor.holder().map(ParticipantId::as_str), Some("ann"));
}
