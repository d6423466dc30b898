//! PURE: what is heard and now → who has the floor, and why.
//!
//! `Voice` makes of what one microphone gives whether somebody speaks there; [`Floor`] gives the floor to one of them; [`Why`]
//! and [`Explanation`] say for what reason. No clock, no sound, no lock: the caller passes the time since it began and what
//! is heard of everyone who may have the floor; muted, hidden and absent people are simply not passed. Nothing here
//! starts, so nothing stops.

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
