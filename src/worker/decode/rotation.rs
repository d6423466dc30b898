//! PURE. Display rotation: turning pictures of a camera that was held on its side.

use crate::i420::{Plane, Planes};
use tilecast_core::{
    layout::{Crop, Focus, fit::Wish},
    media::Size,
};

/// Side of the squares that are turned one after the other, samples: source and target of one square stay in the
/// first-level cache whatever the picture's width.
const SQUARE: usize = 32;

/// Quarter turns clockwise that make a picture upright.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rotation {
    #[default]
    None,
    Right,
    Half,
    Left,
}

impl Rotation {
    /// A rotation by this many quarter turns clockwise, modulo 4.
    pub fn quarters(count: u8) -> Self {
        match count % 4 {
            0 => Self::None,
            1 => Self::Right,
            2 => Self::Half,
            _ => Self::Left,
        }
    }

    /// A picture's size after the turn; equally, the size before it from the size after it.
    pub fn size(self, size: Size) -> Size {
        match self {
            Self::None | Self::Half => size,
            Self::Right | Self::Left => Size { width: size.height, height: size.width },
        }
    }

    /// The wish for the picture before the turn, from the wish for the upright picture.
    pub fn wish(self, wish: Wish) -> Wish {
        let Focus { x, y } = wish.focus;
        let Crop { x: left, y: top, width, height } = wish.crop;
        let crop = |x, y, width, height| Crop { x, y, width, height };
        let (focus, crop) = match self {
            Self::None => ((x, y), wish.crop),
            Self::Right => ((y, 1.0 - x), crop(top, 1.0 - left - width, height, width)),
            Self::Half => ((1.0 - x, 1.0 - y), crop(1.0 - left - width, 1.0 - top - height, width, height)),
            Self::Left => ((1.0 - y, x), crop(1.0 - top - height, left, height, width)),
        };
        Wish { focus: Focus { x: focus.0, y: focus.1 }, crop, ..wish }
    }

    /// Turns a picture; `to` has the turned size.
    pub fn apply(self, from: &mut Planes, to: &mut Planes) {
        for index in 0..3 {
            self.plane(&from.plane(index), &mut to.plane(index));
        }
    }

    fn plane(self, from: &Plane<'_>, to: &mut Plane<'_>) {
        let (width, height) = (to.width, to.height);
        for top in (0..height).step_by(SQUARE) {
            for left in (0..width).step_by(SQUARE) {
                for y in top..(top + SQUARE).min(height) {
                    let row = &mut to.data[y * to.stride..][..width];
                    for (x, sample) in row.iter_mut().enumerate().take(left + SQUARE).skip(left) {
                        let (column, line) = match self {
                            Self::None => (x, y),
                            Self::Right => (y, width - 1 - x),
                            Self::Half => (width - 1 - x, height - 1 - y),
                            Self::Left => (height - 1 - y, x),
                        };
                        *sample = from.data[line * from.stride + column];
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(turn: Rotation) -> Vec<u8> {
        // 1 2 3
        // 4 5 6
        let mut data = [1, 2, 3, 0, 4, 5, 6, 0];
        let size = turn.size(Size { width: 3, height: 2 });
        let (width, height) = (size.width as usize, size.height as usize);
        let mut out = vec![0; 6];
        let from = Plane { data: &mut data, stride: 4, width: 3, height: 2 };
        turn.plane(&from, &mut Plane { data: &mut out, stride: width, width, height });
        out
    }

    #[test]
    fn quarters_are_clockwise() {
        assert_eq!(turned(Rotation::quarters(0)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(turned(Rotation::quarters(1)), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(Rotation::quarters(2)), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(Rotation::quarters(7)), [3, 6, 2, 5, 1, 4]);
    }
}
