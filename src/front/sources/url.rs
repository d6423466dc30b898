//! Where something is pulled from.

use std::fmt;

use crate::front::net::address::{HttpUrl, RtmpUrl};

/// An address to pull from. Printing it leaves out what may be a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullUrl {
    /// RTMP or RTMPS.
    Rtmp(RtmpUrl),
    /// HTTP-FLV.
    Flv(HttpUrl),
}

/// Why a text is none, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPullUrl(String);

impl PullUrl {
    /// Reads an address.
    pub fn parse(text: &str) -> Result<Self, InvalidPullUrl> {
        let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return RtmpUrl::parse(text).map(Self::Rtmp).map_err(|error| InvalidPullUrl(error.to_string()));
        }
        let url = HttpUrl::parse(text).map_err(|error| InvalidPullUrl(error.to_string()))?;
        if !url.target().path().ends_with(".flv") {
            let how = "over HTTP only FLV is pulled, so the path ends in .flv, such as http://srs:8080/live/cam1.flv";
            return Err(InvalidPullUrl(how.to_owned()));
        }
        Ok(Self::Flv(url))
    }
}

impl fmt::Display for PullUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtmp(url) => url.fmt(f),
            Self::Flv(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_says_what_it_is() {
        assert!(matches!(PullUrl::parse("rtmps://srs/live/a"), Ok(PullUrl::Rtmp(_))));
        let flv = PullUrl::parse("HTTP://srs:8080/live/a.flv?token=t").expect("an address");
        assert!(matches!(flv, PullUrl::Flv(_)));
        assert_eq!(flv.to_string(), "http://srs:8080/***");
        for (bad, part) in [
            ("http://srs/live/a", "ends in .flv"),
            ("http://srs/live/a?x=.flv", "ends in .flv"),
            ("http://me:pw@srs/live/a.flv", "before the host"),
            ("file:///etc/passwd", "only rtmp and rtmps"),
            ("", "not a URL"),
        ] {
            let error = PullUrl::parse(bad).expect_err(bad).to_string();
            assert!(error.contains(part), "{bad}: {error}");
        }
    }
}
