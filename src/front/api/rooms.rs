//! `/v1/rooms`: whole rooms.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    json::Decoded,
    problem::Problem,
    state::ApiState,
};
use crate::{
    base::RoomId,
    front::room::{RoomDocument, RoomError, status::RoomView},
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

/// Creates the room, or makes it what the document says; sending the same document again changes nothing.
#[utoipa::path(
    put, path = "/v1/rooms/{room}", tag = "rooms", params(("room" = RoomId, Path, description = "The room")),
    request_body = RoomDocument,
    responses((status = 200, body = RoomView), (status = 201, body = RoomView, description = "Created"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let templates = state.rooms().templates();
    let check = |document: &RoomDocument| state.0.rules.check(document, &templates);
    let document = Decoded::from_value(body).checked(check).map_err(Problem::faults)?;
    let (view, created) = state.rooms().put(&room, document).await?;
    Ok(answer(created, Json(view)))
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
    JsonBody(patch): JsonBody,
) -> Result<Json<RoomView>, Problem> {
    let edit = move |document: &mut RoomDocument| {
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
