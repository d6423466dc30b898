//! Where a stream on SRS is pulled from. PURE.

use std::str::FromStr;

use url::Url;

use super::Stream;
use crate::{
    base::Secret,
    front::{model::document::Source, sources::PullUrl},
};

const APP: &str = "{app}";
const STREAM: &str = "{stream}";

/// Why a text does not say where streams are pulled from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write it with {{app}} and {{stream}}, such as rtmp://srs/{{app}}/{{stream}}, http://srs:8080/{{app}}/{{stream}}.flv or \
     http://srs:1985/rtc/v1/whep/?app={{app}}&stream={{stream}}"
)]
pub struct InvalidSource(String);

/// An address to pull from with the placeholders `{app}` and `{stream}`: of RTMP, of HTTP-FLV, or of a WHEP endpoint, whose path
/// says `whep`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTemplate {
    url: String,
    whep: bool,
}

impl FromStr for SourceTemplate {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        if !text.contains(APP) || !text.contains(STREAM) {
            return Err(InvalidSource("the address lacks {app} or {stream}".to_owned()));
        }
        let pull = Self { url: text.to_owned(), whep: false };
        let example = pull.url(&Stream { vhost: None, app: "live".to_owned(), name: "x".to_owned() });
        let whep = Url::parse(&example).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.path().split('/').any(|part| part == "whep")
        });
        if !whep {
            PullUrl::parse(&example).map_err(|error| InvalidSource(error.to_string()))?;
        }
        Ok(Self { whep, ..pull })
    }
}

impl SourceTemplate {
    /// Where a stream comes from, for one who brings this key.
    pub fn of(&self, stream: &Stream, key: Option<&Secret>) -> Source {
        let mut url = self.url(stream);
        if let Some(key) = key {
            add(&mut url, "key", key.expose());
        }
        if self.whep { Source::Whep { url, token: None } } else { Source::Pull { url } }
    }

    /// The address of a stream whose application and name fit a pattern, and so hold nothing that means anything in an address.
    fn url(&self, stream: &Stream) -> String {
        let mut url = self.url.replace(APP, &stream.app).replace(STREAM, &stream.name);
        if let Some(vhost) = &stream.vhost {
            add(&mut url, "vhost", vhost);
        }
        url
    }
}

/// Adds a value that means nothing in an address.
fn add(url: &mut String, key: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(key);
    url.push('=');
    url.push_str(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_filled_in() {
        let stream = |vhost: Option<&str>| Stream {
            vhost: vhost.map(str::to_owned),
            app: "in/weekly".to_owned(),
            name: "alice".to_owned(),
        };
        for (template, vhost, wanted) in [
            ("rtmp://srs/{app}/{stream}", None, "rtmp://srs/in/weekly/alice"),
            ("rtmp://srs/{app}/{stream}", Some("a.example"), "rtmp://srs/in/weekly/alice?vhost=a.example"),
            ("https://srs/{app}/{stream}.flv?k=1", Some("v"), "https://srs/in/weekly/alice.flv?k=1&vhost=v"),
        ] {
            let template: SourceTemplate = template.parse().expect("a template");
            assert_eq!(template.of(&stream(vhost), None), Source::Pull { url: wanted.to_owned() });
            let url = format!("{wanted}{}key=k3y", if wanted.contains('?') { '&' } else { '?' });
            assert_eq!(template.of(&stream(vhost), Some(&Secret::new("k3y"))), Source::Pull { url });
        }
        let whep: SourceTemplate =
            "http://srs:1985/rtc/v1/whep/?app={app}&stream={stream}".parse().expect("a template");
        let url = "http://srs:1985/rtc/v1/whep/?app=in/weekly&stream=alice&vhost=v".to_owned();
        assert_eq!(whep.of(&stream(Some("v")), None), Source::Whep { url, token: None });
        for bad in [
            "rtmp://srs/live",
            "rtmp://srs/{app}/x",
            "http://srs/{app}/{stream}",
            "ftp://srs/whep/{app}/{stream}",
            "{app}/{stream}",
        ] {
            assert!(bad.parse::<SourceTemplate>().is_err(), "{bad}");
        }
    }
}
