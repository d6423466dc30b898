//! JSON text to value, and value to document with every fault found, not just the first.

mod node;
mod unique;

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use serde_path_to_error::Segment;

use self::{
    node::{Node, Refusal},
    unique::Unique,
};
use super::problem::{Kind, Problem};
use crate::layout::Fault;

/// Most faults told at once: enough for any honest mistake, and a bound on the work a hostile document makes, as each fault
/// costs one pass over it.
const MAX_FAULTS: usize = 32;

/// Reads JSON text; a field given twice is refused, as nobody can tell which one was meant.
pub fn parse(text: &[u8]) -> Result<Value, Problem> {
    let refuse = |error: serde_json::Error| Problem::new(Kind::MalformedJson, format!("{error}; nothing was changed"));
    serde_json::from_slice::<Unique>(text).map(|Unique(value)| value).map_err(refuse)
}

/// What a value decodes to: the document without its faulty parts, where that leaves one, and the faults.
#[derive(Debug)]
pub struct Decoded<T> {
    document: Option<T>,
    faults: Vec<Fault>,
    /// Where a value that the document knows was taken away, so that a default stands there now.
    defaulted: BTreeSet<String>,
}

impl<T: DeserializeOwned> Decoded<T> {
    /// Decodes; after a fault, takes the value at fault away and goes on, so that the next one is found too.
    pub fn from_value(mut value: Value) -> Self {
        let mut faults: Vec<Fault> = Vec::new();
        let mut defaulted = BTreeSet::new();
        while faults.len() < MAX_FAULTS {
            let error = match serde_path_to_error::deserialize::<_, T>(Node(&value)) {
                Ok(document) => return Self { document: Some(document), faults, defaulted },
                Err(error) => error,
            };
            let place: Vec<String> = error.path().iter().filter_map(segment).collect();
            let refusal = error.into_inner();
            let known = !matches!(refusal, Refusal::Unknown { .. });
            let (place, detail) = refusal.explain(place, &value);
            // A required field that was taken away is not missing by the client's doing: what surrounds it goes too.
            let told = defaulted.contains(&pointer(&place));
            let place = if told { &place[..place.len().saturating_sub(1)] } else { &place[..] };
            if known {
                defaulted.insert(pointer(place));
            }
            if !told {
                faults.push(Fault { pointer: pointer(place), detail });
            }
            let Some(gone) = remove_nearest(&mut value, place) else { break };
            if known {
                defaulted.insert(gone);
            }
        }
        Self { document: None, faults, defaulted }
    }

    /// Applies a JSON merge patch (RFC 7396) to a document that decodes, and decodes the result.
    pub fn patched(present: &T, patch: &Value) -> Self
    where
        T: Serialize,
    {
        let mut value = serde_json::to_value(present).unwrap_or_default();
        json_patch::merge(&mut value, patch);
        let mut decoded = Self::from_value(value.clone());
        for fault in &mut decoded.faults {
            // Such as the key that stays behind when a participant becomes one that is pulled.
            if value.pointer(&fault.pointer).is_some() && patch.pointer(&fault.pointer).is_none() {
                fault.detail.push_str("; it stands in the present document, and null in the patch removes it");
            }
        }
        decoded
    }

    /// The document, or all faults: those of its shape and those that `check` finds in what could be read.
    pub fn checked(self, check: impl FnOnce(&T) -> Vec<Fault>) -> Result<T, Vec<Fault>> {
        let Self { document, mut faults, defaulted } = self;
        let found = document.as_ref().map(check).unwrap_or_default();
        // Beside a value that was taken away stands a default which the client did not write.
        let doubtful = |fault: &Fault| defaulted.iter().any(|at| related(at, &fault.pointer));
        faults.extend(found.into_iter().filter(|fault| !doubtful(fault)));
        match document {
            Some(document) if faults.is_empty() => Ok(document),
            _ => Err(faults),
        }
    }

    /// The document, or the faults of its shape.
    pub fn document(self) -> Result<T, Vec<Fault>> {
        self.checked(|_| Vec::new())
    }
}

/// True when two pointers have the same parent, or one lies within the other.
fn related(a: &str, b: &str) -> bool {
    let parent = |pointer: &str| pointer.rsplit_once('/').map(|(parent, _)| parent.to_owned());
    let within = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    a == b || within(a, b) || within(b, a) || (parent(a) == parent(b) && parent(a).is_some_and(|p| !p.is_empty()))
}

/// A JSON pointer (RFC 6901) to this place.
pub fn pointer(place: &[String]) -> String {
    place.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

fn segment(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    }
}

/// Takes away the value at `place`, or the nearest thing around it that is there, and says what went; none when only the
/// whole is left.
fn remove_nearest(value: &mut Value, place: &[String]) -> Option<String> {
    (1..=place.len()).rev().map(|depth| &place[..depth]).find(|place| remove(value, place)).map(pointer)
}

fn remove(value: &mut Value, place: &[String]) -> bool {
    let Some((last, parents)) = place.split_last() else { return false };
    match value.pointer_mut(&pointer(parents)) {
        Some(Value::Object(fields)) => fields.remove(last).is_some(),
        Some(Value::Array(items)) => {
            let index = last.parse().ok().filter(|index| *index < items.len());
            index.map(|index: usize| items.remove(index)).is_some()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::front::room::{RoomDocument, document::Participant};

    fn faults<T: DeserializeOwned>(value: Value) -> Vec<(String, String)> {
        let faults = Decoded::<T>::from_value(value).document().err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
    }

    fn pointers<T: DeserializeOwned>(value: Value) -> Vec<String> {
        faults::<T>(value).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn the_document_of_the_design_decodes() {
        let text = r##"{ "canvas": {"width": 1280, "height": 720, "fps": 30, "background": "#101418"},
            "layout": {"template": "grid"},
            "participants": {
              "alice": {"name": "Alice", "role": "presenter", "source": {"type": "publish", "key": "s3cret"}},
              "cam1":  {"name": "Room camera", "source": {"type": "pull", "url": "rtmp://srs/live/cam1"}} },
            "speaker": {"mode": "auto"},
            "video": {"codec": "h264", "encoder": "x264", "preset": "veryfast", "bitrate_kbps": 2500, "keyframe_seconds": 2},
            "audio": {"codec": "aac", "bitrate_kbps": 128},
            "outputs": {"srs": {"type": "rtmp", "url": "rtmp://srs/live/weekly"}} }"##;
        let value = parse(text.as_bytes()).expect("JSON");
        let document = Decoded::<RoomDocument>::from_value(value.clone()).document().expect("decodes");
        assert_eq!(document, serde_json::from_value(value).expect("serde agrees"));
        assert_eq!(document.participants.len(), 2);
    }

    #[test]
    fn every_fault_is_found_with_its_own_pointer() {
        let found = faults::<RoomDocument>(json!({
            "canvas": {"width": "wide", "hight": 720, "fps": -1, "background": "red"},
            "participants": {
                "alice": {"source": {"type": "publish", "key": "k", "url": "x"}, "gain": 1},
                "bob": {"name": "Bob"},
                "e/ve~": {"source": {"type": "pull", "url": "rtmp://x/y/z"}},
                "dan": {"source": {"type": "dish"}},
            },
            "speaker": {"mode": "loud"},
            "colour": 1,
        }));
        let mut places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        places.sort_unstable();
        let wanted = [
            "/canvas/background",
            "/canvas/fps",
            "/canvas/hight",
            "/canvas/width",
            "/colour",
            "/participants/alice/gain",
            "/participants/alice/source/url",
            "/participants/bob/source",
            "/participants/dan/source/type",
            "/participants/e~1ve~0",
            "/speaker/mode",
        ];
        assert_eq!(places, wanted);
        let detail = |at: &str| &found.iter().find(|(pointer, _)| pointer == at).expect(at).1;
        assert_eq!(detail("/canvas/width"), "expected a whole number, 0 or more, found string \"wide\"");
        assert_eq!(detail("/canvas/fps"), "expected a whole number, 0 or more, found integer `-1`");
        assert_eq!(detail("/canvas/hight"), "there is no field \"hight\"; there is width, height, fps, background");
        assert_eq!(detail("/participants/bob/source"), "this field is required");
        assert_eq!(detail("/speaker/mode"), "\"loud\" is not one of auto, manual");
    }

    #[test]
    fn a_wrong_required_field_is_told_once() {
        assert_eq!(pointers::<Participant>(json!({"source": 5, "muted": 3})), ["/muted", "/source"]);
        assert_eq!(pointers::<Participant>(json!({})), ["/source"]);
        assert_eq!(pointers::<Participant>(json!([1])), [""]);
        assert_eq!(pointers::<RoomDocument>(json!(7)), [""]);
    }

    #[test]
    fn what_the_server_tells_is_not_taken_back() {
        let found = faults::<RoomDocument>(json!({"id": "weekly", "status": {}}));
        assert!(found.iter().all(|(_, detail)| detail.ends_with("leave this field out")), "{found:?}");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_hostile_document_costs_a_bounded_number_of_passes() {
        let fields: Map<String, Value> = (0..5000).map(|i| (format!("f{i}"), Value::Null)).collect();
        assert_eq!(faults::<RoomDocument>(Value::Object(fields)).len(), MAX_FAULTS);
    }

    #[test]
    fn text_that_is_not_json_says_where() {
        for (text, part) in [
            ("{", "EOF"),
            ("{\"a\":1,\"a\":2}", "\"a\" is given twice"),
            ("nope", "line 1 column"),
            ("{} {}", "trailing"),
            ("1e999", "out of range"),
        ] {
            let problem = parse(text.as_bytes()).expect_err(text);
            assert!(serde_json::to_string(&problem).expect("JSON").replace('\\', "").contains(part), "{problem:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()).expect_err("too deep").kind(), Kind::MalformedJson);
    }

    #[test]
    fn faults_near_a_value_taken_away_are_not_invented() {
        let value = json!({"video": {"encoder": "openh264", "preset": 5}, "audio": {"bitrate_kbps": 1}});
        let fault = |pointer: &str| Fault { pointer: pointer.to_owned(), detail: String::new() };
        let check =
            |_: &RoomDocument| vec![fault("/video/preset"), fault("/video/bitrate_kbps"), fault("/audio/bitrate_kbps")];
        let found = Decoded::<RoomDocument>::from_value(value).checked(check).expect_err("faults");
        let found: Vec<&str> = found.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(found, ["/video/preset", "/audio/bitrate_kbps"]);
    }
}
