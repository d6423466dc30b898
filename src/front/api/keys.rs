//! `"key": null`: publish keys that the server makes. PURE but for chance.
//!
//! What is null is filled in before the document is read, so that every document has every key. A participant that has a key already keeps
//! it, so that sending the same document again changes nothing and throws nobody out.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::{
    base::{ParticipantId, Secret},
    front::model::{RoomDocument, document::Participant},
};

/// Makes the keys that are null in the document of a room; whose they are.
pub(super) fn of_room(body: &mut Value) -> BTreeSet<ParticipantId> {
    let participants = body.get_mut("participants").and_then(Value::as_object_mut);
    let made = participants.into_iter().flatten().filter_map(|(id, participant)| {
        let id = id.parse().ok()?;
        of_participant(participant).then_some(id)
    });
    made.collect()
}

/// Makes the key of a participant if it is null.
pub(super) fn of_participant(body: &mut Value) -> bool {
    let source = body.get_mut("source").and_then(Value::as_object_mut);
    source.filter(|source| is_publish(source)).is_some_and(|source| make(source, None))
}

/// Fills in the keys that are null in a merge patch of a room. RFC 7396 has null remove what is there; a key of a publisher cannot be
/// missing, so one is made, or the one that is there stays.
pub(super) fn of_patch(patch: &mut Value, present: &RoomDocument) {
    let participants = patch.get_mut("participants").and_then(Value::as_object_mut);
    for (id, participant) in participants.into_iter().flatten() {
        let id = id.parse().ok();
        let present = id.and_then(|id: ParticipantId| present.participants.get(&id));
        of_participants_patch(participant, present);
    }
}

/// Fills in the key that is null in a merge patch of a participant.
pub(super) fn of_participants_patch(patch: &mut Value, present: Option<&Participant>) {
    let Some(source) = patch.get_mut("source").and_then(Value::as_object_mut) else { return };
    let present = present.and_then(Participant::key);
    if is_publish(source) || (!source.contains_key("type") && present.is_some()) {
        make(source, present);
    }
}

fn is_publish(source: &Map<String, Value>) -> bool {
    source.get("type").and_then(Value::as_str) == Some("publish")
}

/// Puts a key where null stands; false when it does not.
fn make(source: &mut Map<String, Value>, present: Option<&Secret>) -> bool {
    let Some(key @ Value::Null) = source.get_mut("key") else { return false };
    *key = Value::String(present.cloned().unwrap_or_else(Secret::random).expose().to_owned());
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_alone_is_filled_in_and_only_for_publishers() {
        let mut body = json!({"participants": {
            "null": {"source": {"type": "publish", "key": null}},
            "given": {"source": {"type": "publish", "key": "a-key-of-its-own"}},
            "missing": {"source": {"type": "publish"}},
            "pulled": {"source": {"type": "pull", "url": "rtmp://srs/live/x", "key": null}},
            "no id!": {"source": {"type": "publish", "key": null}},
        }});
        let before = body.clone();
        let made = of_room(&mut body);
        assert_eq!(made.iter().map(ParticipantId::as_str).collect::<Vec<_>>(), ["null"]);
        assert_eq!(body["participants"]["null"]["source"]["key"].as_str().map(str::len), Some(22));
        for id in ["given", "missing", "pulled"] {
            assert_eq!(body["participants"][id], before["participants"][id]);
        }
        for mut nonsense in [json!(null), json!([]), json!({"participants": [1]}), json!({"participants": {"a": 5}})] {
            assert!(of_room(&mut nonsense).is_empty());
        }
    }
}
