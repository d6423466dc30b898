//! The endpoints of WHIP and WHEP, and the headers that browsers need at their paths.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::{self, Next},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{problem::Problem, state::ApiState, webrtc_door::is_door, whep, whip};
use crate::front::model::RoomError;

/// The endpoints.
pub(super) fn endpoints(state: &ApiState) -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(whip::publish, whip::options))
        .routes(routes!(whip::change, whip::leave, whip::session_options))
        .routes(routes!(whep::watch, whep::options))
        .routes(routes!(whep::change, whep::leave, whep::session_options))
        .route_layer(middleware::from_fn_with_state(state.clone(), open))
}

/// Lets nobody in once the server stops. Whoever was just sent away may ask on a connection that still stands, and would take a
/// welcome for a sign that somebody else has the place.
async fn open(State(state): State<ApiState>, request: Request, next: Next) -> Result<Response, Problem> {
    match state.0.stopping.is_cancelled() {
        true => Err(RoomError::Stopping.into()),
        false => Ok(next.run(request).await),
    }
}

/// Adds what browsers ask for (Fetch Standard §3.2) to whatever the endpoints' paths are answered with, refusals of outer layers too,
/// so that a page can say what was wrong.
pub(super) async fn cross_origin(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if !is_door(request.uri().path()) {
        return next.run(request).await;
    }
    let preflight = request.method() == Method::OPTIONS;
    let fixed = |text| HeaderValue::from_static(text);
    let origin = match state.0.origins.is_any() {
        true => Some(fixed("*")),
        false => request.headers().get(header::ORIGIN).filter(|_| state.0.origins.admit(&request)).cloned(),
    };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if !state.0.origins.is_any() {
        headers.append(header::VARY, fixed("Origin"));
    }
    match origin {
        Some(origin) => headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        // Another front may have another mind.
        None => headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN),
    };
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        fixed("Location, ETag, Link, Accept-Patch, Accept-Post, Retry-After"),
    );
    if preflight {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, fixed("POST, PATCH, DELETE, OPTIONS"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, fixed("Authorization, Content-Type, If-Match"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, fixed("86400"));
    }
    response
}
