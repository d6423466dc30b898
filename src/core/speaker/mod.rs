//! PURE: active speaker detection. What is heard, and now → who has the floor, and why.
//!
//! `Voice` decides from one microphone's reports whether somebody speaks there. [`Floor`] gives the floor to one of the
//! speakers. [`Why`] and [`Explanation`] give the reason. There is no clock, no sound and no lock: the caller passes
//! the time since it began, and what is heard of every candidate for the floor; muted, hidden and absent people are not
//! passed. Nothing starts here, so nothing stops.

mod explain;
mod floor;
mod rules;
mod voice;

pub use explain::{Explanation, Score, Switch, Thresholds, Why};
pub use floor::Floor;
pub use rules::{HOLD_MS, Mode, Rules, Sensitivity};
use voice::Voice;

#[cfg(test)]
mod tests;
