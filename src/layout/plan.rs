//! A template made ready for solving: references looked up, styles merged, texts taken apart, roles numbered.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use super::{
    Anchor, Badge, Canvas, Color, Crop, Fit, Focus, Image, Paint, Template, Transition, Weight,
    given::{Argument, Arguments},
    pack::Area,
    place::{Aspect, Beyond, Cast, Flow, Pack, Place, Region},
    style::{Background, ClockSpec, ImageSpec, Line, OverlaySpec, ShadowSpec, Style, TextSpec},
    template::{Arrangement, People, When},
    words::{self, Word},
};
use crate::base::{AssetHash, AssetName, ParticipantId};

/// A template with a room's arguments and the images there are: what scenes are made from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layout {
    pub(super) transition: Transition,
    pub(super) dwell: Duration,
    pub(super) people: People,
    pub(super) rungs: Vec<Rung>,
    /// The roles that rules name, numbered.
    pub(super) roles: HashMap<String, usize>,
}

/// An arrangement.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rung {
    pub when: Option<When>,
    pub background: Option<Color>,
    pub image: Option<Image>,
    /// Each lies in the canvas or in one before it.
    pub regions: Vec<Spot>,
    pub slots: Vec<Slot>,
    pub covers: Vec<Cover>,
}

/// A rectangle, before the canvas is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spot {
    within: Option<usize>,
    at: At,
    width: f64,
    height: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Corner { x: f64, y: f64 },
    Anchor { anchor: Anchor, inset: f64 },
}

/// A place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub spot: Spot,
    pub rules: Vec<Rule>,
    pub twice: bool,
    /// Most people it is given.
    pub capacity: usize,
    /// Most tiles it shows.
    pub tiles: usize,
    pub beyond: Beyond,
    /// How many places from this one on ask for recent speakers.
    pub recents: usize,
    pub pack: Pack,
    pub gap: f64,
    pub anchor: Anchor,
    pub aspect: Option<Aspect>,
    pub z: u32,
    pub fit: Fit,
    pub focus: Focus,
    pub crop: Crop,
    pub look: Look,
}

/// A rule with its role looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rule {
    Floor,
    Pinned,
    Recent,
    Joined,
    Rest,
    Participant(ParticipantId),
    Role(usize),
}

/// How tiles look; lengths are fractions of the canvas's shorter side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    pub opacity: f64,
    pub radius: f64,
    pub border: Option<Line>,
    pub shadow: Option<ShadowSpec>,
    pub highlight: Option<Line>,
    pub label: Option<(Writing, Vec<Badge>)>,
}

/// Words in one style.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Writing {
    pub words: Vec<Word>,
    pub clock: ClockSpec,
    pub size: f64,
    pub weight: Weight,
    pub color: Paint,
    pub background: Paint,
    pub anchor: Anchor,
    pub inset: f64,
}

/// An overlay.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cover {
    pub name: String,
    pub spot: Spot,
    pub z: u32,
    pub opacity: f64,
    pub radius: f64,
    pub fill: Paint,
    pub border: Option<Line>,
    pub holds: Holds,
    pub about: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Holds {
    Nothing,
    Image(Image),
    Text(Writing),
}

impl Layout {
    /// Makes a checked template ready. Parameters that `arguments` leave out are as the template says; images that `assets` does
    /// not know are left out.
    pub fn new(template: &Template, arguments: &Arguments, assets: impl Fn(&AssetName) -> Option<AssetHash>) -> Self {
        let mut all: Arguments = template.parameters.iter().map(|(n, p)| (n.clone(), p.default_argument())).collect();
        let known = |(name, argument): (&String, &Argument)| {
            let fits = template.parameters.get(name).is_some_and(|p| p.refusal(argument).is_none());
            fits.then(|| (name.clone(), *argument))
        };
        all.extend(arguments.iter().filter_map(known));
        let mut maker = Maker { template, arguments: all, assets: &assets, roles: HashMap::new() };
        let rungs = template.arrangements.iter().map(|arrangement| maker.rung(arrangement)).collect();
        Self {
            transition: Transition { ms: template.motion.ms, easing: template.motion.easing },
            dwell: Duration::from_millis(template.dwell_ms.into()),
            people: template.people,
            rungs,
            roles: maker.roles,
        }
    }

    /// How the template says that scenes change.
    pub fn transition(&self) -> Transition {
        self.transition
    }

    /// Every image that its scenes may show.
    pub fn images(&self) -> BTreeSet<AssetHash> {
        let covers = |rung: &Rung| {
            let of = |cover: &Cover| match &cover.holds {
                Holds::Image(image) => Some(image.asset),
                Holds::Nothing | Holds::Text(_) => None,
            };
            rung.covers.iter().filter_map(of).collect::<Vec<_>>()
        };
        let backs = self.rungs.iter().filter_map(|rung| rung.image).map(|image| image.asset);
        backs.chain(self.rungs.iter().flat_map(covers)).collect()
    }

    /// Every role that its rules name, in the order they do.
    pub fn roles(&self) -> Vec<&str> {
        let mut roles: Vec<(&String, &usize)> = self.roles.iter().collect();
        roles.sort_by_key(|(_, number)| **number);
        roles.into_iter().map(|(role, _)| role.as_str()).collect()
    }
}

/// Everything references are looked up in.
struct Maker<'a> {
    template: &'a Template,
    arguments: Arguments,
    assets: &'a dyn Fn(&AssetName) -> Option<AssetHash>,
    roles: HashMap<String, usize>,
}

impl Maker<'_> {
    fn rung(&mut self, arrangement: &Arrangement) -> Rung {
        let (names, regions) = self.regions(&arrangement.regions);
        if let Some(role) = arrangement.when.as_ref().and_then(|when| when.role.as_ref()) {
            self.role(role);
        }
        let background = |of: &dyn Fn(&Background) -> bool| {
            let own = arrangement.background.as_ref().filter(|background| of(background));
            own.or(self.template.background.as_ref()).cloned()
        };
        let color = background(&|background| background.color.is_some()).and_then(|background| background.color);
        let image = background(&|background| background.image.is_some()).and_then(|background| background.image);
        let mut slots: Vec<Slot> = arrangement.places.iter().map(|place| self.slot(place, &names)).collect();
        let mut recents = 0;
        for slot in slots.iter_mut().rev() {
            recents += usize::from(slot.rules.contains(&Rule::Recent));
            slot.recents = recents;
        }
        let specs = self.template.overlays.iter().chain(&arrangement.overlays);
        let specs: Vec<OverlaySpec> = specs.cloned().collect();
        Rung {
            when: arrangement.when.clone(),
            background: color,
            image: image.and_then(|image| self.image(&image)),
            regions,
            slots,
            covers: specs.iter().filter_map(|spec| self.cover(spec, &names)).collect(),
        }
    }

    /// Regions in an order in which each comes after the one it lies in; their places in it by name.
    fn regions(&self, regions: &BTreeMap<String, Region>) -> (BTreeMap<String, usize>, Vec<Spot>) {
        let (mut names, mut spots) = (BTreeMap::new(), Vec::new());
        while let Some((name, region)) = regions.iter().find(|(name, region)| {
            let ready = region.within.as_ref().is_none_or(|outer| names.contains_key(outer) || outer == *name);
            ready && !names.contains_key(*name)
        }) {
            spots.push(self.spot(region, &names));
            names.insert(name.clone(), spots.len() - 1);
        }
        (names, spots)
    }

    fn spot(&self, region: &Region, names: &BTreeMap<String, usize>) -> Spot {
        let number = |given: &super::given::Given<f64>| given.value(&self.arguments).unwrap_or(0.0);
        let anchor = region.anchor.as_ref().and_then(|anchor| anchor.value(&self.arguments));
        let at = match anchor {
            Some(anchor) => At::Anchor { anchor, inset: region.inset.unwrap_or(0.0) },
            None => At::Corner { x: region.x.as_ref().map_or(0.0, number), y: region.y.as_ref().map_or(0.0, number) },
        };
        let within = region.within.as_ref().and_then(|name| names.get(name).copied());
        Spot { within, at, width: number(&region.width), height: number(&region.height) }
    }

    fn slot(&mut self, place: &Place, names: &BTreeMap<String, usize>) -> Slot {
        let spot = self.spot(&place.rect, names);
        let own = match spot.at {
            At::Anchor { anchor, .. } => anchor,
            At::Corner { .. } => Anchor::Center,
        };
        let (pack, gap, tiles, beyond, anchor) = match &place.flow {
            None => (Pack::Row, 0.0, 1, Beyond::Leave, own),
            Some(Flow { pack, gap, max, beyond, anchor }) => {
                let anchor = anchor.as_ref().and_then(|anchor| anchor.value(&self.arguments)).unwrap_or(own);
                (*pack, *gap, max.map_or(super::MAX_TILES, |max| max as usize), *beyond, anchor)
            }
        };
        let capacity = if beyond == Beyond::Leave { tiles } else { super::MAX_TILES };
        let rules = place.cast.iter().map(|rule| self.rule(rule)).collect();
        let look = Look::of(place.style.as_ref(), self.template.style.as_ref());
        let (focus, crop) = (place.focus.unwrap_or_default(), place.crop.unwrap_or_default());
        let Place { twice, aspect, z, fit, .. } = *place;
        Slot {
            spot,
            rules,
            twice,
            capacity,
            tiles,
            beyond,
            recents: 0,
            pack,
            gap,
            anchor,
            aspect,
            z,
            fit,
            focus,
            crop,
            look,
        }
    }

    fn rule(&mut self, rule: &Cast) -> Rule {
        match rule {
            Cast::Floor => Rule::Floor,
            Cast::Pinned => Rule::Pinned,
            Cast::Recent => Rule::Recent,
            Cast::Joined => Rule::Joined,
            Cast::Rest => Rule::Rest,
            Cast::Participant(id) => Rule::Participant(id.clone()),
            Cast::Role(role) => Rule::Role(self.role(role)),
        }
    }

    fn role(&mut self, role: &str) -> usize {
        let next = self.roles.len();
        *self.roles.entry(role.to_owned()).or_insert(next)
    }

    fn image(&self, spec: &ImageSpec) -> Option<Image> {
        Some(Image { asset: (self.assets)(&spec.asset)?, fit: spec.fit })
    }

    fn cover(&mut self, spec: &OverlaySpec, names: &BTreeMap<String, usize>) -> Option<Cover> {
        let holds = match (&spec.image, &spec.text) {
            (Some(image), _) => Holds::Image(self.image(image)?),
            (None, Some(text)) => Holds::Text(Writing::of(text)),
            (None, None) => Holds::Nothing,
        };
        Some(Cover {
            name: spec.name.clone(),
            spot: self.spot(&spec.rect, names),
            z: spec.z,
            opacity: spec.opacity.unwrap_or(1.0),
            radius: spec.radius.unwrap_or(0.0),
            fill: spec.fill.unwrap_or_default(),
            border: spec.border,
            holds,
            about: spec.about.iter().map(|rule| self.rule(rule)).collect(),
        })
    }
}

impl Look {
    fn of(own: Option<&Style>, general: Option<&Style>) -> Self {
        fn first<T: Clone>(
            own: Option<&Style>,
            general: Option<&Style>,
            of: impl Fn(&Style) -> Option<T>,
        ) -> Option<T> {
            own.and_then(&of).or_else(|| general.and_then(&of))
        }
        let label = first(own, general, |style| style.label.clone());
        Self {
            opacity: first(own, general, |style| style.opacity).unwrap_or(1.0),
            radius: first(own, general, |style| style.radius).unwrap_or(0.0),
            border: first(own, general, |style| style.border),
            shadow: first(own, general, |style| style.shadow),
            highlight: first(own, general, |style| style.highlight),
            label: label.map(|label| (Writing::of(&label.text), label.badges)),
        }
    }
}

impl Writing {
    fn of(spec: &TextSpec) -> Self {
        Self {
            // Checked: what does not parse is not there.
            words: words::parse(&spec.words).unwrap_or_default(),
            clock: spec.clock,
            size: spec.size,
            weight: spec.weight,
            color: spec.color,
            background: spec.background.unwrap_or_default(),
            anchor: spec.anchor,
            inset: spec.inset,
        }
    }
}

impl Rung {
    /// Every region on this canvas, in the order of `regions`.
    pub fn areas(&self, canvas: &Canvas) -> Vec<Area> {
        let mut areas = Vec::with_capacity(self.regions.len());
        for spot in &self.regions {
            let area = spot.area(&areas, canvas);
            areas.push(area);
        }
        areas
    }
}

impl Spot {
    /// Where it is, given the regions.
    pub fn area(&self, regions: &[Area], canvas: &Canvas) -> Area {
        let outer = self.within.and_then(|within| regions.get(within).copied()).unwrap_or(Area::WHOLE);
        let (width, height) = (self.width * outer.width, self.height * outer.height);
        match self.at {
            At::Corner { x, y } => Area { x: outer.x + x * outer.width, y: outer.y + y * outer.height, width, height },
            At::Anchor { anchor, inset } => {
                let short = f64::from(canvas.width.min(canvas.height));
                let (across, down) = anchor.fractions();
                let along = |from: f64, room: f64, length: f64, inset: f64, part: f64| {
                    from + inset + (room - length - 2.0 * inset) * part
                };
                let (left, top) = (inset * short / f64::from(canvas.width), inset * short / f64::from(canvas.height));
                Area {
                    x: along(outer.x, outer.width, width, left, across),
                    y: along(outer.y, outer.height, height, top, down),
                    width,
                    height,
                }
            }
        }
    }
}
