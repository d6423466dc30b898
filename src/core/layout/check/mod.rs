//! Template validation: every fault that a well-formed template or canvas can still have.

mod advice;
mod place;
mod style;

pub use advice::{Advice, Cost, advise};

use std::collections::{BTreeMap, BTreeSet};

use self::place::{check_place, check_region, check_rules};
use super::{
    Canvas, Fault, MAX_OVERLAYS, MAX_TILES, Template,
    parameters::{Arguments, Parameter},
    region::Region,
    template::{
        Arrangement, MAX_ARRANGEMENTS, MAX_CROWDS, MAX_DESCRIPTION_BYTES, MAX_NAME_BYTES, MAX_PARAMETERS, MAX_PLACES,
        MAX_REGIONS, MAX_ROLE_BYTES, MAX_TITLE_BYTES, MAX_TRANSITION_MS, MAX_WAIT_MS, Motion, When,
    },
};

/// Longest description of a parameter, bytes: a line.
const MAX_HELP_BYTES: usize = 256;

/// The faults so far, and the JSON pointer of the current value.
#[derive(Default)]
struct Report {
    faults: Vec<Fault>,
    at: String,
}

impl Report {
    /// Checks a part of the current value.
    fn within(&mut self, token: impl std::fmt::Display, look: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&token.to_string().replace('~', "~0").replace('/', "~1"));
        look(self);
        self.at.truncate(length);
    }

    /// Checks every item of a list, up to a bound.
    fn each<T>(&mut self, name: &str, list: &[T], most: usize, look: impl Fn(&mut Self, usize, &T)) {
        self.within(name, |r| {
            for (index, item) in list.iter().take(most).enumerate() {
                r.within(index, |r| look(r, index, item));
            }
        });
    }

    fn say(&mut self, detail: String) {
        self.faults.push(Fault::new(self.at.clone(), detail));
    }

    fn number<T>(&mut self, name: &str, value: T, least: T, most: T, meaning: &str)
    where
        T: PartialOrd + std::fmt::Display + std::fmt::Debug,
    {
        // In this form, a value that is no number is out of range.
        if !(least <= value && value <= most) {
            // Debug writes 1e308 in this form, not as 309 digits.
            self.within(name, |r| r.say(format!("is {value:?}; give {meaning} from {least} to {most}")));
        }
    }

    fn text(&mut self, name: &str, text: &str, most: usize) {
        if text.len() > most {
            self.within(name, |r| r.say(format!("is {} bytes long; shorten it to {most}", text.len())));
        }
    }

    fn count(&mut self, name: &str, count: usize, least: usize, most: usize, what: &str) {
        if !(least..=most).contains(&count) {
            self.within(name, |r| r.say(format!("has {count} {what}; give {least} to {most}")));
        }
    }

    /// Names that people choose: for regions, parameters, overlays.
    fn name(&mut self, name: &str) {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || !(1..=MAX_NAME_BYTES).contains(&name.len()) {
            self.say(format!("is not a usable name: use 1 to {MAX_NAME_BYTES} of the characters A-Z a-z 0-9 - _"));
        }
    }
}

/// The names that a part of an arrangement may use.
struct Known<'a> {
    regions: &'a BTreeMap<String, Region>,
    parameters: &'a BTreeMap<String, Parameter>,
    /// Possible parameter values: the defaults, and each number at its minimum and its maximum.
    arguments: Vec<Arguments>,
}

impl Template {
    /// Everything wrong with it that its types do not already rule out; empty when it may be used.
    pub fn check(&self) -> Vec<Fault> {
        let mut report = Report::default();
        report.text("$schema", self.schema.as_deref().unwrap_or_default(), MAX_DESCRIPTION_BYTES);
        report.text("title", &self.title, MAX_TITLE_BYTES);
        report.text("description", &self.description, MAX_DESCRIPTION_BYTES);
        report.count("parameters", self.parameters.len(), 0, MAX_PARAMETERS, "parameters");
        report.within("parameters", |r| {
            for (name, parameter) in self.parameters.iter().take(MAX_PARAMETERS) {
                r.within(name, |r| check_parameter(r, name, parameter));
            }
        });
        check_motion(&mut report, self.motion);
        report.number("dwell_ms", self.dwell_ms, 0, MAX_WAIT_MS, "milliseconds");
        if let Some(style) = &self.style {
            report.within("style", |r| r.style(style));
        }
        report.count("arrangements", self.arrangements.len(), 1, MAX_ARRANGEMENTS, "arrangements");
        if report.faults.iter().any(|fault| fault.pointer == "/arrangements" || fault.pointer == "/parameters") {
            return report.faults;
        }
        let arguments = self.extremes();
        // Shared overlays lie in every arrangement, so they may only use regions that every arrangement has.
        let shared = |name: &String| self.arrangements.iter().all(|arrangement| arrangement.regions.contains_key(name));
        let regions = self.arrangements.first().map(|first| first.regions.clone()).unwrap_or_default();
        let regions = regions.into_iter().filter(|(name, _)| shared(name)).collect();
        let known = Known { regions: &regions, parameters: &self.parameters, arguments: arguments.clone() };
        report.count("overlays", self.overlays.len(), 0, MAX_OVERLAYS, "overlays");
        report.each("overlays", &self.overlays, MAX_OVERLAYS, |r, index, overlay| {
            r.overlay(overlay, &known);
            r.unique(&overlay.name, self.overlays[..index].iter().map(|overlay| &overlay.name));
        });
        let last = self.arrangements.len() - 1;
        report.each("arrangements", &self.arrangements, MAX_ARRANGEMENTS, |r, index, arrangement| {
            let known =
                Known { regions: &arrangement.regions, parameters: &self.parameters, arguments: arguments.clone() };
            check_arrangement(r, self, arrangement, &known, index == last);
        });
        // A fault for one argument is often a fault for all.
        let mut told = BTreeSet::new();
        report.faults.retain(|fault| told.insert((fault.pointer.clone(), fault.detail.clone())));
        report.faults
    }

    /// Everything wrong with what a room gives for the parameters, with pointers into it.
    pub fn check_arguments(&self, arguments: &Arguments) -> Vec<Fault> {
        let known = listed(&self.parameters);
        let fault = |(name, argument)| {
            let name: &String = name;
            let detail = match self.parameters.get(name) {
                Some(parameter) => parameter.refusal(argument)?,
                None => format!("is no parameter of this template; it has {known}"),
            };
            let token = name.replace('~', "~0").replace('/', "~1");
            Some(Fault::new(format!("/{token}"), detail))
        };
        arguments.iter().filter_map(fault).collect()
    }

    fn extremes(&self) -> Vec<Arguments> {
        let usual: Arguments = self.parameters.iter().map(|(name, p)| (name.clone(), p.default_argument())).collect();
        let mut all = vec![usual.clone()];
        for (name, parameter) in &self.parameters {
            if let Parameter::Number { minimum, maximum, .. } = parameter {
                for number in [minimum, maximum] {
                    let mut arguments = usual.clone();
                    arguments.insert(name.clone(), super::parameters::Argument::Number(*number));
                    all.push(arguments);
                }
            }
        }
        all
    }
}

/// The existing names, for a sentence about an unknown one.
fn listed<T>(names: &BTreeMap<String, T>) -> String {
    let names: Vec<&str> = names.keys().map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

impl Report {
    fn unique<'a>(&mut self, name: &str, mut others: impl Iterator<Item = &'a String>) {
        if others.any(|other| other == name) {
            self.within("name", |r| {
                r.say(format!("is {name:?}, as another overlay's is; give each a name of its own"))
            });
        }
    }
}

fn check_parameter(report: &mut Report, name: &str, parameter: &Parameter) {
    report.name(name);
    match parameter {
        Parameter::Number { default, minimum, maximum, description } => {
            report.text("description", description, MAX_HELP_BYTES);
            report.number("minimum", *minimum, 0.0, 1.0, "a number");
            report.number("maximum", *maximum, 0.0, 1.0, "a number");
            if (0.0..=1.0).contains(minimum) && (0.0..=1.0).contains(maximum) {
                if minimum > maximum {
                    report.within("minimum", |r| r.say(format!("is {minimum}, more than maximum, {maximum}")));
                } else {
                    report.number("default", *default, *minimum, *maximum, "a number");
                }
            }
        }
        Parameter::Anchor { description, .. } => report.text("description", description, MAX_HELP_BYTES),
    }
}

fn check_motion(report: &mut Report, motion: Motion) {
    report.within("motion", |r| r.number("ms", motion.ms, 0, MAX_TRANSITION_MS, "milliseconds"));
}

fn check_arrangement(report: &mut Report, template: &Template, arrangement: &Arrangement, known: &Known, last: bool) {
    match &arrangement.when {
        Some(_) if last => report.within("when", |r| {
            r.say("leaves some meetings without an arrangement; leave `when` out of the last one".to_owned());
        }),
        Some(when) => report.within("when", |r| check_when(r, when)),
        None if !last => {
            report.say("has no `when`, so those after it are never used; move it to the end or give it one".to_owned());
        }
        None => {}
    }
    report.count("regions", arrangement.regions.len(), 0, MAX_REGIONS, "regions");
    report.within("regions", |r| {
        for (name, region) in arrangement.regions.iter().take(MAX_REGIONS) {
            r.within(name, |r| {
                r.name(name);
                check_region(r, region, known);
                check_cycle(r, name, &arrangement.regions);
            });
        }
    });
    if let Some(motion) = arrangement.motion {
        check_motion(report, motion);
    }
    report.count("places", arrangement.places.len(), 0, MAX_PLACES, "places");
    let backdrop = arrangement.background.is_some() || template.background.is_some();
    if arrangement.places.is_empty() && arrangement.overlays.is_empty() && template.overlays.is_empty() && !backdrop {
        report.within("places", |r| r.say("leaves the canvas empty; give places, overlays or a background".to_owned()));
    }
    let crowds = arrangement.places.iter().filter(|place| place.twice && place.flow.is_some()).count();
    report.count("places", crowds, 0, MAX_CROWDS, "places with `twice` and `flow`");
    report.each("places", &arrangement.places, MAX_PLACES, |r, _, place| check_place(r, place, known));
    let most = MAX_OVERLAYS.saturating_sub(template.overlays.len());
    report.count("overlays", arrangement.overlays.len(), 0, most, "overlays");
    report.each("overlays", &arrangement.overlays, MAX_OVERLAYS, |r, index, overlay| {
        r.overlay(overlay, known);
        let before = template.overlays.iter().chain(&arrangement.overlays[..index]);
        r.unique(&overlay.name, before.map(|overlay| &overlay.name));
    });
}

/// A region must not lie in itself, directly or through others.
fn check_cycle(report: &mut Report, name: &str, regions: &BTreeMap<String, Region>) {
    let mut at = name;
    for _ in 0..=regions.len().min(MAX_REGIONS) {
        match regions.get(at).and_then(|region| region.within.as_deref()) {
            Some(outer) if outer == name => {
                let what = if at == name { "itself".to_owned() } else { format!("{at}, which lies in {name}") };
                return report
                    .within("in", |r| r.say(format!("makes it lie in {what}; let one of them lie in the canvas")));
            }
            Some(outer) => at = outer,
            None => return,
        }
    }
}

fn check_when(report: &mut Report, when: &When) {
    let most = MAX_TILES as u32;
    report.number("min_people", when.min_people.unwrap_or(0), 0, most, "a number of people");
    report.number("max_people", when.max_people.unwrap_or(0), 0, most, "a number of people");
    report.number("silence_ms", when.silence_ms.unwrap_or(1), 1, MAX_WAIT_MS, "milliseconds");
    if let (Some(min), Some(max)) = (when.min_people, when.max_people)
        && min > max
    {
        report.within("min_people", |r| r.say(format!("is {min}, more than max_people, {max}; no meeting has both")));
    }
    if let Some(role) = &when.role {
        report.within("role", |r| check_role(r, role));
    }
}

fn check_role(report: &mut Report, role: &str) {
    if !(1..=MAX_ROLE_BYTES).contains(&role.len()) {
        report.say(format!("is a role of {} bytes; give 1 to {MAX_ROLE_BYTES}, such as screen", role.len()));
    }
}

impl Canvas {
    /// Everything wrong with it; empty when a program can be made of it. GStreamer and the encoders take no other
    /// sizes.
    pub fn check(&self) -> Vec<Fault> {
        let mut report = Report::default();
        for (name, value, most) in [("width", self.width, 3840), ("height", self.height, 2160)] {
            report.number(name, value, 16, most, "an even number of px");
            if (16..=most).contains(&value) && value % 2 == 1 {
                let (below, above) = (value - 1, value + 1);
                report.within(name, |r| r.say(format!("is {value}, which is odd; give {below} or {above} px")));
            }
        }
        report.number("fps", self.fps, 1, 60, "frames a second");
        report.faults
    }
}

#[cfg(test)]
mod tests;
