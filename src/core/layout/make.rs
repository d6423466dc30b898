//! Template compiler: from a template to a layout. References are resolved, styles merged, texts parsed, roles
//! numbered.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Anchor, Image, Layout, Template, Transition,
    parameters::{Argument, Arguments, Given},
    place::{Beyond, Flow, Pack, Place},
    plan::{At, Cover, Holds, Look, Named, Rule, Rung, Slot, Spot, Writing},
    region::Region,
    rule::Cast,
    style::{Background, ImageSpec, OverlaySpec, Style, TextSpec},
    template::Arrangement,
    words,
};
use crate::base::{AssetHash, AssetName};

impl Layout {
    /// Compiles a checked template. Parameters that `arguments` leave out have the template's defaults; images that
    /// `assets` does not know are left out.
    pub fn new(template: &Template, arguments: &Arguments, assets: impl Fn(&AssetName) -> Option<AssetHash>) -> Self {
        let mut all: Arguments = template.parameters.iter().map(|(n, p)| (n.clone(), p.default_argument())).collect();
        let known = |(name, argument): (&String, &Argument)| {
            let fits = template.parameters.get(name).is_some_and(|p| p.refusal(argument).is_none());
            fits.then(|| (name.clone(), *argument))
        };
        all.extend(arguments.iter().filter_map(known));
        let mut maker = Maker { template, arguments: all, assets: &assets, named: Named::default() };
        let rungs = template.arrangements.iter().map(|arrangement| maker.rung(arrangement)).collect();
        Self {
            dwell: Duration::from_millis(template.dwell_ms.into()),
            people: template.people,
            rungs,
            named: maker.named,
        }
    }
}

/// Everything that references are resolved in.
struct Maker<'a> {
    template: &'a Template,
    arguments: Arguments,
    assets: &'a dyn Fn(&AssetName) -> Option<AssetHash>,
    named: Named,
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
        let motion = arrangement.motion.unwrap_or(self.template.motion);
        Rung {
            when: arrangement.when.clone(),
            transition: Transition { ms: motion.ms, easing: motion.easing },
            background: color,
            image: image.and_then(|image| self.image(&image)),
            regions,
            slots,
            covers: specs.iter().filter_map(|spec| self.cover(spec, &names)).collect(),
        }
    }

    /// Regions, sorted so that each comes after the one that holds it, and their positions by name.
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
        let number = |given: &Given<f64>| given.value(&self.arguments).unwrap_or(0.0);
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
            Cast::Participant(id) => {
                let next = self.named.people.len();
                Rule::Participant(*self.named.people.entry(id.clone()).or_insert(next))
            }
            Cast::Role(role) => Rule::Role(self.role(role)),
        }
    }

    fn role(&mut self, role: &str) -> usize {
        let next = self.named.roles.len();
        *self.named.roles.entry(role.to_owned()).or_insert(next)
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
            // The template is checked, so a text that does not parse cannot occur.
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
