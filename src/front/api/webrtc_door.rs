//! What WHIP and WHEP have in common: SDP bodies, sessions and the headers that browsers need.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::{
    body::BODY_TIMEOUT,
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::{
    base::Secret,
    front::{
        doors::webrtc::{Answer, Changed, SessionId},
        webrtc::{self, Fragment},
    },
};

/// Largest SDP, bytes: a browser's offer of two tracks with every codec and ten candidates is 8 kB.
pub const MAX_SDP_BYTES: usize = 64 * 1024;

/// What bodies with SDP are declared as.
pub(super) const SDP: &str = "application/sdp";
/// What bodies with an SDP fragment are declared as.
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// True for the paths of the endpoints.
pub(super) fn is_door(path: &str) -> bool {
    path.starts_with("/whip/") || path.starts_with("/whep/")
}

/// The offer, read whole within bounds of size and time. Not an extractor, so that nobody reads it before the key.
pub(super) async fn sdp(request: Request<Body>) -> Result<String, Problem> {
    read(request, SDP).await
}

async fn read(request: Request<Body>, kind: &'static str) -> Result<String, Problem> {
    let (parts, body) = request.into_parts();
    let content = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.and_then(|text| text.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case(kind)) {
        return Err(Problem::new(Kind::NotSdp, format!("send the body with the header Content-Type: {kind}")));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_SDP_BYTES).collect()).await;
    let body = body.map_err(|_| Problem::new(Kind::SlowBody, "send the whole body within 10 s"))?;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => Problem::new(Kind::TooLarge, format!("a body may have at most {MAX_SDP_BYTES} bytes")),
        false => Problem::new(Kind::MalformedSdp, "the body ended before it was complete"),
    })?;
    String::from_utf8(body.to_bytes().into()).map_err(|_| Problem::new(Kind::MalformedSdp, "the body is not UTF-8"))
}

/// The key or token that came along (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::new(key.trim()))
}

/// Says that a key or token does not fit.
pub(super) fn refused(error: webrtc::Error) -> Problem {
    let problem = Problem::from(error);
    match problem.kind() {
        Kind::KeyNeeded => {
            problem.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""))
        }
        _ => problem,
    }
}

/// Says that a key or token is needed.
pub(super) fn unnamed(detail: &str) -> Problem {
    Problem::new(Kind::KeyNeeded, detail).header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

/// The answer to a POST: 201 with where the session is.
pub(super) fn created(answer: Answer, at: &str, links: &[String]) -> Response {
    let mut response = (StatusCode::CREATED, answer.sdp).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    add(headers, header::LOCATION, &format!("{at}/{}", answer.id));
    add(headers, header::ETAG, &answer.etag);
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(FRAGMENT));
    servers(headers, links);
    response
}

/// The answer to OPTIONS; links to servers with credentials only for who was let in.
pub(super) fn capabilities(links: &[String]) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("accept-post"), HeaderValue::from_static(SDP));
    servers(headers, links);
    response
}

fn servers(headers: &mut HeaderMap, links: &[String]) {
    for link in links {
        if let Ok(value) = HeaderValue::from_str(link) {
            headers.append(header::LINK, value);
        }
    }
}

fn add(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    // Names of rooms, participants and sessions are letters and digits.
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

fn session(text: &str) -> Result<SessionId, Problem> {
    let missing =
        || Problem::new(Kind::NoSession, "there is no such session, or it has ended; POST an offer to begin another");
    SessionId::parse(text).ok_or_else(missing)
}

/// Trickled candidates or an ICE restart.
pub(super) async fn patch(state: &ApiState, id: &str, request: Request<Body>) -> Result<Response, Problem> {
    let id = session(id)?;
    // Its name is the key: what comes for no session is not read.
    state.0.webrtc.find(&id)?;
    let wanted = request.headers().get(header::IF_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fragment = Fragment::parse(&read(request, FRAGMENT).await?)?;
    match state.0.webrtc.change(&id, wanted.as_deref(), fragment).await? {
        Changed::Trickled => Ok(StatusCode::NO_CONTENT.into_response()),
        Changed::Restarted { fragment, etag } => {
            let mut response = fragment.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(FRAGMENT));
            add(response.headers_mut(), header::ETAG, &etag);
            Ok(response)
        }
    }
}

/// The client leaves.
pub(super) async fn delete(state: &ApiState, id: &str) -> Result<StatusCode, Problem> {
    state.0.webrtc.leave(&session(id)?).await?;
    Ok(StatusCode::OK)
}

/// What every handler here is given.
pub(super) type Shared = State<ApiState>;
