//! Scenes of the built-in templates as text, and properties of any template.

use std::fmt::Write as _;

use proptest::prelude::*;

#[path = "any_tests.rs"]
mod any;
#[path = "../../../benches/worst.rs"]
mod worst;

use self::any::{any_canvas, any_people, any_place, any_template};
use super::*;
use crate::{
    base::ParticipantId,
    layout::{
        Anchor, Arguments, Canvas, Content, Director, Fit, MAX_OVERLAYS, Overlay, Part, Template, Text, Tile, builtin,
        place::{Aspect, Beyond, Flow, Pack, Place},
        region::Region,
        rule::Cast,
        style::{MAX_TEXT_BYTES, MAX_VARIABLES},
        template::{Arrangement, MAX_CROWDS},
    },
    media::Rect,
};

/// `p1`, `p2` and so on; the last has the role, if one is given.
fn people(count: usize, role: Option<&str>) -> Vec<Person> {
    (1..=count).map(|n| person(n, role.filter(|_| n == count))).collect()
}

fn person(n: usize, role: Option<&str>) -> Person {
    let (id, name) = (format!("p{n}").parse().expect("an id"), format!("Person {n}"));
    Person { id, name, role: role.map(str::to_owned), face: Face::Picture }
}

fn layout(template: &Template) -> Layout {
    Layout::new(template, &Arguments::new(), |_| None)
}

fn solve(template: &Template, people: &[Person], canvas: &Canvas, floor: Option<&ParticipantId>) -> Scene {
    layout(template).scene(&Meeting { floor, ..Meeting::of(people, canvas) })
}

fn canvas(width: u32, height: u32) -> Canvas {
    Canvas { width, height, ..Canvas::default() }
}

fn builtin_named(wanted: &str) -> Template {
    let found = builtin().into_iter().find(|(name, _)| name.as_str() == wanted);
    found.expect("a built-in template").1
}

/// One line per tile: who, where, how; `z` is the line number.
fn text(scene: &Scene) -> String {
    let mut text = String::new();
    for tile in &scene.tiles {
        let Tile { participant, rect: Rect { x, y, width, height }, fit, .. } = tile;
        let fit = format!("{fit:?}").to_lowercase();
        writeln!(text, "  {:<3} {:<9} {fit:<7} at {x},{y}", participant.as_str(), format!("{width}x{height}"))
            .expect("a text takes all");
    }
    for Overlay { id, rect: Rect { x, y, width, height }, z, content, .. } in &scene.overlays {
        let said = match content {
            Content::Text(Text { parts, .. }) => format!("{parts:?}"),
            other => format!("{other:?}"),
        };
        writeln!(text, "  [{id}] {width}x{height} at {x},{y} z {z}: {said}").expect("a text takes all");
    }
    text
}

/// The third person has the floor, so that its effect is visible.
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
            for name in ["presentation", "lecture", "panel", "classroom"] {
                let shared = series(&builtin_named(name), Some("screen"), &canvas(width, height));
                insta::assert_snapshot!(format!("{name}-shared-{width}x{height}"), shared);
            }
        }
    });
}

#[test]
fn only_templates_that_say_so_leave_people_out() {
    for (name, template) in builtin() {
        let says = template.description.ends_with("Nobody else is shown.");
        let turns = ["filmstrip", "classroom", "panel"].contains(&name.as_str());
        for canvas in [canvas(1280, 720), canvas(1024, 768), canvas(720, 1280), canvas(3840, 16)] {
            for role in [None, Some("screen")] {
                for count in 0..=MAX_TILES + 1 {
                    let scene = solve(&template, &people(count, role), &canvas, None);
                    let shown = scene.tiles.len();
                    assert!(shown >= count.min(1), "{name}, {count} on {canvas:?}");
                    if !says && !turns {
                        assert_eq!(shown, count.min(MAX_TILES), "{name}, {count} on {canvas:?}");
                    }
                    let counted = scene.overlays.iter().find_map(|overlay| match &overlay.content {
                        Content::Text(Text { parts, .. }) if overlay.id.starts_with('+') => Some(parts.clone()),
                        _ => None,
                    });
                    if name.as_str() == "panel" && shown < count.min(MAX_TILES) {
                        let left = format!("+{}", count.min(MAX_TILES) - shown);
                        assert_eq!(counted, Some(vec![Part::Words(left)]), "{count}");
                    }
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
    let half = |x: f64| place(region(x, 0.0, 1.0 / 3.0, 1.0), vec![Cast::Joined], None);
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
    let template = one(vec![
        place(whole(), vec![Cast::Rest], Some(flow(Pack::Row, None))),
        place(whole(), vec![Cast::Floor, Cast::Rest], None),
        place(whole(), vec![Cast::Role("guest".to_owned()), Cast::Joined], Some(flow(Pack::Row, Some(2)))),
    ]);
    let shown = |people: &[Person], floor: Option<&str>| -> Vec<String> {
        let floor = floor.map(|id| id.parse().expect("an id"));
        let scene = solve(&template, people, &canvas(64, 16), floor.as_ref());
        scene.tiles.iter().map(|tile| tile.participant.to_string()).collect()
    };
    // The flow with a guest takes p5, and p1, in the room's order; the floor has its own place; the rest are behind.
    assert_eq!(shown(&people(5, Some("guest")), Some("p2")), ["p3", "p4", "p2", "p1", "p5"]);
    // Nobody has the floor: its place is left to the rest, which the first place takes whole.
    assert_eq!(shown(&people(4, None), None), ["p3", "p4", "p1", "p2"]);
    assert_eq!(shown(&people(4, None), Some("gone")), ["p3", "p4", "p1", "p2"]);
}

fn one(places: Vec<Place>) -> Template {
    Template { arrangements: vec![Arrangement { places, ..Arrangement::default() }], ..Template::default() }
}

fn place(rect: Region, cast: Vec<Cast>, flow: Option<Flow>) -> Place {
    Place { rect, cast, twice: false, aspect: None, flow, z: 0, fit: Fit::Cover, focus: None, crop: None, style: None }
}

fn region(x: f64, y: f64, width: f64, height: f64) -> Region {
    let (x, y) = (Some(x.into()), Some(y.into()));
    Region { x, y, width: width.into(), height: height.into(), anchor: None, inset: None, within: None }
}

fn whole() -> Region {
    region(0.0, 0.0, 1.0, 1.0)
}

fn flow(pack: Pack, max: Option<u32>) -> Flow {
    Flow { pack, gap: 0.0, max, beyond: Beyond::Leave, anchor: None }
}

fn overlap(a: Rect, b: Rect) -> bool {
    let apart = |a: i32, a_length: u32, b: i32, b_length: u32| a + a_length as i32 <= b || b + b_length as i32 <= a;
    !apart(a.x, a.width, b.x, b.width) && !apart(a.y, a.height, b.y, b.height)
}

proptest! {
    #[test]
    fn any_template_makes_a_sound_scene(
        template in any_template(), people in any_people(), canvas in any_canvas(), said in 0..80usize, now in 0..100u64,
    ) {
        let json = serde_json::to_vec(&template).expect("JSON");
        prop_assert_eq!(Template::parse(&json).err(), None);
        let floor = person(said, None).id;
        let recent: Vec<_> = people.iter().step_by(2).map(|person| person.id.clone()).collect();
        let pinned: Vec<_> = people.iter().skip(said).take(3).map(|person| person.id.clone()).collect();
        let meeting = Meeting { floor: Some(&floor), recent: &recent, pinned: &pinned, ..Meeting::of(&people, &canvas) };
        let (layout, mut director) = (layout(&template), Director::default());
        director.direct(&layout, &meeting, Duration::ZERO);
        let scene = director.direct(&layout, &meeting, Duration::from_secs(now));
        let mut shown: Vec<_> = scene.tiles.iter().map(|tile| (&tile.participant, tile.copy)).collect();
        shown.sort();
        shown.dedup();
        prop_assert_eq!(shown.len(), scene.tiles.len(), "a tile twice");
        let copies = scene.tiles.iter().filter(|tile| tile.copy > 0).count();
        let twice = template.arrangements.iter().flat_map(|a| &a.places).any(|place| place.twice);
        prop_assert!(twice || copies == 0, "somebody twice");
        prop_assert!(scene.tiles.len() <= MAX_TILES);
        let mut depths: Vec<u32> = scene.tiles.iter().map(|t| t.z).chain(scene.overlays.iter().map(|o| o.z)).collect();
        depths.sort_unstable();
        prop_assert!(depths.iter().copied().eq(0..depths.len() as u32), "{:?}", depths);
        let rects = scene.tiles.iter().map(|tile| tile.rect).chain(scene.overlays.iter().map(|overlay| overlay.rect));
        for rect in rects {
            let Rect { x, y, width, height } = rect;
            prop_assert!(x % 2 == 0 && y % 2 == 0 && width % 2 == 0 && height % 2 == 0, "odd: {:?}", rect);
            prop_assert!(x >= 0 && y >= 0 && width >= 2 && height >= 2, "out of bounds: {:?}", rect);
            prop_assert!(x as u32 + width <= canvas.width && y as u32 + height <= canvas.height, "{:?}", rect);
        }
    }

    #[test]
    fn tiles_of_one_flow_never_overlap(mut place in any_place(), count in 0..=64usize, canvas in any_canvas()) {
        (place.cast, place.twice) = (vec![Cast::Rest], false);
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
        let mut place = place(region(x, y, w, h), vec![Cast::Rest], Some(Flow { gap, ..flow(Pack::Grid, None) }));
        place.style = Some(crate::layout::style::Style { radius: Some(gap), opacity: Some(x), ..Default::default() });
        let canvas = canvas(width % 10_000, height % 10_000);
        let scene = solve(&one(vec![place]), &people(count, None), &canvas, None);
        prop_assert!(scene.tiles.len() <= count);
    }
}

/// One person comes or goes, or the floor changes: the people who move.
fn moved(before: &Scene, after: &Scene) -> Vec<String> {
    let place = |scene: &Scene, id: &ParticipantId| {
        scene.tiles.iter().find(|tile| tile.participant == *id).map(|tile| tile.rect)
    };
    let both = before.tiles.iter().filter(|tile| place(after, &tile.participant).is_some());
    both.filter(|tile| place(after, &tile.participant) != Some(tile.rect))
        .map(|tile| tile.participant.to_string())
        .collect()
}

/// Successive scenes of one room; each moment has the people by number, and who has the floor.
fn story(name: &str, moments: &[(&[usize], usize)]) -> Vec<Scene> {
    let (layout, canvas, mut director) = (layout(&builtin_named(name)), canvas(1280, 720), Director::default());
    let scene = |(numbers, floor): &(&[usize], usize)| {
        let people: Vec<Person> = numbers.iter().map(|n| person(*n, None)).collect();
        let floor = person(*floor, None).id;
        director.direct(&layout, &Meeting { floor: Some(&floor), ..Meeting::of(&people, &canvas) }, Duration::ZERO)
    };
    moments.iter().map(scene).collect()
}

#[test]
fn who_takes_the_floor_changes_places_with_who_had_it() {
    for name in ["speaker", "pip", "filmstrip", "side-by-side"] {
        let people: &[usize] = &[1, 2, 3, 4];
        let scenes = story(name, &[(people, 1), (people, 3), (people, 2), (people, 1)]);
        for (before, after) in scenes.iter().zip(&scenes[1..]) {
            assert!(moved(before, after).len() <= 2, "{name}: {:?}", moved(before, after));
            assert_eq!(before.tiles.len(), after.tiles.len());
        }
    }
}

#[test]
fn coming_and_going_moves_nobody_where_there_is_room() {
    // Seven to nine people have the same grid of three by three; its last row is centred.
    let scenes =
        story("grid", &[(&[1, 2, 3, 4, 5, 6, 7], 1), (&[1, 2, 3, 4, 5, 6, 7, 8], 1), (&[1, 2, 3, 4, 5, 6, 7, 9], 1)]);
    assert_eq!(moved(&scenes[0], &scenes[1]), ["p7"], "only the row that grows");
    assert_eq!(moved(&scenes[1], &scenes[2]), Vec::<String>::new(), "a newcomer takes the place that became free");
    let scenes = story("pip", &[(&[1, 2, 3, 4, 5], 1), (&[1, 2, 4, 5], 1)]);
    assert_eq!(moved(&scenes[0], &scenes[1]), Vec::<String>::new(), "who waited takes the free place");
}

#[test]
fn a_dwell_keeps_an_arrangement_on() {
    let mut template = builtin_named("presentation");
    template.dwell_ms = 1000;
    let (layout, canvas, mut director) = (layout(&template), canvas(1280, 720), Director::default());
    let mut at = |ms, role| {
        let people = people(3, role);
        let scene = director.direct(&layout, &Meeting::of(&people, &canvas), Duration::from_millis(ms));
        scene.tiles.iter().map(|tile| tile.rect.width).max()
    };
    let (grid, shared) = (at(0, None), at(1000, Some("screen")));
    assert_ne!(grid, shared);
    assert_ne!(at(1500, None), grid, "half a second is too soon");
    assert_eq!(at(2000, None), grid);
}

#[test]
fn pages_turn_and_nobody_is_forgotten() {
    let (layout, canvas, mut director) = (layout(&builtin_named("filmstrip")), canvas(1280, 720), Director::default());
    let people = people(15, None);
    let mut seen = std::collections::BTreeSet::new();
    for page in 0..3 {
        let scene = director.direct(&layout, &Meeting::of(&people, &canvas), Duration::from_secs(page * 10));
        assert_eq!(scene.tiles.len(), [7, 7, 3][page as usize]);
        seen.extend(scene.tiles.iter().map(|tile| tile.participant.to_string()));
    }
    assert_eq!(seen.len(), 15);
}

#[test]
fn silence_pins_and_recent_speakers_choose() {
    let json = r#"{"arrangements": [
        {"when": {"silence_ms": 5000}, "places": [{"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "cast": [{"participant": "p4"}]}]},
        {"when": {"pinned": true}, "places": [{"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "cast": ["pinned"]}]},
        {"places": [
            {"rect": {"x": 0, "y": 0, "width": 0.5, "height": 1}, "cast": ["recent"]},
            {"rect": {"x": 0.5, "y": 0, "width": 0.5, "height": 1}, "cast": ["recent", "joined"]}
        ]}
    ]}"#;
    let layout = layout(&Template::parse(json.as_bytes()).expect("a template"));
    let (people, canvas) = (people(4, None), canvas(64, 36));
    let ids: Vec<ParticipantId> = people.iter().map(|person| person.id.clone()).collect();
    let mut director = Director::default();
    let mut shown = |recent: &[usize], pinned: &[usize], silence: u64| -> Vec<String> {
        let of = |numbers: &[usize]| numbers.iter().map(|n| ids[n - 1].clone()).collect::<Vec<_>>();
        let (recent, pinned) = (of(recent), of(pinned));
        let silence = Duration::from_secs(silence);
        let meeting = Meeting { recent: &recent, pinned: &pinned, silence, ..Meeting::of(&people, &canvas) };
        let scene = director.direct(&layout, &meeting, Duration::ZERO);
        scene.tiles.iter().map(|tile| tile.participant.to_string()).collect()
    };
    assert_eq!(shown(&[2], &[], 0), ["p2", "p1"]);
    assert_eq!(shown(&[3, 2], &[], 0), ["p2", "p3"], "who is shown stays where they are");
    assert_eq!(shown(&[1, 3, 2], &[], 0), ["p1", "p3"], "the one who spoke longest ago makes place");
    assert_eq!(shown(&[1, 3, 2], &[4], 0), ["p4"]);
    assert_eq!(shown(&[1, 3, 2], &[], 6), ["p4"]);
}

#[test]
fn people_without_a_picture_follow_the_template() {
    let mut template = builtin_named("grid");
    let canvas = canvas(1280, 720);
    let mut people = people(4, None);
    for (person, face) in people.iter_mut().zip([Face::Absent, Face::AudioOnly, Face::Hidden, Face::Picture]) {
        person.face = face;
    }
    let shown = |template: &Template| -> Vec<(String, bool)> {
        let scene = solve(template, &people, &canvas, None);
        scene.tiles.iter().map(|tile| (tile.participant.to_string(), tile.card)).collect()
    };
    let plain = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), false)).collect::<Vec<_>>();
    assert_eq!(shown(&template), plain(&["p2", "p4"]), "who never came is not on the program");
    template.people.absent = Show::Card;
    assert_eq!(shown(&template), plain(&["p2", "p4", "p1"]), "the living before the absent");
    template.people.absent = Show::Never;
    template.people.audio_only = Show::Last;
    assert_eq!(shown(&template), plain(&["p4", "p2"]));
    template.people.hidden = Show::Card;
    assert_eq!(shown(&template), [("p3".to_owned(), true), ("p4".to_owned(), false), ("p2".to_owned(), false)]);
}

#[test]
fn thirty_are_invited_and_those_who_came_are_shown() {
    let canvas = canvas(1280, 720);
    let mut people = people(30, None);
    people.iter_mut().for_each(|person| person.face = Face::Absent);
    (people[11].face, people[29].face) = (Face::Picture, Face::Lost);
    for (name, template) in builtin() {
        let scene = solve(&template, &people, &canvas, None);
        let shown: Vec<_> = scene.tiles.iter().map(|tile| tile.participant.as_str()).collect();
        assert!(shown == ["p12", "p30"] || shown == ["p12"], "{name}: {shown:?}");
    }
}

#[test]
fn a_room_may_say_who_is_shown_in_place_of_the_template() {
    let mut people = people(2, None);
    people[0].face = Face::Absent;
    let canvas = canvas(64, 36);
    let shown = |wish: &str| {
        let wish = serde_json::from_str(wish).expect("a wish");
        let layout = layout(&builtin_named("grid")).with_people(wish);
        layout.scene(&Meeting::of(&people, &canvas)).tiles.len()
    };
    assert_eq!([shown("{}"), shown(r#"{"absent": "card"}"#)], [1, 2]);
}

#[test]
fn somebody_may_be_shown_twice_where_the_template_says_so() {
    let mut big = place(region(0.0, 0.0, 0.5, 1.0), vec![Cast::Floor], None);
    big.twice = true;
    let all = place(region(0.5, 0.0, 0.5, 1.0), vec![Cast::Rest], Some(flow(Pack::Grid, None)));
    let people = people(3, None);
    let scene = solve(&one(vec![big, all]), &people, &canvas(64, 36), Some(&people[1].id));
    let tiles: Vec<_> = scene.tiles.iter().map(|tile| (tile.participant.as_str(), tile.copy)).collect();
    assert_eq!(tiles, [("p2", 1), ("p1", 0), ("p2", 0), ("p3", 0)]);
}

#[test]
fn parameters_move_the_corner() {
    let template = builtin_named("pip");
    let people = people(3, None);
    let at = |arguments: &str| {
        let arguments: Arguments = serde_json::from_str(arguments).expect("arguments");
        assert_eq!(template.check_arguments(&arguments), []);
        let layout = Layout::new(&template, &arguments, |_| None);
        let scene = layout.scene(&Meeting::of(&people, &canvas(1280, 720)));
        let Rect { x, y, width, .. } = scene.tiles[1].rect;
        (x, y, width)
    };
    let (right, below, width) = at("{}");
    assert!(right > 900 && below > 500 && width == 282, "{right} {below} {width}");
    let (left, top, width) = at(r#"{"corner": "top_left", "size": 0.3}"#);
    assert_eq!((left, top), (22, 22));
    assert!(width > 282, "{width}");
    let bad: Arguments = serde_json::from_str(r#"{"corner": 0.5, "size": 0.9, "colour": 1}"#).expect("arguments");
    let pointers: Vec<String> = template.check_arguments(&bad).into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/colour", "/corner", "/size"]);
}

#[test]
fn the_worst_template_makes_no_more_than_its_limits_say() {
    let template = Template::parse(worst::template().as_bytes()).expect("within every limit");
    let layout = layout(&template);
    let person = |n: usize| Person { role: Some(worst::role(n)), name: worst::name(n), ..person(n, None) };
    let people: Vec<Person> = (0..MAX_TILES).map(person).collect();
    let ids: Vec<ParticipantId> = people.iter().map(|person| person.id.clone()).collect();
    let canvas = canvas(1280, 720);
    let meeting = Meeting { floor: Some(&ids[0]), pinned: &ids, recent: &ids, ..Meeting::of(&people, &canvas) };
    let admitted = layout.admit(&people);
    let company = Company::new(&admitted, &meeting, &layout.named);
    assert_eq!(layout.suited(&company, &meeting), Some(31));
    let seating = company.seat(&layout.rungs[31].slots, Seating::default());
    let seated: usize = seating.seats.iter().map(|line| line.people().len()).sum();
    // Each place that says `twice` seats everybody, and everybody sits once more at most.
    assert_eq!(seated, MAX_CROWDS * MAX_TILES + 60);
    assert!(seated <= (MAX_CROWDS + 1) * MAX_TILES);
    let scene = layout.scene(&meeting);
    assert_eq!((scene.tiles.len(), scene.overlays.len()), (MAX_TILES, MAX_OVERLAYS));
    let labels = scene.tiles.iter().filter_map(|tile| tile.label.as_ref()).map(|label| &label.text);
    let captions = scene.overlays.iter().filter_map(|overlay| match &overlay.content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    let most = MAX_TEXT_BYTES + MAX_VARIABLES * 256;
    for text in labels.chain(captions) {
        let said = text.parts.iter().map(|part| if let Part::Words(words) = part { words.len() } else { 0 });
        assert!(said.sum::<usize>() <= most && text.parts.len() <= 2 * MAX_VARIABLES + 1);
    }
}
