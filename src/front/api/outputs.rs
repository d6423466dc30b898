//! `/v1/rooms/{room}/outputs`: where a program goes.

use axum::{Json, extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    problem::Problem,
    rooms::answer,
    state::{ApiState, no_output, refused_part},
};
use crate::{
    base::{OutputId, RoomId},
    front::model::{
        RoomDocument,
        document::Output,
        status::{OutputStatus, RoomView},
    },
    layout::json::Decoded,
};

/// One output: what it should be, and under `status` what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutputView {
    /// Its name in URLs.
    id: OutputId,
    /// What it should be.
    #[serde(flatten)]
    output: Output,
    /// What it is.
    status: OutputStatus,
}

fn part(room: RoomView, id: OutputId) -> Result<Json<OutputView>, Problem> {
    let RoomView { id: room, mut document, mut status } = room;
    let output = document.outputs.remove(&id).ok_or_else(|| no_output(&room, id.as_str()))?;
    let status = status.outputs.remove(&id).unwrap_or_default();
    Ok(Json(OutputView { id, output, status }))
}

/// Adds the output, or makes it what the document says; one that is live stays so unless its address changes.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/outputs/{output}", tag = "outputs",
    params(("room" = RoomId, Path, description = "The room"), ("output" = OutputId, Path, description = "The output")),
    request_body = Output,
    responses((status = 200, body = OutputView), (status = 201, body = OutputView, description = "Added"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, OutputId)>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let output: Output = Decoded::from_value(body).document().map_err(Problem::faults)?;
    let key = id.clone();
    let edit = move |document: &mut RoomDocument| Ok(document.outputs.insert(key, output).is_none());
    let prefix = format!("/outputs/{id}");
    let (view, added) = state.change(&room, edit).await.map_err(|error| refused_part(error, &prefix))?;
    Ok(answer(added, part(view, id)?))
}

/// What the output should be, and under `status` what it is.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/outputs/{output}", tag = "outputs",
    params(("room" = RoomId, Path, description = "The room"), ("output" = OutputId, Path, description = "The output")),
    responses((status = 200, body = OutputView))
)]
pub async fn get(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, OutputId)>,
) -> Result<Json<OutputView>, Problem> {
    part(state.rooms().view(&room).await?, id)
}

/// Removes the output and closes its connection; answers with the room.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/outputs/{output}", tag = "outputs",
    params(("room" = RoomId, Path, description = "The room"), ("output" = OutputId, Path, description = "The output")),
    responses((status = 200, body = RoomView))
)]
pub async fn delete(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, OutputId)>,
) -> Result<Json<RoomView>, Problem> {
    let at = id.clone();
    let edit = move |document: &mut RoomDocument| Ok(document.outputs.remove(&at).is_some());
    match state.change(&room, edit).await? {
        (view, true) => Ok(Json(view)),
        (_, false) => Err(no_output(&room, id.as_str())),
    }
}
