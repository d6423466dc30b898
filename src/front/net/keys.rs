//! API keys (bearer authentication): `Authorization: Bearer KEY` (RFC 6750 §2.1).

use std::net::SocketAddr;

use http::{HeaderMap, header};

use crate::base::Secret;

/// Shortest API key, bytes: at least 96 bits if drawn from base64, which cannot be guessed at the permitted rate.
pub const MIN_API_KEY_BYTES: usize = 16;
/// Longest API key, bytes.
pub const MAX_API_KEY_BYTES: usize = 256;
/// Most API keys: one per client system and its successor during a rotation.
pub const MAX_API_KEYS: usize = 32;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The request has no key.
    #[error("send an API key of this server in the header Authorization: Bearer KEY")]
    Missing,
    /// The key is none of ours.
    #[error("this API key is not one of this server's; see TILECAST_API_KEYS in its configuration")]
    Wrong,
}

/// The configured keys: several, so that one can be rotated without a gap.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(Vec<Secret>);

impl ApiKeys {
    /// These keys. Without any key, everybody who reaches the socket may do everything, so the socket must be on
    /// loopback.
    pub fn new(keys: Vec<Secret>) -> Self {
        Self(keys)
    }

    /// True when no key is configured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Admits a request that carries one of the keys, or any request when none is configured.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), KeyError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let value =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or(KeyError::Missing)?;
        let (scheme, key) = value.split_once(' ').ok_or(KeyError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(KeyError::Missing);
        }
        let key = Secret::new(key.trim());
        // Every key is compared, so that the time does not tell which one was close.
        let fits = self.0.iter().fold(false, |fits, known| fits | (*known == key));
        if fits { Ok(()) } else { Err(KeyError::Wrong) }
    }
}

/// Faults of a set of keys, and of listening at `listeners` (each with the name of its setting) with them.
pub fn check(keys: &[Secret], listeners: &[(&str, SocketAddr)]) -> Vec<String> {
    let mut faults = Vec::new();
    if keys.len() > MAX_API_KEYS {
        faults.push(format!("api_keys: at most {MAX_API_KEYS} are possible, here are {}", keys.len()));
    }
    for (index, key) in keys.iter().enumerate() {
        let number = index + 1;
        let text = key.expose();
        if !(MIN_API_KEY_BYTES..=MAX_API_KEY_BYTES).contains(&text.len()) {
            faults.push(format!(
                "api_keys: key {number} has {} characters; use {MIN_API_KEY_BYTES} to {MAX_API_KEY_BYTES}, such as the \
                 output of `openssl rand -base64 24`",
                text.len()
            ));
        } else if !text.bytes().all(|b| b.is_ascii_graphic()) {
            faults.push(format!("api_keys: key {number} has spaces or other characters that a header cannot carry"));
        }
    }
    if keys.is_empty() {
        for (setting, address) in listeners.iter().filter(|(_, address)| !address.ip().is_loopback()) {
            faults.push(format!(
                "{setting}: {address} can be reached from other machines, but no API key is configured; set api_keys \
                 (TILECAST_API_KEYS), or listen on 127.0.0.1:{}",
                address.port()
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn keys(keys: &[&str]) -> ApiKeys {
        ApiKeys::new(keys.iter().copied().map(Secret::new).collect())
    }

    fn bearing(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn any_of_the_keys_opens_and_nothing_else() {
        let keys = keys(&["old-key-0123456789", "new-key-0123456789"]);
        for good in ["Bearer old-key-0123456789", "bearer new-key-0123456789"] {
            assert_eq!(keys.admit(&bearing(good)), Ok(()), "{good}");
        }
        assert_eq!(keys.admit(&HeaderMap::new()), Err(KeyError::Missing));
        assert_eq!(keys.admit(&bearing("Basic b2xkLWtleQ==")), Err(KeyError::Missing));
        for bad in ["Bearer old-key-012345678", "Bearer old-key-0123456789x", "Bearer  ", "Bearer OLD-KEY-0123456789"] {
            assert_eq!(keys.admit(&bearing(bad)), Err(KeyError::Wrong), "{bad}");
        }
        assert_eq!(ApiKeys::default().admit(&HeaderMap::new()), Ok(()));
    }

    #[test]
    fn without_keys_only_loopback_is_listened_on() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let listeners = [("http", at("127.0.0.1:8080")), ("rtmp", at("[::1]:1935"))];
        assert_eq!(check(&[], &listeners), Vec::<String>::new());
        let open = [("http", at("0.0.0.0:8080")), ("rtmp", at("192.0.2.1:1935"))];
        let faults = check(&[], &open);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("http: 0.0.0.0:8080 can be reached from other machines"), "{faults:?}");
        assert_eq!(check(&[Secret::new("0123456789abcdef")], &open), Vec::<String>::new());
    }

    #[test]
    fn weak_keys_are_refused_without_being_shown() {
        let faults = check(&[Secret::new("short"), Secret::new("with space 0123456789")], &[]);
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|fault| !fault.contains("short") && !fault.contains("0123456789")), "{faults:?}");
    }
}
