//! SRS's list of its streams (`GET /api/v1/streams/`; without the last `/` it sends elsewhere, where nobody goes).

use std::{fmt, str::FromStr};

use http::Method;
use serde::Deserialize;

use super::{Stream, hook};
use crate::front::net::{
    address::{Connector, HttpUrl},
    exchange::{GetError, ask, get},
};

/// Most streams of one list, which is more than one SRS carries. All are asked for at once: SRS counts pages by place, so a stream
/// that ends between two of them makes another slip through.
const MAX_STREAMS: usize = 10_000;
/// Longest list, bytes; a stream takes about 700.
const MAX_LIST_BYTES: usize = 16 << 20;
/// Longest answer to anything else, bytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Longest name of a connection of SRS that is written into an address; SRS draws 8 characters.
const MAX_CLIENT_BYTES: usize = 64;
/// A stream that was asked for over HTTP before it was published is listed under the name of the file that was asked for.
const FILES: [&str; 5] = [".flv", ".m3u8", ".ts", ".aac", ".mp3"];

/// SRS's `ERROR_RTMP_CLIENT_NOT_FOUND`.
const NO_CLIENT: i64 = 2049;

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
    /// What SRS calls a connection cannot stand in an address.
    #[error("SRS lists a connection under a name that is none")]
    Client,
}

/// A stream that is being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The stream, under the name that whoever asked for it first gave it.
    pub stream: Stream,
    /// SRS's name for the connection that publishes it; empty where SRS does not say.
    pub client: String,
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
    #[serde(default, deserialize_with = "hook::text")]
    cid: String,
}

impl ApiUrl {
    /// Every stream that is being published to this SRS.
    pub async fn list(&self, connector: &Connector) -> Result<Vec<Listed>, ListError> {
        // One more than may be tells that there are too many.
        let url = self.at(&format!("streams/?start=0&count={}", MAX_STREAMS + 1))?;
        read(&get(&url, connector).await?.whole(MAX_LIST_BYTES).await?)
    }

    /// Has SRS disconnect a client (`DELETE /api/v1/clients/ID`). One that is gone already is no failure.
    pub async fn disconnect(&self, client: &str, connector: &Connector) -> Result<(), ListError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=MAX_CLIENT_BYTES).contains(&client.len()) || !client.bytes().all(plain) {
            return Err(ListError::Client);
        }
        let url = self.at(&format!("clients/{client}"))?;
        let bytes = ask(Method::DELETE, &url, connector).await?.whole(MAX_ANSWER_BYTES).await?;
        match serde_json::from_slice::<Page>(&bytes)?.code {
            0 | NO_CLIENT => Ok(()),
            code => Err(ListError::Code(code)),
        }
    }

    fn at(&self, path: &str) -> Result<HttpUrl, ListError> {
        // What was an address is still one with a path of ours.
        HttpUrl::parse(&format!("{}/api/v1/{path}", self.base)).map_err(|_| ListError::Client)
    }
}

/// The streams of a list that are being published.
fn read(bytes: &[u8]) -> Result<Vec<Listed>, ListError> {
    let page: Page = serde_json::from_slice(bytes)?;
    if page.code != 0 {
        return Err(ListError::Code(page.code));
    }
    if page.streams.len() > MAX_STREAMS {
        return Err(ListError::TooMany(MAX_STREAMS));
    }
    let active = page.streams.into_iter().filter(|entry| entry.publish.active);
    let listed = |entry: Entry| {
        let vhost = entry.url.split_once(&format!("/{}/", entry.app)).map_or("", |(vhost, _)| vhost);
        let name = FILES.iter().find_map(|file| entry.name.strip_suffix(file)).unwrap_or(&entry.name).to_owned();
        let stream = Stream { vhost: hook::vhost(vhost)?, app: entry.app, name };
        Some(Listed { stream, client: entry.publish.cid })
    };
    Ok(active.filter_map(listed).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::front::net::address::AddressPolicy;

    #[test]
    fn a_page_is_read_as_srs_gives_it() {
        let page = br#"{"code": 0, "server": "vid-1", "service": "x", "pid": "1", "streams": [
            {"id": "vid-2", "name": "weekly-alice", "vhost": "vid-9", "app": "live", "tcUrl": "rtmp://srs/live",
             "url": "/live/weekly-alice", "live_ms": 1, "clients": 2, "frames": 9, "send_bytes": 1, "recv_bytes": 1,
             "kbps": {"recv_30s": 1, "send_30s": 1}, "publish": {"active": true, "cid": "9k"}, "video": null, "audio": null},
            {"name": "gone", "app": "live", "url": "/live/gone", "publish": {"active": false}},
            {"name": "b", "app": "in/x", "url": "a.example/in/x/b", "publish": {"active": true}},
            {"name": "c.flv", "app": "live", "url": "/live/c", "publish": {"active": true, "cid": 107}},
            {"name": "d.at.e", "app": "live", "url": "a.example/live/d.at", "publish": {"active": true}}]}"#;
        let streams = read(page).expect("a list");
        let stream = |vhost: Option<&str>, app: &str, name: &str, client: &str| Listed {
            stream: Stream { vhost: vhost.map(str::to_owned), app: app.to_owned(), name: name.to_owned() },
            client: client.to_owned(),
        };
        let wanted = [
            stream(None, "live", "weekly-alice", "9k"),
            stream(Some("a.example"), "in/x", "b", ""),
            stream(None, "live", "c", "107"),
            stream(Some("a.example"), "live", "d.at.e", ""),
        ];
        assert_eq!(streams, wanted);
        assert!(matches!(read(br#"{"code": 100, "data": "no"}"#), Err(ListError::Code(100))));
        assert!(matches!(read(b"<html>"), Err(ListError::Shape(_))));
    }

    /// An SRS whose first stream ends after each answer; `streams` are there at first.
    async fn restless(streams: usize) -> ApiUrl {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            for gone in 0.. {
                let (mut client, _) = listener.accept().await.expect("a client");
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    client.read_buf(&mut request).await.expect("a request");
                }
                let request = String::from_utf8(request).expect("text");
                let number = |name: &str| {
                    let rest = request.split_once(&format!("{name}=")).expect("a parameter").1;
                    rest.split(['&', ' ']).next().and_then(|digits| digits.parse::<usize>().ok()).expect("a number")
                };
                let (first, count) = (gone + number("start"), number("count").max(10));
                let entry =
                    |n| format!(r#"{{"name": "s{n}", "app": "live", "publish": {{"active": true, "cid": "c{n}"}}}}"#);
                let page: Vec<String> = (first..streams).take(count).map(entry).collect();
                let body = format!(r#"{{"code": 0, "streams": [{}]}}"#, page.join(","));
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                client.write_all(answer.as_bytes()).await.expect("it reads");
            }
        });
        format!("http://{address}").parse().expect("an address")
    }

    #[tokio::test]
    async fn a_stream_that_ends_hides_no_other() {
        let connector = Connector::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().expect("a range")]));
        let api = restless(1200).await;
        for gone in 0..2 {
            let listed = api.list(&connector).await.expect("a list");
            let names: BTreeSet<String> = listed.into_iter().map(|listed| listed.stream.name).collect();
            let missing: Vec<usize> = (gone..1200).filter(|n| !names.contains(&format!("s{n}"))).collect();
            assert!(missing.is_empty(), "{missing:?} of a list that begins with {gone}");
        }
    }

    #[test]
    fn more_streams_than_anybody_looks_through_are_no_list() {
        let entries = |count: usize| {
            let entry = r#"{"name": "a", "app": "live", "publish": {"active": false}}"#;
            format!(r#"{{"code": 0, "streams": [{}]}}"#, vec![entry; count].join(","))
        };
        assert!(read(entries(MAX_STREAMS).as_bytes()).is_ok());
        assert!(matches!(read(entries(MAX_STREAMS + 1).as_bytes()), Err(ListError::TooMany(MAX_STREAMS))));
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
