//! `/v1/layouts`: templates.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{Asked, JsonBody, Names},
    json::Decoded,
    problem::{Kind, Problem},
    rooms::answer,
    state::ApiState,
};
use crate::{
    base::TemplateName,
    draw,
    layout::{Canvas, MAX_TILES, Template},
};

/// Every template.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayoutList {
    /// By name.
    layouts: Vec<NamedTemplate>,
}

/// A template with its name.
#[derive(Debug, Serialize, ToSchema)]
pub struct NamedTemplate {
    /// What rooms call it by.
    name: TemplateName,
    /// True for one that came with the server and was not replaced; `DELETE` brings it back.
    built_in: bool,
    /// The template itself.
    template: Template,
}

/// Every template by name, built-in and stored.
#[utoipa::path(get, path = "/v1/layouts", tag = "layouts", responses((status = 200, body = LayoutList)))]
pub async fn list(State(state): State<ApiState>) -> Json<LayoutList> {
    let named = |(name, template, built_in)| NamedTemplate { name, built_in, template };
    Json(LayoutList { layouts: state.rooms().templates().await.into_iter().map(named).collect() })
}

/// Stores a template, in place of a built-in one if it has that name; rooms that use it change at once.
#[utoipa::path(
    put, path = "/v1/layouts/{name}", tag = "layouts", params(("name" = TemplateName, Path, description = "The template")),
    request_body = Template,
    responses((status = 200, body = Template), (status = 201, body = Template, description = "Created"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let template: Template = Decoded::from_value(body).checked(Template::check).map_err(Problem::faults)?;
    let created = state.rooms().put_template(&name, template.clone()).await?;
    Ok(answer(created, Json(template)))
}

/// One template.
#[utoipa::path(
    get, path = "/v1/layouts/{name}", tag = "layouts", params(("name" = TemplateName, Path, description = "The template")),
    responses((status = 200, body = Template))
)]
pub async fn get(State(state): State<ApiState>, Names(name): Names<TemplateName>) -> Result<Json<Template>, Problem> {
    Ok(Json(state.rooms().template(&name).await?))
}

/// Forgets a stored template. One that a room uses stays, unless a built-in one of its name takes over.
#[utoipa::path(
    delete, path = "/v1/layouts/{name}", tag = "layouts", params(("name" = TemplateName, Path, description = "The template")),
    responses((status = 204, description = "The stored template is gone"))
)]
pub async fn delete(State(state): State<ApiState>, Names(name): Names<TemplateName>) -> Result<StatusCode, Problem> {
    state.rooms().delete_template(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a preview is drawn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewQuery {
    participants: usize,
    width: u32,
    height: u32,
}

impl Default for PreviewQuery {
    fn default() -> Self {
        Self { participants: 4, width: 640, height: 360 }
    }
}

/// The template drawn for so many made-up participants, on a canvas of this size.
#[utoipa::path(
    get, path = "/v1/layouts/{name}/preview.png", tag = "layouts",
    params(
        ("name" = TemplateName, Path, description = "The template"),
        ("participants" = Option<usize>, Query, description = "How many, 0 to 64; 4 when left out", maximum = 64),
        ("width" = Option<u32>, Query, description = "px, even, 16 to 3840; 640 when left out"),
        ("height" = Option<u32>, Query, description = "px, even, 16 to 2160; 360 when left out"),
    ),
    responses((status = 200, content_type = "image/png", body = Vec<u8>))
)]
pub async fn preview(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    Asked(query): Asked<PreviewQuery>,
) -> Result<Response, Problem> {
    let PreviewQuery { participants, width, height } = query;
    if participants > MAX_TILES {
        return Err(Problem::new(
            Kind::InvalidAddress,
            format!("participants is {participants}; ask for 0 to {MAX_TILES}"),
        ));
    }
    let canvas = Canvas { width, height, ..Canvas::default() };
    if let Some(fault) = canvas.check().into_iter().next() {
        let name = fault.pointer.trim_start_matches('/');
        return Err(Problem::new(Kind::InvalidAddress, format!("{name} {}", fault.detail)));
    }
    let template = state.rooms().template(&name).await?;
    // The semaphore is never closed; a panic in the drawing is answered as any other.
    let place = state.0.previews.clone().acquire_owned().await.expect("an open semaphore");
    let draw = move || {
        let picture = draw::preview(&mut draw::Fonts::load(), &template, participants, &canvas);
        drop(place);
        draw::png(&picture)
    };
    let png = tokio::task::spawn_blocking(draw)
        .await
        .map_err(|_| Problem::new(Kind::Internal, "the preview could not be drawn; the server's log says why"))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}
