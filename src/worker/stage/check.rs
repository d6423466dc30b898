//! PURE: what a scene must be before any of its numbers reaches C.

use std::collections::HashSet;

use crate::{
    layout::{Canvas, MAX_TILES, Scene},
    media::Rect,
};

/// Why a scene is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// Over [`MAX_TILES`].
    #[error("a scene of {0} tiles; at most {MAX_TILES} are possible")]
    Tiles(usize),
    /// Odd, empty, or not wholly on the canvas.
    #[error("the tile of {participant} lies at {x},{y} with {width}x{height} px: it must be even and on the canvas", x = rect.x, y = rect.y, width = rect.width, height = rect.height)]
    Rect {
        /// Whose.
        participant: String,
        /// As given.
        rect: Rect,
    },
    /// Two tiles for one.
    #[error("{0} has two tiles")]
    Twice(String),
}

/// Checks a scene against the canvas.
pub fn check(scene: &Scene, canvas: &Canvas) -> Result<(), SceneError> {
    if scene.tiles.len() > MAX_TILES {
        return Err(SceneError::Tiles(scene.tiles.len()));
    }
    let mut seen = HashSet::new();
    for tile in &scene.tiles {
        if !seen.insert(&tile.participant) {
            return Err(SceneError::Twice(tile.participant.to_string()));
        }
        if !fits(tile.rect, canvas) {
            return Err(SceneError::Rect { participant: tile.participant.to_string(), rect: tile.rect });
        }
    }
    Ok(())
}

fn fits(rect: Rect, canvas: &Canvas) -> bool {
    let span = |start: i32, length: u32, limit: u32| {
        let even = start % 2 == 0 && length.is_multiple_of(2);
        even && start >= 0 && length >= 2 && i64::from(start) + i64::from(length) <= i64::from(limit)
    };
    span(rect.x, rect.width, canvas.width) && span(rect.y, rect.height, canvas.height)
}

/// Checks the canvas itself.
pub fn canvas_is_sane(canvas: &Canvas) -> bool {
    let side = |length: u32, longest: u32| length.is_multiple_of(2) && (16..=longest).contains(&length);
    side(canvas.width, 3840) && side(canvas.height, 2160) && (1..=60).contains(&canvas.fps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Fit, Tile};

    fn scene(rects: &[(&str, i32, i32, u32, u32)]) -> Scene {
        let tile = |(z, (id, x, y, width, height)): (usize, &(&str, i32, i32, u32, u32))| Tile {
            participant: id.parse().expect("an id"),
            rect: Rect { x: *x, y: *y, width: *width, height: *height },
            z: z as u32,
            fit: Fit::Cover,
        };
        Scene { tiles: rects.iter().enumerate().map(tile).collect() }
    }

    #[test]
    fn only_even_tiles_on_the_canvas_pass() {
        let canvas = Canvas::default();
        assert_eq!(check(&scene(&[("a", 0, 0, 1280, 720), ("b", 2, 2, 2, 2)]), &canvas), Ok(()));
        for bad in [
            (0, 0, 1282, 720),
            (1, 0, 2, 2),
            (0, 0, 0, 2),
            (-2, 0, 4, 4),
            (0, 0, 100_000, 100_000),
            (i32::MAX, 0, 2, 2),
        ] {
            let scene = scene(&[("a", bad.0, bad.1, bad.2, bad.3)]);
            assert!(matches!(check(&scene, &canvas), Err(SceneError::Rect { .. })), "{bad:?}");
        }
        assert!(matches!(check(&scene(&[("a", 0, 0, 2, 2), ("a", 2, 0, 2, 2)]), &canvas), Err(SceneError::Twice(_))));
    }
}
