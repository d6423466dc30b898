//! Where a client wants to go, from the three places it says so.

use url::form_urlencoded;

/// Most query parameters looked at, over all three places. Ours are one or two.
const MAX_PARAMETERS: usize = 16;

/// Application, name and query of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// Without query or slashes at the ends.
    pub app: String,
    /// Without query or slashes at the ends.
    pub name: String,
    queries: Vec<(String, String)>,
}

impl Path {
    /// From the `connect` command's `app` and `tcUrl` and the request's stream name.
    pub fn new(app: &str, name: &str, tc_url: &str) -> Self {
        let (app, app_query) = split(app);
        let (name, name_query) = split(name);
        let (_, url_query) = split(tc_url);
        let queries =
            [name_query, app_query, url_query].into_iter().flat_map(parameters).take(MAX_PARAMETERS).collect();
        Self { app: app.to_owned(), name: name.to_owned(), queries }
    }

    /// The first value of `key`.
    pub fn query(&self, key: &str) -> Option<&str> {
        self.queries.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Application and name with one slash between.
    pub fn joined(&self) -> String {
        [self.app.as_str(), self.name.as_str()]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("/")
    }
}

fn split(text: &str) -> (&str, &str) {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    (path.trim_matches('/'), query)
}

/// Percent escapes are undone; a plus stays a plus, since people type keys into encoders as they are.
fn parameters(query: &str) -> Vec<(String, String)> {
    let query = query.replace('+', "%2B");
    form_urlencoded::parse(query.as_bytes()).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_found_wherever_a_client_puts_it() {
        for (app, name, tc_url) in [
            ("in/weekly", "alice?key=a+b%20c", "rtmp://host/in/weekly"),
            ("in/weekly/?key=a+b%20c", "alice", "rtmp://host/in/weekly?key=other"),
            ("/in/weekly", "/alice", "rtmp://host/in/weekly?x=1&key=a+b%20c"),
            ("in", "weekly/alice?key=a+b%20c&key=second", ""),
        ] {
            let path = Path::new(app, name, tc_url);
            assert_eq!(path.joined(), "in/weekly/alice");
            assert_eq!(path.query("key"), Some("a+b c"), "{app} {name}");
            assert_eq!(path.query("nokey"), None);
        }
    }
}
