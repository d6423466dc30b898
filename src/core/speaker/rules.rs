//! Rules of the floor (active speaker switching), as far as an operator may choose them.

use std::{ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Thresholds;

/// Shortest and longest hold that may be set, ms. Viewers cannot follow cuts faster than twice a second. With a hold of
/// more than a minute, a speaker would be out of sight for most of their turn.
pub const HOLD_MS: RangeInclusive<u32> = 500..=60_000;

/// How long a holder must be silent to give way to another speaker. It is longer than the gaps within words and as long
/// as a breath. It passes while the other proves that they speak, so it adds no delay.
const QUIET: Duration = Duration::from_millis(300);

/// How much louder a participant must be to take the floor from a speaking holder, dB. 6 dB is twice the amplitude,
/// more than the variation between two voices of equal loudness.
const LOUDER_DB: f32 = 6.0;

/// The mode of choosing the floor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SpeakerMode)]
pub enum Mode {
    /// A speaker gets the floor, unless an operator gave it to someone.
    #[default]
    Auto,
    /// The operator alone decides.
    Manual,
}

/// How readily a new speaker takes the floor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// After almost a second of speech: for long statements, and rooms in which people comment on each other.
    Low,
    /// After four tenths of a second: longer than a word of consent.
    #[default]
    Normal,
    /// After a third of a second: for lively talk; short remarks take the floor too.
    High,
}

/// Rules by which the floor is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The mode of choosing the floor.
    pub mode: Mode,
    /// Shortest time anybody keeps the floor against others: cuts that follow each other faster are hard to watch.
    pub hold: Duration,
    /// How readily it changes hands.
    pub sensitivity: Sensitivity,
}

impl Default for Rules {
    fn default() -> Self {
        Self { mode: Mode::Auto, hold: Duration::from_secs(2), sensitivity: Sensitivity::Normal }
    }
}

impl Rules {
    /// Amount of speech that earns the floor.
    pub(super) fn speech(&self) -> Duration {
        Duration::from_millis(match self.sensitivity {
            Sensitivity::Low => 900,
            Sensitivity::Normal => 400,
            Sensitivity::High => 350,
        })
    }

    /// The thresholds as an operator reads them.
    pub(super) fn thresholds(&self) -> Thresholds {
        let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        Thresholds { speech_ms: ms(self.speech()), quiet_ms: ms(QUIET), louder_db: LOUDER_DB, hold_ms: ms(self.hold) }
    }

    /// True when a holder who was last heard `quiet` ago has fallen silent.
    pub(super) fn is_quiet(&self, quiet: Duration) -> bool {
        quiet >= QUIET
    }

    /// True when `challenger` is clearly louder than `holder`, both dBFS.
    pub(super) fn is_louder(&self, challenger: f32, holder: f32) -> bool {
        challenger >= holder + LOUDER_DB
    }
}
