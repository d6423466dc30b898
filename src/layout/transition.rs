//! From one scene to the next: what lies where at a moment between.

use super::{Fit, Scene, Tile};
use crate::{base::ParticipantId, media::Rect};

/// A participant's place in a scene that is on its way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placed<'a> {
    /// Whose picture or card. At most one a participant.
    pub participant: &'a ParticipantId,
    /// Where; even in all four numbers, at least 2x2 px.
    pub rect: Rect,
    /// Higher lies in front; unique.
    pub z: u32,
    /// How the picture meets the tile.
    pub fit: Fit,
    /// 0 cannot be seen, 1 is opaque.
    pub alpha: f64,
}

/// What lies where at `progress`, 0 the beginning and 1 the end, back to front.
///
/// Who is in both scenes moves from rectangle to rectangle, slow at both ends; newcomers fade in at their place and leavers fade
/// out at theirs, except that one who is replaced stays opaque behind the newcomer, so that the background never shines
/// through. At 1 and beyond it is `to`, exactly.
pub fn tween<'a>(from: &'a Scene, to: &'a Scene, progress: f64) -> Vec<Placed<'a>> {
    if progress >= 1.0 || progress.is_nan() {
        return to.tiles.iter().map(|tile| placed(tile, tile.rect, 1.0)).collect();
    }
    let eased = ease(progress.max(0.0));
    let mut seen = Vec::with_capacity(from.tiles.len() + to.tiles.len());
    for tile in &to.tiles {
        seen.push(match find(from, &tile.participant) {
            Some(before) => placed(tile, between(before.rect, tile.rect, eased), 1.0),
            None => placed(tile, tile.rect, eased),
        });
    }
    for tile in from.tiles.iter().filter(|tile| find(to, &tile.participant).is_none()) {
        let replaced = to
            .tiles
            .iter()
            .any(|new| covers(new.rect, tile.rect) && find(from, &new.participant).is_none() && new.z >= tile.z);
        seen.push(placed(tile, tile.rect, if replaced { 1.0 } else { 1.0 - eased }));
    }
    // A leaver lies behind whoever comes to its level.
    seen.sort_by_key(|placed| (placed.z, find(to, placed.participant).is_some()));
    for (placed, z) in seen.iter_mut().zip(0..) {
        placed.z = z;
    }
    seen
}

/// The scene that a transition has come to, to begin another from there; who has nearly gone is gone.
pub fn halt(placed: &[Placed<'_>]) -> Scene {
    let still = placed.iter().filter(|placed| placed.alpha >= 0.5);
    let tile = |p: &Placed<'_>| Tile { participant: p.participant.clone(), rect: p.rect, z: p.z, fit: p.fit };
    Scene { tiles: still.map(tile).collect() }
}

fn placed(tile: &Tile, rect: Rect, alpha: f64) -> Placed<'_> {
    Placed { participant: &tile.participant, rect, z: tile.z, fit: tile.fit, alpha }
}

fn find<'a>(scene: &'a Scene, participant: &ParticipantId) -> Option<&'a Tile> {
    scene.tiles.iter().find(|tile| tile.participant == *participant)
}

/// Cubic, symmetric: half-way at 0.5, at rest at both ends.
fn ease(progress: f64) -> f64 {
    progress * progress * (3.0 - 2.0 * progress)
}

fn between(from: Rect, to: Rect, eased: f64) -> Rect {
    let even = |from: i64, to: i64| ((from as f64 + (to - from) as f64 * eased) / 2.0).round() as i64 * 2;
    let edge = |from: i32, to: i32| even(from.into(), to.into()) as i32;
    let side = |from: u32, to: u32| even(from.into(), to.into()).max(2) as u32;
    Rect {
        x: edge(from.x, to.x),
        y: edge(from.y, to.y),
        width: side(from.width, to.width),
        height: side(from.height, to.height),
    }
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
