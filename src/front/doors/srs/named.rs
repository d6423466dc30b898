//! Streams whose names alone make participants: added when a stream is published, taken away when it ends.
//!
//! Touches only participants that SRS brought, which the rooms' documents say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::{Place, Srs, Stream, UnknownRoom, Verdict, callback_log::Step, is_of, listing::Listed};
use crate::{
    base::ParticipantId,
    front::model::{
        RoomDocument, RoomError,
        document::{BroughtBy, Participant, Source},
    },
};

impl Srs {
    pub(super) async fn published_by_name(
        &self,
        place: &Place,
        stream: &Stream,
        client: &str,
        now: Instant,
    ) -> Verdict {
        self.book(|book| book.published(place.clone(), client, now));
        if !self.register(|register| register.came(place, client)) {
            return Verdict::Pass;
        }
        let verdict = self.join(place, stream, now).await;
        if verdict != Verdict::Pass {
            self.book(|book| book.forget(place));
        }
        verdict
    }

    pub(super) async fn unpublished_by_name(&self, place: &Place, client: &str, now: Instant) -> Verdict {
        if self.book(|book| book.unpublished(place, client, now)) {
            self.register(|register| register.left(place));
            self.leave(place, now).await;
        }
        Verdict::Pass
    }

    /// Makes true what a list says that was asked for at `asked`. Of a list that is not whole, nobody leaves.
    pub(super) async fn look_by_name(&self, listed: Vec<Listed>, whole: bool, asked: Instant) {
        let mut there = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for Listed { stream, client } in listed {
            if let Some((place, stream)) = self.whose(stream) {
                there.insert(place.clone(), stream);
                clients.insert(place, client);
            }
        }
        let brought = self.brought().await;
        let steps = self.book(|book| book.compare(&there, whole, &brought, asked));
        let recent = |place: &Place| self.book(|book| book.just_came(place, asked));
        let out = self.register(|register| register.listed(clients, whole, recent));
        for step in steps {
            match step {
                Step::Join(place, _) if out.contains(&place) => {}
                // One that the room does not take was told when it was published; saying so every few seconds helps nobody.
                Step::Join(place, stream) => {
                    if self.wanted(&place).await && self.join(&place, &stream, asked).await == Verdict::Pass {
                        tracing::debug!(room = %place.0, participant = %place.1, "joined by SRS's list");
                    }
                }
                Step::Leave(place) => {
                    tracing::info!(room = %place.0, participant = %place.1, "SRS has its stream no more");
                    self.leave(&place, asked).await;
                }
            }
        }
    }

    /// Every participant that SRS brought.
    pub(super) async fn brought(&self) -> BTreeSet<Place> {
        let mut brought = BTreeSet::new();
        for view in self.0.rooms.list().await {
            let ours =
                view.document.participants.into_iter().filter(|(_, found)| found.brought_by == Some(BroughtBy::Srs));
            brought.extend(ours.map(|(id, _)| (view.id.clone(), id)));
        }
        brought
    }

    /// Whether there is a room without a participant of this name.
    async fn wanted(&self, place: &Place) -> bool {
        self.0.rooms.view(&place.0).await.is_ok_and(|view| !view.document.participants.contains_key(&place.1))
    }

    /// Adds the participant that a stream belongs to, by what was known at `known`, unless the room has one of that name.
    async fn join(&self, place: &Place, stream: &Stream, known: Instant) -> Verdict {
        let (room, id) = place;
        let source = self.source(stream);
        let (srs, at, stream) = (self.clone(), place.clone(), stream.clone());
        let add = move |present: &RoomDocument| {
            let mut wanted = present.clone();
            // A callback that has come meanwhile knows better, whichever of the two changes the room first.
            let gone = srs.book(|book| book.left_since(&at, known));
            if !gone && !present.outputs.values().any(|output| is_of(output, &stream)) {
                add(&mut wanted.participants, at.1, source);
            }
            Ok(wanted)
        };
        match self.0.rooms.change(room, Box::new(add)).await {
            Ok(_) => Verdict::Pass,
            Err(RoomError::NoRoom(_)) if self.0.settings.unknown_room == UnknownRoom::Ignore => Verdict::Pass,
            // What is true only now is no reason to turn a publisher away: the next look at SRS's list brings the stream in.
            Err(
                error @ (RoomError::Stopping | RoomError::Store(_) | RoomError::Unwritable(_) | RoomError::Moving(..)),
            ) => {
                tracing::warn!(%room, participant = %id, "a stream on SRS did not join: {error}");
                Verdict::Pass
            }
            Err(RoomError::Faults(faults)) => {
                Verdict::Refuse(faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; "))
            }
            Err(error) => Verdict::Refuse(error.to_string()),
        }
    }

    /// Removes a participant that SRS brought, by what was known at `known`.
    pub(super) async fn leave(&self, place: &Place, known: Instant) {
        let (room, id) = place;
        let (srs, at) = (self.clone(), place.clone());
        let remove = move |present: &RoomDocument| {
            let mut wanted = present.clone();
            let came = srs.book(|book| book.came_since(&at, known));
            let ours = |found: &Participant| found.brought_by == Some(BroughtBy::Srs);
            if !came && wanted.participants.get(&at.1).is_some_and(ours) {
                wanted.participants.remove(&at.1);
                wanted.pins.retain(|pin| *pin != at.1);
            }
            Ok(wanted)
        };
        match self.0.rooms.change(room, Box::new(remove)).await {
            Ok(_) | Err(RoomError::NoRoom(_)) => {}
            Err(error) => tracing::warn!(%room, participant = %id, "a stream on SRS ended, but stays for now: {error}"),
        }
    }
}

/// Adds a participant, or lets one that was brought before follow its stream. One that was added by hand stays as it is.
fn add(participants: &mut BTreeMap<ParticipantId, Participant>, id: ParticipantId, source: Source) {
    match participants.get_mut(&id) {
        Some(present) if present.brought_by == Some(BroughtBy::Srs) => present.source = source,
        Some(_) => {}
        None => {
            participants.insert(id, Participant { brought_by: Some(BroughtBy::Srs), ..Participant::of(source) });
        }
    }
}
