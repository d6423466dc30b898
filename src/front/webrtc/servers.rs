//! STUN and TURN servers that clients are told of, with credentials that expire. PURE.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::base::Secret;

/// How long TURN credentials work: the longest meeting. A client that is in one needs no new ones.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// Why an address is no STUN or TURN server's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a STUN or TURN server; write stun:HOST:PORT, turn:HOST:PORT or turns:HOST:PORT?transport=tcp (RFC 7064, RFC 7065)"
)]
pub struct NotAServer(String);

/// The servers.
#[derive(Debug, Clone, Default)]
pub struct IceServers {
    urls: Vec<String>,
    secret: Option<Secret>,
}

impl IceServers {
    /// These servers; TURN servers share `secret` with us (coturn's `static-auth-secret`).
    pub fn new(urls: Vec<String>, secret: Option<Secret>) -> Self {
        Self { urls, secret }
    }

    /// Checks the address of a server.
    pub fn check(url: &str) -> Result<String, NotAServer> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '?' | '=' | '_');
        let place = ["stun:", "stuns:", "turn:", "turns:"].iter().find_map(|scheme| url.strip_prefix(scheme));
        match place {
            Some(place) if !place.is_empty() && !place.starts_with([':', '?']) && place.chars().all(plain) => {
                Ok(url.to_owned())
            }
            _ => Err(NotAServer(url.chars().take(100).collect())),
        }
    }

    /// True for an address that takes credentials.
    pub fn is_turn(url: &str) -> bool {
        url.starts_with("turn:") || url.starts_with("turns:")
    }

    /// Values of `Link` headers (RFC 9725 §4.6), one a server. `user` is who asks, for coturn's log.
    pub fn links(&self, user: &str, now: SystemTime, sign: impl Fn(&[u8], &[u8]) -> [u8; 20]) -> Vec<String> {
        let until = (now + LIFETIME).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let name = format!("{until}:{user}");
        let link = |url: &String| match &self.secret {
            Some(secret) if Self::is_turn(url) => {
                let credential = BASE64_STANDARD.encode(sign(secret.expose().as_bytes(), name.as_bytes()));
                format!(
                    "<{url}>; rel=\"ice-server\"; username=\"{name}\"; credential=\"{credential}\"; credential-type=\"password\""
                )
            }
            _ => format!("<{url}>; rel=\"ice-server\""),
        };
        self.urls.iter().map(link).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_servers_come_with_credentials_that_expire() {
        let urls = ["stun:stun.example:3478", "turn:turn.example:3478?transport=udp"].map(str::to_owned).to_vec();
        let servers = IceServers::new(urls, Some(Secret::new("north")));
        let crypto = str0m::crypto::from_feature_flags();
        let sign = |key: &[u8], text: &[u8]| crypto.sha1_hmac_provider.sha1_hmac(key, &[text]);
        let links = servers.links("weekly", UNIX_EPOCH + Duration::from_secs(1_700_000_000), sign);
        assert_eq!(links[0], "<stun:stun.example:3478>; rel=\"ice-server\"");
        // printf 1700043200:weekly | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(
            links[1],
            "<turn:turn.example:3478?transport=udp>; rel=\"ice-server\"; username=\"1700043200:weekly\"; \
             credential=\"jmUfacLk/DBMPyRXbS+SXAiwGF4=\"; credential-type=\"password\""
        );
    }

    #[test]
    fn only_servers_get_into_a_header() {
        for good in ["stun:stun.example", "turns:[2001:db8::1]:5349?transport=tcp", "turn:192.0.2.1"] {
            assert!(IceServers::check(good).is_ok(), "{good}");
        }
        for bad in ["", "stun:", "http://x", "turn:a>; rel=\"x\"", "turn:a\r\nb", "turn:?x", "turn: a"] {
            assert!(IceServers::check(bad).is_err(), "{bad:?}");
        }
    }
}
