//! Transitions (animation): where everything lies at a moment between two scenes.

use serde::{Deserialize, Serialize};

use super::{Backdrop, Overlay, Scene, Tile};
use crate::media::Rect;

/// Below this nobody sees that something is there at all: a step of an 8-bit picture is 1/255.
const UNSEEN: f64 = 1.0 / 255.0;

/// How a change of scene takes place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// How long, ms; 0 cuts.
    pub ms: u32,
    /// How the speed changes on the way.
    pub easing: Easing,
}

impl Transition {
    /// At once.
    pub const CUT: Self = Self { ms: 0, easing: Easing::InOut };

    /// Slow at both ends.
    pub const fn of_ms(ms: u32) -> Self {
        Self { ms, easing: Easing::InOut }
    }
}

/// How the speed of a motion changes on the way.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Easing {
    /// Slow at both ends.
    #[default]
    InOut,
    /// Fast at first, slow at the end.
    Out,
    /// Slow at first, fast at the end.
    In,
    /// Always the same.
    Linear,
}

impl Easing {
    /// How much of the way is done when `progress` of the time has passed; both 0 to 1.
    pub fn at(self, progress: f64) -> f64 {
        let t = progress.clamp(0.0, 1.0);
        match self {
            Self::InOut => t * t * (3.0 - 2.0 * t),
            Self::Out => 1.0 - (1.0 - t).powi(3),
            Self::In => t.powi(3),
            Self::Linear => t,
        }
    }
}

/// What can lie on the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Element<'a> {
    /// A participant's picture or card.
    Tile(&'a Tile),
    /// Anything else.
    Overlay(&'a Overlay),
}

/// An element of a scene that is on its way: the element says what it is and how it is dressed, this says where it is
/// now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed<'a> {
    /// What it is. Its own rectangle, z, opacity and radius are those at rest, not those of now.
    pub element: Element<'a>,
    /// Where; even in all four numbers, at least 2x2 px, on the canvas as long as both scenes are.
    pub rect: Rect,
    /// Higher lies in front; unique, from 0.
    pub z: u32,
    /// 0 cannot be seen, 1 is opaque.
    pub opacity: f64,
    /// Of the corners, px.
    pub radius: u32,
}

impl<'a> Placed<'a> {
    /// The tile, if it is one.
    pub fn tile(&self) -> Option<&'a Tile> {
        match self.element {
            Element::Tile(tile) => Some(tile),
            Element::Overlay(_) => None,
        }
    }

    /// The overlay, if it is one.
    pub fn overlay(&self) -> Option<&'a Overlay> {
        match self.element {
            Element::Tile(_) => None,
            Element::Overlay(overlay) => Some(overlay),
        }
    }
}

/// What lies where when `eased` of the way is done (see [`Easing::at`]), 0 the beginning and 1 the end, back to front.
///
/// What is in both scenes moves from rectangle to rectangle; newcomers fade in at their place and leavers fade out at
/// theirs, except that one who is replaced keeps its opacity behind the newcomer, so that the background never shines
/// through. A tile that grows passes in front of the others, but of those that lie on it at rest. At 1 and beyond it is
/// `to`, exactly.
pub fn tween<'a>(from: &'a Scene, to: &'a Scene, eased: f64) -> Vec<Placed<'a>> {
    if eased >= 1.0 || eased.is_nan() {
        let mut rest: Vec<Placed<'a>> = elements(to).map(Placed::from).collect();
        number(&mut rest, |_| true);
        return rest;
    }
    let eased = eased.max(0.0);
    let mut seen = Vec::with_capacity(from.tiles.len() + to.tiles.len() + from.overlays.len() + to.overlays.len());
    let mut growing = Vec::new();
    for element in elements(to) {
        seen.push(match elements(from).find(|before| before.is(&element)) {
            Some(before) => {
                let (before, after) = (Placed::from(before), Placed::from(element));
                if area(after.rect) > area(before.rect) {
                    growing.push(element);
                }
                between(before, after, eased)
            }
            None => {
                let placed = Placed::from(element);
                Placed { opacity: placed.opacity * eased, ..placed }
            }
        });
    }
    for element in elements(from).filter(|before| !elements(to).any(|after| after.is(before))) {
        let placed = Placed::from(element);
        let replaced = elements(to)
            .filter(|new| new.hides() && !elements(from).any(|before| before.is(new)))
            .map(Placed::from)
            .any(|new| covers(new.rect, placed.rect) && new.z >= placed.z && new.opacity >= placed.opacity);
        let opacity = if replaced { placed.opacity } else { placed.opacity * (1.0 - eased) };
        seen.push(Placed { opacity, ..placed });
    }
    // A leaver lies behind the newcomer of its level.
    number(&mut seen, |placed| elements(to).any(|element| element == placed.element));
    for index in (0..seen.len()).rev() {
        if growing.contains(&seen[index].element) {
            raise(&mut seen[index..]);
        }
    }
    renumber(&mut seen);
    seen
}

/// Brings the first tile in front of those behind which it need not lie: up to an overlay, or up to a tile that covers
/// part of it at rest, in front of which it would jump back at the end.
fn raise(seen: &mut [Placed<'_>]) {
    for index in 1..seen.len() {
        let (own, next) = (Placed::from(seen[index - 1].element), Placed::from(seen[index].element));
        if own.tile().is_none() || next.tile().is_none() || meet(own.rect, next.rect) {
            return;
        }
        seen.swap(index - 1, index);
    }
}

/// Sorts back to front and numbers from 0.
fn number(placed: &mut [Placed<'_>], stays: impl Fn(&Placed<'_>) -> bool) {
    placed.sort_by_cached_key(|placed| (placed.z, stays(placed)));
    renumber(placed);
}

fn renumber(placed: &mut [Placed<'_>]) {
    for (placed, z) in placed.iter_mut().zip(0..) {
        placed.z = z;
    }
}

fn area(rect: Rect) -> u64 {
    u64::from(rect.width) * u64::from(rect.height)
}

/// True when two rectangles have a pixel in common.
fn meet(a: Rect, b: Rect) -> bool {
    let end = |start: i32, length: u32| i64::from(start) + i64::from(length);
    i64::from(a.x) < end(b.x, b.width)
        && i64::from(b.x) < end(a.x, a.width)
        && i64::from(a.y) < end(b.y, b.height)
        && i64::from(b.y) < end(a.y, a.height)
}

/// The scene that a transition has reached, as the start of another transition: nothing jumps, and an element that has
/// nearly gone is gone.
pub fn halt(placed: &[Placed<'_>], background: &Backdrop) -> Scene {
    let mut scene = Scene { background: background.clone(), ..Scene::default() };
    for placed in placed.iter().filter(|placed| placed.opacity >= UNSEEN) {
        let (rect, z, opacity, radius) = (placed.rect, placed.z, placed.opacity as f32, placed.radius);
        match placed.element {
            Element::Tile(tile) => scene.tiles.push(Tile { rect, z, opacity, radius, ..tile.clone() }),
            Element::Overlay(overlay) => scene.overlays.push(Overlay { rect, z, opacity, radius, ..overlay.clone() }),
        }
    }
    scene
}

fn elements(scene: &Scene) -> impl Iterator<Item = Element<'_>> {
    scene.tiles.iter().map(Element::Tile).chain(scene.overlays.iter().map(Element::Overlay))
}

impl Element<'_> {
    fn is(&self, other: &Element<'_>) -> bool {
        match (self, other) {
            (Self::Tile(a), Element::Tile(b)) => a.is(b),
            (Self::Overlay(a), Element::Overlay(b)) => a.is(b),
            _ => false,
        }
    }

    /// True if nothing behind it is visible, corners aside.
    fn hides(&self) -> bool {
        match self {
            Self::Tile(_) => true,
            Self::Overlay(overlay) => overlay.fill.alpha == 255,
        }
    }
}

impl<'a> From<Element<'a>> for Placed<'a> {
    /// At rest.
    fn from(element: Element<'a>) -> Self {
        let (rect, z, opacity, radius) = match element {
            Element::Tile(Tile { rect, z, opacity, radius, .. }) => (rect, z, opacity, radius),
            Element::Overlay(Overlay { rect, z, opacity, radius, .. }) => (rect, z, opacity, radius),
        };
        Self { element, rect: *rect, z: *z, opacity: f64::from(*opacity), radius: *radius }
    }
}

fn between<'a>(from: Placed<'_>, to: Placed<'a>, eased: f64) -> Placed<'a> {
    let mix = |from: f64, to: f64| from + (to - from) * eased;
    let even = |from: i64, to: i64| (mix(from as f64, to as f64) / 2.0).round() as i64 * 2;
    let edge = |from: i32, to: i32| even(from.into(), to.into()) as i32;
    let side = |from: u32, to: u32| even(from.into(), to.into()).max(2) as u32;
    let rect = Rect {
        x: edge(from.rect.x, to.rect.x),
        y: edge(from.rect.y, to.rect.y),
        width: side(from.rect.width, to.rect.width),
        height: side(from.rect.height, to.rect.height),
    };
    let radius = mix(from.radius.into(), to.radius.into()).round() as u32;
    Placed { rect, radius, opacity: mix(from.opacity, to.opacity), ..to }
}

fn covers(over: Rect, under: Rect) -> bool {
    let end = |start: i32, length: u32| i64::from(start) + i64::from(length);
    over.x <= under.x
        && over.y <= under.y
        && end(over.x, over.width) >= end(under.x, under.width)
        && end(over.y, over.height) >= end(under.y, under.height)
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
