//! `/v1/rooms/{room}/layout`, `/speaker` and `/snapshot.jpg`: what the program shows.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    json::Decoded,
    problem::Problem,
    state::{ApiState, refused_part},
};
use crate::{
    base::{ParticipantId, RoomId},
    front::room::{
        RoomDocument, RoomError,
        document::SpeakerMode,
        status::{RoomView, TileStatus},
    },
    layout::{Fault, LayoutChoice},
};

/// A room's layout: what it should be, and under `scene` where everyone is.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayoutView {
    /// What it should be.
    #[serde(flatten)]
    layout: LayoutChoice,
    /// Who is on the program, back to front, with their rectangles in px.
    scene: Vec<TileStatus>,
}

impl LayoutView {
    fn of(view: RoomView) -> Json<Self> {
        Json(Self { layout: view.document.layout, scene: view.status.scene })
    }
}

/// Arranges the program by another template, by name or inline.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/layout", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    request_body = LayoutChoice, responses((status = 200, body = LayoutView))
)]
pub async fn put_layout(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Json<LayoutView>, Problem> {
    let layout: LayoutChoice = Decoded::from_value(body).document().map_err(Problem::faults)?;
    let edit = move |document: &mut RoomDocument| {
        document.layout = layout;
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await.map_err(|error| refused_part(error, "/layout"))?;
    Ok(LayoutView::of(view))
}

/// The room's layout.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/layout", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = LayoutView))
)]
pub async fn get_layout(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<LayoutView>, Problem> {
    Ok(LayoutView::of(state.rooms().view(&room).await?))
}

/// Whom an operator gives the floor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorRequest {
    /// A participant of the room.
    participant: ParticipantId,
}

/// Who has the floor.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpeakerView {
    /// Who decides.
    mode: SpeakerMode,
    /// Who has the floor; null for nobody.
    participant: Option<ParticipantId>,
    /// True while an operator's `PUT` holds it.
    held: bool,
}

impl SpeakerView {
    fn of(view: RoomView) -> Json<Self> {
        let RoomView { document, status, .. } = view;
        Json(Self { mode: document.speaker.mode, participant: status.floor, held: status.floor_held })
    }
}

/// Gives the floor to a participant, until `DELETE` gives it back or another `PUT` gives it on.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    request_body = FloorRequest, responses((status = 200, body = SpeakerView))
)]
pub async fn put_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Json<SpeakerView>, Problem> {
    let FloorRequest { participant } = Decoded::from_value(body).document().map_err(Problem::faults)?;
    match state.rooms().hold_floor(&room, participant).await {
        Ok(view) => Ok(SpeakerView::of(view)),
        // The participant stands in the document, not in the path: the document is at fault.
        Err(error @ RoomError::NoParticipant(..)) => {
            Err(Problem::faults(vec![Fault { pointer: "/participant".to_owned(), detail: error.to_string() }]))
        }
        Err(error) => Err(error.into()),
    }
}

/// Who has the floor.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = SpeakerView))
)]
pub async fn get_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<SpeakerView>, Problem> {
    Ok(SpeakerView::of(state.rooms().view(&room).await?))
}

/// Gives the floor back: to whoever is heard when the mode is `auto`, to nobody when it is `manual`.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = SpeakerView))
)]
pub async fn delete_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<SpeakerView>, Problem> {
    Ok(SpeakerView::of(state.rooms().release_floor(&room).await?))
}

/// The newest frame of the program.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/snapshot.jpg", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>))
)]
pub async fn snapshot(State(state): State<ApiState>, Names(room): Names<RoomId>) -> Result<Response, Problem> {
    let jpeg = state.rooms().snapshot(&room).await?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response())
}
