//! Frame cadence: whether a stream's frames come at its frame rate.

/// Largest deviation of a timestamp, ms: RTMP counts whole milliseconds.
const ROUNDING_MS: i64 = 1;

/// Evaluation of a series of presentation timestamps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cadence {
    pub frames: u64,
    /// Positions between the first frame and the last without a frame.
    pub missing: u64,
    /// Frames that are more than 1 ms off every position, or on one that is taken.
    pub uneven: u64,
}

impl Cadence {
    /// Evaluates timestamps in ms, in order of presentation, at `fps`. The first frame defines the positions.
    pub fn of(pts_ms: &[i64], fps: u32) -> Self {
        let Some((&first, rest)) = pts_ms.split_first() else { return Self::default() };
        let mut cadence = Self { frames: 1, ..Self::default() };
        let fps = i64::from(fps);
        let slack = (ROUNDING_MS * fps).min(499);
        let mut place = 0;
        for pts in rest {
            cadence.frames += 1;
            let units = (pts - first) * fps;
            let nearest = (units + 500).div_euclid(1000);
            if (units - nearest * 1000).abs() > slack || nearest <= place {
                cadence.uneven += 1;
            }
            cadence.missing += u64::try_from(nearest - place - 1).unwrap_or(0);
            place = place.max(nearest);
        }
        cadence
    }

    /// True when every frame is there and in its position.
    pub fn is_whole(&self) -> bool {
        self.frames > 1 && self.missing == 0 && self.uneven == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thirty(places: impl Iterator<Item = i64>) -> Vec<i64> {
        places.map(|n| 5000 + n * 1000 / 30).collect()
    }

    #[test]
    fn rounding_to_milliseconds_is_even() {
        for start in 0..3 {
            let cadence = Cadence::of(&thirty(start..start + 1000), 30);
            assert_eq!(cadence, Cadence { frames: 1000, missing: 0, uneven: 0 });
            assert!(cadence.is_whole());
        }
    }

    #[test]
    fn holes_doubles_and_strays_are_told_apart() {
        assert_eq!(Cadence::of(&thirty([0, 1, 4, 5].into_iter()), 30), Cadence { frames: 4, missing: 2, uneven: 0 });
        assert_eq!(Cadence::of(&thirty([0, 1, 1, 2].into_iter()), 30), Cadence { frames: 4, missing: 0, uneven: 1 });
        assert_eq!(Cadence::of(&[0, 33, 80, 100], 30), Cadence { frames: 4, missing: 0, uneven: 1 });
        assert!(!Cadence::of(&[], 30).is_whole());
    }
}
