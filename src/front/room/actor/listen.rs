//! What the room hears, and who has the floor for it.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Actor;
use crate::{
    base::ParticipantId,
    front::model::{
        RoomError,
        event::{Event, ParticipantLevels},
        status::SpeakerStatus,
    },
    media::{Heard, Levels},
    speaker::Switch,
};

impl Actor {
    /// Takes in a report of the worker.
    pub(super) fn hear(&mut self, participants: Vec<(ParticipantId, Heard)>, program: Levels) {
        for (_, person) in self.people.iter_mut() {
            person.heard = None;
        }
        for (id, heard) in &participants {
            if let Some(person) = self.people.get_mut(id) {
                person.heard = Some(*heard);
            }
        }
        self.program_levels = Some(program);
        let switch = self.floor.hear(self.began.elapsed(), &self.people.candidates());
        self.switched(switch);
        self.tell_states();
        if self.events.receiver_count() > 0 {
            let levels = |(participant, heard)| ParticipantLevels { participant, heard };
            self.say(Event::Levels { participants: participants.into_iter().map(levels).collect(), program });
        }
    }

    /// Announces that the floor moved, if it did, and casts anew.
    pub(super) fn switched(&mut self, switch: Option<Switch>) {
        if let Some(switch) = switch {
            let name = |id: &Option<ParticipantId>| id.as_ref().map(ToString::to_string);
            let (to, from) = (name(&switch.participant), name(&switch.lost));
            tracing::debug!(room = %self.id, to, from, why = ?switch.why, "floor");
            self.say(Event::Speaker(switch));
            self.recast();
        }
    }

    /// An operator gives the floor to someone.
    pub(super) fn hold_floor(&mut self, id: ParticipantId, ttl: Option<Duration>) -> Result<SpeakerStatus, RoomError> {
        if self.people.get_mut(&id).is_none() {
            return Err(RoomError::NoParticipant(self.id.clone(), id));
        }
        let now = self.began.elapsed();
        let switch = self.floor.hold(now, id, ttl.map(|ttl| now + ttl));
        self.switched(switch);
        Ok(self.speaker())
    }

    /// Who has the floor, and why.
    pub(super) fn speaker(&self) -> SpeakerStatus {
        let now = self.began.elapsed();
        let explanation = self.floor.explain(now);
        let last = explanation.last;
        SpeakerStatus {
            mode: self.document.speaker.mode,
            sensitivity: self.document.speaker.sensitivity,
            participant: self.floor.holder().cloned(),
            held: self.floor.held(),
            held_until: explanation.held_until.map(|until| self.told(until)),
            why: last.map(|last| last.why),
            since: self.told(explanation.since),
            lost: last.and_then(|last| last.lost.clone()),
            scores_then: last.map(|last| last.scores.clone()).unwrap_or_default(),
            scores: explanation.scores,
            thresholds: explanation.thresholds,
            silence_ms: u64::try_from(self.floor.silence(now).as_millis()).unwrap_or(u64::MAX),
            recent: self.floor.recent().cloned().collect(),
        }
    }

    /// A time since the room began as people read it.
    fn told(&self, since: Duration) -> String {
        // To the millisecond; what follows would only look exact.
        let at = OffsetDateTime::from(self.began_at + since);
        let at = at.replace_millisecond(at.millisecond()).unwrap_or(at);
        at.format(&Rfc3339).unwrap_or_default()
    }
}
