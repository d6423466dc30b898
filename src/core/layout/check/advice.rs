//! Template linter: advice on templates that are valid.

use serde::Serialize;
use utoipa::ToSchema;

use super::Report;
use crate::{
    base::AssetName,
    layout::{
        Canvas, Fault, Layout, MAX_TILES, Meeting, Person, Template,
        dress::{LINE_PITCH, SMALLEST_SHARE},
        meeting::Face,
        pack::Area,
        parameters::Arguments,
        place::{Beyond, Place},
        plan::{Cover, Holds, Writing},
        rule::Cast,
        style::{Background, ImageSpec, OverlaySpec, Style, TextSpec},
        template::{Arrangement, Orientation, When},
        words::Word,
    },
};

/// Letters smaller than this, px, are hard to read on a compressed program.
const LEGIBLE_PX: f64 = 12.0;

/// Overlap of two places from which on a warning is given, as a share of the smaller place: less is rounding.
const OVERLAP: f64 = 0.001;

/// Advice on a template: nothing that keeps it from being used.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Advice {
    /// What looks like a mistake, and where.
    pub warnings: Vec<Fault>,
    /// What it will cost.
    pub cost: Cost,
}

/// What a program costs with this template, as a share of one core of a common server, in percent. From measurements of
/// this service with 1280x720 streams at 30 fps and the x264 preset veryfast; other machines differ, the proportions
/// less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct Cost {
    /// Tiles that are on the program, of the people asked about.
    pub tiles: usize,
    /// Decoding and scaling what is shown.
    pub decode_percent: f64,
    /// Putting it together.
    pub compose_percent: f64,
    /// Encoding the program.
    pub encode_percent: f64,
    /// All of it.
    pub total_percent: f64,
}

/// Looks at a template that has no faults, for so many people on this canvas; `asset` says which images there are.
pub fn advise(template: &Template, people: usize, canvas: &Canvas, asset: impl Fn(&AssetName) -> bool) -> Advice {
    let mut report = Report::default();
    let usual: Arguments = template.parameters.iter().map(|(n, p)| (n.clone(), p.default_argument())).collect();
    let layout = Layout::new(template, &usual, |_| None);
    let looks = Looks { canvas, asset: &asset };
    looks.style(&mut report, template.style.as_ref());
    looks.background(&mut report, template.background.as_ref());
    report.each("overlays", &template.overlays, usize::MAX, |r, _, overlay| looks.overlay(r, overlay));
    report.each("arrangements", &template.arrangements, usize::MAX, |r, index, arrangement| {
        let turned = turned(arrangement, canvas);
        let canvas = turned.as_ref().unwrap_or(canvas);
        let looks = Looks { canvas, ..looks };
        looks.background(r, arrangement.background.as_ref());
        unreachable(r, arrangement, &template.arrangements[..index]);
        if let Some(rung) = layout.rungs.get(index) {
            let areas = rung.areas(canvas);
            for cover in &rung.covers {
                low(r, cover, cover.spot.area(&areas, canvas), canvas);
            }
            let areas: Vec<Area> = rung.slots.iter().map(|slot| slot.spot.area(&areas, canvas)).collect();
            r.each("places", &arrangement.places, usize::MAX, |r, index, place| {
                looks.style(r, place.style.as_ref());
                off_canvas(r, areas[index]);
                overlap(r, arrangement, &areas, index);
                empty(r, arrangement, index, place);
            });
        }
        r.each("overlays", &arrangement.overlays, usize::MAX, |r, _, overlay| looks.overlay(r, overlay));
    });
    unused(&mut report, template);
    Advice { warnings: report.faults, cost: cost(&layout, people, canvas) }
}

/// Parameters and regions that nothing uses.
fn unused(report: &mut Report, template: &Template) {
    let whole = serde_json::to_value(template).unwrap_or_default();
    report.within("parameters", |r| {
        for name in template.parameters.keys().filter(|name| !names(&whole, "parameter", name)) {
            r.within(name, |r| r.say(format!("is used nowhere; write {{\"parameter\": {name:?}}} where it counts")));
        }
    });
    for (index, arrangement) in template.arrangements.iter().enumerate() {
        let (own, shared) = (&whole["arrangements"][index], &whole["overlays"]);
        let is_used = |name: &String| names(own, "in", name) || names(shared, "in", name);
        let unused = arrangement.regions.keys().filter(|name| !is_used(name));
        for name in unused {
            let at = format!("/arrangements/{index}/regions/{name}");
            report.faults.push(Fault::new(at, "is used nowhere; let a place lie `in` it, or leave it out"));
        }
    }
}

/// True if a field of this name holds this word anywhere in a value.
fn names(value: &serde_json::Value, field: &str, word: &str) -> bool {
    match value {
        serde_json::Value::Object(fields) => {
            fields.get(field).and_then(|value| value.as_str()) == Some(word)
                || fields.values().any(|value| names(value, field, word))
        }
        serde_json::Value::Array(items) => items.iter().any(|value| names(value, field, word)),
        _ => false,
    }
}

/// The canvas in the other orientation, for an arrangement that is never used on the given one.
fn turned(arrangement: &Arrangement, canvas: &Canvas) -> Option<Canvas> {
    let wanted = arrangement.when.as_ref().and_then(|when| when.orientation)?;
    let stands = Orientation::of(canvas);
    (wanted != stands).then(|| Canvas { width: canvas.height, height: canvas.width, ..canvas.clone() })
}

#[derive(Clone, Copy)]
struct Looks<'a> {
    canvas: &'a Canvas,
    asset: &'a dyn Fn(&AssetName) -> bool,
}

impl Looks<'_> {
    fn style(&self, report: &mut Report, style: Option<&Style>) {
        let Some(label) = style.and_then(|style| style.label.as_ref()) else { return };
        report.within("style", |r| r.within("label", |r| r.within("text", |r| self.text(r, &label.text))));
    }

    fn text(&self, report: &mut Report, text: &TextSpec) {
        let Canvas { width, height, .. } = *self.canvas;
        let px = text.size * f64::from(width.min(height));
        if px < LEGIBLE_PX && !text.words.is_empty() {
            let least = LEGIBLE_PX / f64::from(width.min(height));
            report.within("size", |r| {
                r.say(format!(
                    "makes letters of {px:.0} px on {width}x{height}, too small to read; give {least:.3} or more"
                ));
            });
        }
    }

    fn image(&self, report: &mut Report, image: Option<&ImageSpec>) {
        if let Some(image) = image.filter(|image| !(self.asset)(&image.asset)) {
            let name = &image.asset;
            report.within("image", |r| {
                r.within("asset", |r| {
                    r.say(format!("there is no asset {name}, so nothing is shown; PUT /v1/assets/{name} uploads it"));
                });
            });
        }
    }

    fn background(&self, report: &mut Report, background: Option<&Background>) {
        if let Some(background) = background {
            report.within("background", |r| self.image(r, background.image.as_ref()));
        }
    }

    fn overlay(&self, report: &mut Report, overlay: &OverlaySpec) {
        self.image(report, overlay.image.as_ref());
        if let Some(text) = &overlay.text {
            report.within("text", |r| self.text(r, text));
        }
        let nothing = overlay.image.is_none() && overlay.text.is_none();
        if nothing && overlay.fill.is_none_or(|fill| fill.is_none()) && overlay.border.is_none() {
            report.say("shows nothing; give it an image, a text, a fill or a border".to_owned());
        }
    }
}

/// An arrangement that is never reached, since an earlier one always comes first.
fn unreachable(report: &mut Report, arrangement: &Arrangement, before: &[Arrangement]) {
    let always = When::default();
    let own = arrangement.when.as_ref().unwrap_or(&always);
    let hides = |(_, earlier): &(usize, &Arrangement)| earlier.when.as_ref().is_some_and(|when| implied(when, own));
    if let Some((index, _)) = before.iter().enumerate().find(hides) {
        report.say(format!("is never used: whenever it would suit, arrangement {index} suits before it"));
    }
}

/// True if `wide` holds whenever `narrow` does, as far as this can be known without a meeting.
fn implied(wide: &When, narrow: &When) -> bool {
    fn same<T: PartialEq>(wide: &Option<T>, narrow: &Option<T>) -> bool {
        wide.is_none() || wide == narrow
    }
    wide.min_people.is_none_or(|wide| wide == 0 || narrow.min_people.is_some_and(|narrow| narrow >= wide))
        && wide.max_people.is_none_or(|wide| wide as usize >= MAX_TILES || narrow.max_people.is_some_and(|n| n <= wide))
        && wide.silence_ms.is_none_or(|wide| narrow.silence_ms.is_some_and(|narrow| narrow >= wide))
        && same(&wide.role, &narrow.role)
        && same(&wide.pinned, &narrow.pinned)
        && same(&wide.floor, &narrow.floor)
        && same(&wide.orientation, &narrow.orientation)
}

fn off_canvas(report: &mut Report, area: Area) {
    let off = area.x < -OVERLAP || area.y < -OVERLAP;
    if off || area.x + area.width > 1.0 + OVERLAP || area.y + area.height > 1.0 + OVERLAP {
        report.within("rect", |r| {
            r.say("reaches off the canvas, where it is cut; make it or its inset smaller".to_owned())
        });
    }
}

/// A text with more lines than its rectangle can hold, even in the smallest letters.
fn low(report: &mut Report, cover: &Cover, area: Area, canvas: &Canvas) {
    let Holds::Text(Writing { words, size, inset, .. }) = &cover.holds else { return };
    let breaks = |word: &Word| if let Word::Plain(text) = word { text.matches('\n').count() } else { 0 };
    let lines = 1 + words.iter().map(breaks).sum::<usize>();
    let short = f64::from(canvas.width.min(canvas.height));
    let free = area.height * f64::from(canvas.height) - 2.0 * inset * short;
    let needed = size * short * SMALLEST_SHARE * (1.0 + LINE_PITCH * (lines - 1) as f64);
    if lines > 1 && needed > free {
        let name = &cover.name;
        report.say(format!(
            "the text {name:?} has {lines} lines and no room for all of them; make it higher or its letters smaller"
        ));
    }
}

/// A place that covers part of another one of the same level: equal levels mean that they are meant to lie side by
/// side.
fn overlap(report: &mut Report, arrangement: &Arrangement, areas: &[Area], index: usize) {
    let (own, z) = (areas[index], arrangement.places[index].z);
    for (other, area) in areas[..index].iter().enumerate() {
        let shared = |a: f64, a_length: f64, b: f64, b_length: f64| (a + a_length).min(b + b_length) - a.max(b);
        let (width, height) =
            (shared(own.x, own.width, area.x, area.width), shared(own.y, own.height, area.y, area.height));
        let least = (own.width * own.height).min(area.width * area.height);
        if arrangement.places[other].z == z && width > 0.0 && height > 0.0 && width * height > OVERLAP * least {
            report.within("rect", |r| {
                r.say(format!(
                    "overlaps place {other} on the same level; if that is meant, give one of them a higher `z`"
                ));
            });
        }
    }
}

/// A place that nobody can ever fill.
fn empty(report: &mut Report, arrangement: &Arrangement, index: usize, place: &Place) {
    let most = arrangement.when.as_ref().and_then(|when| when.max_people);
    if most == Some(0) {
        return report
            .say("is for nobody, as the arrangement is for 0 people; leave its `places` empty: []".to_owned());
    }
    if place.twice {
        return;
    }
    let before = arrangement.places[..index].iter().filter(|earlier| !earlier.twice);
    let takes_all = |place: &&Place| {
        let all = place.flow.as_ref().is_some_and(|flow| flow.max.is_none() || flow.beyond != Beyond::Leave);
        all && place.cast.contains(&Cast::Joined)
    };
    let rest_taken = |place: &&Place| {
        let all = place.flow.as_ref().is_some_and(|flow| flow.max.is_none() || flow.beyond != Beyond::Leave);
        all && place.cast.contains(&Cast::Rest)
    };
    let only_one = |rule: &Cast| matches!(rule, Cast::Floor | Cast::Participant(_));
    let nobody = AnyoneLeft {
        all_taken: before.clone().any(|earlier| takes_all(&earlier)),
        rest_taken: before.clone().any(|earlier| rest_taken(&earlier)),
    };
    let impossible = |rule: &Cast| match rule {
        _ if nobody.all_taken => true,
        Cast::Rest if nobody.rest_taken => true,
        // A place always gets the person it asks for first.
        rule if only_one(rule) => before.clone().any(|earlier| earlier.cast.first() == Some(rule)),
        Cast::Pinned => arrangement.when.as_ref().is_some_and(|when| when.pinned == Some(false)),
        _ => false,
    };
    let certain = before
        .clone()
        .filter(|earlier| earlier.cast.iter().any(|rule| matches!(rule, Cast::Joined)) && earlier.flow.is_none());
    if place.cast.iter().all(impossible) || most.is_some_and(|most| certain.count() >= most as usize) {
        report.within("cast", |r| {
            r.say(
                "finds nobody: places before it have already taken everyone it asks for; move it up or say `twice`"
                    .to_owned(),
            );
        });
    }
}

struct AnyoneLeft {
    all_taken: bool,
    rest_taken: bool,
}

/// Encoding, ns per px of a program frame: 36 % of a core at 1280x720, 30 fps.
const ENCODE_NS: f64 = 13.2;
/// Composing, ns per px of a tile.
const COMPOSE_NS: f64 = 0.6;
/// Scaling, ns per px of a tile.
const SCALE_NS: f64 = 3.6;
/// Decoding a stream of 1280x720 at 30 fps, as a share of a core.
const DECODE: f64 = 0.07;

fn cost(layout: &Layout, people: usize, canvas: &Canvas) -> Cost {
    let person = |(index, role): (usize, Option<&str>)| Person {
        id: format!("person-{index}").parse().expect("a valid id"),
        name: String::new(),
        role: role.map(str::to_owned),
        face: Face::Picture,
    };
    let people: Vec<Person> = layout.parts(people.min(MAX_TILES), None).into_iter().enumerate().map(person).collect();
    let floor = people.first().map(|person| &person.id);
    let scene = layout.scene(&Meeting { floor, ..Meeting::of(&people, canvas) });
    let area = |width: u32, height: u32| f64::from(width) * f64::from(height);
    let seconds = f64::from(canvas.fps) * 1e-9;
    let tiles: f64 = scene.tiles.iter().map(|tile| area(tile.rect.width, tile.rect.height)).sum();
    let overlays: f64 = scene.overlays.iter().map(|overlay| area(overlay.rect.width, overlay.rect.height)).sum();
    // An empty sum is negative zero, which reads oddly.
    let percent = |share: f64| (share * 1000.0).round() / 10.0 + 0.0;
    let decode = scene.tiles.iter().filter(|tile| tile.copy == 0).count() as f64 * DECODE + tiles * SCALE_NS * seconds;
    let compose = (tiles + overlays) * COMPOSE_NS * seconds;
    let encode = area(canvas.width, canvas.height) * ENCODE_NS * seconds;
    Cost {
        tiles: scene.tiles.len(),
        decode_percent: percent(decode),
        compose_percent: percent(compose),
        encode_percent: percent(encode),
        total_percent: percent(decode + compose + encode),
    }
}
