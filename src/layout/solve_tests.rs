//! Scenes of the built-in templates as text, and what holds for any template.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::{
    layout::{
        builtin,
        template::{Aspect, Cast, Flow, Pack, Place, Region},
    },
    media::Rect,
};

/// `p1`, `p2` and so on; the last has the role, if one is given.
fn people(count: usize, role: Option<&str>) -> Vec<Person> {
    let person = |n: usize| Person {
        id: format!("p{n}").parse().expect("an id"),
        role: role.filter(|_| n == count).map(str::to_owned),
    };
    (1..=count).map(person).collect()
}

fn canvas(width: u32, height: u32) -> Canvas {
    Canvas { width, height, ..Canvas::default() }
}

fn builtin_named(wanted: &str) -> Template {
    let found = builtin().into_iter().find(|(name, _)| name.as_str() == wanted);
    found.expect("a built-in template").1
}

/// A tile a line: who, where, how; `z` is the line.
fn text(scene: &Scene) -> String {
    let mut text = String::new();
    for tile in &scene.tiles {
        let Tile { participant, rect: Rect { x, y, width, height }, fit, .. } = tile;
        let fit = format!("{fit:?}").to_lowercase();
        writeln!(text, "  {:<3} {:<9} {fit:<7} at {x},{y}", participant.as_str(), format!("{width}x{height}"))
            .expect("a text takes all");
    }
    text
}

/// The floor is with the third, so that it is seen to matter.
fn series(template: &Template, role: Option<&str>, canvas: &Canvas) -> String {
    let mut text_of_all = String::new();
    for count in 0..=16 {
        let people = people(count, role);
        let floor = people.get(2).map(|person| &person.id);
        writeln!(text_of_all, "{count}").expect("a text takes all");
        text_of_all += &text(&solve(template, &people, canvas, floor));
    }
    text_of_all
}

#[test]
fn built_in_templates_look_as_they_did() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (width, height) in [(1280, 720), (1024, 768), (720, 1280)] {
            for (name, template) in builtin() {
                let plain = series(&template, None, &canvas(width, height));
                insta::assert_snapshot!(format!("{name}-{width}x{height}"), plain);
            }
            let shared = series(&builtin_named("presentation"), Some("screen"), &canvas(width, height));
            insta::assert_snapshot!(format!("presentation-shared-{width}x{height}"), shared);
        }
    });
}

#[test]
fn only_templates_that_say_so_leave_people_out() {
    for (name, template) in builtin() {
        let most = match name.as_str() {
            "single" => 1,
            "side-by-side" => 2,
            "pip" => 4,
            _ => MAX_TILES,
        };
        assert_eq!(most < MAX_TILES, template.description.ends_with("Nobody else is shown."), "{name}");
        for canvas in [canvas(1280, 720), canvas(1024, 768), canvas(720, 1280), canvas(3840, 16)] {
            for role in [None, Some("screen")] {
                for count in 0..=MAX_TILES + 1 {
                    let shown = solve(&template, &people(count, role), &canvas, None).tiles.len();
                    assert_eq!(shown, count.min(most), "{name}, {count} on {canvas:?}");
                }
            }
        }
    }
}

#[test]
fn a_grid_takes_the_rows_and_columns_that_make_tiles_largest() {
    let template = builtin_named("grid");
    let shape = |count: usize, canvas: Canvas| {
        let scene = solve(&template, &people(count, None), &canvas, None);
        let mut columns: Vec<i32> = scene.tiles.iter().map(|tile| tile.rect.y).collect();
        columns.dedup();
        (scene.tiles.iter().filter(|tile| tile.rect.y == columns[0]).count(), columns.len())
    };
    let wide: Vec<_> = [2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 16].map(|count| shape(count, canvas(1280, 720))).into();
    assert_eq!(wide, [(2, 1), (2, 2), (2, 2), (3, 2), (3, 2), (3, 3), (3, 3), (4, 3), (4, 3), (4, 4), (4, 4)]);
    let high: Vec<_> = [2, 3, 4, 6, 8].map(|count| shape(count, canvas(720, 1280))).into();
    assert_eq!(high, [(1, 2), (1, 3), (1, 4), (1, 6), (2, 4)]);
}

#[test]
fn places_that_touch_in_fractions_touch_in_px() {
    let half = |x: f64| Place {
        rect: Region { x, y: 0.0, width: 1.0 / 3.0, height: 1.0 },
        cast: vec![Cast::Joined],
        aspect: None,
        flow: None,
        z: 0,
        fit: Default::default(),
    };
    let template = one(vec![half(0.0), half(1.0 / 3.0), half(2.0 / 3.0)]);
    for width in (16..2000).step_by(2) {
        let scene = solve(&template, &people(3, None), &canvas(width, 16), None);
        let rects: Vec<Rect> = scene.tiles.iter().map(|tile| tile.rect).collect();
        assert_eq!(rects[0].x, 0);
        assert_eq!(rects[0].width as i32, rects[1].x);
        assert_eq!(rects[1].x + rects[1].width as i32, rects[2].x);
        assert_eq!(rects[2].x + rects[2].width as i32, width as i32);
    }
}

#[test]
fn places_are_cast_in_order_and_the_rest_last() {
    let place = |cast: Vec<Cast>, flow: Option<Flow>| Place {
        rect: Region { x: 0.0, y: 0.0, width: 1.0, height: 1.0 },
        cast,
        aspect: None,
        flow,
        z: 0,
        fit: Default::default(),
    };
    let row = |max| Some(Flow { pack: Pack::Row, gap: 0.0, max });
    let template = one(vec![
        place(vec![Cast::Rest], row(None)),
        place(vec![Cast::Floor, Cast::Rest], None),
        place(vec![Cast::Role("guest".to_owned()), Cast::Joined], row(Some(2))),
    ]);
    let shown = |people: &[Person], floor: Option<&str>| -> Vec<String> {
        let floor = floor.map(|id| id.parse().expect("an id"));
        let scene = solve(&template, people, &canvas(64, 16), floor.as_ref());
        scene.tiles.iter().map(|tile| tile.participant.to_string()).collect()
    };
    // The flow with a guest takes p5 and p1, in the room's order; the floor has its own place; the rest are behind.
    assert_eq!(shown(&people(5, Some("guest")), Some("p2")), ["p3", "p4", "p2", "p1", "p5"]);
    // Nobody has the floor: its place is left to the rest, which the first place takes whole.
    assert_eq!(shown(&people(4, None), None), ["p3", "p4", "p1", "p2"]);
    assert_eq!(shown(&people(4, None), Some("gone")), ["p3", "p4", "p1", "p2"]);
}

fn one(places: Vec<Place>) -> Template {
    let arrangements = vec![Arrangement { when: None, places }];
    Template { schema: None, title: String::new(), description: String::new(), arrangements }
}

fn any_region() -> impl Strategy<Value = Region> {
    (0.0..=0.99, 0.0..=0.99, 0.0..=1.0, 0.0..=1.0).prop_map(|(x, y, width, height): (f64, f64, f64, f64)| {
        let share = |from: f64, part: f64| ((1.0 - from) * part).max(0.001);
        Region { x, y, width: share(x, width), height: share(y, height) }
    })
}

fn any_place() -> impl Strategy<Value = Place> {
    let rule = prop_oneof![
        Just(Cast::Floor),
        Just(Cast::Joined),
        prop_oneof![Just("screen"), Just("guest")].prop_map(|role| Cast::Role(role.to_owned())),
    ];
    let pack = prop_oneof![Just(Pack::Grid), Just(Pack::Row), Just(Pack::Column)];
    let flow = (pack, 0.0..=0.5, proptest::option::of(1..=64u32)).prop_map(|(pack, gap, max)| Flow { pack, gap, max });
    let aspect = (1..=100u32, 1..=100u32).prop_map(|(width, height)| Aspect { width, height });
    let rules = (proptest::collection::vec(rule, 1..=4), any::<bool>());
    (any_region(), rules, proptest::option::of(aspect), proptest::option::of(flow), 0..=1000u32).prop_map(
        |(rect, (mut cast, rest), aspect, flow, z)| {
            cast.extend(rest.then_some(Cast::Rest));
            Place { rect, cast, aspect, flow, z, fit: Default::default() }
        },
    )
}

fn any_template() -> impl Strategy<Value = Template> {
    let when = (proptest::option::of(0..=64u32), proptest::option::of(Just("screen".to_owned())))
        .prop_map(|(min_people, role)| When { min_people, role, ..When::default() });
    let places = || proptest::collection::vec(any_place(), 1..=8);
    (proptest::collection::vec((when, places()), 0..3), places()).prop_map(|(ladder, last)| {
        let mut template = one(last);
        let ladder = ladder.into_iter().map(|(when, places)| Arrangement { when: Some(when), places });
        template.arrangements.splice(0..0, ladder);
        template
    })
}

fn any_people() -> impl Strategy<Value = Vec<Person>> {
    let role = prop_oneof![3 => Just(None), 1 => Just(Some("screen")), 1 => Just(Some("guest"))];
    proptest::collection::vec(role, 0..=70).prop_map(|roles| {
        let person = |(n, role): (usize, Option<&str>)| Person {
            id: format!("p{n}").parse().expect("an id"),
            role: role.map(str::to_owned),
        };
        roles.into_iter().enumerate().map(person).collect()
    })
}

fn any_canvas() -> impl Strategy<Value = Canvas> {
    (8..=1920u32, 8..=1080u32).prop_map(|(width, height)| canvas(width * 2, height * 2))
}

fn overlap(a: Rect, b: Rect) -> bool {
    let apart = |a: i32, a_length: u32, b: i32, b_length: u32| a + a_length as i32 <= b || b + b_length as i32 <= a;
    !apart(a.x, a.width, b.x, b.width) && !apart(a.y, a.height, b.y, b.height)
}

proptest! {
    #[test]
    fn any_template_makes_a_sound_scene(
        template in any_template(), people in any_people(), canvas in any_canvas(), floor in 0..80usize,
    ) {
        let json = serde_json::to_vec(&template).expect("JSON");
        prop_assert!(Template::parse(&json).is_ok());
        let floor = format!("p{floor}").parse().expect("an id");
        let scene = solve(&template, &people, &canvas, Some(&floor));
        let mut shown: Vec<_> = scene.tiles.iter().map(|tile| &tile.participant).collect();
        shown.sort();
        shown.dedup();
        prop_assert_eq!(shown.len(), scene.tiles.len(), "somebody twice");
        prop_assert!(scene.tiles.len() <= people.len().min(MAX_TILES));
        for (tile, z) in scene.tiles.iter().zip(0..) {
            let Rect { x, y, width, height } = tile.rect;
            prop_assert_eq!(tile.z, z);
            prop_assert!(x % 2 == 0 && y % 2 == 0 && width % 2 == 0 && height % 2 == 0, "odd: {:?}", tile);
            prop_assert!(x >= 0 && y >= 0 && width >= 2 && height >= 2, "out of bounds: {:?}", tile);
            prop_assert!(x as u32 + width <= canvas.width && y as u32 + height <= canvas.height, "{:?}", tile);
        }
    }

    #[test]
    fn tiles_of_one_flow_never_overlap(mut place in any_place(), count in 0..=64usize, canvas in any_canvas()) {
        place.cast = vec![Cast::Rest];
        let scene = solve(&one(vec![place]), &people(count, None), &canvas, None);
        for (index, tile) in scene.tiles.iter().enumerate() {
            for other in &scene.tiles[..index] {
                prop_assert!(!overlap(tile.rect, other.rect), "{:?} and {:?}", tile, other);
            }
        }
    }

    #[test]
    fn what_no_check_has_seen_does_not_panic(
        numbers in proptest::array::uniform5(any::<f64>()), width in any::<u32>(), height in any::<u32>(), count in 0..70usize,
    ) {
        let [x, y, w, h, gap] = numbers;
        let place = Place {
            rect: Region { x, y, width: w, height: h },
            cast: vec![Cast::Rest],
            aspect: None,
            flow: Some(Flow { pack: Pack::Grid, gap, max: None }),
            z: 0,
            fit: Default::default(),
        };
        let canvas = canvas(width % 10_000, height % 10_000);
        let scene = solve(&one(vec![place]), &people(count, None), &canvas, None);
        prop_assert!(scene.tiles.len() <= count);
    }
}
