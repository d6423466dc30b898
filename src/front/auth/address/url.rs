//! RTMP addresses.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::front::room::document::MAX_URL_BYTES;

/// Why a text is not an address we can pull from or push to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0}; write it as rtmp://HOST[:PORT]/APP/NAME or rtmps://HOST[:PORT]/APP/NAME, with ?KEY=VALUE after it if the server needs one"
)]
pub struct InvalidUrl(&'static str);

/// `rtmp://` or `rtmps://` with host, application and stream name. Printing it leaves out the name and the query, which are
/// where servers put their keys.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    host: String,
    port: u16,
    tls: bool,
    app: String,
    name: String,
}

impl RtmpUrl {
    /// Reads an address. The last part of the path, with the query, is the stream name; what is before it the application.
    /// Without a port it is 1935, for `rtmps` 443.
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        if text.len() > MAX_URL_BYTES {
            return Err(InvalidUrl("the address is longer than 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|_| InvalidUrl("this is not a URL"))?;
        let tls = match url.scheme() {
            "rtmp" => false,
            "rtmps" => true,
            _ => return Err(InvalidUrl("only rtmp and rtmps addresses can be reached")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl("a user name and password before the host are not used by RTMP servers"));
        }
        if url.fragment().is_some() {
            return Err(InvalidUrl("an RTMP address has no #fragment"));
        }
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err(InvalidUrl("the address names no host")),
        };
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)) {
            return Err(InvalidUrl("the host is not a plain host name or address"));
        }
        let port = url.port().unwrap_or(if tls { 443 } else { 1935 });
        if port == 0 {
            return Err(InvalidUrl("there is no port 0"));
        }
        let (app, name) = url.path().trim_matches('/').rsplit_once('/').unwrap_or_default();
        let app = app.trim_matches('/');
        if app.is_empty() || name.is_empty() {
            return Err(InvalidUrl("the address needs an application and a stream name after the host"));
        }
        let name = url.query().map_or_else(|| name.to_owned(), |query| format!("{name}?{query}"));
        Ok(Self { host, port, tls, app: app.to_owned(), name })
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// True for `rtmps`.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The application.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The stream name with its query: a secret, more often than not.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address up to the application, as `connect` wants it.
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
}
