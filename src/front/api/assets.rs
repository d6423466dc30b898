//! `/v1/assets`: images that templates show.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    body::{FileBody, Names},
    layouts::unchanged,
    problem::{Kind, Problem},
    rooms::answer,
    state::ApiState,
};
use crate::{
    base::AssetName,
    front::{
        raster::RasterError,
        room::assets::{Asset, Upload},
    },
};

/// Every image.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetList {
    /// By name.
    assets: Vec<AssetView>,
}

/// An image.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetView {
    /// What templates call it by.
    name: AssetName,
    /// Its media type.
    #[serde(rename = "type")]
    kind: &'static str,
    /// px
    width: u32,
    /// px
    height: u32,
    /// Of the file.
    bytes: usize,
    /// SHA-256 of the file.
    sha256: String,
}

impl AssetView {
    fn of(name: AssetName, asset: &Asset) -> Self {
        let Asset { upload, drawing } = asset;
        Self {
            name,
            kind: drawing.kind.media_type(),
            width: drawing.size.width,
            height: drawing.size.height,
            bytes: upload.file.len(),
            sha256: upload.hash.to_string(),
        }
    }
}

/// Every uploaded image by name.
#[utoipa::path(get, path = "/v1/assets", tag = "assets", responses((status = 200, body = AssetList)))]
pub async fn list(State(state): State<ApiState>) -> Json<AssetList> {
    let assets = state.rooms().assets().into_iter().map(|(name, asset)| AssetView::of(name, &asset)).collect();
    Json(AssetList { assets })
}

/// Uploads an image: PNG, JPEG, WebP, or SVG of shapes alone; at most 4 MiB and 16 million px. It is drawn once, now, and refused if
/// that takes more than 2 s of computing or 256 MiB of memory; programs show it at up to 3840x2160 px. Those that show one of its name
/// show the new one at once.
#[utoipa::path(
    put, path = "/v1/assets/{name}", tag = "assets", params(("name" = AssetName, Path, description = "The asset")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = AssetView), (status = 201, body = AssetView, description = "Created"))
)]
pub async fn put(
    State(state): State<ApiState>,
    Names(name): Names<AssetName>,
    FileBody(file): FileBody,
) -> Result<Response, Problem> {
    let asset = state.rooms().draw_asset(Upload::new(file)).await.map_err(not_drawn)?;
    let view = AssetView::of(name.clone(), &asset);
    let created = state.rooms().put_asset(&name, asset).await?;
    Ok(answer(created, Json(view)))
}

fn not_drawn(error: RasterError) -> Problem {
    match error {
        RasterError::Busy => Problem::new(Kind::Busy, error.to_string()),
        RasterError::Failed(_) => Problem::new(Kind::Internal, error.to_string()),
        _ => Problem::new(Kind::NoImage, format!("{error}; nothing was changed")),
    }
}

/// The file as it was uploaded.
#[utoipa::path(
    get, path = "/v1/assets/{name}", tag = "assets", params(("name" = AssetName, Path, description = "The asset")),
    responses((status = 200, content_type = "image/*", body = Vec<u8>), (status = 304, description = "If-None-Match names it"))
)]
pub async fn get(
    State(state): State<ApiState>,
    Names(name): Names<AssetName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asset = state.rooms().asset(&name)?;
    let tag = format!("\"{}\"", asset.upload.hash);
    if unchanged(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let head = [
        (header::CONTENT_TYPE, asset.drawing.kind.media_type().to_owned()),
        (header::ETAG, tag),
        // An SVG opened by itself runs nothing and loads nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned()),
    ];
    Ok((head, asset.upload.file).into_response())
}

/// Forgets an image, unless a layout or a room shows it.
#[utoipa::path(
    delete, path = "/v1/assets/{name}", tag = "assets", params(("name" = AssetName, Path, description = "The asset")),
    responses((status = 204, description = "The image is gone"))
)]
pub async fn delete(State(state): State<ApiState>, Names(name): Names<AssetName>) -> Result<StatusCode, Problem> {
    state.rooms().delete_asset(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
