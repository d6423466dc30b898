//! PURE: levels and now → who has the floor.
//!
//! No clock, no sound, no lock: the caller passes the time since it began and how loud everyone is who may have the floor;
//! muted, hidden and absent people are simply not passed. Nothing here starts, so nothing stops.

use std::time::Duration;

use crate::{base::ParticipantId, media::Levels};

/// Time constant of smoothing. Long enough that a cough or a knock dies away before it counts, short enough that a speaker
/// is seen within a second of the first word.
const SMOOTHING: Duration = Duration::from_millis(300);
/// Shortest time anybody keeps the floor against others: cuts that follow each other faster are hard to watch.
pub const MIN_HOLD: Duration = Duration::from_secs(2);
/// How long a voice must be above [`QUIET_DBFS`] to take the floor; a cough is shorter.
const SPOKEN: Duration = Duration::from_millis(300);
/// Below this smoothed level somebody is quiet, dBFS. Speech at a usual distance from a microphone comes at -30 to -15, a quiet
/// room at -60 to -50.
const QUIET_DBFS: f32 = -42.0;
/// Where levels begin and end for smoothing, dBFS: digital silence and a silent room are alike, so a microphone that was
/// just switched on starts no later than one that was open.
const BOTTOM_DBFS: f32 = -60.0;
/// How much louder somebody must be to take the floor from one who speaks, dB: twice the amplitude, more than the ups and downs
/// of two voices that are equally loud.
const CLEARLY_DB: f32 = 6.0;

/// Who decides who has the floor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whoever speaks, unless an operator holds it.
    #[default]
    Auto,
    /// An operator alone.
    Manual,
}

/// Who has the floor, and why.
#[derive(Debug, Default)]
pub struct Floor {
    mode: Mode,
    holder: Option<ParticipantId>,
    /// An operator gave it to the holder.
    held: bool,
    /// When the holder took it.
    since: Duration,
    /// Everyone who was passed last, so it is bounded by the room.
    heard: Vec<Heard>,
}

/// One voice, smoothed.
#[derive(Debug)]
struct Heard {
    who: ParticipantId,
    dbfs: f32,
    last: Duration,
    /// Since when it is not quiet.
    speaking: Option<Duration>,
}

impl Floor {
    /// Nobody's floor.
    pub fn new(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Who decides from now on. The holder keeps it until that changes something.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// Who has it.
    pub fn holder(&self) -> Option<&ParticipantId> {
        self.holder.as_ref()
    }

    /// True while an operator's word keeps it where it is.
    pub fn held(&self) -> bool {
        self.held
    }

    /// An operator gives it to somebody, until [`Floor::release`].
    pub fn hold(&mut self, who: ParticipantId) {
        self.holder = Some(who);
        self.held = true;
    }

    /// The operator gives it back: to whoever speaks next, or in manual mode to nobody.
    pub fn release(&mut self) {
        self.held = false;
        if self.mode == Mode::Manual {
            self.holder = None;
        }
    }

    /// Somebody left the room. What was theirs is free.
    pub fn left(&mut self, who: &ParticipantId) {
        self.heard.retain(|heard| heard.who != *who);
        if self.holder.as_ref() == Some(who) {
            self.holder = None;
            self.held = false;
        }
    }

    /// How loud everyone is at `now` who may have the floor, each once. Returns true if the floor changed hands.
    ///
    /// The loudest voice takes it once it has spoken long enough, if the holder has had it for [`MIN_HOLD`] and is quiet or
    /// clearly quieter.
    pub fn hear(&mut self, now: Duration, levels: &[(ParticipantId, Levels)]) -> bool {
        self.heard.retain(|heard| levels.iter().any(|(who, _)| *who == heard.who));
        for (who, levels) in levels {
            self.listen(now, who, levels.rms_dbfs);
        }
        if self.mode == Mode::Manual || self.held {
            return false;
        }
        let holder = self.heard.iter().find(|heard| self.holder.as_ref() == Some(&heard.who));
        let spoken = |heard: &&Heard| heard.speaking.is_some_and(|since| now.saturating_sub(since) >= SPOKEN);
        let others = self.heard.iter().filter(|heard| self.holder.as_ref() != Some(&heard.who));
        let Some(loudest) = others.filter(spoken).max_by(|a, b| a.dbfs.total_cmp(&b.dbfs)) else { return false };
        let given_up =
            holder.is_none_or(|holder| holder.speaking.is_none() || loudest.dbfs >= holder.dbfs + CLEARLY_DB);
        let rested = self.holder.is_none() || now.saturating_sub(self.since) >= MIN_HOLD;
        if !(given_up && rested) {
            return false;
        }
        self.holder = Some(loudest.who.clone());
        self.since = now;
        true
    }

    fn listen(&mut self, now: Duration, who: &ParticipantId, dbfs: f32) {
        let index = self.heard.iter().position(|heard| heard.who == *who).unwrap_or_else(|| {
            self.heard.push(Heard { who: who.clone(), dbfs: BOTTOM_DBFS, last: now, speaking: None });
            self.heard.len() - 1
        });
        let heard = &mut self.heard[index];
        let passed = now.saturating_sub(heard.last).as_secs_f32();
        let share = 1.0 - (-passed / SMOOTHING.as_secs_f32()).exp();
        // No number at all counts as silence.
        let dbfs = if dbfs.is_nan() { BOTTOM_DBFS } else { dbfs.clamp(BOTTOM_DBFS, 0.0) };
        heard.dbfs += (dbfs - heard.dbfs) * share;
        heard.last = now;
        heard.speaking = (heard.dbfs >= QUIET_DBFS).then(|| heard.speaking.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests;
