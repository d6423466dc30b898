//! Validation of places and their rectangles.

use super::{Known, Report, check_role, listed};
use crate::layout::{
    Crop, Focus,
    parameters::{FromArgument, Given, Parameter, Reference},
    place::{Beyond, Flow, Place},
    region::{MAX_Z, Region},
    rule::{Cast, MAX_RULES},
};

/// Tolerance for sums of decimal fractions: 0.7 + 0.3 may be slightly above 1. A millionth of a canvas is under a
/// hundredth of a px.
const SLACK: f64 = 1e-6;

/// Least width and height of a place: two px of the largest canvas.
const LEAST: f64 = 0.001;

/// Longest time a page stays, s: an hour.
const MAX_PAGE_SECONDS: u32 = 3600;

pub(super) fn check_place(report: &mut Report, place: &Place, known: &Known) {
    report.within("rect", |r| check_region(r, &place.rect, known));
    report.count("cast", place.cast.len(), 1, MAX_RULES, "rules");
    check_rules(report, "cast", &place.cast);
    report.number("z", place.z, 0, MAX_Z, "a level");
    if let Some(flow) = &place.flow {
        report.within("flow", |r| check_flow(r, flow, known));
    }
    if let Some(Focus { x, y }) = place.focus {
        report.within("focus", |r| {
            r.number("x", x, 0.0, 1.0, "a fraction of the picture");
            r.number("y", y, 0.0, 1.0, "a fraction of the picture");
        });
    }
    if let Some(crop) = place.crop {
        report.within("crop", |r| check_crop(r, crop));
    }
    if let Some(style) = &place.style {
        report.within("style", |r| r.style(style));
    }
}

/// The rules of a place, or of the person an overlay is about.
pub(super) fn check_rules(report: &mut Report, name: &str, rules: &[Cast]) {
    report.each(name, rules, MAX_RULES, |r, index, rule| match rule {
        Cast::Role(role) => r.within("role", |r| check_role(r, role)),
        Cast::Rest if index + 1 < rules.len() => {
            r.say("takes whoever is left, so rules after it never apply; put `rest` last".to_owned());
        }
        _ => {}
    });
}

fn check_flow(report: &mut Report, flow: &Flow, known: &Known) {
    report.number("gap", flow.gap, 0.0, 0.5, "a fraction of the canvas's shorter side");
    report.number("max", flow.max.unwrap_or(1), 1, crate::layout::MAX_TILES as u32, "a number of people");
    if flow.beyond != Beyond::Leave && flow.max.is_none() {
        report.within("beyond", |r| r.say("says what is beyond `max`, which is not there; give `max` too".to_owned()));
    }
    if let Beyond::Pages(seconds) = flow.beyond {
        report.within("beyond", |r| r.number("pages", seconds, 1, MAX_PAGE_SECONDS, "seconds"));
    }
    check_reference(report, "anchor", flow.anchor.as_ref(), known);
}

fn check_crop(report: &mut Report, crop: Crop) {
    let fraction = "a fraction of the picture";
    report.number("x", crop.x, 0.0, 1.0, fraction);
    report.number("y", crop.y, 0.0, 1.0, fraction);
    report.number("width", crop.width, LEAST, 1.0, fraction);
    report.number("height", crop.height, LEAST, 1.0, fraction);
    let sides = [("width", "right", crop.x, crop.width), ("height", "bottom", crop.y, crop.height)];
    reach(report, sides, "", "the picture");
}

pub(super) fn check_region(report: &mut Report, region: &Region, known: &Known) {
    if let Some(outer) = &region.within
        && !known.regions.contains_key(outer)
    {
        let names = listed(known.regions);
        report.within("in", |r| {
            r.say(format!("names {outer:?}, which is none of the arrangement's `regions`; there are: {names}"))
        });
    }
    let fraction = "a fraction of what holds it";
    let numbers = [
        ("x", region.x.as_ref(), 0.0),
        ("y", region.y.as_ref(), 0.0),
        ("width", Some(&region.width), LEAST),
        ("height", Some(&region.height), LEAST),
    ];
    for (name, given, least) in numbers {
        check_reference(report, name, given, known);
        for number in given.iter().flat_map(|given| values(given, known)) {
            report.number(name, number, least, 1.0, fraction);
        }
    }
    check_reference(report, "anchor", region.anchor.as_ref(), known);
    report.number("inset", region.inset.unwrap_or(0.0), 0.0, 0.5, "a fraction of the canvas's shorter side");
    match &region.anchor {
        Some(_) => {
            for (name, given) in [("x", &region.x), ("y", &region.y)] {
                if given.is_some() {
                    report.within(name, |r| {
                        r.say("stands beside `anchor`, and both say where it is; leave one out".to_owned())
                    });
                }
            }
        }
        None => {
            for (name, given) in [("x", &region.x), ("y", &region.y)] {
                if given.is_none() {
                    report.say(format!("says no place: give `{name}`, or `anchor` in place of `x` and `y`"));
                }
            }
            if region.inset.is_some() {
                report.within("inset", |r| r.say("counts only beside `anchor`; leave it out or give one".to_owned()));
            }
            for arguments in &known.arguments {
                let number = |given: &Option<Given<f64>>| given.as_ref().and_then(|given| given.value(arguments));
                let sides = [
                    ("width", "right", number(&region.x), &region.width),
                    ("height", "bottom", number(&region.y), &region.height),
                ];
                for (name, edge, from, given) in sides {
                    if let (Some(from), Some(length)) = (from, given.value(arguments)) {
                        let named = match given {
                            Given::Value(_) => String::new(),
                            Given::Parameter(Reference { parameter }) => format!(" (what {parameter:?} may be)"),
                        };
                        reach(report, [(name, edge, from, length)], &named, "what holds it");
                    }
                }
            }
        }
    }
}

/// Two sides that are valid alone must not end beyond an edge together.
fn reach<const N: usize>(report: &mut Report, sides: [(&str, &str, f64, f64); N], why: &str, whole: &str) {
    for (name, edge, from, length) in sides {
        let alone_fine = (0.0..=1.0).contains(&from) && (LEAST..=1.0).contains(&length);
        if alone_fine && from + length > 1.0 + SLACK {
            let most = 1.0 - from;
            report.within(name, |r| {
                r.say(format!(
                    "is {length}{why}, which reaches beyond the {edge} edge of {whole}; give at most {most:.4}"
                ));
            });
        }
    }
}

/// Every value that a number may have.
fn values<'a>(given: &'a Given<f64>, known: &'a Known) -> impl Iterator<Item = f64> + 'a {
    known.arguments.iter().filter_map(|arguments| given.value(arguments))
}

/// A named parameter must exist and have the right kind.
fn check_reference<T: FromArgument>(report: &mut Report, name: &str, given: Option<&Given<T>>, known: &Known) {
    let Some(Given::Parameter(Reference { parameter })) = given else { return };
    let detail = match known.parameters.get(parameter) {
        None => {
            let names = listed(known.parameters);
            format!("names {parameter:?}, which is not one of the template's `parameters`; there are: {names}")
        }
        Some(found) if T::from_argument(&found.default_argument()).is_none() => {
            let (is, wanted) = match found {
                Parameter::Number { .. } => ("a number", "an anchor"),
                Parameter::Anchor { .. } => ("an anchor", "a number"),
            };
            format!("names {parameter:?}, which is {is}; `{name}` takes {wanted}")
        }
        Some(_) => return,
    };
    report.within(name, |r| r.within("parameter", |r| r.say(detail)));
}
