//! Who is in a meeting at one moment, and what there is to see of them.

use std::time::Duration;

use super::Canvas;
use crate::base::ParticipantId;

/// One of those who are in the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Unique among those given.
    pub id: ParticipantId,
    /// What labels say.
    pub name: String,
    /// What templates cast by.
    pub role: Option<String>,
    /// What there is to see of them.
    pub face: Face,
}

/// What there is to see of somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Face {
    /// A picture.
    #[default]
    Picture,
    /// Sound only.
    AudioOnly,
    /// Their connection broke a moment ago: a card keeps their place.
    Lost,
    /// They never came, or they left.
    Absent,
    /// The room hides them.
    Hidden,
}

/// A meeting at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Meeting<'a> {
    /// Everyone, in the room's order.
    pub people: &'a [Person],
    /// The program's picture.
    pub canvas: &'a Canvas,
    /// Who has the floor.
    pub floor: Option<&'a ParticipantId>,
    /// Whom the operator pinned, in that order.
    pub pinned: &'a [ParticipantId],
    /// Who spoke, the last one first.
    pub recent: &'a [ParticipantId],
    /// How long nobody has spoken.
    pub silence: Duration,
    /// What `{room}` says.
    pub room: &'a str,
}

impl<'a> Meeting<'a> {
    /// These people on this canvas; nobody has spoken or is pinned.
    pub fn of(people: &'a [Person], canvas: &'a Canvas) -> Self {
        Self { people, canvas, floor: None, pinned: &[], recent: &[], silence: Duration::ZERO, room: "" }
    }
}
