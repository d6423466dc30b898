//! Explanation of the active speaker decision, in words and figures, for events and for operators.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::ParticipantId;

/// Why the floor is where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FloorReason)]
pub enum Why {
    /// Nobody had it, and this one spoke.
    Spoke,
    /// The one before fell silent, and this one spoke.
    FellSilent,
    /// The one before spoke, and this one clearly louder.
    Louder,
    /// The one before was muted, hidden or not heard any more, and this one spoke, or for the hold time nobody did.
    OutOfHearing,
    /// An operator gave it.
    Operator,
    /// An operator gave it back, and in manual mode nobody has it then.
    GivenBack,
    /// The time for which an operator gave it is over, and in manual mode nobody has it then.
    Expired,
    /// The one before left.
    Left,
}

/// The state of one candidate for the floor.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FloorScore)]
pub struct Score {
    /// The participant.
    pub participant: ParticipantId,
    /// Speech gathered against what earns the floor, 0 to 1.
    pub score: f32,
    /// True from the moment the score reached 1 until they stopped.
    pub speaking: bool,
    /// Time since they were last heard, ms.
    pub quiet_ms: u64,
    /// Loudness with their gain, dBFS.
    pub loudness_dbfs: f32,
}

/// The thresholds for scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = FloorThresholds)]
pub struct Thresholds {
    /// Speech that makes a score of 1, ms.
    pub speech_ms: u32,
    /// A holder who was not heard for this long gives way, ms.
    pub quiet_ms: u32,
    /// A holder who is this much quieter gives way, dB.
    pub louder_db: f32,
    /// Nobody loses the floor to another voice before they had it for this long, ms.
    pub hold_ms: u32,
}

/// The floor changed hands, or an operator's hold on it did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = FloorSwitch)]
pub struct Switch {
    /// The participant who has it now; null for nobody.
    pub participant: Option<ParticipantId>,
    /// True when an operator holds it there.
    pub held: bool,
    /// The reason.
    pub why: Why,
    /// The participant who lost it; null for nobody.
    pub lost: Option<ParticipantId>,
    /// The scores of everyone who could have had it, the highest first.
    pub scores: Vec<Score>,
    /// The thresholds for these scores.
    pub thresholds: Thresholds,
}

/// The present floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation<'a> {
    /// The last change; `None` as long as the floor never moved.
    pub last: Option<&'a Switch>,
    /// When that was, on the caller's clock.
    pub since: Duration,
    /// When an operator's hold ends by itself, if it does.
    pub held_until: Option<Duration>,
    /// The present scores of everyone, the highest first.
    pub scores: Vec<Score>,
    /// The thresholds for these scores.
    pub thresholds: Thresholds,
}
