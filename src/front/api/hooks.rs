//! `/hooks/srs`: what SRS tells when streams begin and end.

use std::{convert::Infallible, net::SocketAddr, time::Instant};

use axum::{
    Json,
    body::Body,
    extract::{FromRequest, FromRequestParts, State},
    http::{Request, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    body::{Asked, JsonBody, Names},
    client, guess,
    problem::{Kind, Problem},
    state::ApiState,
};
use crate::{
    base::Secret,
    front::{
        cluster::Inward,
        docker::Place,
        doors::srs::{Hook, Verdict},
        net::guess::Scope,
    },
};

/// SRS's own code for "somebody else decided so" is as good as any other that is not 0.
const REFUSED: u16 = 403;

/// The secret, which SRS cannot send in a header.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Shared {
    /// What `--srs-secret` says.
    secret: Option<String>,
}

/// What SRS is answered: it looks at `code` alone, and 0 is yes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Answer {
    code: u16,
    /// Why not, for SRS's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Takes a callback of SRS (`http_hooks`). A stream that is published under the name of a participant, with that participant's key
/// behind it, is fetched into the participant's place until it ends; without the key it is refused. With `srs_keys = "off"` its name
/// is enough. What is not known is answered with 0 as well.
#[utoipa::path(
    post, path = "/hooks/srs", tag = "service", params(Shared), request_body = Hook,
    responses((status = 200, body = Answer, description = "`{\"code\": 0}` lets SRS go on, any other code refuses"))
)]
pub async fn srs(
    State(state): State<ApiState>,
    came: Came,
    Asked(shared): Asked<Shared>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    take(&state, came, shared.secret.map(Secret::new), request).await
}

/// The same with the secret in the path, for an SRS that leaves queries away (before SRS 4).
#[utoipa::path(
    post, path = "/hooks/srs/{secret}", tag = "service",
    params(("secret" = String, Path, description = "What `--srs-secret` says")), request_body = Hook,
    responses((status = 200, body = Answer, description = "`{\"code\": 0}` lets SRS go on, any other code refuses"))
)]
pub async fn srs_by_path(
    State(state): State<ApiState>,
    came: Came,
    Names(secret): Names<Secret>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    take(&state, came, Some(secret), request).await
}

/// How a callback came.
#[derive(Debug)]
pub struct Came {
    from: SocketAddr,
    uri: Uri,
    inward: bool,
}

impl<S: Sync> FromRequestParts<S> for Came {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let inward = parts.extensions.get::<Inward>().is_some();
        Ok(Self { from: client::socket(&parts.extensions), uri: parts.uri.clone(), inward })
    }
}

/// Has the front answer that has the room, if that is another.
async fn elsewhere(state: &ApiState, came: &Came, hook: &Hook, body: &serde_json::Value) -> Option<Response> {
    let cluster = state.0.cluster.as_ref().filter(|_| !came.inward)?;
    let room = state.0.srs.as_ref()?.room_of(hook)?;
    let Ok(Place::There(address)) = cluster.settled(&room).await else { return None };
    let request = Request::post(came.uri.clone()).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body.to_string())).ok()?;
    let passed_on = cluster.forward(&address, came.from, request).await;
    passed_on.inspect_err(|error| tracing::warn!(%room, "a callback of SRS was not passed on: {error}")).ok()
}

async fn take(
    state: &ApiState,
    came: Came,
    secret: Option<Secret>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let srs = state.0.srs.as_ref().ok_or_else(|| {
        Problem::new(Kind::NoEndpoint, "this server has no SRS for a neighbour; docs/srs.md says how to give it one")
    })?;
    if !secret.is_some_and(|secret| srs.knows(&secret)) {
        guess::wrong(state, came.from.ip(), Scope::Srs).await?;
        tracing::warn!(peer = %came.from.ip(), "a callback of SRS without the right secret");
        let detail = "write the callback's address with the secret, as /hooks/srs?secret=SECRET; see docs/srs.md";
        return Err(Problem::new(Kind::KeyNeeded, detail));
    }
    // Nothing of a stranger's is read.
    let JsonBody(body) = JsonBody::from_request(request, state).await?;
    let hook: Hook = serde_json::from_value(body.clone())
        .map_err(|error| Problem::new(Kind::MalformedJson, format!("no callback of SRS: {error}")))?;
    if let Some(answer) = elsewhere(state, &came, &hook, &body).await {
        return Ok(answer);
    }
    let answer = Json(match srs.hear(hook, Instant::now()).await {
        Verdict::Pass => Answer { code: 0, message: None },
        Verdict::Refuse(reason) => Answer { code: REFUSED, message: Some(reason) },
    });
    Ok(answer.into_response())
}
