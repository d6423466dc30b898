//! Active speaker detection on real speech: a scripted meeting of four whose voices `espeak-ng` makes, with
//! interruptions, pauses, words of consent, coughs, keyboards and held tones, before several backgrounds. Each
//! participant's sound is encoded and heard by the worker. Every run is the same, and does not depend on real time.
//! `cargo test --test quick speaker -- --nocapture` prints the figures.

mod hear;
mod judge;
mod meeting;
mod synth;

use std::{sync::LazyLock, thread};

use tilecast::speaker::{Rules, Sensitivity};

use self::{
    judge::Figures,
    meeting::{Background, Meeting},
};

/// For each background, the seed of another meeting.
const SEEDS: [(Background, u64); 4] =
    [(Background::Quiet, 1), (Background::Fan, 2), (Background::Street, 3), (Background::Cafe, 4)];

fn rules(sensitivity: Sensitivity) -> Rules {
    Rules { sensitivity, ..Rules::default() }
}

/// Processes several things, each in a thread of its own: the VAD is only arithmetic, and takes most of the time here.
fn at_once<T: Sync, R: Send, const N: usize>(things: &[T; N], act: impl Fn(&T) -> R + Sync) -> [R; N] {
    thread::scope(|scope| {
        let act = &act;
        let acting = things.each_ref().map(|thing| scope.spawn(move || act(thing)));
        acting.map(|acting| acting.join().expect("it was heard"))
    })
}

/// How the floor followed each background's talk; computed by the first test that needs it.
static TALKS: LazyLock<[(Background, Figures); 4]> =
    LazyLock::new(|| at_once(&SEEDS, |(background, seed)| (*background, heard(*background, *seed))));

/// Hears a talk, prints how the floor follows it at every sensitivity, and returns the figures of the normal one.
fn heard(background: Background, seed: u64) -> Figures {
    let meeting = Meeting::talk(background, seed);
    let reports = hear::reports(&meeting);
    let figures = |sensitivity| {
        let taken = hear::floor(&reports, rules(sensitivity));
        let figures = Figures::of(&meeting, &taken, 2000);
        println!("{background:?}, {} turns, {sensitivity:?}: {figures}", meeting.turns.len());
        figures
    };
    figures(Sensitivity::Low);
    figures(Sensitivity::High);
    figures(Sensitivity::Normal)
}

/// What everyone at the meeting would expect.
fn follows(background: Background) {
    let (_, figures) = TALKS.iter().find(|(other, _)| *other == background).expect("each is heard");
    assert!(figures.settled >= 95.0, "{figures}");
    assert!(figures.median_ms() <= 800, "{figures}");
    assert!(figures.missed <= 1, "{figures}");
    assert!(figures.wrong.iter().all(|wrong| !wrong.contains("Cough") && !wrong.contains("Keyboard")), "{figures}");
    assert!(figures.wrong.len() <= 4, "{figures}");
}

#[test]
fn the_floor_follows_the_talk_in_quiet_rooms() {
    follows(Background::Quiet);
}

#[test]
fn the_floor_follows_the_talk_beside_fans() {
    follows(Background::Fan);
}

#[test]
fn the_floor_follows_the_talk_beside_a_street() {
    follows(Background::Street);
}

#[test]
fn the_floor_follows_the_talk_though_one_sits_in_a_cafe() {
    follows(Background::Cafe);
}

#[test]
fn coughs_keyboards_and_held_tones_never_take_a_floor_that_is_free() {
    at_once(&[(Background::Quiet, 11), (Background::Street, 12)], |(background, seed)| {
        let meeting = Meeting::noises(*background, *seed);
        let reports = hear::reports(&meeting);
        for sensitivity in [Sensitivity::Low, Sensitivity::Normal, Sensitivity::High] {
            let taken = hear::floor(&reports, rules(sensitivity));
            let figures = Figures { takeover_ms: vec![0], ..Figures::of(&meeting, &taken, 2000) };
            println!("{background:?}, {} noises, {sensitivity:?}: {:?}", meeting.disturbances.len(), figures.wrong);
            assert!(taken.is_empty(), "{background:?}, {sensitivity:?}: {:?}", figures.wrong);
        }
    });
}
