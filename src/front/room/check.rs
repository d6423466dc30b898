//! The rules that a room's document must keep beyond its shape. PURE: what depends on this server comes in as [`Rules`].

use std::{collections::BTreeMap, fmt};

use url::Url;

use super::templates::Entry;
use crate::{
    base::{Secret, TemplateName},
    front::{
        model::document::{
            Audio, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_ORDER, MAX_OUTPUTS, MAX_PARTICIPANTS, MAX_PINS, MAX_TOKEN_BYTES,
            MIN_KEY_CHARACTERS, Output, Participant, RoomDocument, Source, Video,
        },
        net::address::{HttpUrl, RtmpUrl},
        sources::PullUrl,
    },
    layout::{Fault, LayoutChoice, TemplateChoice},
    speaker,
};

/// Longest role, bytes: roles are words that templates cast by.
pub const MAX_ROLE_BYTES: usize = 64;

/// What is said of a key that OBS, and whatever else builds on librtmp, would send as another one.
const PERCENT: &str = "a key or token must not contain %: OBS and other encoders take it for the beginning of an escape and send something else";
/// What is said of a key that nobody can type.
const ENDS: &str = "a key or token must not begin or end with a space: forms and encoders leave it out";

/// What is said of a key that is too short. A present document may have such a one from before the rule.
const SHORT: &str = "use 8 characters or more, such as the output of `openssl rand -hex 16`; for a participant write null, and the server makes one";

/// Says whether this server may connect to an address; the error is a sentence for the client.
pub type AddressRule = Box<dyn Fn(&Url) -> Result<(), String> + Send + Sync>;

/// What this server allows.
pub struct Rules {
    /// Video encoders, each with its presets, the first being what to suggest.
    pub encoders: BTreeMap<String, Vec<String>>,
    /// The address allow-list.
    pub address: AddressRule,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("encoders", &self.encoders).finish_non_exhaustive()
    }
}

impl Rules {
    /// Every fault of a whole room, with pointers into it. `templates` are those that exist.
    pub fn check(&self, document: &RoomDocument, templates: &BTreeMap<TemplateName, Entry>) -> Vec<Fault> {
        let mut found = Findings::default();
        found.add_all("/canvas", document.canvas.check());
        choice("/layout", &document.layout, templates, &mut found);
        if let Some(next) = &document.next_layout {
            choice("/next_layout/layout", &next.layout, templates, &mut found);
            if next.time().is_none() {
                found.at("/next_layout").add("/at", "a time is written as RFC 3339 says, such as 2026-11-22T15:00:00Z");
            }
        }
        let (hold_ms, holds) = (document.speaker.hold_ms, speaker::HOLD_MS);
        found.at("/speaker").range("/hold_ms", hold_ms, *holds.start(), *holds.end(), "ms");
        self.video(&document.video, &mut found.at("/video"));
        audio(&document.audio, &mut found.at("/audio"));
        found.count("/participants", document.participants.len(), MAX_PARTICIPANTS);
        for (id, participant) in &document.participants {
            self.participant(participant, &mut found.at(&format!("/participants/{id}")));
        }
        match document.viewer_token.as_ref().map(Secret::expose) {
            Some("") => {
                found.at("").add("/viewer_token", "the token must not be empty; leave it out to let anyone watch")
            }
            Some(token) => key_at("/viewer_token", token, &mut found.at("")),
            None => {}
        }
        found.count("/pins", document.pins.len(), MAX_PINS);
        for (index, pin) in document.pins.iter().enumerate() {
            let mut found = found.at(&format!("/pins/{index}"));
            if !document.participants.contains_key(pin) {
                found.add("", format!("there is no participant {pin} to pin; add it first"));
            } else if document.pins[..index].contains(pin) {
                found.add("", format!("{pin} is pinned already; name everybody once"));
            }
        }
        found.count("/outputs", document.outputs.len(), MAX_OUTPUTS);
        for (id, output) in &document.outputs {
            let found = &mut found.at(&format!("/outputs/{id}"));
            match output {
                Output::Rtmp { url } => self.url(url, RtmpUrl::parse(url).err(), found),
                Output::Whip { url, token } => self.endpoint(url, token.as_ref(), found),
            }
        }
        found.faults
    }

    /// Every fault of one participant, with pointers into it.
    pub fn check_participant(&self, participant: &Participant) -> Vec<Fault> {
        let mut found = Findings::default();
        self.participant(participant, &mut found.at(""));
        found.faults
    }

    fn participant(&self, participant: &Participant, found: &mut Place<'_>) {
        if let Some(name) = &participant.name {
            text("name", name, MAX_NAME_BYTES, found);
        }
        if !(-MAX_ORDER..=MAX_ORDER).contains(&participant.order) {
            let order = participant.order;
            found.add("/order", format!("{order} is out of range; -{MAX_ORDER} to {MAX_ORDER} are possible"));
        }
        if participant.role.as_ref().is_some_and(|role| !is_role(role)) {
            found.add("/role", "a role is 1 to 64 of the characters A-Z a-z 0-9 - _, such as presenter or screen");
        }
        // NaN lies in no range.
        if !(-60.0..=20.0).contains(&participant.gain_db) {
            found.add("/gain_db", "the gain must be -60 to 20 dB");
        }
        match &participant.source {
            Source::Publish { key } => match key.expose() {
                "" => found.add("/source/key", "the key must not be empty; whoever knows it may publish"),
                key => key_at("/source/key", key, found),
            },
            Source::Pull { url } => self.url(url, PullUrl::parse(url).err(), &mut found.at("/source")),
            Source::Whep { url, token } => self.endpoint(url, token.as_ref(), &mut found.at("/source")),
        }
    }

    fn video(&self, video: &Video, found: &mut Place<'_>) {
        match self.encoders.get(&video.encoder) {
            None => {
                let known: Vec<&str> = self.encoders.keys().map(String::as_str).collect();
                found.add("/encoder", format!("this server has the video encoders {}", known.join(", ")));
            }
            Some(presets) if !presets.contains(&video.preset) => {
                found.add("/preset", format!("{} has the presets {}", video.encoder, presets.join(", ")));
            }
            Some(_) => {}
        }
        found.range("/bitrate_kbps", video.bitrate_kbps, 100, 50_000, "kbit/s");
        found.range("/keyframe_seconds", video.keyframe_seconds, 1, 10, "s");
        found.range("/buffer_ms", video.buffer_ms, 100, 3000, "ms");
    }

    /// A WHIP or WHEP endpoint, at `/url` and `/token` of the place.
    fn endpoint(&self, url: &str, token: Option<&Secret>, found: &mut Place<'_>) {
        self.url(url, HttpUrl::parse(url).err(), found);
        match token.map(Secret::expose) {
            Some("") => found.add("/token", "the token must not be empty; leave it out if the server wants none"),
            Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                found.add("/token", "a token has only letters, digits and signs of ASCII (RFC 6750), and no spaces");
            }
            Some(token) => text_at("/token", token, MAX_TOKEN_BYTES, found),
            None => {}
        }
    }

    /// The URL of a pull or an output, at `/url` of the place, and what is wrong with its shape, if anything is.
    fn url(&self, text: &str, fault: Option<impl fmt::Display>, found: &mut Place<'_>) {
        // The URL Standard takes line breaks and tabs away in silence; nobody should wonder where they went.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return found.add("/url", "a URL has no spaces or control characters; write them as %20");
        }
        if let Some(fault) = fault {
            return found.add("/url", fault.to_string());
        }
        let Ok(url) = Url::parse(text) else { return found.add("/url", "this is not a URL") };
        if let Err(sentence) = (self.address)(&url) {
            found.add("/url", sentence);
        }
    }
}

fn choice(at: &str, layout: &LayoutChoice, templates: &BTreeMap<TemplateName, Entry>, found: &mut Findings) {
    found.add_all(at, layout.check());
    if let TemplateChoice::Named(name) = &layout.template {
        match templates.get(name) {
            Some(entry) => found.add_all(at, layout.check_parameters(&entry.template)),
            None => {
                let detail = format!("there is no layout {name}; GET /v1/layouts lists what there is");
                found.at(at).add("/template", detail);
            }
        }
    }
}

fn audio(audio: &Audio, found: &mut Place<'_>) {
    found.range("/bitrate_kbps", audio.bitrate_kbps, 32, 320, "kbit/s");
}

fn is_role(role: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !role.is_empty() && role.len() <= MAX_ROLE_BYTES && role.bytes().all(plain)
}

/// Takes away what is said of keys that are in the present document as they are.
pub fn forgive_keys(faults: &mut Vec<Fault>, present: &RoomDocument, wanted: &RoomDocument) {
    let unchanged = |pointer: &str| match pointer.strip_prefix("/participants/") {
        Some(rest) => rest
            .strip_suffix("/source/key")
            .and_then(|id| id.parse().ok())
            .is_some_and(|id| present.key(&id).is_some() && present.key(&id) == wanted.key(&id)),
        None => present.viewer_token == wanted.viewer_token,
    };
    let of_key = |fault: &Fault| is_short(fault) || [PERCENT, ENDS].contains(&fault.detail.as_str());
    faults.retain(|fault| !of_key(fault) || !unchanged(&fault.pointer));
}

/// Whether the fault is that a key is too short.
pub fn is_short(fault: &Fault) -> bool {
    fault.detail == SHORT
}

fn key_at(at: &str, key: &str, found: &mut Place<'_>) {
    if key.chars().count() < MIN_KEY_CHARACTERS {
        found.add(at, SHORT);
    } else if key.contains('%') {
        found.add(at, PERCENT);
    } else if key.trim() != key {
        found.add(at, ENDS);
    } else {
        text_at(at, key, MAX_KEY_BYTES, found);
    }
}

fn text(field: &str, text: &str, most: usize, found: &mut Place<'_>) {
    text_at(&format!("/{field}"), text, most, found);
}

fn text_at(at: &str, text: &str, most: usize, found: &mut Place<'_>) {
    if text.len() > most {
        found.add(at, format!("at most {most} bytes of UTF-8 fit here, these are {}", text.len()));
    } else if text.chars().any(char::is_control) {
        found.add(at, "control characters, such as line breaks and tabs, are not allowed here");
    }
}

/// Faults as they are found.
#[derive(Debug, Default)]
struct Findings {
    faults: Vec<Fault>,
}

impl Findings {
    fn at(&mut self, pointer: &str) -> Place<'_> {
        Place { found: self, pointer: pointer.to_owned() }
    }

    /// Faults that a part of the document found in itself.
    fn add_all(&mut self, prefix: &str, faults: Vec<Fault>) {
        self.faults.extend(faults.into_iter().map(|fault| fault.under(prefix)));
    }

    fn count(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            self.at(pointer).add("", format!("a room has at most {most} of these, here are {count}"));
        }
    }
}

/// A part of the document under check.
#[derive(Debug)]
struct Place<'a> {
    found: &'a mut Findings,
    pointer: String,
}

impl Place<'_> {
    fn at(&mut self, pointer: &str) -> Place<'_> {
        Place { pointer: format!("{}{pointer}", self.pointer), found: self.found }
    }

    fn add(&mut self, pointer: &str, detail: impl Into<String>) {
        let pointer = format!("{}{pointer}", self.pointer);
        self.found.faults.push(Fault { pointer, detail: detail.into() });
    }

    fn range(&mut self, pointer: &str, value: u32, least: u32, most: u32, unit: &str) {
        if !(least..=most).contains(&value) {
            self.add(pointer, format!("{value} is out of range; {least} to {most} {unit} are possible"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules() -> Rules {
        let presets = ["veryfast", "ultrafast"].map(str::to_owned).to_vec();
        let refuse = |url: &Url| match url.host_str() {
            Some("10.0.0.1") => Err("10.0.0.1 is private; start tilecast with --allow-address 10.0.0.1/32".to_owned()),
            _ => Ok(()),
        };
        Rules { encoders: BTreeMap::from([("x264".to_owned(), presets)]), address: Box::new(refuse) }
    }

    fn found(document: Value) -> Vec<(String, String)> {
        let document: RoomDocument = serde_json::from_value(document).expect("a document");
        let templates = crate::front::room::Templates::new(Vec::new(), Vec::new()).all();
        let faults = rules().check(&document, &templates);
        faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
    }

    fn pointers(document: Value) -> Vec<String> {
        found(document).into_iter().map(|(pointer, _)| pointer).collect()
    }

    #[test]
    fn a_room_of_defaults_is_sound() {
        assert_eq!(pointers(json!({})), Vec::<String>::new());
    }

    #[test]
    fn every_number_has_its_range() {
        for (value, wanted) in [
            (json!({"canvas": {"width": 15}}), vec!["/canvas/width"]),
            (json!({"canvas": {"width": 16, "height": 2160}}), vec![]),
            (
                json!({"canvas": {"width": 3842, "height": 2161, "fps": 0}}),
                vec!["/canvas/width", "/canvas/height", "/canvas/fps"],
            ),
            (json!({"canvas": {"fps": 61}}), vec!["/canvas/fps"]),
            (
                json!({"video": {"bitrate_kbps": 99, "keyframe_seconds": 11}}),
                vec!["/video/bitrate_kbps", "/video/keyframe_seconds"],
            ),
            (json!({"video": {"buffer_ms": 99}}), vec!["/video/buffer_ms"]),
            (json!({"video": {"buffer_ms": 3000}}), vec![]),
            (json!({"audio": {"bitrate_kbps": 321}}), vec!["/audio/bitrate_kbps"]),
            (json!({"speaker": {"hold_ms": 499}}), vec!["/speaker/hold_ms"]),
            (json!({"speaker": {"hold_ms": 60_001}}), vec!["/speaker/hold_ms"]),
            (json!({"speaker": {"hold_ms": 500, "sensitivity": "low"}}), vec![]),
            (
                json!({"layout": {"template": "mosaic", "transition_ms": 5001}}),
                vec!["/layout/transition_ms", "/layout/template"],
            ),
            (json!({"video": {"encoder": "nvenc"}}), vec!["/video/encoder"]),
            (json!({"video": {"preset": "placebo"}}), vec!["/video/preset"]),
        ] {
            assert_eq!(pointers(value.clone()), wanted, "{value}");
        }
    }

    #[test]
    fn participants_are_checked_one_by_one() {
        let publish = |key: &str| json!({"type": "publish", "key": key});
        let mut people = json!({
            "loud": {"source": publish("a-good-key"), "gain_db": 20.5},
            "line": {"source": publish("a-good\nkey"), "name": "a\u{7}"},
            "short": {"source": publish("1234567")},
            "none": {"source": publish(""), "role": "The Boss"},
            "long": {"source": publish(&"k".repeat(257)), "name": "語".repeat(86)},
            "fine": {"source": publish(&"k".repeat(256)), "order": 1, "name": "語".repeat(85), "role": "screen", "gain_db": -60},
        });
        let wanted = [
            "/participants/line/name",
            "/participants/line/source/key",
            "/participants/long/name",
            "/participants/long/source/key",
            "/participants/loud/gain_db",
            "/participants/none/role",
            "/participants/none/source/key",
            "/participants/short/source/key",
        ];
        assert_eq!(pointers(json!({"participants": people})), wanted);
        for i in 0..60 {
            people[format!("p{i}")] = json!({"source": publish("12345678")});
        }
        assert_eq!(pointers(json!({"participants": people}))[0], "/participants");
    }

    #[test]
    fn a_key_from_before_the_rule_may_stay_and_no_other_short_one_comes() {
        let with = |key: &str, token: &str| -> RoomDocument {
            let people = json!({"alice": {"source": {"type": "publish", "key": key}}});
            serde_json::from_value(json!({"participants": people, "viewer_token": token})).expect("a document")
        };
        let (old, templates) = (with("k", "t"), crate::front::room::Templates::new(Vec::new(), Vec::new()).all());
        for (wanted, faults) in [
            (with("k", "t"), vec![]),
            (with("j", "t"), vec!["/participants/alice/source/key"]),
            (with("k", "u"), vec!["/viewer_token"]),
            (with("long-enough", "long-enough"), vec![]),
        ] {
            let mut found = rules().check(&wanted, &templates);
            forgive_keys(&mut found, &old, &wanted);
            assert_eq!(found.iter().map(|fault| fault.pointer.as_str()).collect::<Vec<_>>(), faults);
        }
    }

    #[test]
    fn keys_that_encoders_send_otherwise_are_refused_and_the_rest_is_not() {
        for (key, part) in [
            ("padding-a+b", ""),
            ("padding-a b", ""),
            ("padding-x&y?z#/=", ""),
            ("padding-\u{5bc6}\u{94a5}", ""),
            ("padding-a%41b", "escape"),
            ("padding-3%XjjU", "escape"),
            (" padding", "space"),
            ("padding ", "space"),
        ] {
            let faults = found(json!({"participants": {"a": {"source": {"type": "publish", "key": key}}}}));
            assert_eq!(faults.is_empty(), part.is_empty(), "{key}");
            assert!(faults.iter().all(|fault| fault.1.contains(part)), "{key}: {faults:?}");
        }
    }

    #[test]
    fn a_gain_that_is_no_number_is_refused() {
        let source = Source::Publish { key: Secret::new("k") };
        let participant = Participant {
            name: None,
            role: None,
            source,
            gain_db: f32::NAN,
            muted: false,
            hidden: false,
            order: 0,
            brought_by: None,
        };
        let id = crate::base::ParticipantId::try_from("a".to_owned()).expect("an id");
        let document = RoomDocument { participants: BTreeMap::from([(id, participant)]), ..RoomDocument::default() };
        let templates = crate::front::room::Templates::new(Vec::new(), Vec::new()).all();
        assert_eq!(rules().check(&document, &templates)[0].pointer, "/participants/a/gain_db");
    }

    #[test]
    fn addresses_are_whole_rtmp_urls_that_the_server_may_reach() {
        let long = format!("rtmp://h/a/{}", "s".repeat(2048));
        for (url, part) in [
            ("rtmp://srs/live/weekly", ""),
            ("rtmps://srs:443/live/weekly?key=a%20b", ""),
            ("rtmp://[2001:db8::1]/live/x", ""),
            ("rtmp://10.0.0.1/live/x", "10.0.0.1 is private"),
            ("http://srs/live/x", "only rtmp and rtmps"),
            ("file:///etc/passwd", "only rtmp and rtmps"),
            ("srs/live", "not a URL"),
            ("rtmp:///live/x", "host"),
            ("rtmp://srs", "an application and a stream name"),
            ("rtmp://me:pw@srs/live/x", "before the host"),
            ("rtmp://srs/live/a b", "no spaces"),
            ("rtmp://srs/li\nve/x", "no spaces"),
            ("rtmp://srs/live/x#y", "#fragment"),
            ("rtmp://srs:99999/live/x", "not a URL"),
            (&long, "2048 bytes"),
        ] {
            let faults = found(json!({"outputs": {"srs": {"type": "rtmp", "url": url}}}));
            match part {
                "" => assert!(faults.is_empty(), "{url}: {faults:?}"),
                _ => {
                    assert_eq!(faults.len(), 1, "{url}");
                    assert_eq!(faults[0].0, "/outputs/srs/url");
                    assert!(faults[0].1.contains(part), "{url}: {faults:?}");
                }
            }
            let source = json!({"cam": {"source": {"type": "pull", "url": url}}});
            let at = if part.is_empty() { vec![] } else { vec!["/participants/cam/source/url"] };
            assert_eq!(pointers(json!({"participants": source})), at);
        }
    }
}
