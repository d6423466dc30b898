//! `/v1/rooms/{room}/layout`, `/speaker` and `/snapshot.jpg`: what the program shows.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use time::{Duration as Milliseconds, OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;

use super::{
    body::{JsonBody, Names},
    layouts::missing_images,
    problem::Problem,
    state::{ApiState, refused_part},
};
use crate::{
    base::{ParticipantId, RoomId},
    front::model::{
        RoomDocument, RoomError,
        document::NextLayout,
        status::{RoomView, SpeakerStatus, TileStatus},
    },
    layout::{Arguments, Fault, LayoutChoice, TemplateChoice, choice::PeopleWish, json::Decoded},
};

/// A room's layout: what it should be, and under `scene` where everyone is.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayoutView {
    /// What it should be.
    #[serde(flatten)]
    layout: LayoutChoice,
    /// What takes its place at a certain time.
    next: Option<NextLayout>,
    /// Who is on the program, back to front, with their rectangles in px.
    scene: Vec<TileStatus>,
    /// Images that the template shows and that are not there, with their places in it; only in the answer to a change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Fault>,
    /// True while the disk takes nothing and a restart would undo this change; left out otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsaved: bool,
}

impl LayoutView {
    fn of(view: RoomView) -> Json<Self> {
        let RoomDocument { layout, next_layout: next, .. } = view.document;
        Json(Self { layout, next, scene: view.status.scene, warnings: Vec::new(), unsaved: view.status.unsaved })
    }
}

/// What to arrange the program by, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LayoutRequest {
    /// By name, or inline.
    template: TemplateChoice,
    /// Time every change of scene takes, 0 to 5000 ms; 0 cuts. Left out, as the template says.
    #[serde(default)]
    #[schema(maximum = 5000)]
    transition_ms: Option<u32>,
    /// What this room sets of the template's parameters, by name.
    #[serde(default)]
    parameters: Arguments,
    /// Who of those without a picture is shown, in place of what the template says.
    #[serde(default)]
    people: PeopleWish,
    /// When: a time of RFC 3339, or a time of the program in ms as `status.program.pts_ms` counts. Left out, now.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = "2026-11-22T15:00:00Z")]
    at: Option<serde_json::Value>,
}

/// Longest time a layout may wait: what is planned for the day after tomorrow is planned elsewhere.
const LONGEST_AHEAD: Duration = Duration::from_secs(48 * 3600);

/// When a layout is to be: the moment, and the frame if the program's own time was given.
fn moment(at: &serde_json::Value, program_ms: i64) -> Result<(OffsetDateTime, Option<i64>), Problem> {
    let refuse = |detail: &str| Problem::faults(vec![Fault::new("/at", detail)]);
    let now = OffsetDateTime::now_utc();
    let (time, pts_ms) = match (at.as_str(), at.as_i64()) {
        (Some(text), _) => (OffsetDateTime::parse(text, &Rfc3339).ok(), None),
        (_, Some(ms)) => (now.checked_add(Milliseconds::milliseconds(ms.saturating_sub(program_ms))), Some(ms)),
        _ => (None, None),
    };
    let time = time.ok_or_else(|| {
        refuse("give a time as RFC 3339 writes it, such as 2026-11-22T15:00:00Z, or a time of the program in ms")
    })?;
    if time < now {
        return Err(refuse("has passed; leave `at` out to change the layout now"));
    }
    if time - now > LONGEST_AHEAD {
        return Err(refuse("is more than 48 hours ahead; ask again when it is nearer"));
    }
    Ok((time, pts_ms))
}

/// Arranges the program by another template, by name or inline; with `at`, to the frame at that time. One that waited makes
/// place for it.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/layout", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    request_body = LayoutRequest, responses((status = 200, body = LayoutView))
)]
pub async fn put_layout(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Json<LayoutView>, Problem> {
    let wanted: LayoutRequest = Decoded::from_value(body).document().map_err(Problem::faults)?;
    let LayoutRequest { template, transition_ms, parameters, people, at } = wanted;
    let wanted = template.clone();
    let layout = LayoutChoice { template, transition_ms, parameters, people };
    let next = match at {
        None => None,
        Some(at) => {
            let program_ms = state.rooms().view(&room).await?.status.program.pts_ms;
            let (time, pts_ms) = moment(&at, program_ms)?;
            let at = time.format(&Rfc3339).unwrap_or_default();
            Some(NextLayout { at, pts_ms, layout: layout.clone() })
        }
    };
    let prefix = if next.is_some() { "/next_layout/layout" } else { "/layout" };
    let edit = move |document: &mut RoomDocument| {
        if next.is_none() {
            document.layout = layout;
        }
        document.next_layout = next;
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await.map_err(|error| refused_part(error, prefix))?;
    let missing = missing_images(&state, &state.rooms().resolved(&wanted));
    for fault in &missing {
        tracing::warn!(%room, pointer = fault.pointer, "the layout shows an image that is missing: {}", fault.detail);
    }
    let Json(answer) = LayoutView::of(view);
    Ok(Json(LayoutView { warnings: missing, ..answer }))
}

/// Forgets the layout that waits for its time.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/layout/next", tag = "stage",
    params(("room" = RoomId, Path, description = "The room")), responses((status = 200, body = LayoutView))
)]
pub async fn delete_next_layout(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<LayoutView>, Problem> {
    let edit = |document: &mut RoomDocument| {
        document.next_layout = None;
        Ok(())
    };
    let (view, ()) = state.change(&room, edit).await?;
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

/// Longest time the floor may be given for, s: a day. Who wants it longer leaves the time out.
const MAX_TTL_SECONDS: u32 = 24 * 60 * 60;

/// Whom an operator gives the floor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorRequest {
    /// A participant of the room.
    participant: ParticipantId,
    /// For how long, 1 to 86 400 s; left out, until `DELETE` gives it back.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 86_400)]
    ttl_seconds: Option<u32>,
}

impl FloorRequest {
    fn check(&self) -> Vec<Fault> {
        match self.ttl_seconds {
            Some(ttl) if !(1..=MAX_TTL_SECONDS).contains(&ttl) => vec![Fault {
                pointer: "/ttl_seconds".to_owned(),
                detail: format!(
                    "{ttl} is out of range; 1 to {MAX_TTL_SECONDS} s are possible, and without this field the floor is held \
                     until it is given back"
                ),
            }],
            _ => Vec::new(),
        }
    }
}

/// Gives the floor to a participant, for `ttl_seconds` or until `DELETE` gives it back or another `PUT` gives it on.
#[utoipa::path(
    put, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    request_body = FloorRequest, responses((status = 200, body = SpeakerStatus))
)]
pub async fn put_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
    JsonBody(body): JsonBody,
) -> Result<Json<SpeakerStatus>, Problem> {
    let request = Decoded::from_value(body).checked(FloorRequest::check).map_err(Problem::faults)?;
    let ttl = request.ttl_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    match state.rooms().hold_floor(&room, request.participant, ttl).await {
        Ok(speaker) => Ok(Json(speaker)),
        // The participant stands in the document, not in the path: the document is at fault.
        Err(error @ RoomError::NoParticipant(..)) => {
            Err(Problem::faults(vec![Fault { pointer: "/participant".to_owned(), detail: error.to_string() }]))
        }
        Err(error) => Err(error.into()),
    }
}

/// Who has the floor, since when and why: how everyone stood when it moved, how they stand now, and what would move it.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = SpeakerStatus))
)]
pub async fn get_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<SpeakerStatus>, Problem> {
    Ok(Json(state.rooms().speaker(&room).await?))
}

/// Gives the floor back: to whoever is heard when the mode is `auto`, to nobody when it is `manual`.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/speaker", tag = "stage", params(("room" = RoomId, Path, description = "The room")),
    responses((status = 200, body = SpeakerStatus))
)]
pub async fn delete_speaker(
    State(state): State<ApiState>,
    Names(room): Names<RoomId>,
) -> Result<Json<SpeakerStatus>, Problem> {
    Ok(Json(state.rooms().release_floor(&room).await?))
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
