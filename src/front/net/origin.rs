//! Origin checks (CSRF, DNS rebinding, CORS): whether a request comes from where it says.
//!
//! Without API keys, the only credential is to be on this machine, and a browser on this machine also runs other
//! people's pages. Two attacks are prevented: a foreign name that resolves to 127.0.0.1 (DNS rebinding: `Host` must
//! name loopback), and writes of a foreign page (`Origin`, `Sec-Fetch-Site`; Fetch Standard §3.2).

use std::net::IpAddr;

use http::{HeaderMap, Method, Request, Uri, header, uri::Authority};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// `Host` does not name this machine.
    #[error(
        "without API keys this server answers only to localhost, 127.0.0.1 and [::1]; address it so, or configure a key"
    )]
    Host,
    /// A page of another site wants to change something.
    #[error("a web page of another site may not change anything here; configure an API key and send it")]
    Page,
}

/// Admits a request that a page of another site cannot have sent.
pub fn admit(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), OriginError> {
    let host = uri.authority().cloned().or_else(|| headers.get(header::HOST)?.to_str().ok()?.parse::<Authority>().ok());
    let host = host.filter(|host| is_loopback(host.host())).ok_or(OriginError::Host)?;
    if method.is_safe() {
        return Ok(());
    }
    let site = headers.get("sec-fetch-site").map(|site| site.as_bytes());
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return Err(OriginError::Page);
    }
    match headers.get(header::ORIGIN) {
        None => Ok(()),
        Some(origin) if origin.as_bytes() == format!("http://{host}").as_bytes() => Ok(()),
        Some(_) => Err(OriginError::Page),
    }
}

fn is_loopback(host: &str) -> bool {
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || plain.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The origins whose pages may publish by WHIP and watch by WHEP: all, or the server's own and those of a list.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// The origins that [`parse`] returned; an empty list means all.
    pub fn new(listed: Vec<String>) -> Self {
        Self(listed)
    }

    /// True if there is no list.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// True unless the request comes from a page whose origin is neither listed nor this server's.
    pub fn admit<B>(&self, request: &Request<B>) -> bool {
        let Some(origin) = request.headers().get(header::ORIGIN).filter(|_| !self.is_any()) else { return true };
        let host = request.uri().authority().map(|host| host.as_str().as_bytes());
        let host = host.or_else(|| Some(request.headers().get(header::HOST)?.as_bytes()));
        // A proxy in front of the server may speak HTTPS for it.
        let own = [&b"https://"[..], b"http://"].map(|scheme| origin.as_bytes().strip_prefix(scheme));
        own.iter().any(|own| own.is_some() && *own == host)
            || self.0.iter().any(|listed| listed.as_bytes() == origin.as_bytes())
    }
}

/// An origin as browsers write it (RFC 6454 §6.1): scheme and host, and the port if it is not the scheme's own.
///
/// # Errors
/// The expected form.
pub fn parse(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/");
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "an origin is a scheme and a host, such as https://meet.example.org".to_owned())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn ask(method: Method, headers: &[(&'static str, &'static str)]) -> Result<(), OriginError> {
        let pairs =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        admit(&method, &Uri::from_static("/v1/rooms"), &pairs.collect())
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080"] {
            assert_eq!(ask(Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8080", "localhost.evil.example", "10.0.0.1", "", "0.0.0.0"]
        {
            assert_eq!(ask(Method::GET, &[("host", host)]), Err(OriginError::Host), "{host}");
        }
        assert_eq!(ask(Method::GET, &[]), Err(OriginError::Host));
    }

    #[test]
    fn foreign_pages_change_nothing() {
        let host = ("host", "127.0.0.1:8080");
        assert_eq!(ask(Method::PUT, &[host]), Ok(()));
        assert_eq!(
            ask(Method::PUT, &[host, ("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]),
            Ok(())
        );
        for foreign in ["http://evil.example", "null", "http://127.0.0.1:3000", "http://localhost:8080"] {
            assert_eq!(ask(Method::DELETE, &[host, ("origin", foreign)]), Err(OriginError::Page), "{foreign}");
        }
        for site in ["cross-site", "same-site", "whatever"] {
            assert_eq!(ask(Method::PATCH, &[host, ("sec-fetch-site", site)]), Err(OriginError::Page), "{site}");
            assert_eq!(ask(Method::GET, &[host, ("sec-fetch-site", site)]), Ok(()), "{site}");
        }
    }
}
