//! `/whip/{room}/{participant}`: publishing from a browser or an encoder, by WebRTC (RFC 9725).

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    body::Names,
    guard,
    problem::Problem,
    wish::{self, Shared},
};
use crate::base::{ParticipantId, RoomId};

const NO_KEY: &str = "send the participant's publish key in the header Authorization: Bearer KEY";

/// Publishes: an offer of sound (Opus) and picture (H.264, VP8, VP9 or AV1; simulcast too) is answered. The participant's place
/// is taken over once the connection stands. `Location` names the session, `Link` the STUN and TURN servers.
#[utoipa::path(
    post, path = "/whip/{room}/{participant}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
        ("Authorization" = String, Header, description = "`Bearer` and the participant's publish key"),
    ),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses((status = 201, content_type = "application/sdp", body = String, description = "The answer"))
)]
pub async fn publish(
    shared: Shared,
    from: guard::From,
    Names((room, participant)): Names<(RoomId, ParticipantId)>,
    request: Request,
) -> Result<Response, Problem> {
    let webrtc = &shared.0.0.webrtc;
    let key = wish::bearer(request.headers()).ok_or_else(|| wish::unnamed(NO_KEY))?;
    webrtc.may_publish(&room, &participant, &key).await.map_err(wish::refused)?;
    from.mark_known();
    let offer = wish::sdp(request).await?;
    let at = format!("/whip/{room}/{participant}");
    let links = webrtc.links(participant.as_str());
    let answer = webrtc.publish((room.clone(), participant.clone()), key.clone(), from.ip, &offer);
    if let Err(error) = &answer {
        webrtc.refused(&room, &participant, &key, error.to_string()).await;
    }
    let answer = answer?;
    Ok(wish::created(answer, &at, &links))
}

/// What may be sent here; with the participant's key also the STUN and TURN servers, in `Link`, for those who must know them
/// before they make an offer.
#[utoipa::path(
    options, path = "/whip/{room}/{participant}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
    ),
    responses((status = 204, description = "`Accept-Post`, and `Link` for whom the key fits"))
)]
pub async fn options(
    shared: Shared,
    Names((room, participant)): Names<(RoomId, ParticipantId)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let state = shared.0;
    let Some(key) = wish::bearer(&headers) else { return Ok(wish::capabilities(&[])) };
    let may = state.0.webrtc.may_publish(&room, &participant, &key).await;
    may.map_err(wish::refused)?;
    Ok(wish::capabilities(&state.0.webrtc.links(participant.as_str())))
}

/// Hears candidates of the client's, which are not needed, or with `If-Match: *` and new credentials restarts ICE.
#[utoipa::path(
    patch, path = "/whip/{room}/{participant}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
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
    Names(place): Names<(RoomId, ParticipantId, String)>,
    request: Request,
) -> Result<Response, Problem> {
    wish::patch(&shared, &place.2, request).await
}

/// Stops publishing.
#[utoipa::path(
    delete, path = "/whip/{room}/{participant}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
        ("session" = String, Path, description = "The session, as `Location` named it"),
    ),
    responses((status = 200, description = "The session has ended"))
)]
pub async fn leave(
    shared: Shared,
    Names(place): Names<(RoomId, ParticipantId, String)>,
) -> Result<StatusCode, Problem> {
    wish::delete(&shared, &place.2).await
}

/// What may be sent to a session; browsers ask before they do.
#[utoipa::path(
    options, path = "/whip/{room}/{participant}/{session}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
        ("session" = String, Path, description = "The session, as `Location` named it"),
    ),
    responses((status = 204, description = "The headers that browsers ask for"))
)]
pub async fn session_options(Names(_place): Names<(RoomId, ParticipantId, String)>) -> Response {
    wish::capabilities(&[])
}
