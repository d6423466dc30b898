//! PURE. What a room's worker has to do, worked out from its document.

use std::collections::BTreeMap;

use crate::{
    base::ParticipantId,
    cost::{EXPECTED, Load, Moving, Seen},
    front::model::{
        RoomDocument,
        document::{Participant, Source},
    },
    layout::{Face, Layout, Meeting, Person},
    media::{Size, VideoCodec},
};

/// How many of those who may publish a room is let in with: a call. Many more are invited to most meetings than come, and to
/// many rooms long before anyone does.
const EXPECTED_TO_COME: usize = 4;

/// The load with those of its participants who count; `sends` says what is known of somebody's picture, and the rest is expected.
pub(super) fn of(
    document: &RoomDocument,
    layout: &Layout,
    sends: impl Fn(&ParticipantId) -> Option<(Moving, VideoCodec)>,
    counts: impl Fn(&ParticipantId) -> bool,
) -> Load {
    let there: Vec<(&ParticipantId, &Participant)> =
        document.participants.iter().filter(|(id, _)| counts(id)).collect();
    let people: Vec<Person> = there.iter().map(|(id, participant)| person(id, participant)).collect();
    let meeting = Meeting { pinned: &document.pins, ..Meeting::of(&people, &document.canvas) };
    let mut tiles: BTreeMap<ParticipantId, Vec<Size>> = BTreeMap::new();
    for tile in layout.scene(&meeting).tiles.into_iter().filter(|tile| !tile.card) {
        tiles.entry(tile.participant).or_default().push(tile.rect.size());
    }
    let seen = tiles.into_iter().map(|(id, tiles)| {
        let (picture, codec) = sends(&id).unwrap_or((EXPECTED, VideoCodec::H264));
        Seen { picture, codec, tiles }
    });
    let canvas = &document.canvas;
    Load {
        canvas: Moving { width: canvas.width, height: canvas.height, fps: canvas.fps as f32 },
        preset: document.video.preset.clone(),
        voices: there.len(),
        seen: seen.collect(),
    }
}

/// The load a room is let in with: those it pulls, who come at once, and the first few of the others.
pub(super) fn opening(document: &RoomDocument, layout: &Layout) -> Load {
    let is_pulled = |participant: &Participant| !matches!(participant.source, Source::Publish { .. });
    let publish = document.participants.iter().filter(|(_, participant)| !is_pulled(participant));
    let expected: Vec<&ParticipantId> = publish.take(EXPECTED_TO_COME).map(|(id, _)| id).collect();
    let counts = |id: &ParticipantId| document.participants.get(id).is_some_and(is_pulled) || expected.contains(&id);
    of(document, layout, |_| None, counts)
}

/// The load with everyone there.
pub(super) fn everyone(document: &RoomDocument, layout: &Layout) -> Load {
    of(document, layout, |_| None, |_| true)
}

fn person(id: &ParticipantId, participant: &Participant) -> Person {
    let face = if participant.hidden { Face::Hidden } else { Face::Picture };
    Person { id: id.clone(), name: String::new(), role: participant.role.clone(), face }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::layout::{Arguments, builtin};

    fn layout(name: &str) -> Layout {
        let found = builtin().into_iter().find(|(known, _)| known.as_str() == name);
        Layout::new(&found.expect("built in").1, &Arguments::new(), |_| None)
    }

    fn room(publish: usize, pull: usize) -> RoomDocument {
        let mut people = serde_json::Map::new();
        for n in 0..publish {
            people.insert(format!("a{n:02}"), json!({"source": {"type": "publish", "key": "long-key"}}));
        }
        for n in 0..pull {
            let url = format!("rtmp://srs/live/{n}");
            people.insert(format!("b{n:02}"), json!({"source": {"type": "pull", "url": url}}));
        }
        serde_json::from_value(json!({"participants": people})).expect("a document")
    }

    #[test]
    fn a_room_is_let_in_with_those_it_pulls_and_a_few_of_those_it_waits_for() {
        let grid = layout("grid");
        let of = |publish, pull| {
            let load = opening(&room(publish, pull), &grid);
            (load.voices, load.seen.len())
        };
        assert_eq!(of(0, 0), (0, 0));
        assert_eq!(of(2, 0), (2, 2));
        assert_eq!(of(60, 0), (4, 4));
        assert_eq!(of(10, 7), (11, 11));
    }

    #[test]
    fn only_those_whom_the_layout_shows_are_decoded() {
        let load = everyone(&room(60, 0), &layout("single"));
        assert_eq!(load.voices, 60);
        assert_eq!(load.seen.len(), 1);
        let mut hidden = room(3, 0);
        hidden.participants.values_mut().for_each(|participant| participant.hidden = true);
        let load = everyone(&hidden, &layout("grid"));
        assert_eq!((load.voices, load.seen.len()), (3, 0));
    }
}
