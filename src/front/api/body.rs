//! What comes with a request: path parts and JSON bodies, each refusal a problem document.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, path::ErrorKind, rejection::PathRejection},
    http::{HeaderMap, Request, header, request::Parts},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    json,
    problem::{Kind, Problem},
};
use crate::draw::MAX_FILE_BYTES;

/// Largest body, bytes: a room of 64 participants and 32 outputs with every text at its longest is 240 kB.
pub const MAX_BODY_BYTES: usize = 512 * 1024;
/// Longest time a body may take to arrive: 512 kB at 0.5 Mbit/s, the slowest line anybody would run this from.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The names in the path, checked.
#[derive(Debug)]
pub struct Names<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refused = |rejection: PathRejection| {
            let detail = match rejection {
                PathRejection::FailedToDeserializePathParams(error) => match error.into_kind() {
                    ErrorKind::DeserializeError { message, .. } => message,
                    other => other.to_string(),
                },
                other => other.body_text(),
            };
            Problem::new(Kind::InvalidAddress, detail)
        };
        Path::from_request_parts(parts, state).await.map(|Path(names)| Self(names)).map_err(refused)
    }
}

/// The query, checked.
#[derive(Debug)]
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(query)| Self(query)).map_err(|error| Problem::new(Kind::InvalidAddress, error.body_text()))
    }
}

/// A JSON body, read whole within bounds of size and time.
#[derive(Debug)]
pub struct JsonBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "send the document with the header Content-Type: application/json";
            return Err(Problem::new(Kind::NotJson, detail));
        }
        let cut = || Problem::new(Kind::MalformedJson, "the body ended before it was complete");
        json::parse(&whole(request, MAX_BODY_BYTES, cut).await?).map(Self)
    }
}

/// A body that is a file, read whole within bounds of size and time.
#[derive(Debug)]
pub struct FileBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Problem> {
        let cut = || Problem::new(Kind::NoImage, "the file ended before it was complete");
        whole(request, MAX_FILE_BYTES, cut).await.map(Self)
    }
}

async fn whole(request: Request<Body>, most: usize, cut: impl Fn() -> Problem) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|text| text.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large(most));
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, most).collect()).await;
    let body = body.map_err(|_| Problem::new(Kind::SlowBody, "send the whole body within 10 s"))?;
    let body = body.map_err(|error| if error.is::<LengthLimitError>() { too_large(most) } else { cut() })?;
    Ok(body.to_bytes())
}

fn too_large(most: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("a body may have at most {most} bytes here"))
}

/// `application/json` and whatever else ends in `+json`, such as the merge patch of RFC 7396.
fn is_json(headers: &HeaderMap) -> bool {
    let content = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content.and_then(|text| text.split(';').next()).map(|text| text.trim().to_ascii_lowercase());
    essence
        .is_some_and(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}
