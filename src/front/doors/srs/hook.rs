//! What SRS sends when something happens (`http_hooks` of SRS 4 to 7). What it may send besides is nobody's business here.

use std::net::IpAddr;

use serde::{Deserialize, de::Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Stream, query};
use crate::base::Secret;

/// SRS's name for the virtual host of who names none.
const DEFAULT_VHOST: &str = "__defaultVhost__";
/// Longest name of a virtual host, bytes: that of a domain (RFC 1035 §2.3.4).
const MAX_VHOST_BYTES: usize = 255;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Somebody is about to publish, and waits for the answer.
    OnPublish,
    /// Somebody stopped publishing.
    OnUnpublish,
    /// Somebody is about to play, and waits for the answer.
    OnPlay,
    /// Somebody stopped playing.
    OnStop,
    /// A recording was written.
    OnDvr,
    /// A piece of HLS was written.
    OnHls,
    /// What concerns nobody here, such as `on_connect`.
    #[serde(other)]
    Other,
}

/// A callback.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Hook {
    /// What happened.
    pub action: Action,
    /// SRS's name for the connection.
    #[serde(default, deserialize_with = "text")]
    #[schema(value_type = String)]
    pub client_id: String,
    /// Virtual host.
    #[serde(default)]
    pub vhost: String,
    /// Application.
    #[serde(default)]
    pub app: String,
    /// The stream's name.
    #[serde(default)]
    pub stream: String,
    /// The query that the client put behind the stream's name or the application, with its `?`.
    #[serde(default)]
    pub param: Option<Secret>,
    /// The address that the client connected to, which may have a query of its own.
    #[serde(default, rename = "tcUrl")]
    pub tc_url: Option<Secret>,
    /// The client's own address, as SRS sees it.
    #[serde(default)]
    ip: String,
}

/// Before SRS 4 it is a number.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        other => other.to_string(),
    })
}

impl Hook {
    /// The stream; `None` if its virtual host is no name.
    pub fn stream(&self) -> Option<Stream> {
        let vhost = vhost(&self.vhost)?;
        Some(Stream { vhost, app: self.app.clone(), name: self.stream.clone() })
    }

    /// The client's own address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip.parse().ok()
    }

    /// The key that the client brought, as `?key=KEY` behind the stream's name or else in the address it connected to.
    pub fn key(&self) -> Option<Secret> {
        let query = |text: &Option<Secret>| query::value(text.as_ref()?.expose().split_once('?')?.1, "key");
        query(&self.param).or_else(|| query(&self.tc_url)).map(Secret::new)
    }
}

/// A virtual host as we name it; `None` if it is none.
pub(super) fn vhost(name: &str) -> Option<Option<String>> {
    match name {
        "" | DEFAULT_VHOST => Some(None),
        name if name.len() > MAX_VHOST_BYTES => None,
        name if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)) => Some(Some(name.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_read_as_srs_sends_them() {
        let text = r#"{"server_id": "vid-0xk989d", "service_id": "382a6", "action": "on_publish", "client_id": "341w361a",
            "ip": "127.0.0.1", "vhost": "__defaultVhost__", "app": "live", "tcUrl": "rtmp://127.0.0.1:1935/live",
            "stream": "weekly-alice", "param": "?key=1", "stream_url": "/live/weekly-alice", "stream_id": "vid-124q9y3"}"#;
        let hook: Hook = serde_json::from_str(text).expect("a callback");
        assert_eq!((hook.action, hook.client_id.as_str()), (Action::OnPublish, "341w361a"));
        let wanted = Stream { vhost: None, app: "live".to_owned(), name: "weekly-alice".to_owned() };
        assert_eq!(hook.stream(), Some(wanted));
        let hook: Hook =
            serde_json::from_str(r#"{"action": "on_stop", "client_id": 1985, "vhost": "a.example"}"#).expect("old");
        assert_eq!((hook.action, hook.client_id.as_str()), (Action::OnStop, "1985"));
        assert_eq!(hook.stream().expect("a stream").vhost.as_deref(), Some("a.example"));
        let hook: Hook = serde_json::from_str(r#"{"action": "on_connect", "vhost": "a/../b"}"#).expect("a callback");
        assert_eq!((hook.action, hook.stream()), (Action::Other, None));
        assert!(serde_json::from_str::<Hook>(r#"{"app": "live"}"#).is_err());
    }

    #[test]
    fn the_key_is_found_wherever_a_client_puts_it() {
        let key = |param: &str, tc_url: &str| {
            let hook = serde_json::json!({"action": "on_publish", "param": param, "tcUrl": tc_url});
            let hook: Hook = serde_json::from_value(hook).expect("a callback");
            assert!(!format!("{hook:?}").contains("s3cret"), "{hook:?}");
            hook.key().map(|key| key.expose().to_owned())
        };
        let plain = "rtmp://srs/live";
        for (param, tc_url, wanted) in [
            ("?key=s3cret+key", plain, Some("s3cret+key")),
            ("?token=1&key=s3cret%2Fk%20%26%3F&x=y", plain, Some("s3cret/k &?")),
            ("?k%65y=s3cret=", plain, Some("s3cret=")),
            // A query behind the application and one behind the name, as SRS glues them.
            ("?key=s3cret?vhost=a.example", plain, Some("s3cret")),
            ("?vhost=a.example?key=s3cret#x", plain, Some("s3cret")),
            ("?vhost=a.example", "rtmp://srs/live?key=s3cret", Some("s3cret")),
            ("", "rtmp://srs/live?x=1&key=s3cret", Some("s3cret")),
            ("?key=s3cret", "rtmp://srs/live?key=other", Some("s3cret")),
            ("?key=s3cret&key=second", plain, Some("s3cret")),
            ("?key=", "rtmp://srs/live?key=s3cret", Some("")),
            ("?keys=s3cret&xkey=s3cret&KEY=s3cret", plain, None),
            ("key=s3cret", plain, None),
            ("", "", None),
        ] {
            assert_eq!(key(param, tc_url).as_deref(), wanted, "{param} {tc_url}");
        }
        let hook: Hook = serde_json::from_str(r#"{"action": "on_publish"}"#).expect("a callback");
        assert_eq!(hook.key(), None);
    }
}
