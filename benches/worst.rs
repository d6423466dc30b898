//! The template that takes longest to work out a scene of, within every limit, and the meeting that makes it so. Nothing but
//! texts, for the bench that times it and the test that counts what it makes.

use std::fmt::Write;

/// An id as long as ids may be.
pub fn id(number: usize) -> String {
    format!("{number:0>64}")
}

/// A name as long as names may be.
pub fn name(number: usize) -> String {
    format!("{number:n>256}")
}

/// A role as long as roles may be; those of the meeting's people are below 64.
pub fn role(number: usize) -> String {
    format!("{number:r>64}")
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

/// Everything at its limit: arrangements that do not suit, regions in each other, places that seat everybody again but leave most
/// tiles to others, places whose first rules find nobody, and texts in as many pieces as there may be on every tile and overlay.
pub fn template() -> String {
    let words = format!("{}{}", "{clock}".repeat(5), "w".repeat(512 - 5 * 7));
    let text = format!(r##"{{"words": "{words}", "background": "#000000"}}"##);
    let line = r##"{"width": 0.01, "color": "#ffffff"}"##;
    let style = format!(
        r##"{{"radius": 0.1, "border": {line}, "highlight": {line},
            "shadow": {{"blur": 0.01, "x": 0.01, "y": 0.01, "color": "#000000"}},
            "label": {{"text": {text}, "badges": ["muted", "speaking", "weak", "lost"]}}}}"##
    );
    // 64 people and one for every rule that finds nobody.
    let absent = |number: usize| format!(r#"{{"participant": "{}"}}"#, id(64 + number));
    let regions = list(32, |n| {
        let within = if n == 0 { String::new() } else { format!(r#""in": "r{:02}","#, n - 1) };
        format!(r#""r{n:02}": {{{within} "anchor": "center", "inset": 0.001, "width": 0.99, "height": 0.99}}"#)
    });
    let rect = r#"{"in": "r31", "anchor": "top_left", "width": 0.9, "height": 0.9}"#;
    let flow = r#"{"pack": "grid", "gap": 0.001, "max": 2, "beyond": "count"}"#;
    let crowd = list(4, |n| {
        let rules =
            format!(r#"{}, {{"role": "{}"}}, "pinned", "recent", "joined""#, list(4, |m| absent(n * 4 + m)), role(n));
        format!(r#"{{"rect": {rect}, "twice": true, "aspect": "16:9", "flow": {flow}, "cast": [{rules}]}}"#)
    });
    let single = list(60, |n| {
        let rules = format!(r#"{}, {{"role": "{}"}}, "recent""#, list(6, |m| absent(64 + n * 6 + m)), role(64 + n));
        format!(r#"{{"rect": {rect}, "aspect": "16:9", "z": {n}, "cast": [{rules}]}}"#)
    });
    let overlays = list(32, |n| {
        let about = format!(r#"{}, "joined""#, list(7, |m| absent(512 + n * 7 + m)));
        format!(r#"{{"name": "o{n}", "rect": {rect}, "z": {n}, "text": {text}, "about": [{about}]}}"#)
    });
    let mut arrangements = String::new();
    for n in 0..31 {
        let when = format!(r#"{{"min_people": 1, "pinned": true, "floor": true, "role": "{}"}}"#, role(1000 + n));
        let _ = write!(arrangements, r#"{{"when": {when}, "places": [{{"rect": {rect}, "cast": ["rest"]}}], "#);
        let _ = write!(arrangements, r#""regions": {{{regions}}}}},"#);
    }
    format!(
        r#"{{"style": {style}, "arrangements": [{arrangements}
            {{"regions": {{{regions}}}, "places": [{crowd}, {single}], "overlays": [{overlays}]}}]}}"#
    )
}
