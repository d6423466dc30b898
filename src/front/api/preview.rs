//! Pictures of templates, for which no room is needed.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    body::{Asked, JsonBody, Names},
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::layout::json::Decoded;
use crate::{
    base::{AssetHash, TemplateName},
    draw::{self, Rehearsal},
    layout::{Arguments, Canvas, Layout, Template},
};

/// How a preview is drawn.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewQuery {
    participants: usize,
    screen: Option<usize>,
    speaking: usize,
    pinned: usize,
    seconds: u64,
    canvas: Option<String>,
    width: u32,
    height: u32,
    parameters: Option<String>,
}

impl Default for PreviewQuery {
    fn default() -> Self {
        let (screen, canvas, parameters) = (None, None, None);
        Self {
            participants: 7,
            screen,
            speaking: 1,
            pinned: 0,
            seconds: 0,
            canvas,
            width: 1280,
            height: 720,
            parameters,
        }
    }
}

fn refuse(detail: String) -> Problem {
    Problem::new(Kind::InvalidAddress, detail)
}

impl PreviewQuery {
    fn rehearsal(&self) -> Result<Rehearsal, Problem> {
        let Self { participants, screen: screens, speaking, pinned, seconds, .. } = *self;
        let rehearsal = Rehearsal { participants, screens, speaking, pinned, seconds };
        rehearsal.fault().map_or(Ok(rehearsal), |fault| Err(refuse(fault)))
    }

    fn canvas(&self) -> Result<Canvas, Problem> {
        let (mut width, mut height) = (self.width, self.height);
        if let Some(canvas) = &self.canvas {
            let sides = canvas.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            (width, height) =
                sides.ok_or_else(|| refuse("canvas is written WIDTHxHEIGHT, such as 1920x1080".to_owned()))?;
        }
        let canvas = Canvas { width, height, ..Canvas::default() };
        match canvas.check().into_iter().next() {
            Some(fault) => Err(refuse(format!("{} {}", fault.pointer.trim_start_matches('/'), fault.detail))),
            None => Ok(canvas),
        }
    }

    fn arguments(&self, template: &Template) -> Result<Arguments, Problem> {
        let text = self.parameters.as_deref().unwrap_or("{}");
        let arguments: Arguments = serde_json::from_str(text)
            .map_err(|_| refuse("parameters is JSON, such as {\"corner\":\"top_left\",\"size\":0.2}".to_owned()))?;
        match template.check_arguments(&arguments).into_iter().next() {
            Some(fault) => Err(refuse(format!("parameters: {fault}"))),
            None => Ok(arguments),
        }
    }
}

async fn draw(state: ApiState, query: &PreviewQuery, template: &Template) -> Result<Response, Problem> {
    let (rehearsal, canvas, arguments) = (query.rehearsal()?, query.canvas()?, query.arguments(template)?);
    let assets = state.rooms().assets();
    let layout = Layout::new(template, &arguments, |name| assets.get(name).map(|asset| asset.hash));
    // The semaphore is never closed; a panic in the drawing is answered as any other.
    let place = state.0.previews.clone().acquire_owned().await.expect("an open semaphore");
    let shown = layout.images();
    let files: HashMap<AssetHash, Bytes> = assets
        .into_values()
        .filter(|asset| shown.contains(&asset.hash))
        .map(|asset| (asset.hash, asset.file))
        .collect();
    let draw = move || {
        let files = |hash| files.get(&hash).cloned();
        let picture = draw::preview(&mut draw::Fonts::load(), &layout, &rehearsal, &canvas, &files);
        drop(place);
        draw::png(&picture)
    };
    let png = tokio::task::spawn_blocking(draw)
        .await
        .map_err(|_| Problem::new(Kind::Internal, "the preview could not be drawn; the server's log says why"))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

/// The template drawn for a meeting that is not there.
#[utoipa::path(
    get, path = "/v1/layouts/{name}/preview.png", tag = "layouts",
    params(
        ("name" = TemplateName, Path, description = "The template"),
        ("participants" = Option<usize>, Query, description = "How many, 0 to 64; 7 when left out", maximum = 64),
        ("screen" = Option<usize>, Query, description = "How many of them are screen shares; when left out, one if the template asks for it"),
        ("speaking" = Option<usize>, Query, description = "Which has the floor, counted from 1; 0 is nobody; 1 when left out"),
        ("pinned" = Option<usize>, Query, description = "Which is pinned, counted from 1; 0 is nobody"),
        ("seconds" = Option<u64>, Query, description = "For how long this has been so: pages turn, silence lasts; 0 to 3600"),
        ("canvas" = Option<String>, Query, description = "Such as 1920x1080; 640x360 when left out"),
        ("width" = Option<u32>, Query, description = "px, even, 16 to 3840; in place of `canvas`"),
        ("height" = Option<u32>, Query, description = "px, even, 16 to 2160; in place of `canvas`"),
        ("parameters" = Option<String>, Query, description = "What a room would set, as JSON such as {\"corner\":\"top_left\"}"),
    ),
    responses((status = 200, content_type = "image/png", body = Vec<u8>))
)]
pub async fn named(
    State(state): State<ApiState>,
    Names(name): Names<TemplateName>,
    Asked(query): Asked<PreviewQuery>,
) -> Result<Response, Problem> {
    let (_, _) = (query.rehearsal()?, query.canvas()?);
    let template = state.rooms().template(&name)?.template;
    draw(state, &query, &template).await
}

/// A template that is not stored, drawn for a meeting that is not there; the query is that of `GET
/// /v1/layouts/{name}/preview.png`.
#[utoipa::path(
    post, path = "/v1/layouts/preview.png", tag = "layouts",
    params(
        ("participants" = Option<usize>, Query, description = "How many, 0 to 64; 7 when left out", maximum = 64),
        ("canvas" = Option<String>, Query, description = "Such as 1920x1080; 640x360 when left out"),
    ),
    request_body = Template,
    responses((status = 200, content_type = "image/png", body = Vec<u8>))
)]
pub async fn inline(
    State(state): State<ApiState>,
    Asked(query): Asked<PreviewQuery>,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    let template: Template = Decoded::from_value(body).checked(Template::check).map_err(Problem::faults)?;
    draw(state, &query, &template).await
}
