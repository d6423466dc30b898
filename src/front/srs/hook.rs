//! What SRS sends when something happens (`http_hooks` of SRS 4 to 7). What it may send besides is nobody's business here.

use serde::{Deserialize, de::Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::Stream;

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
}

/// Before SRS 4 it is a number.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
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
}
