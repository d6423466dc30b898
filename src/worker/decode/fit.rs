//! PURE: how a picture of one shape meets a tile of another.

use crate::{layout::Fit, media::Size};

/// A rectangle inside a picture, even numbers of px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// px from the left
    pub x: u32,
    /// px from the top
    pub y: u32,
    /// What it covers.
    pub size: Size,
}

/// Which part of the picture is scaled to which part of the tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Of the picture.
    pub source: Area,
    /// Of the tile.
    pub target: Area,
}

/// Largest even number up to `limit` that is nearest to `length`, at least 2.
fn even(length: f64, limit: u32) -> u32 {
    let nearest = (length / 2.0).round() as u32 * 2;
    nearest.clamp(2, limit.max(2))
}

fn centred(size: Size, within: Size) -> Area {
    // Chroma sits on even positions, so a crop or a box must too.
    let middle = |inner: u32, outer: u32| (outer.saturating_sub(inner) / 4) * 2;
    Area { x: middle(size.width, within.width), y: middle(size.height, within.height), size }
}

/// Fits a picture, whose pixels are `aspect` times as wide as high, to a tile. Bars or overhang of one px are rounded away.
pub fn plan(picture: Size, aspect: f64, tile: Size, fit: Fit) -> Plan {
    let whole = |size| Area { x: 0, y: 0, size };
    let shape = f64::from(picture.width) * aspect / f64::from(picture.height);
    let wanted = f64::from(tile.width) / f64::from(tile.height);
    let wider = shape > wanted;
    match fit {
        Fit::Cover => {
            let mut size = picture;
            if wider {
                size.width = even(f64::from(picture.width) * wanted / shape, picture.width);
            } else {
                size.height = even(f64::from(picture.height) * shape / wanted, picture.height);
            }
            // An odd picture that needs no crop keeps its last column.
            if picture.width.abs_diff(size.width) < 2 && picture.height.abs_diff(size.height) < 2 {
                size = picture;
            }
            Plan { source: centred(size, picture), target: whole(tile) }
        }
        Fit::Contain => {
            let mut size = tile;
            if wider {
                size.height = even(f64::from(tile.width) / shape, tile.height);
            } else {
                size.width = even(f64::from(tile.height) * shape, tile.width);
            }
            Plan { source: whole(picture), target: centred(size, tile) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn cover_cuts_the_overhang_evenly() {
        let plan = plan(size(1280, 720), 1.0, size(300, 300), Fit::Cover);
        assert_eq!(plan.source, Area { x: 280, y: 0, size: size(720, 720) });
        assert_eq!(plan.target, Area { x: 0, y: 0, size: size(300, 300) });
    }

    #[test]
    fn contain_leaves_bars() {
        let plan = plan(size(480, 640), 1.0, size(640, 480), Fit::Contain);
        assert_eq!(plan.source.size, size(480, 640));
        assert_eq!(plan.target, Area { x: 140, y: 0, size: size(360, 480) });
    }

    #[test]
    fn wide_pixels_count() {
        let plan = plan(size(720, 576), 64.0 / 45.0, size(1280, 720), Fit::Contain);
        assert_eq!(plan.target.size, size(1280, 720));
    }

    proptest! {
        #[test]
        fn every_plan_stays_inside_and_even(
            w in 1u32..5000, h in 1u32..5000, tw in 1u32..1920, th in 1u32..1080, aspect in 0.1f64..10.0, cover: bool,
        ) {
            let (picture, tile) = (size(w, h), size(tw * 2, th * 2));
            let plan = plan(picture, aspect, tile, if cover { Fit::Cover } else { Fit::Contain });
            for (area, outer) in [(plan.source, picture), (plan.target, tile)] {
                prop_assert!(area.x % 2 == 0 && area.y % 2 == 0);
                prop_assert!(area.x + area.size.width <= outer.width.max(2));
                prop_assert!(area.y + area.size.height <= outer.height.max(2));
            }
            prop_assert!([plan.target.size.width, plan.target.size.height].iter().all(|side| side.is_multiple_of(2)));
        }
    }
}
