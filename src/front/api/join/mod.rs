//! `/join/{room}/{participant}`: the page with which a person joins from a browser. Static: it is the same for everybody, and what
//! it needs to know is in its address, the key behind the `#`, which browsers send to nobody.

use axum::{
    Router,
    extract::Path,
    http::{HeaderName, header},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{
    body::Names,
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::base::{ParticipantId, RoomId};

/// Everything comes from here and goes here; nobody may frame a page that has somebody's camera.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the page may ask its user for, and nothing that it embeds may.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(self), screen-wake-lock=(self), \
    geolocation=(), payment=(), usb=()";

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page and its parts. They hold nothing of anybody's, so they need no key.
pub(super) fn routes() -> Router<ApiState> {
    Router::new().route("/join/{room}/{participant}", get(page)).route("/join/{file}", get(part))
}

async fn page(Names(_place): Names<(RoomId, ParticipantId)>) -> Response {
    send(HTML, include_str!("page.html"))
}

async fn part(Path(file): Path<String>) -> Result<Response, Problem> {
    match file.as_str() {
        "page.css" => Ok(send(STYLE, include_str!("page.css"))),
        "page.js" => Ok(send(SCRIPT, include_str!("page.js"))),
        "call.js" => Ok(send(SCRIPT, include_str!("call.js"))),
        "words.js" => Ok(send(SCRIPT, include_str!("words.js"))),
        _ => Err(Problem::new(Kind::NoEndpoint, "to join, open /join/ROOM/PARTICIPANT#key=KEY")),
    }
}

fn send(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    (headers, text).into_response()
}
