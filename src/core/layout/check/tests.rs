//! Faults of bad templates and canvases.

use super::*;
use crate::layout::{Color, LayoutChoice, TemplateChoice, builtin};

/// A template with one place, from the place's JSON.
fn one_place(place: &str) -> String {
    format!(r#"{{"arrangements": [{{"places": [{place}]}}]}}"#)
}

fn said(json: &str) -> Vec<String> {
    Template::parse(json.as_bytes()).expect_err(json).iter().map(ToString::to_string).collect()
}

#[test]
fn built_in_templates_have_no_faults() {
    assert_eq!(builtin().len(), 11);
    for (name, template) in builtin() {
        for canvas in [(1280, 720), (1920, 1080), (720, 1280)].map(|(width, height)| Canvas {
            width,
            height,
            ..Canvas::default()
        }) {
            let advice = advise(&template, 9, &canvas, |_| true);
            assert_eq!(advice.warnings, [], "{name} on {canvas:?}");
            assert!(advice.cost.total_percent > 0.0);
        }
    }
}

#[test]
fn what_is_not_of_the_format_is_named_by_its_pointer() {
    let rect = r#""rect": {"x": 0, "y": 0, "width": 1, "height": 1}"#;
    let cases = [
        ("{", ""),
        ("[]", ""),
        ("{}", "/arrangements"),
        (r#"{"arrangements": [], "colour": 1}"#, "/colour"),
        (&one_place(&format!(r#"{{{rect}, "cast": ["flor"]}}"#)), "/arrangements/0/places/0/cast/0"),
        (&one_place(&format!(r#"{{{rect}, "cast": [{{"role": 5}}]}}"#)), "/arrangements/0/places/0/cast/0/role"),
        (&one_place(&format!(r#"{{{rect}, "cast": ["rest"], "z": -1}}"#)), "/arrangements/0/places/0/z"),
        (&one_place(&format!(r#"{{{rect}, "cast": ["rest"], "aspect": "16x9"}}"#)), "/arrangements/0/places/0/aspect"),
        (&one_place(&format!(r#"{{{rect}, "cast": ["rest"], "a/b~c": 1}}"#)), "/arrangements/0/places/0/a~1b~0c"),
        (&one_place(r#"{"rect": {"x": 1e999}, "cast": ["rest"]}"#), ""),
        (&one_place(r#"{"rect": {"width": null}, "cast": ["rest"]}"#), "/arrangements/0/places/0/rect/width"),
        (
            &one_place(r#"{"rect": {"x": 0, "y": 0, "width": 1}, "cast": ["rest"]}"#),
            "/arrangements/0/places/0/rect/height",
        ),
        (&one_place(r#"{"rect": {"x": {"parametre": "a"}}, "cast": []}"#), "/arrangements/0/places/0/rect/x/parametre"),
        (&one_place(r#"{"rect": {"anchor": "middle"}, "cast": []}"#), "/arrangements/0/places/0/rect/anchor"),
    ];
    for (json, pointer) in cases {
        let faults = Template::parse(json.as_bytes()).expect_err(json);
        assert!(faults.iter().any(|fault| fault.pointer == pointer), "{json}: {faults:?}");
        assert!(faults.iter().all(|fault| !fault.detail.is_empty()), "{json}: {faults:?}");
    }
    assert!(said("{} x")[0].contains("is no JSON: trailing"));
    let good = one_place(&format!(r#"{{{rect}, "cast": ["rest"]}}"#));
    assert!(Template::parse(good.as_bytes()).is_ok());
    assert_eq!(said(&format!("{good}{good}")).len(), 1, "nothing may follow a template");
}

#[test]
fn every_number_has_a_range_and_every_fault_is_told_at_once() {
    let json = r#"{"arrangements": [
        {"when": {"min_people": 65, "max_people": 3, "role": ""}, "places": [
            {"rect": {"x": -0.1, "y": 1e308, "width": 0, "height": 1.5}, "cast": ["rest", "floor"], "z": 1001,
             "flow": {"pack": "grid", "gap": -1, "max": 0}}]},
        {"places": []},
        {"when": {}, "places": [{"rect": {"x": 0.5, "y": 0, "width": 0.6, "height": 1}, "cast": []}]}
    ]}"#;
    let expected = [
        "/arrangements/0/when/min_people: is 65; give a number of people from 0 to 64",
        "/arrangements/0/when/min_people: is 65, more than max_people, 3; no meeting has both",
        "/arrangements/0/when/role: is a role of 0 bytes; give 1 to 64, such as screen",
        "/arrangements/0/places/0/rect/x: is -0.1; give a fraction of what holds it from 0 to 1",
        "/arrangements/0/places/0/rect/y: is 1e308; give a fraction of what holds it from 0 to 1",
        "/arrangements/0/places/0/rect/width: is 0.0; give a fraction of what holds it from 0.001 to 1",
        "/arrangements/0/places/0/rect/height: is 1.5; give a fraction of what holds it from 0.001 to 1",
        "/arrangements/0/places/0/cast/0: takes whoever is left, so rules after it never apply; put `rest` last",
        "/arrangements/0/places/0/z: is 1001; give a level from 0 to 1000",
        "/arrangements/0/places/0/flow/gap: is -1.0; give a fraction of the canvas's shorter side from 0 to 0.5",
        "/arrangements/0/places/0/flow/max: is 0; give a number of people from 1 to 64",
        "/arrangements/1: has no `when`, so those after it are never used; move it to the end or give it one",
        "/arrangements/1/places: leaves the canvas empty; give places, overlays or a background",
        "/arrangements/2/when: leaves some meetings without an arrangement; leave `when` out of the last one",
        "/arrangements/2/places/0/rect/width: is 0.6, which reaches beyond the right edge of what holds it; give at most 0.5000",
        "/arrangements/2/places/0/cast: has 0 rules; give 1 to 8",
    ];
    assert_eq!(said(json), expected);
}

#[test]
fn sums_of_decimal_fractions_are_not_held_against_anybody() {
    for tenth in 1..10 {
        let (x, width) = (f64::from(tenth) / 10.0, 1.0 - f64::from(tenth) / 10.0);
        let json = one_place(&format!(
            r#"{{"rect": {{"x": {x}, "y": {width}, "width": {width}, "height": {x}}}, "cast": ["rest"]}}"#
        ));
        Template::parse(json.as_bytes()).expect(&json);
    }
}

#[test]
fn everything_is_told_at_once_in_words_for_people() {
    let rules = r#"["presenter", "role", {"role": "x", "participant": "y"}, {}, {"floor": 1}, 5]"#;
    let json = format!(
        r#"{{"title": 5, "colour": 1, "motion": "slow", "arrangements": [{{"places": [
            {{"rect": "full", "cast": {rules}, "flow": {{"pack": "pile", "beyond": {{"pages": 3, "zz": 1}}}}}},
            {{"rect": {{"x": 0, "y": 0, "width": 1, "height": 1}}, "cast": "joined"}}]}}]}}"#
    );
    let place = "/arrangements/0/places/0";
    let casts = "floor, pinned, recent, joined, rest, participant, role";
    let mut faults = said(&json);
    faults.sort();
    let mut expected = [
        "/colour: there is no field \"colour\"; there is $schema, title, description, parameters, motion, dwell_ms, people, \
         background, style, overlays, arrangements"
            .to_owned(),
        "/title: expected a text in quotes, found 5".to_owned(),
        "/motion: expected an object in { }, found the text \"slow\"".to_owned(),
        format!("{place}/rect: expected an object in {{ }}, found the text \"full\""),
        format!(
            "{place}/cast/0: \"presenter\" is not one of {casts}; somebody of that role is {{\"role\": \"presenter\"}}"
        ),
        format!("{place}/cast/1: \"role\" needs a value: write {{\"role\": …}}"),
        format!("{place}/cast/2: has 2 fields; give exactly one of {casts}"),
        format!("{place}/cast/3: has 0 fields; give exactly one of {casts}"),
        format!("{place}/cast/4/floor: expected the word alone, with nothing beside it, found 1"),
        format!("{place}/cast/5: expected one of {casts}, found 5"),
        format!("{place}/flow/pack: \"pile\" is not one of grid, row, column"),
        format!("{place}/flow/beyond: has 2 fields; give exactly one of leave, count, pages"),
        "/arrangements/0/places/1/cast: expected a list in [ ], found the text \"joined\"".to_owned(),
    ];
    expected.sort();
    assert_eq!(faults, expected);
}

#[test]
fn counts_and_sizes_are_bounded() {
    let place = r#"{"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "cast": ["rest"]}"#;
    let places = vec![place; 10_000].join(",");
    let many = one_place(&places);
    assert_eq!(said(&many), ["/arrangements/0/places: has 10000 places; give 0 to 64"]);
    let arrangement = format!(r#"{{"when": {{}}, "places": [{place}]}}"#);
    let ladder = vec![arrangement.as_str(); 33].join(",");
    let many = format!(r#"{{"arrangements": [{ladder}]}}"#);
    assert_eq!(said(&many), ["/arrangements: has 33 arrangements; give 1 to 32"]);
    assert_eq!(said(r#"{"arrangements": []}"#), ["/arrangements: has 0 arrangements; give 1 to 32"]);
    let crowd = place.replace("\"cast\"", "\"twice\": true, \"flow\": {\"pack\": \"row\"}, \"cast\"");
    let crowds = |count: usize| one_place(&vec![crowd.as_str(); count].join(","));
    assert!(Template::parse(crowds(4).as_bytes()).is_ok());
    assert_eq!(said(&crowds(5)), ["/arrangements/0/places: has 5 places with `twice` and `flow`; give 0 to 4"]);
    let named = |count: usize| {
        let style = format!(r#", "style": {{"label": {{"text": {{"words": "{}"}}}}}}}}"#, "{name} ".repeat(count));
        one_place(&place.replace("[\"rest\"]}", &format!("[\"rest\"]{style}")))
    };
    assert!(Template::parse(named(5).as_bytes()).is_ok(), "{}", named(5));
    let words = "/arrangements/0/places/0/style/label/text/words";
    assert_eq!(said(&named(6)), [format!("{words}: has more than 5 variables; leave some out")]);
    let big = " ".repeat(crate::layout::template::MAX_TEMPLATE_BYTES + 1);
    assert_eq!(said(&big), [": is 1048577 bytes; a template has at most 1048576"]);
    let deep = "[".repeat(100_000);
    assert_eq!(said(&deep).len(), 1);
    let title = format!(r#"{{"title": "{}", "arrangements": [{{"places": [{place}]}}]}}"#, "x".repeat(129));
    assert_eq!(said(&title), ["/title: is 129 bytes long; shorten it to 128"]);
}

#[test]
fn an_arrangement_for_a_canvas_that_stands_is_judged_on_one() {
    let low = r#"{"name": "t", "rect": {"x": 0, "y": 0, "width": 1, "height": 0.05}, "text": {"words": "a\nb", "size": 0.04, "inset": 0}}"#;
    let json = format!(
        r#"{{"arrangements": [{{"when": {{"orientation": "portrait"}}, "places": [], "overlays": [{low}]}},
            {{"places": [], "overlays": [{low}]}}]}}"#
    );
    let template = Template::parse(json.as_bytes()).expect("a template");
    let at = |canvas: &Canvas| {
        let warnings = advise(&template, 4, canvas, |_| true).warnings;
        warnings.into_iter().map(|warning| warning.pointer).collect::<Vec<_>>()
    };
    let stands = Canvas { width: 720, height: 1280, ..Canvas::default() };
    assert_eq!(at(&Canvas::default()), ["/arrangements/1"]);
    assert_eq!(at(&stands), [""; 0]);
}

#[test]
fn a_canvas_is_even_and_within_what_the_stage_can_make() {
    let canvas = |width, height, fps| Canvas { width, height, fps, background: Color { red: 0, green: 0, blue: 0 } };
    for good in [canvas(16, 16, 1), canvas(3840, 2160, 60), Canvas::default()] {
        assert_eq!(good.check(), []);
    }
    let said: Vec<String> = canvas(1281, 100_000, 0).check().iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "/width: is 1281, which is odd; give 1280 or 1282 px",
            "/height: is 100000; give an even number of px from 16 to 2160",
            "/fps: is 0; give frames a second from 1 to 60",
        ]
    );
    assert_eq!(canvas(14, 2162, 61).check().len(), 3);
}

#[test]
fn a_choice_is_a_name_or_a_template_and_its_faults_keep_their_pointers() {
    let named: LayoutChoice = serde_json::from_str(r#"{"template": "speaker"}"#).expect("a choice");
    assert_eq!(named.template, TemplateChoice::Named("speaker".parse().expect("a name")));
    assert_eq!(serde_json::to_string(&named).expect("JSON"), r#"{"template":"speaker"}"#);
    assert!(serde_json::from_str::<LayoutChoice>(r#"{"template": "../etc"}"#).is_err());
    assert!(serde_json::from_str::<LayoutChoice>(r#"{"template": 5}"#).is_err());

    let inline = one_place(r#"{"rect": {"x": 2, "y": 0, "width": 1, "height": 1}, "cast": ["rest"]}"#);
    let choice = format!(r#"{{"template": {inline}, "transition_ms": 5001}}"#);
    let choice: LayoutChoice = serde_json::from_str(&choice).expect("well formed");
    let pointers: Vec<String> = choice.check().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/template/arrangements/0/places/0/rect/x", "/transition_ms"]);

    let bad = r#"{"template": {"arrangements": [{"places": 5}]}}"#;
    let mut reader = serde_json::Deserializer::from_str(bad);
    let error = serde_path_to_error::deserialize::<_, LayoutChoice>(&mut reader).expect_err(bad);
    assert_eq!(error.path().to_string(), "template.arrangements[0].places");
}
