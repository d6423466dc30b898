//! Values of a query (`application/x-www-form-urlencoded`) as SRS passes it on. PURE.

use url::form_urlencoded;

/// Most parameters looked at: ours is one, and others have theirs.
const MAX_PARAMETERS: usize = 16;

/// The first value of `name` in a query without its `?`. Percent escapes are undone, and a plus stays a plus, since people type keys
/// into encoders as they are. SRS glues two queries together with a `?`, and a fragment with a `#`.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let query = query.replace('+', "%2B").replace(['?', '#'], "&");
    let mut parameters = form_urlencoded::parse(query.as_bytes()).take(MAX_PARAMETERS);
    parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}
