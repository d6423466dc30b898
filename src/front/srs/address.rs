//! Where a stream on SRS is pulled from. PURE.

use std::str::FromStr;

use super::Stream;
use crate::front::pull::PullUrl;

const APP: &str = "{app}";
const STREAM: &str = "{stream}";

/// Why a text does not say where streams are pulled from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write it with {{app}} and {{stream}}, such as rtmp://srs/{{app}}/{{stream}} or http://srs:8080/{{app}}/{{stream}}.flv"
)]
pub struct InvalidSource(String);

/// An address to pull from with the placeholders `{app}` and `{stream}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTemplate(String);

impl FromStr for SourceTemplate {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        if !text.contains(APP) || !text.contains(STREAM) {
            return Err(InvalidSource("the address lacks {app} or {stream}".to_owned()));
        }
        let template = Self(text.to_owned());
        let example = template.of(&Stream { vhost: None, app: "live".to_owned(), name: "x".to_owned() });
        PullUrl::parse(&example).map_err(|error| InvalidSource(error.to_string()))?;
        Ok(template)
    }
}

impl SourceTemplate {
    /// The address of a stream whose application and name fit a pattern, and so hold nothing that means anything in an address.
    pub fn of(&self, stream: &Stream) -> String {
        let mut url = self.0.replace(APP, &stream.app).replace(STREAM, &stream.name);
        if let Some(vhost) = &stream.vhost {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str("vhost=");
            url.push_str(vhost);
        }
        url
    }
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
            assert_eq!(template.of(&stream(vhost)), wanted);
        }
        for bad in ["rtmp://srs/live", "rtmp://srs/{app}/x", "http://srs/{app}/{stream}", "{app}/{stream}"] {
            assert!(bad.parse::<SourceTemplate>().is_err(), "{bad}");
        }
    }
}
