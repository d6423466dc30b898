//! PURE. Scene validation: what must hold before any number of a scene reaches C code.

use std::collections::HashSet;

use tilecast_core::{
    layout::{Canvas, Crop, Focus, MAX_OVERLAYS, MAX_TILES, Scene},
    media::Rect,
};

/// Why a scene is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SceneError {
    /// Over [`MAX_TILES`].
    #[error("a scene of {0} tiles; at most {MAX_TILES} are possible")]
    Tiles(usize),
    /// Over [`MAX_OVERLAYS`].
    #[error("a scene of {0} overlays; at most {MAX_OVERLAYS} are possible")]
    Overlays(usize),
    /// Odd, empty, or not wholly on the canvas.
    #[error("{whose} lies at {x},{y} with {width}x{height} px: it must be even and on the canvas", x = rect.x, y = rect.y, width = rect.width, height = rect.height)]
    Rect { whose: String, rect: Rect },
    /// Two elements with the same identity.
    #[error("{0} is there twice")]
    Twice(String),
    /// A number out of range.
    #[error("{whose} has {what} out of range")]
    Range { whose: String, what: &'static str },
}

/// Checks a scene against the canvas.
pub fn check(scene: &Scene, canvas: &Canvas) -> Result<(), SceneError> {
    if scene.tiles.len() > MAX_TILES {
        return Err(SceneError::Tiles(scene.tiles.len()));
    }
    if scene.overlays.len() > MAX_OVERLAYS {
        return Err(SceneError::Overlays(scene.overlays.len()));
    }
    let mut seen = HashSet::new();
    for tile in &scene.tiles {
        let whose = || format!("the tile of {}", tile.participant);
        if !seen.insert((&tile.participant, tile.copy)) {
            return Err(SceneError::Twice(whose()));
        }
        place(tile.rect, tile.radius, tile.opacity, canvas, whose)?;
        let range = |good: bool, what| if good { Ok(()) } else { Err(SceneError::Range { whose: whose(), what }) };
        range(within(tile.crop), "a crop")?;
        let Focus { x, y } = tile.focus;
        range((0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y), "a focus")?;
    }
    let mut ids = HashSet::new();
    for overlay in &scene.overlays {
        let whose = || format!("the overlay {}", overlay.id);
        if !ids.insert(&overlay.id) {
            return Err(SceneError::Twice(whose()));
        }
        place(overlay.rect, overlay.radius, overlay.opacity, canvas, whose)?;
    }
    Ok(())
}

fn place(rect: Rect, radius: u32, opacity: f32, canvas: &Canvas, whose: impl Fn() -> String) -> Result<(), SceneError> {
    if !fits(rect, canvas) {
        return Err(SceneError::Rect { whose: whose(), rect });
    }
    // NaN lies in no range.
    if !(0.0..=1.0).contains(&opacity) {
        return Err(SceneError::Range { whose: whose(), what: "an opacity" });
    }
    if radius > rect.width.min(rect.height) / 2 {
        return Err(SceneError::Range { whose: whose(), what: "a radius" });
    }
    Ok(())
}

fn within(crop: Crop) -> bool {
    let span = |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + 1e-6;
    span(crop.x, crop.width) && span(crop.y, crop.height)
}

fn fits(rect: Rect, canvas: &Canvas) -> bool {
    let span = |start: i32, length: u32, limit: u32| {
        let even = start % 2 == 0 && length.is_multiple_of(2);
        even && start >= 0 && length >= 2 && i64::from(start) + i64::from(length) <= i64::from(limit)
    };
    span(rect.x, rect.width, canvas.width) && span(rect.y, rect.height, canvas.height)
}

/// True if the canvas itself is valid.
pub fn canvas_is_sane(canvas: &Canvas) -> bool {
    let side = |length: u32, longest: u32| length.is_multiple_of(2) && (16..=longest).contains(&length);
    side(canvas.width, 3840) && side(canvas.height, 2160) && (1..=60).contains(&canvas.fps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::layout::{Fit, Tile};

    fn scene(rects: &[(&str, i32, i32, u32, u32)]) -> Scene {
        let tile = |(z, (id, x, y, width, height)): (usize, &(&str, i32, i32, u32, u32))| {
            let rect = Rect { x: *x, y: *y, width: *width, height: *height };
            Tile::plain(id.parse().expect("an id"), rect, z as u32, Fit::Cover)
        };
        Scene { tiles: rects.iter().enumerate().map(tile).collect(), ..Scene::default() }
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
        let mut dressed = scene(&[("a", 0, 0, 4, 4)]);
        for (opacity, radius, width) in [(f32::NAN, 0, 1.0), (1.1, 0, 1.0), (1.0, 3, 1.0), (1.0, 0, 0.0), (1.0, 0, 1.1)]
        {
            let tile = &mut dressed.tiles[0];
            (tile.opacity, tile.radius, tile.crop.width) = (opacity, radius, width);
            assert!(matches!(check(&dressed, &canvas), Err(SceneError::Range { .. })), "{opacity} {radius} {width}");
        }
    }
}
