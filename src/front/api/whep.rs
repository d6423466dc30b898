//! `/whep/{room}`: watching the program in a browser, by WebRTC (draft-ietf-wish-whep).

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{
    body::{Asked, Names},
    client,
    problem::Problem,
    webrtc_door::{self as webrtc, Shared},
};
use crate::{
    base::{ParticipantId, RoomId},
    front::model::Audience,
};

/// Whose sound to leave out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchQuery {
    /// Who watches: one who is in the meeting hears everyone but themselves.
    #[serde(rename = "for")]
    for_participant: Option<ParticipantId>,
}

/// Watches the program: an offer to receive H.264 and Opus is answered. With `for` the sound is everyone's but that
/// participant's, so that a page can publish and listen without an echo. `Location` names the session.
#[utoipa::path(
    post, path = "/whep/{room}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("for" = Option<ParticipantId>, Query, description = "The participant who listens, and is not to hear themselves"),
        ("Authorization" = Option<String>, Header, description = "`Bearer` and the room's `viewer_token`, if it has one"),
    ),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses((status = 201, content_type = "application/sdp", body = String, description = "The answer"))
)]
pub async fn watch(
    shared: Shared,
    from: client::From,
    Names(room): Names<RoomId>,
    Asked(query): Asked<WatchQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let (state, without) = (shared.0, query.for_participant);
    let webrtc = &state.0.webrtc;
    let token = webrtc::bearer(request.headers());
    let audience = webrtc.may_watch(&room, token.as_ref(), without.as_ref()).await.map_err(webrtc::refused)?;
    if audience == Audience::Invited {
        from.mark_known();
    }
    let offer = webrtc::sdp(request).await?;
    let at = format!("/whep/{room}");
    let links = webrtc.links(room.as_str());
    let answer = webrtc.watch((room, without), audience, from.ip, &offer)?;
    Ok(webrtc::created(answer, &at, &links))
}

/// What may be sent here; with the room's token also the STUN and TURN servers, in `Link`.
#[utoipa::path(
    options, path = "/whep/{room}", tag = "webrtc",
    params(("room" = RoomId, Path, description = "The room")),
    responses((status = 204, description = "`Accept-Post`, and `Link` for whom the token fits"))
)]
pub async fn options(shared: Shared, Names(room): Names<RoomId>, headers: HeaderMap) -> Result<Response, Problem> {
    let state = shared.0;
    let Some(token) = webrtc::bearer(&headers) else { return Ok(webrtc::capabilities(&[])) };
    let may = state.0.webrtc.may_watch(&room, Some(&token), None).await;
    may.map_err(webrtc::refused)?;
    Ok(webrtc::capabilities(&state.0.webrtc.links(room.as_str())))
}

/// Hears candidates of the client's, which are not needed, or with `If-Match: *` and new credentials restarts ICE.
#[utoipa::path(
    patch, path = "/whep/{room}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("session" = String, Path, description = "The session, as `Location` named it"),
        ("If-Match" = Option<String>, Header, description = "The last `ETag`, or `*` to restart ICE"),
    ),
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "RFC 8840 §9"),
    responses(
        (status = 204, description = "Candidates were taken"),
        (status = 200, content_type = "application/trickle-ice-sdpfrag", body = String, description = "ICE restarts")
    )
)]
pub async fn change(
    shared: Shared,
    Names(place): Names<(RoomId, String)>,
    request: Request,
) -> Result<Response, Problem> {
    webrtc::patch(&shared, &place.1, request).await
}

/// Stops watching.
#[utoipa::path(
    delete, path = "/whep/{room}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("session" = String, Path, description = "The session, as `Location` named it"),
    ),
    responses((status = 200, description = "The session has ended"))
)]
pub async fn leave(shared: Shared, Names(place): Names<(RoomId, String)>) -> Result<StatusCode, Problem> {
    webrtc::delete(&shared, &place.1).await
}

/// What may be sent to a session; browsers ask before they do.
#[utoipa::path(
    options, path = "/whep/{room}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("session" = String, Path, description = "The session, as `Location` named it"),
    ),
    responses((status = 204, description = "The headers that browsers ask for"))
)]
pub async fn session_options(Names(_place): Names<(RoomId, String)>) -> Response {
    webrtc::capabilities(&[])
}
