//! PURE. Picture fit: scaling and cropping a picture of one shape for a tile of another (contain, cover, fill, blur).

use super::{Crop, Fit, Focus};
use crate::media::{Rect, Size};

/// A rectangle inside a picture, even numbers of px.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// px from the left
    pub x: u32,
    /// px from the top
    pub y: u32,
    pub size: Size,
}

/// The part of the picture that is scaled, and the part of the tile that receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub source: Area,
    pub target: Area,
}

impl Plan {
    /// The part of a tile of this size that is picture; the rest is bars. Blurred bars count as picture.
    pub fn seen(&self, tile: Size, fit: Fit) -> Rect {
        let Area { x, y, size } = match fit {
            Fit::Contain => self.target,
            Fit::Cover | Fit::Fill | Fit::Blur => Area { x: 0, y: 0, size: tile },
        };
        Rect { x: x as i32, y: y as i32, width: size.width, height: size.height }
    }
}

/// How a rectangle wants a picture to be fitted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wish {
    /// The kind of fit.
    pub fit: Fit,
    /// The point that stays visible when [`Fit::Cover`] cuts, in the part that `crop` leaves.
    pub focus: Focus,
    /// The part of the picture that is used.
    pub crop: Crop,
}

/// The even number up to `limit` that is nearest to `length`, at least 2.
fn even(length: f64, limit: u32) -> u32 {
    let nearest = (length / 2.0).round() as u32 * 2;
    nearest.clamp(2, limit.max(2))
}

/// The position of `size` in `within` whose middle is as near to the focus as possible.
fn focused(size: Size, within: Size, focus: Focus) -> (u32, u32) {
    // Chroma samples have even positions, so a crop or a box must too.
    let place = |inner: u32, outer: u32, focus: f64| {
        let free = f64::from(outer.saturating_sub(inner));
        let start = (f64::from(outer) * focus - f64::from(inner) / 2.0).clamp(0.0, free);
        (start / 2.0).floor() as u32 * 2
    };
    (place(size.width, within.width, focus.x), place(size.height, within.height, focus.y))
}

/// The part that a crop leaves of a picture.
fn cropped(picture: Size, crop: Crop) -> Area {
    let span = |length: u32, start: f64, part: f64| {
        if start <= 0.0 && part >= 1.0 {
            // An odd picture that is not cropped keeps its last column.
            return (0, length);
        }
        let size = even(f64::from(length) * part, length & !1);
        let at = (f64::from(length) * start / 2.0).round() as u32 * 2;
        (at.min(length.saturating_sub(size) & !1), size.min(length))
    };
    let (x, width) = span(picture.width, crop.x, crop.width);
    let (y, height) = span(picture.height, crop.y, crop.height);
    Area { x, y, size: Size { width, height } }
}

/// Fits a picture, whose pixels are `aspect` times as wide as high, to a tile. Bars or cuts of one px are rounded away.
pub fn plan(picture: Size, aspect: f64, tile: Size, wish: Wish) -> Plan {
    let whole = |size| Area { x: 0, y: 0, size };
    let used = cropped(picture, wish.crop);
    let shape = f64::from(used.size.width) * aspect / f64::from(used.size.height);
    let wanted = f64::from(tile.width) / f64::from(tile.height);
    let wider = shape > wanted;
    match wish.fit {
        Fit::Cover => {
            let mut size = used.size;
            if wider {
                size.width = even(f64::from(size.width) * wanted / shape, size.width);
            } else {
                size.height = even(f64::from(size.height) * shape / wanted, size.height);
            }
            // An odd picture that needs no crop keeps its last column.
            if used.size.width.abs_diff(size.width) < 2 && used.size.height.abs_diff(size.height) < 2 {
                size = used.size;
            }
            let (x, y) = focused(size, used.size, wish.focus);
            Plan { source: Area { x: used.x + x, y: used.y + y, size }, target: whole(tile) }
        }
        Fit::Fill => Plan { source: used, target: whole(tile) },
        Fit::Contain | Fit::Blur => {
            let mut size = tile;
            if wider {
                size.height = even(f64::from(tile.width) / shape, tile.height);
            } else {
                size.width = even(f64::from(tile.height) * shape, tile.width);
            }
            let (x, y) = focused(size, tile, Focus::default());
            Plan { source: used, target: Area { x, y, size } }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(fit: Fit) -> Wish {
        Wish { fit, ..Wish::default() }
    }

    fn size(width: u32, height: u32) -> Size {
        Size { width, height }
    }

    #[test]
    fn cover_cuts_the_overhang_evenly() {
        let plan = plan(size(1280, 720), 1.0, size(300, 300), of(Fit::Cover));
        assert_eq!(plan.source, Area { x: 280, y: 0, size: size(720, 720) });
        assert_eq!(plan.target, Area { x: 0, y: 0, size: size(300, 300) });
    }

    #[test]
    fn contain_leaves_bars() {
        let plan = plan(size(480, 640), 1.0, size(640, 480), of(Fit::Contain));
        assert_eq!(plan.source.size, size(480, 640));
        assert_eq!(plan.target, Area { x: 140, y: 0, size: size(360, 480) });
    }

    #[test]
    fn wide_pixels_count() {
        let plan = plan(size(720, 576), 64.0 / 45.0, size(1280, 720), of(Fit::Contain));
        assert_eq!(plan.target.size, size(1280, 720));
    }

    #[test]
    fn the_focus_stays_in_sight_and_a_crop_comes_first() {
        let focus = Focus { x: 0.25, y: 0.9 };
        let wish = Wish { focus, ..Wish::default() };
        assert_eq!(plan(size(1280, 720), 1.0, size(300, 300), wish).source.x, 0);
        assert_eq!(plan(size(1280, 720), 1.0, size(300, 600), wish).source.x, 140);
        assert_eq!(plan(size(720, 1280), 1.0, size(300, 300), wish).source.y, 560);
        let crop = Crop { x: 0.5, y: 0.0, width: 0.5, height: 0.5 };
        let cut = plan(size(1280, 720), 1.0, size(320, 180), Wish { crop, ..Wish::default() });
        assert_eq!(cut.source, Area { x: 640, y: 0, size: size(640, 360) });
        let shown = plan(size(1280, 720), 1.0, size(320, 320), Wish { crop, fit: Fit::Contain, ..Wish::default() });
        assert_eq!((shown.source.size, shown.target.y), (size(640, 360), 70));
    }

    proptest! {
        #[test]
        fn every_plan_stays_inside_and_even(
            w in 2u32..5000, h in 2u32..5000, tw in 1u32..1920, th in 1u32..1080, aspect in 0.1f64..10.0,
            kind in 0usize..4, fx in 0.0f64..=1.0, fy in 0.0f64..=1.0, cx in 0.0f64..0.99, cw in 0.001f64..=1.0,
        ) {
            let (picture, tile) = (size(w, h), size(tw * 2, th * 2));
            let crop = Crop { x: cx, y: cx, width: cw.min(1.0 - cx), height: cw.min(1.0 - cx) };
            let fit = [Fit::Cover, Fit::Contain, Fit::Fill, Fit::Blur][kind];
            for crop in [Crop::default(), crop] {
                let plan = plan(picture, aspect, tile, Wish { fit, focus: Focus { x: fx, y: fy }, crop });
                for (area, outer) in [(plan.source, picture), (plan.target, tile)] {
                    prop_assert!(area.x % 2 == 0 && area.y % 2 == 0);
                    prop_assert!(area.size.width > 0 && area.x + area.size.width <= outer.width, "{plan:?}");
                    prop_assert!(area.size.height > 0 && area.y + area.size.height <= outer.height, "{plan:?}");
                }
                let sides = [plan.target.size.width, plan.target.size.height];
                prop_assert!(sides.iter().all(|side| side.is_multiple_of(2)));
            }
        }
    }
}
