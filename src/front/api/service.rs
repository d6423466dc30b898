//! `/healthz`, `/readyz`, `/metrics`, `/openapi.json` and `/docs`: about the server itself.

use std::sync::Arc;

use axum::{
    Extension, Json, Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_swagger_ui::Config;

use super::{
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::front::metrics;

/// A state in one word.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or `ready`.
    status: &'static str,
}

/// Answers while the process lives.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Answers 200 while new rooms and publishers are welcome, 503 once the server is stopping.
#[utoipa::path(get, path = "/readyz", tag = "service", responses((status = 200, body = Health)))]
pub async fn readyz(State(state): State<ApiState>) -> Result<Json<Health>, Problem> {
    if state.0.cluster.as_ref().is_some_and(|cluster| !cluster.is_ready()) {
        let detail = "this front is not one of the fleet now: it cannot reach the Swarm's store, or is about to stop; ask another";
        return Err(Problem::new(Kind::Moving, detail).retry_after(1));
    }
    match state.0.stopping.is_cancelled() {
        true => Err(Problem::new(Kind::Stopping, "this server is stopping; ask another")),
        false => Ok(Json(Health { status: "ready" })),
    }
}

/// Prometheus metrics (OpenMetrics text). Needs an API key when one is configured, as room names may be nobody's business.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, content_type = "application/openmetrics-text", body = String))
)]
pub async fn metrics(State(state): State<ApiState>) -> Response {
    let text = metrics::text(&state.0.counters, &state.rooms().list().await);
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response()
}

/// The description itself and the pages that show it; they are the same on every server, so they need no key.
pub(super) fn described_by(document: OpenApi) -> Router<ApiState> {
    let config = Arc::new(Config::from("/openapi.json").persist_authorization(true));
    let document = Arc::new(document);
    let openapi = async move || Json(Arc::clone(&document)).into_response();
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/docs", get(async || Redirect::permanent("/docs/")))
        .route("/docs/", get(page))
        .route("/docs/{*file}", get(page))
        .layer(Extension(config))
}

/// Scripts and styles come from here alone; the page has inline styles and its icons as data.
const PAGE_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

async fn page(
    file: Option<Path<String>>,
    Extension(config): Extension<Arc<Config<'static>>>,
) -> Result<Response, Problem> {
    let file = file.map(|Path(file)| file).unwrap_or_default();
    let file = utoipa_swagger_ui::serve(&file, config)
        .map_err(|error| Problem::new(Kind::Internal, error.to_string()))?
        .ok_or_else(|| Problem::new(Kind::NoEndpoint, "the documentation begins at /docs/"))?;
    let headers = [(header::CONTENT_TYPE, file.content_type.as_str()), (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
    Ok((headers, file.bytes.into_owned()).into_response())
}
