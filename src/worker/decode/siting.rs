//! PURE. Chroma siting: where samples of chroma lie among those of luma.
//!
//! Scaling as if they lay in the middle would move colours by up to half a px against the picture: H.264 has them on
//! the left.

use super::rotation::Rotation;

/// A position between two luma samples, in halves of their distance from the middle: −1 on the first, 0 in the middle,
/// 1 on the second.
pub type Place = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Siting {
    /// −1 is left.
    pub across: Place,
    /// −1 is above.
    pub down: Place,
}

impl Siting {
    /// On every other luma sample, between two rows: the stage's siting, and H.264's default (ITU-T H.264 figure E-1).
    pub const LEFT: Self = Self { across: -1, down: 0 };
    /// In the middle of four luma samples, as browsers make them.
    pub const CENTER: Self = Self { across: 0, down: 0 };

    /// The siting of a value of libav (`AVChromaLocation`), if it names one.
    pub fn named(location: u32) -> Option<Self> {
        let (across, down) = match location {
            1 => (-1, 0),
            2 => (0, 0),
            3 => (-1, -1),
            4 => (0, -1),
            5 => (-1, 1),
            6 => (0, 1),
            _ => return None,
        };
        Some(Self { across, down })
    }

    /// The siting that a picture must have before a rotation so that it has the stage's after it.
    pub fn before(turn: Rotation) -> Self {
        let (across, down) = match turn {
            Rotation::None => (-1, 0),
            Rotation::Right => (0, 1),
            Rotation::Half => (1, 0),
            Rotation::Left => (0, -1),
        };
        Self { across, down }
    }
}

/// The position of chroma before and after scaling, in one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shift {
    pub from: Place,
    pub to: Place,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_is_where_the_turn_brings_it() {
        for (turn, across, down) in
            [(Rotation::Right, 0, 1), (Rotation::Half, 1, 0), (Rotation::Left, 0, -1), (Rotation::None, -1, 0)]
        {
            assert_eq!(Siting::before(turn), Siting { across, down });
        }
        assert_eq!(Siting::named(1), Some(Siting::LEFT));
        assert_eq!(Siting::named(0), None);
    }
}
