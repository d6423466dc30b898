//! Opus listeners and mix-minus: who hears what.

use std::collections::BTreeMap;

use super::*;
use crate::sound::{limiter::THRESHOLD, listeners::Listeners, opus::Opus};

fn listener(id: u32, without: Option<u32>) -> Listener {
    Listener { id, without: without.map(|feed| participant(feed).id) }
}

/// A room of three tones, 300, 440 and 660 Hz.
fn three() -> Room {
    let mut room = Room::new();
    for (feed, hertz) in [(1, 300), (2, 440), (3, 660)] {
        room.join(feed, tone(hertz, 0.2, 4), |_| 30);
    }
    room.mixer.participants(room.everyone());
    room
}

/// The room's mix without a participant, up to `until`, ms. `act` runs before each block.
fn without(room: &mut Room, feed: u32, until: i64, mut act: impl FnMut(&mut Room, i64)) -> Vec<f32> {
    let id = participant(feed).id;
    room.mixer.leave_out([id.clone()].into());
    let mut heard = Vec::new();
    while room.next < until * 48 {
        let now = room.next / 48;
        act(room, now);
        room.run(now + LAG.as_millis() as i64);
        heard.extend(room.mixer.without(&id).expect("asked for").map(|sample| sample[0]));
    }
    heard
}

#[test]
fn a_mix_without_somebody_lacks_exactly_them() {
    let mut room = three();
    let heard = without(&mut room, 2, 3000, |_, _| {});
    for (hertz, wanted) in [(300.0, 0.2), (660.0, 0.2)] {
        let off = db(amplitude(&heard[48_000..96_000], hertz)) - db(wanted);
        assert!(off.abs() < 0.2, "{hertz} Hz is off by {off} dB");
    }
    let left = db(amplitude(&heard[48_000..96_000], 440.0)) - db(amplitude(&room.left(1000, 2000), 440.0));
    println!("what is left of the one left out: {left} dB");
    assert!(left < -80.0, "{left} dB of the one left out");
}

#[test]
fn leaving_muting_and_gain_are_not_heard_by_the_one_left_out() {
    let mut room = three();
    let heard = without(&mut room, 2, 3000, |room, now| {
        let mut everyone = room.everyone();
        (everyone[1].gain_db, everyone[1].muted) = (if now < 1000 { 0.0 } else { 12.0 }, now % 400 < 200);
        match now {
            ..2000 => room.mixer.participants(everyone),
            2000 => {
                everyone.remove(1);
                room.mixer.participants(everyone);
                room.mixer.forget(Feed(2));
            }
            _ => {}
        }
    });
    let rest: f32 =
        [300.0, 660.0_f32].iter().map(|hertz| 0.2 * (hertz * std::f32::consts::TAU / 48_000.0).powi(2)).sum();
    let rough = roughness(&heard[24_000..140_000]);
    assert!(rough < rest * 1.2, "{}", rough / rest);
    assert!(db(amplitude(&heard[48_000..140_000], 440.0)) < -75.0, "{}", db(amplitude(&heard[48_000..140_000], 440.0)));
}

#[test]
fn each_mix_has_its_own_limiter() {
    let mut room = Room::new();
    for (feed, hertz, amplitude) in [(1, 300, 0.3), (2, 440, 1.0), (3, 660, 0.9)] {
        room.join(feed, tone(hertz, amplitude, 3), |_| 30);
    }
    room.mixer.participants(room.everyone());
    let heard = without(&mut room, 2, 2500, |room, _| {
        let id = participant(3).id;
        room.mixer.leave_out([participant(2).id, id].into());
    });
    assert!(heard.iter().all(|s| s.abs() < 1.0));
    let own = |hertz| db(amplitude(&heard[48_000..96_000], hertz));
    assert!(own(300.0) > db(0.3) - 3.5, "{} dB: ducked only as far as 300 and 660 Hz need", own(300.0));
    assert!(room.left(1000, 2000).iter().any(|s| s.abs() > THRESHOLD), "the program needs more");
}

/// Blocks through the encoders of a changing list: the sound of each listener, from program time zero.
fn listened(
    blocks: i64,
    mut list: impl FnMut(i64) -> Option<Vec<Listener>>,
    wave: impl Fn(i64) -> f32,
) -> BTreeMap<u32, Vec<Packet>> {
    let (sender, receiver) = mpsc::channel();
    let sink: Sink = Arc::new(move |message| drop(sender.send(message)));
    let (recipe, mut listeners) = (recipe(), Listeners::default());
    for n in 0..blocks {
        let begin = n * BLOCK as i64;
        if let Some(list) = list(n) {
            listeners.set(list).expect("a list");
        }
        let block = std::array::from_fn(|i| [wave(begin + i as i64); 2]);
        let start = |number| recipe.listener(number, begin, &sink);
        let faults = listeners.push(|_| Some(&block), start, time_of(begin));
        assert!(faults.is_empty(), "{faults:?}");
    }
    listeners.finish();
    drop((listeners, sink));
    let mut heard: BTreeMap<u32, Vec<Packet>> = BTreeMap::new();
    for message in receiver {
        let FromWorker::Sound { listener, packet } = message else { panic!("{message:?}") };
        heard.entry(listener).or_default().push(packet);
    }
    heard
}

fn heard_as_opus(packets: &[Packet]) -> Vec<f32> {
    let (mut decoder, mut heard) = (Opus::open(None).expect("opens"), Vec::new());
    for packet in packets {
        let laid = decoder.decode(packet.pts, &packet.data, |pts, samples| {
            let at = (pts.nanos() as f64 * 48e-6).round() as usize;
            heard.resize(at, 0.0);
            heard.extend(samples.iter().map(|sample| sample[0]));
        });
        laid.expect("decodes");
    }
    heard
}

fn wave(at: i64) -> f32 {
    0.25 * (at as f32 * 1000.0 * std::f32::consts::TAU / 48_000.0).cos()
}

#[test]
fn opus_is_heard_at_its_time_and_level() {
    let click = |at: i64| if at == 30_000 { 0.8 } else { 0.0 };
    let heard = heard_as_opus(&listened(100, |n| (n == 7).then(|| vec![listener(4, None)]), click)[&4]);
    let found = (29_000..31_000).max_by(|a, b| heard[*a].abs().total_cmp(&heard[*b].abs())).expect("samples");
    println!("heard {} samples off", found as i64 - 30_000);
    assert!(found.abs_diff(30_000) <= 24, "the click is heard at {found}");

    let packets = &listened(200, |n| (n == 7).then(|| vec![listener(4, None)]), wave)[&4];
    for (n, packet) in packets.iter().enumerate() {
        assert_eq!((packet.codec, packet.role), (Codec::Audio(AudioCodec::Opus), Role::Key));
        let exact = Timestamp::from_units(7 * 480 - 312 + n as i64 * 960, RATE);
        assert_eq!((packet.pts, packet.dts), (exact, exact));
    }
    assert!(packets.len() >= 95, "{}", packets.len());
    let off = db(amplitude(&heard_as_opus(packets)[24_000..72_000], 1000.0)) - db(0.25);
    assert!(off.abs() < 0.5, "off by {off} dB");
}

#[test]
fn listening_begins_and_ends_without_a_click() {
    let list = |n| match n {
        20 => Some(vec![listener(1, None)]),
        50 => Some(vec![listener(1, None), listener(2, Some(1))]),
        100 => Some(vec![listener(2, Some(1))]),
        150 => Some(Vec::new()),
        _ => None,
    };
    let heard = listened(180, list, wave);
    let own = 0.25 * (std::f32::consts::TAU / 48.0).powi(2);
    for (id, from, to) in [(1, 20, 100), (2, 50, 150)] {
        let packets = &heard[&id];
        let samples = heard_as_opus(packets);
        let rough = roughness(&samples);
        println!("listener {id}: roughness {}", rough / own);
        assert!(rough < own * 1.5, "listener {id} hears a click of {}", rough / own);
        let loud = |from: usize, to: usize| samples[from..to].iter().any(|s| s.abs() > 0.2);
        assert!(loud(from * 480 + 480, from * 480 + 960) && loud(to * 480 - 960, to * 480 - 48), "to the ends");
        assert!(samples.len() <= (to + 6) * 480, "nothing is encoded for nobody");
        assert!(samples[samples.len() - 48..].iter().all(|s| s.abs() < 0.02), "it has faded");
        let steps = packets.windows(2).map(|pair| pair[1].pts.nanos() - pair[0].pts.nanos());
        assert!(steps.into_iter().all(|step| (20 * MS - 1..=20 * MS + 1).contains(&step)), "unbroken");
    }
}

#[test]
fn a_list_that_is_none_is_refused_and_changes_nothing() {
    let mut listeners = Listeners::default();
    listeners.set(vec![listener(1, Some(1))]).expect("a list");
    assert!(listeners.set(vec![listener(2, None), listener(2, Some(1))]).is_err());
    assert!(listeners.set((0..66).map(|id| listener(id, None)).collect()).is_err());
    assert_eq!(listeners.left_out(), [participant(1).id].into());
}

#[test]
fn an_encoder_that_cannot_start_is_said_and_tried_again_later() {
    let mut listeners = Listeners::default();
    listeners.set(vec![listener(1, None)]).expect("a list");
    let recipe = Recipe { opus: "appsrc name=in ! nosuchthing".to_owned(), ..recipe() };
    let sink: Sink = Arc::new(|_| {});
    let mut tried =
        |ms| listeners.push(|_| None, |number| recipe.listener(number, 0, &sink), Timestamp::from_millis(ms)).len();
    assert_eq!([tried(0), tried(10), tried(500), tried(1000), tried(1010)], [1, 0, 0, 1, 0]);
}
