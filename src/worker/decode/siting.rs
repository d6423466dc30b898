//! PURE: where samples of chroma lie among those of luma.
//!
//! Scaling as if they lay in the middle moves colours by up to half a px against what they belong to: H.264 has them on the left.

use super::rotation::Rotation;

/// A place between two samples of luma, in halves of their distance from the middle: −1 on the first, 0 in the middle, 1 on the second.
pub type Place = i64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Siting {
    /// −1 is left.
    pub across: Place,
    /// −1 is above.
    pub down: Place,
}

impl Siting {
    /// On every other sample of luma, between two rows: the stage's, and H.264's where nothing is said (ITU-T H.264 figure E-1).
    pub const LEFT: Self = Self { across: -1, down: 0 };
    /// Among four samples of luma, as browsers make them.
    pub const CENTER: Self = Self { across: 0, down: 0 };

    /// What libav calls so (`AVChromaLocation`), if it is told.
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

    /// Where it must be in a picture that is turned afterwards, to be the stage's then.
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

/// From where and to where chroma goes in one direction.
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
