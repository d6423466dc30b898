//! `/v1/rooms/{room}/participants`: who may be in a room.

use axum::{Json, extract::State, response::Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    keys,
    problem::Problem,
    rooms::answer,
    state::{ApiState, refused_part},
};
use crate::{
    base::{ParticipantId, RoomId},
    front::{
        model::{
            RoomDocument, RoomError,
            document::{Participant, Source},
            status::{ParticipantStatus, RoomView},
        },
        room::check,
    },
    layout::{Fault, json::Decoded},
};

/// One participant: what it should be, and under `status` what it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct ParticipantView {
    /// Its name in URLs.
    id: ParticipantId,
    /// What it should be.
    #[serde(flatten)]
    participant: Participant,
    /// True while the disk takes nothing and a restart would undo this change; left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsaved: bool,
    /// What it is.
    status: ParticipantStatus,
}

fn part(room: RoomView, id: ParticipantId) -> Result<Json<ParticipantView>, Problem> {
    let RoomView { id: room, mut document, mut status } = room;
    let participant = document.participants.remove(&id).ok_or_else(|| RoomError::NoParticipant(room, id.clone()))?;
    let unsaved = status.unsaved;
    let status = status.participants.remove(&id).unwrap_or_default();
    Ok(Json(ParticipantView { id, participant, unsaved, status }))
}

fn prefix(id: &ParticipantId) -> String {
    format!("/participants/{id}")
}

/// Adds the participant, or makes it what the document says; one that is connected stays so unless its source changes.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/participants/{participant}", tag = "participants",
    params(("room" = RoomId, Path, description = "The room"), ("participant" = ParticipantId, Path, description = "The participant")),
    request_body = Participant,
    responses((status = 200, body = ParticipantView), (status = 201, body = ParticipantView, description = "Added"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, ParticipantId)>,
    JsonBody(mut body): JsonBody,
) -> Result<Response, Problem> {
    let made = keys::of_participant(&mut body);
    let present = state.rooms().view(&room).await.ok().and_then(|mut view| view.document.participants.remove(&id));
    let check = |participant: &Participant| {
        let mut faults = state.0.rules.check_participant(participant);
        // A short one from before there was a rule may stay.
        if present.as_ref().is_some_and(|present| present.key() == participant.key()) {
            faults.retain(|fault| !check::is_short(fault));
        }
        faults
    };
    let mut participant = Decoded::from_value(body).checked(check).map_err(Problem::faults)?;
    let at = id.clone();
    let edit = move |document: &mut RoomDocument| {
        if let Some(key) = document.key(&at).filter(|_| made) {
            participant.source = Source::Publish { key: key.clone() };
        }
        Ok(document.participants.insert(at, participant).is_none())
    };
    let (view, added) = state.change(&room, edit).await.map_err(|error| refused_part(error, &prefix(&id)))?;
    Ok(answer(added, part(view, id)?))
}

/// What the participant should be, and under `status` what it is.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/participants/{participant}", tag = "participants",
    params(("room" = RoomId, Path, description = "The room"), ("participant" = ParticipantId, Path, description = "The participant")),
    responses((status = 200, body = ParticipantView))
)]
pub async fn get(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, ParticipantId)>,
) -> Result<Json<ParticipantView>, Problem> {
    part(state.rooms().view(&room).await?, id)
}

/// Changes what a JSON merge patch (RFC 7396) names, such as `{"muted": true}`.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}/participants/{participant}", tag = "participants",
    params(("room" = RoomId, Path, description = "The room"), ("participant" = ParticipantId, Path, description = "The participant")),
    request_body(content = serde_json::Value, content_type = "application/merge-patch+json"),
    responses((status = 200, body = ParticipantView))
)]
pub async fn patch(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, ParticipantId)>,
    JsonBody(mut patch): JsonBody,
) -> Result<Json<ParticipantView>, Problem> {
    let (at, name) = (id.clone(), room.clone());
    let edit = move |document: &mut RoomDocument| {
        let present = document.participants.get_mut(&at).ok_or_else(|| RoomError::NoParticipant(name, at.clone()))?;
        keys::of_participants_patch(&mut patch, Some(present));
        let within = |fault: Fault| Fault { pointer: format!("{}{}", prefix(&at), fault.pointer), ..fault };
        let refuse = |faults: Vec<Fault>| RoomError::Faults(faults.into_iter().map(within).collect());
        *present = Decoded::patched(&*present, &patch).document().map_err(refuse)?;
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await.map_err(|error| refused_part(error, &prefix(&id)))?;
    part(view, id)
}

/// Removes the participant and ends its connection; answers with the room.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/participants/{participant}", tag = "participants",
    params(("room" = RoomId, Path, description = "The room"), ("participant" = ParticipantId, Path, description = "The participant")),
    responses((status = 200, body = RoomView))
)]
pub async fn delete(
    State(state): State<ApiState>,
    Names((room, id)): Names<(RoomId, ParticipantId)>,
) -> Result<Json<RoomView>, Problem> {
    let name = room.clone();
    let edit = move |document: &mut RoomDocument| {
        document.pins.retain(|pin| *pin != id);
        document.participants.remove(&id).map(drop).ok_or(RoomError::NoParticipant(name, id))
    };
    let (view, ()) = state.change(&room, edit).await?;
    Ok(Json(view))
}
