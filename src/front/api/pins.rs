//! `/v1/rooms/{room}/pins`: whom the operator gives a place.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    problem::Problem,
    rooms::answer,
    state::{ApiState, refused_part},
};
use crate::{
    base::{ParticipantId, RoomId},
    front::model::{RoomDocument, RoomError, status::RoomView},
    layout::json::Decoded,
};

/// Whom to pin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// A participant of the room.
    participant: ParticipantId,
}

/// Everybody who is pinned.
#[derive(Debug, Serialize, ToSchema)]
pub struct PinList {
    /// In the order they were pinned.
    pins: Vec<ParticipantId>,
    /// True while the disk takes nothing and a restart would undo this change; left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsaved: bool,
}

impl PinList {
    fn of(view: RoomView) -> Json<Self> {
        Json(Self { pins: view.document.pins, unsaved: view.status.unsaved })
    }
}

/// Pins a participant after those who are pinned already; templates with a place for `pinned` show them there. Pinning
/// somebody again changes nothing.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/pins", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    request_body = PinRequest,
    responses((status = 200, body = PinList), (status = 201, body = PinList, description = "Pinned"))
)]
pub async fn post(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let PinRequest { participant } = Decoded::from_value(body).document().map_err(Problem::faults)?;
    let edit = move |document: &mut RoomDocument| {
        let fresh = !document.pins.contains(&participant);
        if fresh {
            document.pins.push(participant);
        }
        Ok(fresh)
    };
    let (view, fresh) = state.change(&room, edit).await.map_err(|error| match error {
        // Whatever is wrong with the list is wrong with what was added to it.
        RoomError::Faults(mut faults) => {
            faults.iter_mut().for_each(|fault| fault.pointer = "/participant".to_owned());
            Problem::faults(faults)
        }
        other => other.into(),
    })?;
    Ok(answer(fresh, PinList::of(view)).into_response())
}

/// Everybody who is pinned.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/pins", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = PinList))
)]
pub async fn get(State(state): State<ApiState>, Names(room): Names<RoomId>) -> Result<Json<PinList>, Problem> {
    Ok(PinList::of(state.rooms().view(&room).await?))
}

/// Takes a pin away; one that is not there is away already.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/pins/{participant}", tag = "stage",
    params(("room" = RoomId, Path, description = "The room"), ("participant" = ParticipantId, Path, description = "The participant")),
    responses((status = 200, body = PinList))
)]
pub async fn delete(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, ParticipantId)>,
) -> Result<Json<PinList>, Problem> {
    let edit = move |document: &mut RoomDocument| {
        document.pins.retain(|pin| *pin != id);
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await.map_err(|error| refused_part(error, "/pins"))?;
    Ok(PinList::of(view))
}
