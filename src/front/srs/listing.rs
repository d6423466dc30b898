//! SRS's list of its streams (`GET /api/v1/streams/`; without the last `/` it sends elsewhere, where nobody goes).

use std::{fmt, str::FromStr};

use serde::Deserialize;

use super::{Stream, hook};
use crate::front::{
    auth::address::{Connector, HttpUrl},
    get::{GetError, get},
};

/// Streams asked for at once: a few hundred kB.
const PAGE: usize = 500;
/// Most pages of one list: ten thousand streams, which is more than one SRS carries.
const MAX_PAGES: usize = 20;
/// Longest page, bytes; a stream takes about 700.
const MAX_PAGE_BYTES: usize = 2 << 20;
/// A stream that was asked for over HTTP before it was published is listed under the name of the file that was asked for.
const FILES: [&str; 5] = [".flv", ".m3u8", ".ts", ".aac", ".mp3"];

/// Why a text is not the address of SRS's API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the address of an SRS's HTTP API; write it as http://HOST:1985, without a path")]
pub struct InvalidApi(String);

/// Where an SRS has its HTTP API.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiUrl {
    base: String,
    shown: HttpUrl,
}

impl FromStr for ApiUrl {
    type Err = InvalidApi;

    fn from_str(text: &str) -> Result<Self, InvalidApi> {
        let base = text.trim_end_matches('/').to_owned();
        match HttpUrl::parse(&base) {
            Ok(shown) if shown.target().as_str() == "/" => Ok(Self { base, shown }),
            _ => Err(InvalidApi(text.chars().take(100).collect())),
        }
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

impl fmt::Debug for ApiUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown, f)
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Nothing came.
    #[error(transparent)]
    Get(#[from] GetError),
    /// What came is no list.
    #[error("the answer is not a list of streams as SRS 4 to 7 give it: {0}")]
    Shape(#[from] serde_json::Error),
    /// SRS said no.
    #[error("SRS answered with code {0}")]
    Code(i64),
    /// It goes on and on.
    #[error("there are more than {0} streams, which nobody looks through")]
    TooMany(usize),
}

#[derive(Debug, Deserialize)]
struct Page {
    code: i64,
    #[serde(default)]
    streams: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    app: String,
    /// `/APP/NAME` without what follows the name's last dot, after the virtual host where that is not the default one; what SRS
    /// calls `vhost` here is a number of its own.
    #[serde(default)]
    url: String,
    publish: Publish,
}

#[derive(Debug, Deserialize)]
struct Publish {
    active: bool,
}

impl ApiUrl {
    /// Every stream that is being published to this SRS.
    pub async fn list(&self, connector: &Connector) -> Result<Vec<Stream>, ListError> {
        let mut streams = Vec::new();
        for page in 0..MAX_PAGES {
            let asked = format!("{}/api/v1/streams/?start={}&count={PAGE}", self.base, page * PAGE);
            // What was an address is still one with a path of ours.
            let Ok(url) = HttpUrl::parse(&asked) else { break };
            let bytes = get(&url, connector).await?.whole(MAX_PAGE_BYTES).await?;
            let (count, found) = read(&bytes)?;
            streams.extend(found);
            if count < PAGE {
                return Ok(streams);
            }
        }
        Err(ListError::TooMany(MAX_PAGES * PAGE))
    }
}

/// How many streams a page lists, and those that are being published.
fn read(bytes: &[u8]) -> Result<(usize, Vec<Stream>), ListError> {
    let page: Page = serde_json::from_slice(bytes)?;
    if page.code != 0 {
        return Err(ListError::Code(page.code));
    }
    let count = page.streams.len();
    let active = page.streams.into_iter().filter(|entry| entry.publish.active);
    let stream = |entry: Entry| {
        let vhost = entry.url.split_once(&format!("/{}/", entry.app)).map_or("", |(vhost, _)| vhost);
        let name = FILES.iter().find_map(|file| entry.name.strip_suffix(file)).unwrap_or(&entry.name).to_owned();
        Some(Stream { vhost: hook::vhost(vhost)?, app: entry.app, name })
    };
    Ok((count, active.filter_map(stream).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_srs_gives_it() {
        let page = br#"{"code": 0, "server": "vid-1", "service": "x", "pid": "1", "streams": [
            {"id": "vid-2", "name": "weekly-alice", "vhost": "vid-9", "app": "live", "tcUrl": "rtmp://srs/live",
             "url": "/live/weekly-alice", "live_ms": 1, "clients": 2, "frames": 9, "send_bytes": 1, "recv_bytes": 1,
             "kbps": {"recv_30s": 1, "send_30s": 1}, "publish": {"active": true, "cid": "9k"}, "video": null, "audio": null},
            {"name": "gone", "app": "live", "url": "/live/gone", "publish": {"active": false}},
            {"name": "b", "app": "in/x", "url": "a.example/in/x/b", "publish": {"active": true}},
            {"name": "c.flv", "app": "live", "url": "/live/c", "publish": {"active": true}},
            {"name": "d.at.e", "app": "live", "url": "a.example/live/d.at", "publish": {"active": true}}]}"#;
        let (count, streams) = read(page).expect("a page");
        let stream = |vhost: Option<&str>, app: &str, name: &str| Stream {
            vhost: vhost.map(str::to_owned),
            app: app.to_owned(),
            name: name.to_owned(),
        };
        assert_eq!(count, 5);
        let wanted = [
            stream(None, "live", "weekly-alice"),
            stream(Some("a.example"), "in/x", "b"),
            stream(None, "live", "c"),
            stream(Some("a.example"), "live", "d.at.e"),
        ];
        assert_eq!(streams, wanted);
        assert!(matches!(read(br#"{"code": 100, "data": "no"}"#), Err(ListError::Code(100))));
        assert!(matches!(read(b"<html>"), Err(ListError::Shape(_))));
    }

    #[test]
    fn an_api_has_an_address_without_a_path() {
        for good in ["http://srs:1985", "https://srs.example/", "http://[::1]:1985"] {
            assert!(good.parse::<ApiUrl>().is_ok(), "{good}");
        }
        for bad in ["srs:1985", "http://srs:1985/api/v1", "rtmp://srs", "http://me:pw@srs", "http://srs?x=1"] {
            assert!(bad.parse::<ApiUrl>().is_err(), "{bad}");
        }
    }
}
