//! What every request passes before its handler, and every answer after.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{Extensions, HeaderMap, HeaderValue, Method, Response, header},
    middleware::Next,
    response::IntoResponse,
};

use super::{
    client::{address, peer},
    guess,
    problem::{Kind, Problem},
    proxy,
    state::ApiState,
    webrtc_door::is_door,
};
use crate::front::{
    cluster::Inward,
    metrics::HttpRequest,
    net::{guess::Scope, keys::KeyError, origin, rate, serve::Visit},
};

/// Longest time to the head of an answer: a slow body's 10 s and a room's answer, which takes milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Counts and times every answer, whichever layer gave it.
pub(super) async fn count(State(state): State<ApiState>, mut request: Request, next: Next) -> axum::response::Response {
    let began = Instant::now();
    proxy::look_behind(&state, &mut request);
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let peer = peer(&request);
    let mut response = next.run(request).await;
    let took = began.elapsed();
    let status = response.status().as_u16();
    match method {
        "GET" | "HEAD" => tracing::debug!(%peer, method, route, status, ?took, "answered"),
        _ => tracing::info!(%peer, method, route, status, ?took, "answered"),
    }
    state.0.counters.http_answered(HttpRequest { method, route, status }, took);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Keeps rates, and without API keys the origin; bounds the time to an answer.
pub(super) async fn pass(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<axum::response::Response, Problem> {
    if request.extensions().get::<Inward>().is_some() {
        // The front that the client came to has looked at it.
        return answered(next.run(request)).await;
    }
    if is_hook(request.uri().path()) {
        // One SRS tells of everybody's streams, more often than people ask, and is refused for a wrong secret alone.
        return answered(next.run(request)).await;
    }
    if !is_for_everybody(request.uri().path()) {
        state.0.requests.take(peer(&request)).map_err(|wait| {
            let detail = "this address asks too often; wait as long as Retry-After says, or raise rate_per_second";
            Problem::new(Kind::RateLimited, detail).retry_after(rate::retry_after(wait))
        })?;
    }
    if is_door(request.uri().path()) {
        // Who publishes or watches brings a key or token, or watches what is open to whoever comes; no cookie speaks for anybody.
        if !state.0.origins.admit(&request) {
            let detail =
                "pages of that origin may not publish or watch here; the operator can let them with --allow-origin";
            return Err(Problem::new(Kind::ForbiddenOrigin, detail));
        }
    } else if state.0.keys.is_empty() {
        origin::admit(request.method(), request.uri(), request.headers())
            .map_err(|error| Problem::new(Kind::ForbiddenOrigin, error.to_string()))?;
    }
    answered(next.run(request)).await
}

async fn answered(answer: impl Future<Output = axum::response::Response>) -> Result<axum::response::Response, Problem> {
    tokio::time::timeout(ANSWER_TIMEOUT, answer)
        .await
        .map_err(|_| Problem::new(Kind::TimedOut, "nothing is known of the change; GET the room to see what is true"))
}

/// Asks for an API key.
pub(super) async fn unlock(
    State(state): State<ApiState>,
    request: Request,
    next: Next,
) -> Result<axum::response::Response, Problem> {
    show_key(&state, request.headers(), request.extensions()).await?;
    Ok(next.run(request).await)
}

/// Lets a request pass that brings an API key.
pub(super) async fn show_key(state: &ApiState, headers: &HeaderMap, extensions: &Extensions) -> Result<(), Problem> {
    let refused = match state.0.keys.admit(headers) {
        Ok(()) => {
            extensions.get::<Visit>().into_iter().for_each(Visit::mark_known);
            return Ok(());
        }
        Err(refused) => refused,
    };
    let problem = Problem::new(Kind::Unauthorized, refused.to_string());
    match refused {
        KeyError::Missing => Err(problem.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        // The right key still passes from this address: a neighbour's mistake locks nobody out, and guessing keys of the
        // least length at the rate for requests takes longer than the universe has.
        KeyError::Wrong => {
            let peer = address(extensions);
            guess::wrong(state, peer, Scope::Api).await?;
            tracing::warn!(%peer, "wrong API key");
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            Err(problem.header(header::WWW_AUTHENTICATE, challenge))
        }
    }
}

/// A handler panicked: that request fails, told and logged, and no other.
#[expect(clippy::needless_pass_by_value, reason = "the signature is tower-http's")]
pub(super) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("unknown"), "a request failed");
    Problem::new(Kind::Internal, "this is a fault of the server and is in its log; please report it").into_response()
}

/// What orchestrators ask, and the page to join with: an answer costs less than counting, and whoever is refused it takes
/// the server for dead.
fn is_for_everybody(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz") || path.starts_with("/join/")
}

fn is_hook(path: &str) -> bool {
    path == "/hooks/srs" || path.starts_with("/hooks/srs/")
}

/// The method as a metric's label: a client may send any word, a label must not be one.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
