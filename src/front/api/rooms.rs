//! `/v1/rooms`: whole rooms.

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    body::{Asked, JsonBody, Names},
    keys,
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::{
    base::RoomId,
    front::{
        model::{RoomDocument, RoomError, status::RoomView},
        room::{Quote, check, rooms::Crowded},
    },
    layout::json::Decoded,
};

/// Every room.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomList {
    /// By id.
    rooms: Vec<RoomView>,
}

/// Every room, by id.
#[utoipa::path(get, path = "/v1/rooms", tag = "rooms", responses((status = 200, body = RoomList)))]
pub async fn list(State(state): State<ApiState>) -> Json<RoomList> {
    Json(RoomList { rooms: state.rooms().list().await })
}

/// What to do when there is no room for a new room.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    #[serde(default)]
    wait: u8,
}

/// What is asked of a document that is not to be made true.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    #[serde(default)]
    quote: u8,
    room: Option<RoomId>,
}

/// Creates the room, or makes it what the document says; sending the same document again changes nothing.
///
/// A new room for which the machine has not enough left is refused, unless it may wait. One that is there is never refused for
/// its size.
#[utoipa::path(
    put, path = "/v1/rooms/{room}", tag = "rooms",
    params(
        ("room" = RoomId, Path, description = "The room"),
        ("wait" = Option<u8>, Query, minimum = 0, maximum = 1,
            description = "1 makes a new room that does not fit now all the same, and has it begin when it does: \
                           `status.worker.delayed` says what it waits for; left out or 0, it is refused"),
    ),
    request_body = RoomDocument,
    responses((status = 200, body = RoomView), (status = 201, body = RoomView, description = "Created"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    Asked(patience): Asked<Patience>,
    JsonBody(mut body): JsonBody,
) -> Result<Response, Problem> {
    let crowded = match patience.wait {
        0 => Crowded::Refuse,
        1 => Crowded::Wait,
        _ => return Err(Problem::new(Kind::InvalidAddress, "wait is 0 or 1")),
    };
    let made = keys::of_room(&mut body);
    let present = state.rooms().view(&room).await.ok().map(|view| view.document);
    let document = document(&state, body, present.as_ref())?;
    let (view, created) = state.rooms().put(&room, document, made, crowded).await?;
    Ok(answer(created, Json(view)))
}

/// What a room of this document would cost, and whether there is room for it now. Nothing is changed.
#[utoipa::path(
    post, path = "/v1/rooms", tag = "rooms",
    params(
        ("quote" = u8, Query, minimum = 1, maximum = 1, description = "1, the only question there is"),
        ("room" = Option<RoomId>, Query,
            description = "The room that this document would replace: what it takes now counts as free"),
    ),
    request_body = RoomDocument, responses((status = 200, body = Quote))
)]
pub async fn quote(
    State(state): State<ApiState>,
    Asked(question): Asked<Question>,
    request: Request,
) -> Result<Json<Quote>, Problem> {
    if question.quote != 1 {
        let detail = "a room is made under its own name: PUT /v1/rooms/{room} with the same document; \
                      POST /v1/rooms?quote=1 only says what it would cost";
        return Err(Problem::new(Kind::InvalidAddress, detail));
    }
    let JsonBody(mut body) = JsonBody::from_request(request, &state).await?;
    keys::of_room(&mut body);
    let document = document(&state, body, None)?;
    Ok(Json(state.rooms().quote(question.room.as_ref(), &document).await?))
}

/// The document that was sent, or all its faults; what is said of keys that `present` has already is none.
fn document(state: &ApiState, body: Value, present: Option<&RoomDocument>) -> Result<RoomDocument, Problem> {
    let templates = state.rooms().templates();
    let check = |document: &RoomDocument| {
        let mut faults = state.0.rules.check(document, &templates);
        present.iter().for_each(|present| check::forgive_keys(&mut faults, present, document));
        faults
    };
    Decoded::from_value(body).checked(check).map_err(Problem::faults)
}

/// What the room should be, and under `status` what it is.
#[utoipa::path(
    get, path = "/v1/rooms/{room}", tag = "rooms", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = RoomView))
)]
pub async fn get(State(state): State<ApiState>, Names(room): Names<RoomId>) -> Result<Json<RoomView>, Problem> {
    Ok(Json(state.rooms().view(&room).await?))
}

/// Changes what a JSON merge patch (RFC 7396) names: a value replaces, null removes, the rest stays.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}", tag = "rooms", params(("room" = RoomId, Path, description = "The room")),
    request_body(content = serde_json::Value, content_type = "application/merge-patch+json"),
    responses((status = 200, body = RoomView))
)]
pub async fn patch(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(mut patch): JsonBody,
) -> Result<Json<RoomView>, Problem> {
    let edit = move |document: &mut RoomDocument| {
        keys::of_patch(&mut patch, document);
        *document = Decoded::patched(document, &patch).document().map_err(RoomError::Faults)?;
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await?;
    Ok(Json(view))
}

/// Ends the room: publishers and outputs are closed, its program stops.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}", tag = "rooms", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 204, description = "The room is gone"))
)]
pub async fn delete(State(state): State<ApiState>, Names(room): Names<RoomId>) -> Result<StatusCode, Problem> {
    state.rooms().delete(&room).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// 201 for what was created, 200 for what was there.
pub(super) fn answer(created: bool, body: impl IntoResponse) -> Response {
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    (status, body).into_response()
}
