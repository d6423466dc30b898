//! Pictures of templates, for which no room is needed.

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
use crate::{
    base::{AssetName, TemplateName},
    draw::{Rehearsal, job::Preview},
    front::raster::{Raster, RasterError},
    layout::{Arguments, Canvas, Template, json::Decoded},
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
    let named = template.assets();
    let rasters = assets.into_iter().map(|(name, asset)| (name, asset.drawing.raster));
    let rasters: Vec<(AssetName, Raster)> = rasters.filter(|(name, _)| named.contains(name)).collect();
    let images = rasters.iter().map(|(name, raster)| (name.clone(), raster.hash, raster.file.len())).collect();
    let files: Vec<Bytes> = rasters.into_iter().map(|(_, raster)| raster.file).collect();
    let job = Preview { template: template.clone(), arguments, rehearsal, canvas, images };
    let png = state.rooms().rasterizer().preview(&job, &files).await.map_err(not_drawn)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

fn not_drawn(error: RasterError) -> Problem {
    match error {
        RasterError::Busy => Problem::new(Kind::Busy, error.to_string()),
        // The template and its images were checked, so whatever stops their drawing is ours.
        _ => Problem::new(Kind::Internal, format!("the preview could not be drawn: {error}")),
    }
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
