//! Settings of SRS as a neighbour, checked together.

use super::sources::Sources;
use crate::{
    base::Secret,
    front::{
        doors::srs::{Keys, OtherStreams, Pattern, Settings, SourceTemplate, UnknownRoom},
        net::keys::MIN_API_KEY_BYTES,
    },
};

/// The usual pattern of stream names: room and participant.
const STREAMS: &str = "live/{room}-{participant}";

/// Most APIs: each is polled every few seconds.
const MAX_APIS: usize = 16;

/// The settings of the neighbour, if a secret is set.
pub(super) fn settings(sources: &Sources<'_>, faults: &mut Vec<String>) -> Option<Settings> {
    let secret = sources.text("srs_secret", faults);
    let streams = sources.parse("srs_streams", STREAMS, |text| said(text.parse::<Pattern>()), faults);
    let place = sources.text("srs_source", faults);
    let keys = sources.parse("srs_keys", "required", keys, faults);
    let other_streams = sources.parse("srs_other_streams", "pass", other_streams, faults);
    let unknown_room = sources.parse("srs_unknown_room", "ignore", unknown_room, faults);
    let apis = sources.list("srs_api", |text| said(text.parse()), faults);
    let Some(secret) = secret else {
        if place.is_some() || !apis.is_empty() {
            faults.push(
                "srs_secret: SRS needs a secret to be a neighbour; set TILECAST_SRS_SECRET, see docs/srs.md".to_owned(),
            );
        }
        return None;
    };
    if secret.len() < MIN_API_KEY_BYTES || !secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b)) {
        faults.push(format!(
            "srs_secret: use {MIN_API_KEY_BYTES} or more of the characters A-Z a-z 0-9 - _ . ~, which an address can carry, such \
             as the output of `openssl rand -hex 16`"
        ));
    }
    if apis.len() > MAX_APIS {
        faults.push(format!("srs_api: at most {MAX_APIS} are possible, here are {}", apis.len()));
    }
    if keys == Some(Keys::Required) && streams.as_ref().is_some_and(Pattern::has_dot_in_name) {
        faults.push(
            "srs_streams: SRS takes streams for one whose names differ after their last dot, so with srs_keys = \"required\" the \
             name can have none"
                .to_owned(),
        );
    }
    let Some(place) = place else {
        let example = "rtmp://srs/{app}/{stream}";
        faults.push(format!("srs_source: say where streams are pulled from, such as {example}"));
        return None;
    };
    let source = place.parse::<SourceTemplate>();
    let source = source.map_err(|error| faults.push(format!("srs_source: {error}"))).ok()?;
    let secret = Secret::new(secret);
    let (streams, keys, unknown_room, other_streams) = (streams?, keys?, unknown_room?, other_streams?);
    Some(Settings { secret, streams, source, apis, keys, unknown_room, other_streams })
}

fn said<T, E: std::error::Error>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

fn keys(text: &str) -> Result<Keys, String> {
    match text {
        "required" => Ok(Keys::Required),
        "off" => Ok(Keys::Off),
        _ => Err(format!("{text:?} is not possible; use required or off")),
    }
}

fn other_streams(text: &str) -> Result<OtherStreams, String> {
    match text {
        "pass" => Ok(OtherStreams::Pass),
        "refuse" => Ok(OtherStreams::Refuse),
        _ => Err(format!("{text:?} is not possible; use pass or refuse")),
    }
}

fn unknown_room(text: &str) -> Result<UnknownRoom, String> {
    match text {
        "ignore" => Ok(UnknownRoom::Ignore),
        "refuse" => Ok(UnknownRoom::Refuse),
        _ => Err(format!("{text:?} is not possible; use ignore or refuse")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{faults, load};
    use crate::front::doors::srs::{Keys, OtherStreams};

    const SECRET: [&str; 2] = ["--srs-secret", "0123456789abcdef"];
    const SOURCE: [&str; 2] = ["--srs-source", "rtmp://srs/{app}/{stream}"];

    #[test]
    fn a_neighbour_needs_a_secret_and_a_source() {
        assert!(load(&[], &[]).expect("sound").srs.is_none());
        let srs =
            load(&[SECRET, SOURCE].concat(), &[("TILECAST_SRS_API", "http://a:1985,http://b:1985")]).expect("sound");
        let srs = srs.srs.expect("a neighbour");
        assert_eq!(srs.apis.len(), 2);
        assert_eq!((srs.keys, srs.other_streams), (Keys::Required, OtherStreams::Pass));
        assert!(srs.streams.place("live", "weekly-alice").is_some());
        assert!(!format!("{srs:?}").contains("0123456789abcdef"));
        for (words, part) in [
            (&SECRET[..], "srs_source: say where"),
            (&SOURCE, "srs_secret: SRS needs a secret"),
            (&["--srs-api", "http://srs:1985"], "srs_secret: SRS needs a secret"),
            (&[&SECRET[..], &["--srs-source", "rtmp://srs/live"]].concat(), "srs_source: the address lacks {app}"),
            (&[&SOURCE[..], &["--srs-secret", "0123456789abcde&"]].concat(), "srs_secret: use 16 or more"),
            (&[&SECRET[..], &SOURCE, &["--srs-streams", "x"]].concat(), "--srs-streams: the pattern lacks {room}"),
            (&[&SECRET[..], &SOURCE, &["--srs-api", "srs"]].concat(), "--srs-api: srs is not the address"),
            (&[&SECRET[..], &SOURCE, &["--srs-keys", "x"]].concat(), "--srs-keys: \"x\" is not possible"),
            (&[&SECRET[..], &SOURCE, &["--srs-other-streams", "x"]].concat(), "--srs-other-streams: \"x\" is not"),
            (
                &[&SECRET[..], &SOURCE, &["--srs-streams", "in/{room}.{participant}"]].concat(),
                "srs_streams: SRS takes streams for one",
            ),
            (
                &[&SECRET[..], &SOURCE, &["--srs-unknown-room", "x"]].concat(),
                "--srs-unknown-room: \"x\" is not possible",
            ),
        ] {
            let found = faults(words, &[]);
            assert!(found.len() == 1 && found[0].contains(part), "{part} is not in {found:?}");
        }
    }
}
