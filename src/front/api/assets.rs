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
use crate::{base::AssetName, front::room::assets::Asset};

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
        let size = asset.inspected.size;
        let kind = asset.inspected.kind.media_type();
        Self {
            name,
            kind,
            width: size.width,
            height: size.height,
            bytes: asset.file.len(),
            sha256: asset.hash.to_string(),
        }
    }
}

/// Every uploaded image by name.
#[utoipa::path(get, path = "/v1/assets", tag = "assets", responses((status = 200, body = AssetList)))]
pub async fn list(State(state): State<ApiState>) -> Json<AssetList> {
    let assets = state.rooms().assets().into_iter().map(|(name, asset)| AssetView::of(name, &asset)).collect();
    Json(AssetList { assets })
}

/// Uploads an image: PNG, JPEG, WebP, or SVG of shapes alone; at most 4 MiB and 16 million px. Programs that show one of its
/// name show the new one at once.
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
    // Reading is work for a core, so it waits in line with previews.
    let place = state.0.previews.clone().acquire_owned().await.expect("an open semaphore");
    let read = tokio::task::spawn_blocking(move || {
        let asset = Asset::read(file);
        drop(place);
        asset
    });
    let asset = read
        .await
        .map_err(|_| Problem::new(Kind::Internal, "the image could not be read; the server's log says why"))?
        .map_err(|error| Problem::new(Kind::NoImage, format!("{error}; nothing was changed")))?;
    let view = AssetView::of(name.clone(), &asset);
    let created = state.rooms().put_asset(&name, asset).await?;
    Ok(answer(created, Json(view)))
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
    let tag = format!("\"{}\"", asset.hash);
    if unchanged(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let head = [
        (header::CONTENT_TYPE, asset.inspected.kind.media_type().to_owned()),
        (header::ETAG, tag),
        // An SVG opened by itself runs nothing and loads nothing.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned()),
    ];
    Ok((head, asset.file).into_response())
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
