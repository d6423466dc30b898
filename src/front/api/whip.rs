//! `/whip/{room}/{participant}`: publishing from a browser or an encoder, by WebRTC (RFC 9725).

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;

use super::{
    body::{Asked, Names},
    client,
    problem::{Kind, Problem},
    webrtc_door::{self as webrtc, Shared},
};
use crate::base::{ParticipantId, RoomId};

/// Whether to throw out who is there. Other parameters are the client's own affair.
#[derive(Debug, Deserialize)]
pub struct Resolve {
    #[serde(default)]
    takeover: u8,
}

impl Resolve {
    fn takes_over(&self) -> Result<bool, Problem> {
        match self.takeover {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Problem::new(Kind::InvalidAddress, "takeover is 0 or 1")),
        }
    }
}

const NO_KEY: &str = "send the participant's publish key in the header Authorization: Bearer KEY";

/// Publishes: an offer of sound (Opus) and picture (H.264, VP8, VP9 or AV1; simulcast too) is answered. The participant's place
/// is taken once the connection stands. While somebody else is live there, the answer is 409 with the type `place-taken`, which says
/// who, unless `takeover` is 1: then they are thrown out. `Location` names the session, `Link` the STUN and TURN servers.
#[utoipa::path(
    post, path = "/whip/{room}/{participant}", tag = "webrtc",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("participant" = ParticipantId, Path, description = "The participant"),
        ("takeover" = Option<u8>, Query, minimum = 0, maximum = 1,
            description = "With 1 the place is taken from whoever is live there; left out or 0, the offer is refused then"),
        ("Authorization" = String, Header, description = "`Bearer` and the participant's publish key"),
    ),
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    responses((status = 201, content_type = "application/sdp", body = String, description = "The answer"))
)]
pub async fn publish(
    shared: Shared,
    from: client::From,
    Names((room, participant)): Names<(RoomId, ParticipantId)>,
    Asked(resolve): Asked<Resolve>,
    request: Request,
) -> Result<Response, Problem> {
    let webrtc = &shared.0.0.webrtc;
    let key = webrtc::bearer(request.headers()).ok_or_else(|| webrtc::unnamed(NO_KEY))?;
    webrtc.may_publish(&room, &participant, &key).await.map_err(webrtc::refused)?;
    from.mark_known();
    if !resolve.takes_over()? {
        webrtc.is_free(&room, &participant, from.ip).await?;
    }
    let offer = webrtc::sdp(request).await?;
    let at = format!("/whip/{room}/{participant}");
    let links = webrtc.links(participant.as_str());
    let answer = webrtc.publish((room.clone(), participant.clone()), key.clone(), from.ip, &offer);
    if let Err(error) = &answer {
        webrtc.refused(&room, &participant, &key, error.to_string()).await;
    }
    let answer = answer?;
    Ok(webrtc::created(answer, &at, &links))
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
    let Some(key) = webrtc::bearer(&headers) else { return Ok(webrtc::capabilities(&[])) };
    let may = state.0.webrtc.may_publish(&room, &participant, &key).await;
    may.map_err(webrtc::refused)?;
    Ok(webrtc::capabilities(&state.0.webrtc.links(participant.as_str())))
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
    webrtc::patch(&shared, &place.2, request).await
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
    webrtc::delete(&shared, &place.2).await
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
    webrtc::capabilities(&[])
}
