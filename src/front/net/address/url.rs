//! URLs of RTMP and HTTP servers, which hide secrets when printed.

use std::{fmt, str::FromStr};

use http::uri::PathAndQuery;
use url::{Host, Position, Url};

/// Longest URL, bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// Why a text is no address for a pull or a push.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {how}")]
pub struct InvalidUrl {
    what: &'static str,
    how: &'static str,
}

const RTMP: &str = "write it as rtmp://HOST[:PORT]/APP/NAME or rtmps://HOST[:PORT]/APP/NAME, with ?KEY=VALUE after it if the server needs one";
const HTTP: &str = "write it as https://HOST[:PORT]/PATH or http://HOST[:PORT]/PATH, as the server's manual gives its WHIP or WHEP endpoint";

/// `rtmp://` or `rtmps://` with host, application and stream name. Printing it leaves out the name and the query, which
/// are where servers put their keys.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    host: String,
    port: u16,
    tls: bool,
    app: String,
    name: String,
}

impl RtmpUrl {
    /// Parses an address. The last part of the path, with the query, is the stream name; the part before it is the
    /// application. The default port is 1935, and 443 for `rtmps`.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        Self::read(text).map_err(|what| InvalidUrl { what, how: RTMP })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let url = read(text)?;
        let tls = match url.scheme() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err("only rtmp and rtmps addresses can be reached"),
        };
        let (host, port) = place(&url, if tls { 443 } else { 1935 })?;
        let (app, name) = url.path().trim_matches('/').rsplit_once('/').unwrap_or_default();
        let app = app.trim_matches('/');
        if app.is_empty() || name.is_empty() {
            return Err("the address needs an application and a stream name after the host");
        }
        let name = url.query().map_or_else(|| name.to_owned(), |query| format!("{name}?{query}"));
        Ok(Self { host, port, tls, app: app.to_owned(), name })
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// True for `rtmps`.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    pub fn app(&self) -> &str {
        &self.app
    }

    /// The stream name with its query; usually a secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL up to the application, as `connect` needs it.
    pub fn tc_url(&self) -> String {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (false, 1935) | (true, 443) => format!("{scheme}://{host}/{}", self.app),
            (_, port) => format!("{scheme}://{host}:{port}/{}", self.app),
        }
    }
}

impl FromStr for RtmpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.tc_url())
    }
}

impl fmt::Debug for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `http://` or `https://`: where a server takes SDP offers, or keeps a session. Printing it leaves out the path and
/// the query, which is where servers put stream names and keys.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl {
    url: Url,
    host: String,
    port: u16,
    target: PathAndQuery,
}

impl HttpUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let invalid = |what| InvalidUrl { what, how: HTTP };
        read(text).and_then(Self::of).map_err(invalid)
    }

    fn of(url: Url) -> Result<Self, &'static str> {
        let default = match url.scheme() {
            "http" => 80,
            "https" => 443,
            _ => return Err("only http and https addresses can be reached"),
        };
        let (host, port) = place(&url, default)?;
        let target = url[Position::BeforePath..Position::AfterQuery].parse();
        let target = target.map_err(|_| "the path has characters that must be written as %20 and the like")?;
        Ok(Self { url, host, port, target })
    }

    /// Resolves a reference in an answer from this URL; `None` when it is no address, or leads to another server.
    pub fn join(&self, reference: &str) -> Option<Self> {
        let url = self.url.join(reference).ok()?;
        let same = url.origin() == self.url.origin() && url.as_str().len() <= MAX_URL_BYTES;
        same.then(|| Self::of(url).ok()).flatten()
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// True for `https`.
    pub fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Host, with the port unless it is the scheme's default, as in the `Host` header.
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// Path and query, as in the request line; usually secrets.
    pub fn target(&self) -> &PathAndQuery {
        &self.target
    }
}

impl FromStr for HttpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        Self::parse(text)
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/***", self.url.scheme(), self.authority())
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Checks that apply to all addresses.
fn read(text: &str) -> Result<Url, &'static str> {
    if text.len() > MAX_URL_BYTES {
        return Err("the address is longer than 2048 bytes");
    }
    let url = Url::parse(text).map_err(|_| "this is not a URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user name and password before the host are not sent to servers");
    }
    if url.fragment().is_some() {
        return Err("such an address has no #fragment");
    }
    Ok(url)
}

/// Host, without brackets, and port.
fn place(url: &Url, default: u16) -> Result<(String, u16), &'static str> {
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err("the address names no host"),
    };
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
        return Err("the host is not a plain host name or address");
    }
    match url.port().unwrap_or(default) {
        0 => Err("there is no port 0"),
        port => Ok((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_print_without_secrets() {
        let url = RtmpUrl::parse("rtmp://srs/live/sub/weekly?key=s3cret").expect("an address");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("srs", 1935, false));
        assert_eq!((url.app(), url.name()), ("live/sub", "weekly?key=s3cret"));
        assert_eq!(url.to_string(), "rtmp://srs/live/sub/***");
        assert_eq!(format!("{url:?}"), "rtmp://srs/live/sub/***");
        let url = RtmpUrl::parse("rtmps://[2001:db8::1]:8443/app/key").expect("an address");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("2001:db8::1", 8443, true));
        assert_eq!(url.tc_url(), "rtmps://[2001:db8::1]:8443/app");
        assert_eq!(RtmpUrl::parse("rtmps://host/app/key").expect("an address").port(), 443);
    }

    #[test]
    fn what_is_no_address_says_why() {
        for bad in [
            "",
            "rtmp",
            "http://host/app/name",
            "rtmp://host",
            "rtmp://host/app",
            "rtmp://host//name",
            "rtmp:///app/name",
            "rtmp://user:pw@host/app/name",
            "rtmp://host/app/name#x",
            "rtmp://host:0/app/name",
            "rtmp://host:99999/app/name",
            "rtmp://ho st/app/name",
            "rtmp://h%00st/app/name",
            &format!("rtmp://host/app/{}", "x".repeat(2048)),
        ] {
            assert!(RtmpUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn http_addresses_print_without_path_and_lead_nowhere_else() {
        let url = HttpUrl::parse("http://srs:1985/rtc/v1/whep/?app=live&stream=weekly").expect("an address");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("srs", 1985, false));
        assert_eq!((url.authority(), url.target().as_str()), ("srs:1985", "/rtc/v1/whep/?app=live&stream=weekly"));
        assert_eq!(url.to_string(), "http://srs:1985/***");
        let session = url.join("/rtc/v1/whip/?action=delete&token=x").expect("the same server");
        assert_eq!(session.target().as_str(), "/rtc/v1/whip/?action=delete&token=x");
        for elsewhere in ["https://srs:1985/x", "//other/x", "http://srs/x", "file:///etc/passwd", "ftp://srs:1985/x"] {
            assert_eq!(url.join(elsewhere), None, "{elsewhere}");
        }
        let url = HttpUrl::parse("https://[2001:db8::1]/weekly/whip").expect("an address");
        assert_eq!((url.host(), url.port(), url.authority()), ("2001:db8::1", 443, "[2001:db8::1]"));
        for bad in
            ["", "srs/x", "rtmp://srs/live/x", "http://", "http://me:pw@srs/x", "http://srs/x#y", "http://srs:0/"]
        {
            assert!(HttpUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
