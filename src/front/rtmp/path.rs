//! Where a client wants to go, from the three places it says so.
//!
//! People type a key as it is: with `&`, `?`, `/` and `%` in it, of which each encoder makes something else. So a value of the query is
//! what was typed, or that with its escapes undone, or either up to a mark behind which an encoder added something of its own
//! ([`Path::readings`]).

use url::form_urlencoded;

/// Most readings of one value. Each is held against the right one.
const MAX_READINGS: usize = 6;

/// Longest value, bytes: no key is longer.
const MAX_VALUE_BYTES: usize = 256;

/// What Flash servers have before a stream's name to tell its container.
const CONTAINERS: [&str; 4] = ["flv:", "mp4:", "f4v:", "mp3:"];

/// The instance of an application that Flash encoders name when there is no other.
const DEFAULT_INSTANCE: &str = "_definst_";

/// Application, name and query of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// Without query or slashes at the ends.
    pub app: String,
    /// Without query or slashes at the ends.
    pub name: String,
    /// By the name, by the application and by `tcUrl`, as they came.
    queries: [String; 3],
    /// The application's query goes on with the name, which the client cut off at a slash in it.
    cut: Option<String>,
}

impl Path {
    /// From the `connect` command's `app` and `tcUrl` and the request's stream name.
    pub fn new(app: &str, name: &str, tc_url: &str) -> Self {
        let (url_path, url_query) = split(behind_host(tc_url));
        let (app, app_query) = split(app);
        // Some forms escape the name whole, its question mark too.
        let whole = if name.contains('?') { name.to_owned() } else { unescape(name) };
        let (plain, name_query) = split(&whole);
        let cut = (!app_query.is_empty() && !name.is_empty()).then(|| format!("{app_query}/{name}"));
        let name = CONTAINERS.iter().find_map(|container| plain.strip_prefix(container)).unwrap_or(plain);
        let app = if app.is_empty() { url_path } else { app };
        let parts: Vec<&str> = app.split('/').filter(|part| *part != DEFAULT_INSTANCE).collect();
        let queries = [name_query, app_query, url_query].map(str::to_owned);
        Self { app: parts.join("/"), name: name.to_owned(), queries, cut }
    }

    /// What the value of `key` may be, at most six, the likeliest first: as the name's query has it, else the application's, else
    /// `tcUrl`'s. None when there is no such key.
    pub fn readings(&self, key: &str) -> Vec<String> {
        let [name, app, tc_url] = &self.queries;
        let sources: [&[&str]; 3] = match &self.cut {
            Some(cut) => [&[name], &[app, cut], &[tc_url]],
            None => [&[name], &[app], &[tc_url]],
        };
        let found = sources.into_iter().map(|source| {
            let mut readings = Vec::new();
            for value in source.iter().filter_map(|query| value(query, key)) {
                read(value, &mut readings);
            }
            readings
        });
        found.into_iter().find(|readings| !readings.is_empty()).unwrap_or_default()
    }

    /// Application and name as they may be meant: where the application has a query, the name may be its end.
    pub fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        let alone = self.cut.as_ref().map(|_| (self.app.as_str(), ""));
        std::iter::once((self.app.as_str(), self.name.as_str())).chain(alone)
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

/// What stands behind scheme, host and port.
fn behind_host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find(['/', '?']).map_or("", |at| &rest[at..])
}

/// All that stands behind `key=` in a query.
fn value<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    let behind = |at: usize| query[at..].strip_prefix(key)?.strip_prefix('=');
    let marks = query.match_indices(['&', '?']).map(|(at, _)| at + 1);
    std::iter::once(0).chain(marks).find_map(behind)
}

/// Adds what a value may be: all of it, or up to each mark in it; as it is, or with its escapes undone.
fn read(value: &str, readings: &mut Vec<String>) {
    let marks = || value.match_indices(['&', '?']).map(|(at, _)| at);
    // One addition is the commonest, and behind a key without marks the first of several.
    for end in std::iter::once(value.len()).chain(marks().next()).chain(marks().rev()) {
        for reading in [value[..end].to_owned(), unescape(&value[..end])] {
            let fits = reading.len() <= MAX_VALUE_BYTES && readings.len() < MAX_READINGS;
            if fits && !readings.contains(&reading) {
                readings.push(reading);
            }
        }
    }
}

/// Percent escapes undone; a plus stays a plus.
fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let guarded = text.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    form_urlencoded::parse(guarded.as_bytes()).map(|(text, _)| text.into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(app: &str, name: &str, tc_url: &str) -> Vec<String> {
        Path::new(app, name, tc_url).readings("key")
    }

    #[test]
    fn the_query_is_found_wherever_a_client_puts_it() {
        for (app, name, tc_url) in [
            ("in/weekly", "alice?key=a+b%20c", "rtmp://host/in/weekly"),
            ("in/weekly/?key=a+b%20c", "alice", "rtmp://host/in/weekly?key=other"),
            ("/in/weekly", "/alice", "rtmp://host/in/weekly?x=1&key=a+b%20c"),
            ("in", "weekly/alice?key=a+b%20c&key=second", ""),
            ("in/weekly", "alice%3Fkey%3Da+b%2520c", ""),
            ("in/weekly/_definst_", "flv:alice?key=a+b%20c", ""),
            ("", "alice?key=a+b%20c", "rtmp://host:1935/in/weekly"),
            ("in/weekly/alice?key=a+b%20c", "", ""),
        ] {
            let path = Path::new(app, name, tc_url);
            assert_eq!(path.joined(), "in/weekly/alice", "{app} {name}");
            assert!(path.readings("key").contains(&"a+b c".to_owned()), "{app} {name}");
            assert!(path.readings("nokey").is_empty());
        }
    }

    #[test]
    fn a_key_is_taken_as_it_was_typed() {
        for key in [
            "plain",
            "a+b",
            "a b",
            "V/FJglIHz",
            "abc=",
            "x&y",
            "x#y",
            "x?y",
            "\u{5bc6}\u{94a5}",
            "a'b",
            "a&key=b",
            "%41",
        ] {
            for (app, name) in [
                ("in/weekly".to_owned(), format!("alice?key={key}")),
                ("in".to_owned(), format!("weekly/alice?key={key}")),
                (format!("in/weekly?key={key}"), "alice".to_owned()),
                // What an encoder adds by itself.
                ("in/weekly".to_owned(), format!("alice?key={key}?clientConfigId=0123")),
                ("in/weekly".to_owned(), format!("alice?key={key}&clientConfigId=0123")),
            ] {
                let found = readings(&app, &name, "");
                assert!(found.contains(&key.to_owned()), "{app} {name}: {found:?}");
                assert!(found.len() <= MAX_READINGS);
            }
        }
        // A client that draws the line at the last slash, which is one of the key.
        let path = Path::new("in/weekly/alice?key=V", "FJglIHz", "");
        assert!(path.readings("key").contains(&"V/FJglIHz".to_owned()));
        assert!(path.places().any(|place| place == ("in/weekly/alice", "")));
        assert_eq!(readings("in", "x?key=a%41b", ""), ["a%41b", "aAb"], "as it is before as it may be meant");
        assert_eq!(readings("in", &format!("x?key={}", "k".repeat(257)), ""), Vec::<String>::new());
    }
}
