//! JSON text of clients, as a value or a problem.

use serde_json::Value;

use super::problem::{Kind, Problem};
use crate::layout::json;

/// Reads JSON text; a field given twice is refused, as nobody can tell which one was meant.
pub fn parse(text: &[u8]) -> Result<Value, Problem> {
    json::parse(text).map_err(|error| Problem::new(Kind::MalformedJson, format!("{error}; nothing was changed")))
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Map, json};

    use super::*;
    use crate::{
        front::model::{RoomDocument, document::Participant},
        layout::{
            Fault,
            json::{Decoded, MAX_FAULTS},
        },
    };

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
        assert_eq!(detail("/canvas/width"), "expected a whole number, 0 or more, found the text \"wide\"");
        assert_eq!(detail("/canvas/fps"), "expected a whole number, 0 or more, found -1");
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
