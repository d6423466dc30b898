//! The floor (active speaker selection): which participant has the main place.

use std::time::Duration;

use super::{
    Explanation, Mode, Rules, Score, Switch, Voice, Why,
    voice::{Change, Room},
};
use crate::{base::ParticipantId, media::Heard};

/// Who has the floor, and why.
///
/// Time is counted from any point the caller chooses, and only goes forward. Memory is bounded by the number of people
/// passed to [`Floor::hear`].
#[derive(Debug, Default)]
pub struct Floor {
    rules: Rules,
    holder: Option<ParticipantId>,
    /// When the holder took the floor.
    since: Duration,
    /// When the holder was last among the candidates, or took the floor.
    within_hearing: Duration,
    held: Option<Hold>,
    /// The decision that gave the holder the floor.
    last: Option<Switch>,
    room: Room,
    voices: Vec<Voice>,
    recent: Vec<ParticipantId>,
    /// When somebody last spoke.
    spoken: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    UntilGivenBack,
    Until(Duration),
}

impl Floor {
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// The rules from now on. The holder keeps the floor until the new rules change something.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    pub fn holder(&self) -> Option<&ParticipantId> {
        self.holder.as_ref()
    }

    /// True while an operator's choice keeps the floor where it is.
    pub fn held(&self) -> bool {
        self.held.is_some()
    }

    /// Everyone who is still here and has spoken, with or without the floor: first the current speakers, then those who
    /// stopped, the newest first.
    pub fn recent(&self) -> impl Iterator<Item = &ParticipantId> {
        self.recent.iter()
    }

    /// True while this participant speaks, with or without the floor.
    pub fn is_speaking(&self, who: &ParticipantId) -> bool {
        self.voices.iter().any(|voice| voice.who == *who && voice.speaking())
    }

    /// How long nobody has spoken: zero while somebody speaks.
    pub fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.spoken)
    }

    /// An operator gives the floor to somebody at `now`, until [`Floor::release`] or, if given, the time `until`.
    pub fn hold(&mut self, now: Duration, who: ParticipantId, until: Option<Duration>) -> Option<Switch> {
        self.settle(now, Some(who), Some(until.map_or(Hold::UntilGivenBack, Hold::Until)), Why::Operator)
    }

    /// The operator gives the floor back: to the next speaker, or in manual mode to nobody.
    pub fn release(&mut self, now: Duration) -> Option<Switch> {
        self.end_hold(now, Why::GivenBack)
    }

    /// A participant has left. Their floor goes to the candidate who spoke last. This also holds for an operator's
    /// choice, since that choice was about the participant who left.
    pub fn left(&mut self, now: Duration, who: &ParticipantId) -> Option<Switch> {
        self.voices.retain(|voice| voice.who != *who);
        self.recent.retain(|recent| recent != who);
        if self.holder.as_ref() != Some(who) {
            return None;
        }
        let heard = |recent: &&ParticipantId| self.voices.iter().any(|voice| voice.who == **recent);
        let next = self.recent.iter().find(heard).cloned();
        self.settle(now, next, None, Why::Left)
    }

    /// Only time has passed: an operator's choice may have expired.
    pub fn pass(&mut self, now: Duration) -> Option<Switch> {
        match self.held {
            Some(Hold::Until(until)) if until <= now => self.end_hold(now, Why::Expired),
            _ => None,
        }
    }

    /// A report at `now` with every candidate for the floor, each once, ten times a second.
    ///
    /// A participant who has spoken long enough takes the floor, if the holder had it for the hold time and is quiet or
    /// clearly quieter. A holder who was not among the candidates for the hold time loses the floor to nobody: a holder
    /// who mutes for a cough keeps the floor, a holder who stays muted does not.
    pub fn hear(&mut self, now: Duration, heard: &[(ParticipantId, Heard)]) -> Option<Switch> {
        self.listen(now, heard);
        let expired = self.pass(now);
        if expired.is_some() || self.held.is_some() || self.rules.mode == Mode::Manual {
            return expired;
        }
        if let Some((who, why)) = self.challenger(now) {
            return self.settle(now, Some(who), None, why);
        }
        let gone = self.holder.is_some() && now.saturating_sub(self.within_hearing) >= self.rules.hold;
        if gone { self.settle(now, None, None, Why::OutOfHearing) } else { None }
    }

    fn listen(&mut self, now: Duration, heard: &[(ParticipantId, Heard)]) {
        self.room.listen(heard);
        if heard.iter().any(|(who, _)| self.holder.as_ref() == Some(who)) {
            self.within_hearing = now;
        }
        self.voices.retain(|voice| heard.iter().any(|(who, _)| *who == voice.who));
        let enough = self.rules.speech();
        for (who, heard) in heard {
            let known = self.voices.iter().position(|voice| voice.who == *who);
            let index = known.unwrap_or_else(|| {
                self.voices.push(Voice::new(who.clone(), now));
                self.voices.len() - 1
            });
            match self.voices[index].hear(now, *heard, &self.room, enough) {
                Change::Nothing => {}
                Change::Began => self.remember(who, 0),
                Change::Stopped => {
                    let speaking = self.recent.iter().filter(|other| self.is_speaking(other)).count();
                    self.remember(who, speaking);
                }
            }
        }
        if self.voices.iter().any(Voice::speaking) {
            self.spoken = now;
        }
    }

    /// Inserts somebody into the order of recent speakers, behind `behind` others.
    fn remember(&mut self, who: &ParticipantId, behind: usize) {
        self.recent.retain(|other| other != who);
        self.recent.insert(behind.min(self.recent.len()), who.clone());
    }

    /// The participant who takes the floor from the holder, and the reason.
    fn challenger(&self, now: Duration) -> Option<(ParticipantId, Why)> {
        if self.holder.is_some() && now.saturating_sub(self.since) < self.rules.hold {
            return None;
        }
        let others = self.voices.iter().filter(|voice| self.holder.as_ref() != Some(&voice.who));
        let speaking = others.filter(|voice| voice.speaking() && !self.rules.is_quiet(voice.quiet(now)));
        let loudest = speaking.max_by(|a, b| a.loudness().total_cmp(&b.loudness()))?;
        let why = match &self.holder {
            None => Why::Spoke,
            Some(holder) => match self.voices.iter().find(|voice| voice.who == *holder) {
                None => Why::OutOfHearing,
                Some(holder) if self.rules.is_quiet(holder.quiet(now)) => Why::FellSilent,
                Some(holder) if self.rules.is_louder(loudest.loudness(), holder.loudness()) => Why::Louder,
                Some(_) => return None,
            },
        };
        Some((loudest.who.clone(), why))
    }

    fn end_hold(&mut self, now: Duration, why: Why) -> Option<Switch> {
        self.held?;
        let holder = self.holder.clone().filter(|_| self.rules.mode == Mode::Auto);
        self.settle(now, holder, None, why)
    }

    /// Applies the decision; returns the switch if anything changed.
    fn settle(&mut self, now: Duration, holder: Option<ParticipantId>, held: Option<Hold>, why: Why) -> Option<Switch> {
        if (&self.holder, self.held) == (&holder, held) {
            return None;
        }
        self.held = held;
        let before = std::mem::replace(&mut self.holder, holder);
        let lost = before.clone().filter(|_| before != self.holder);
        if before != self.holder {
            (self.since, self.within_hearing) = (now, now);
        }
        let (participant, held) = (self.holder.clone(), self.held());
        let (scores, thresholds) = (self.scores(now), self.rules.thresholds());
        self.last = Some(Switch { participant, held, why, lost, scores, thresholds });
        self.last.clone()
    }

    fn scores(&self, now: Duration) -> Vec<Score> {
        let enough = self.rules.speech().as_secs_f32();
        let score = |voice: &Voice| Score {
            participant: voice.who.clone(),
            score: if voice.speaking() { 1.0 } else { voice.speech().as_secs_f32() / enough },
            speaking: voice.speaking(),
            quiet_ms: u64::try_from(voice.quiet(now).as_millis()).unwrap_or(u64::MAX),
            loudness_dbfs: voice.loudness(),
        };
        let mut scores: Vec<Score> = self.voices.iter().map(score).collect();
        scores.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.loudness_dbfs.total_cmp(&a.loudness_dbfs)));
        scores
    }

    /// The state of the floor at `now`, and the reason.
    pub fn explain(&self, now: Duration) -> Explanation<'_> {
        let held_until = match self.held {
            Some(Hold::Until(until)) => Some(until),
            Some(Hold::UntilGivenBack) | None => None,
        };
        let (scores, thresholds) = (self.scores(now), self.rules.thresholds());
        Explanation { last: self.last.as_ref(), since: self.since, held_until, scores, thresholds }
    }
}
