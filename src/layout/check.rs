//! Everything that a well-formed template or canvas can still have wrong.

use super::{
    Canvas, Fault, MAX_TILES, Template,
    template::{
        Arrangement, Cast, Flow, MAX_ARRANGEMENTS, MAX_DESCRIPTION_BYTES, MAX_PLACES, MAX_ROLE_BYTES, MAX_RULES,
        MAX_TITLE_BYTES, MAX_Z, Place, Region, When,
    },
};

/// Slack for sums of decimal fractions: 0.7 + 0.3 may come out a hair above 1. A millionth of a canvas is under a hundredth of a px.
const SLACK: f64 = 1e-6;

/// Least width and height of a place: two px of the largest canvas.
const LEAST: f64 = 0.001;

/// Faults so far, and the pointer of the value that is looked at.
#[derive(Default)]
struct Report {
    faults: Vec<Fault>,
    at: String,
}

impl Report {
    /// Looks at a part of the present value.
    fn within(&mut self, token: impl std::fmt::Display, look: impl FnOnce(&mut Self)) {
        let length = self.at.len();
        self.at.push('/');
        self.at.push_str(&token.to_string());
        look(self);
        self.at.truncate(length);
    }

    fn say(&mut self, detail: String) {
        self.faults.push(Fault::new(self.at.clone(), detail));
    }

    fn number<T>(&mut self, name: &str, value: T, least: T, most: T, meaning: &str)
    where
        T: PartialOrd + std::fmt::Display + std::fmt::Debug,
    {
        // Written this way round, what is not a number is out of range.
        if !(least <= value && value <= most) {
            // Debug writes 1e308 as such, not as 309 digits.
            self.within(name, |r| r.say(format!("is {value:?}; give {meaning} from {least} to {most}")));
        }
    }

    fn text(&mut self, name: &str, text: &str, most: usize) {
        if text.len() > most {
            self.within(name, |r| r.say(format!("is {} bytes long; shorten it to {most}", text.len())));
        }
    }

    fn count(&mut self, name: &str, count: usize, most: usize, what: &str) {
        if !(1..=most).contains(&count) {
            self.within(name, |r| r.say(format!("has {count} {what}; give 1 to {most}")));
        }
    }
}

impl Template {
    /// Everything wrong with it that its types do not already rule out; empty when it may be used.
    pub fn check(&self) -> Vec<Fault> {
        let mut report = Report::default();
        report.text("$schema", self.schema.as_deref().unwrap_or_default(), MAX_DESCRIPTION_BYTES);
        report.text("title", &self.title, MAX_TITLE_BYTES);
        report.text("description", &self.description, MAX_DESCRIPTION_BYTES);
        report.count("arrangements", self.arrangements.len(), MAX_ARRANGEMENTS, "arrangements");
        if report.faults.iter().any(|fault| fault.pointer == "/arrangements") {
            return report.faults;
        }
        let last = self.arrangements.len() - 1;
        report.within("arrangements", |r| {
            for (index, arrangement) in self.arrangements.iter().enumerate() {
                r.within(index, |r| check_arrangement(r, arrangement, index == last));
            }
        });
        report.faults
    }
}

fn check_arrangement(report: &mut Report, arrangement: &Arrangement, last: bool) {
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
    report.count("places", arrangement.places.len(), MAX_PLACES, "places");
    report.within("places", |r| {
        for (index, place) in arrangement.places.iter().take(MAX_PLACES).enumerate() {
            r.within(index, |r| check_place(r, place));
        }
    });
}

fn check_when(report: &mut Report, when: &When) {
    let most = MAX_TILES as u32;
    report.number("min_people", when.min_people.unwrap_or(0), 0, most, "a number of people");
    report.number("max_people", when.max_people.unwrap_or(0), 0, most, "a number of people");
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

fn check_place(report: &mut Report, place: &Place) {
    report.within("rect", |r| check_region(r, &place.rect));
    report.count("cast", place.cast.len(), MAX_RULES, "rules");
    report.within("cast", |r| {
        for (index, rule) in place.cast.iter().take(MAX_RULES).enumerate() {
            r.within(index, |r| match rule {
                Cast::Role(role) => r.within("role", |r| check_role(r, role)),
                Cast::Rest if index + 1 < place.cast.len() => {
                    r.say("takes whoever is left, so rules after it never apply; put `rest` last".to_owned());
                }
                _ => {}
            });
        }
    });
    report.number("z", place.z, 0, MAX_Z, "a level");
    if let Some(flow) = &place.flow {
        report.within("flow", |r| check_flow(r, flow));
    }
}

fn check_flow(report: &mut Report, flow: &Flow) {
    report.number("gap", flow.gap, 0.0, 0.5, "a fraction of the canvas's shorter side");
    report.number("max", flow.max.unwrap_or(1), 1, MAX_TILES as u32, "a number of people");
}

fn check_region(report: &mut Report, region: &Region) {
    let fraction = "a fraction of the canvas";
    report.number("x", region.x, 0.0, 1.0, fraction);
    report.number("y", region.y, 0.0, 1.0, fraction);
    report.number("width", region.width, LEAST, 1.0, fraction);
    report.number("height", region.height, LEAST, 1.0, fraction);
    let sides = [("width", "right", region.x, region.width), ("height", "bottom", region.y, region.height)];
    for (name, edge, from, length) in sides {
        let alone_fine = (0.0..=1.0).contains(&from) && (LEAST..=1.0).contains(&length);
        if alone_fine && from + length > 1.0 + SLACK {
            let most = 1.0 - from;
            report.within(name, |r| {
                r.say(format!("is {length}, which reaches beyond the canvas's {edge} edge; give at most {most:.4}"));
            });
        }
    }
}

impl Canvas {
    /// Everything wrong with it; empty when a program can be made of it. GStreamer and the encoders take no other sizes.
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
#[path = "check_tests.rs"]
mod tests;
