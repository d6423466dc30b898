//! Property tests: what holds for any template, meeting and canvas.

use super::*;

fn any_region() -> impl Strategy<Value = Region> {
    (0.0..=0.99, 0.0..=0.99, 0.0..=1.0, 0.0..=1.0).prop_map(|(x, y, width, height): (f64, f64, f64, f64)| {
        let share = |from: f64, part: f64| ((1.0 - from) * part).max(0.001);
        region(x, y, share(x, width), share(y, height))
    })
}

pub(super) fn any_place() -> impl Strategy<Value = Place> {
    let rule = prop_oneof![
        Just(Cast::Floor),
        Just(Cast::Pinned),
        Just(Cast::Recent),
        Just(Cast::Joined),
        (0..9usize).prop_map(|n| Cast::Participant(person(n, None).id)),
        prop_oneof![Just("screen"), Just("guest")].prop_map(|role| Cast::Role(role.to_owned())),
    ];
    let pack = prop_oneof![Just(Pack::Grid), Just(Pack::Row), Just(Pack::Column)];
    let beyond = prop_oneof![Just(Beyond::Leave), Just(Beyond::Count), (1..9u32).prop_map(Beyond::Pages)];
    let flow = (pack, 0.0..=0.5, proptest::option::of(1..=64u32), beyond, proptest::option::of(any_anchor())).prop_map(
        |(pack, gap, max, beyond, anchor)| {
            let beyond = if max.is_some() { beyond } else { Beyond::Leave };
            Flow { pack, gap, max, beyond, anchor: anchor.map(Into::into) }
        },
    );
    let aspect = (1..=100u32, 1..=100u32).prop_map(|(width, height)| Aspect { width, height });
    let rules = (proptest::collection::vec(rule, 1..=4), any::<bool>());
    let rest = (proptest::option::of(aspect), proptest::option::of(flow), 0..=1000u32, proptest::bool::weighted(0.2));
    (any_region(), rules, rest).prop_map(|(rect, (mut cast, rest), (aspect, flow, z, twice))| {
        cast.extend(rest.then_some(Cast::Rest));
        Place { twice, aspect, z, ..place(rect, cast, flow) }
    })
}

fn any_anchor() -> impl Strategy<Value = Anchor> {
    use Anchor::{Bottom, BottomLeft, BottomRight, Center, Left, Right, Top, TopLeft, TopRight};
    proptest::sample::select(vec![TopLeft, Top, TopRight, Left, Center, Right, BottomLeft, Bottom, BottomRight])
}

pub(super) fn any_template() -> impl Strategy<Value = Template> {
    let when = (proptest::option::of(0..=64u32), proptest::option::of(Just("screen".to_owned())))
        .prop_map(|(min_people, role)| When { min_people, role, ..When::default() });
    let bounded = |mut places: Vec<Place>| {
        let mut crowds = 0;
        for place in places.iter_mut().filter(|place| place.twice && place.flow.is_some()) {
            crowds += 1;
            place.twice = crowds <= MAX_CROWDS;
        }
        places
    };
    let places = || proptest::collection::vec(any_place(), 1..=8).prop_map(bounded);
    (proptest::collection::vec((when, places()), 0..3), places()).prop_map(|(ladder, last)| {
        let mut template = one(last);
        let ladder =
            ladder.into_iter().map(|(when, places)| Arrangement { when: Some(when), places, ..Arrangement::default() });
        template.arrangements.splice(0..0, ladder);
        template
    })
}

pub(super) fn any_people() -> impl Strategy<Value = Vec<Person>> {
    let role = prop_oneof![3 => Just(None), 1 => Just(Some("screen")), 1 => Just(Some("guest"))];
    proptest::collection::vec(role, 0..=70)
        .prop_map(|roles| roles.into_iter().enumerate().map(|(n, role)| person(n, role)).collect())
}

pub(super) fn any_canvas() -> impl Strategy<Value = Canvas> {
    (8..=1920u32, 8..=1080u32).prop_map(|(width, height)| canvas(width * 2, height * 2))
}
