//! How long a scene of 64 people takes to work out: with every template that comes along, and with the worst that is allowed.
//! A room does this for every change, so it must not be felt beside a frame: 50 µs.

mod worst;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use tilecast::{
    base::ParticipantId,
    layout::{Arguments, Canvas, Director, Face, Layout, MAX_TILES, Meeting, Person, Template, builtin},
};

/// Scenes of each template: enough for a hundredth of them to be a number.
const SCENES: usize = 20_000;

/// Scenes of a meeting in which the floor goes round, one after the other, so that everybody who sits somewhere may stay or
/// has to move.
fn solve(name: &str, template: &Template) {
    let person = |n: usize| Person {
        id: worst::id(n).parse().expect("an id"),
        name: worst::name(n),
        role: Some(worst::role(n)),
        face: Face::Picture,
    };
    let people: Vec<Person> = (0..MAX_TILES).map(person).collect();
    let ids: Vec<ParticipantId> = people.iter().map(|person| person.id.clone()).collect();
    let after = |n: usize| ids.iter().cycle().skip(n).take(MAX_TILES).cloned().collect::<Vec<_>>();
    let recents: Vec<_> = (0..MAX_TILES).map(after).collect();
    let (canvas, room) = (Canvas::default(), "r".repeat(64));
    let layout = Layout::new(template, &Arguments::new(), |_| None);
    let mut director = Director::default();
    let scene = |round: usize| {
        let recent = &recents[round % MAX_TILES];
        let of = Meeting::of(&people, &canvas);
        let meeting = Meeting { floor: recent.first(), pinned: &ids, recent, room: &room, ..of };
        let began = Instant::now();
        let scene = director.direct(&layout, &meeting, Duration::from_millis(round as u64));
        let took = began.elapsed();
        black_box(scene);
        took
    };
    let mut times: Vec<Duration> = (0..SCENES).map(scene).collect();
    times.sort_unstable();
    let us = |share: usize| times[SCENES * share / 100].as_secs_f64() * 1e6;
    println!("{name:>14}: median {:5.1} µs, 99 of 100 within {:5.1} µs", us(50), us(99));
}

fn main() {
    let worst = Template::parse(worst::template().as_bytes()).expect("a template within every limit");
    solve("worst", &worst);
    for (name, template) in builtin() {
        solve(name.as_str(), &template);
    }
}
