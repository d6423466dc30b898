//! Docker client of the gate: one request over Docker's socket, bounded in time and size.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};

use super::Refusal;

/// Longest wait for an answer: less than a front waits, so that the front learns the reason of a failure.
const ANSWER: Duration = Duration::from_secs(9);

/// Largest answer, bytes: Swarm's managers give lists of 16 MiB, and base64 adds a third.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Sends a request to Docker; `target` is path and query. Returns the status and the JSON of the answer, null for none.
///
/// # Errors
/// When there is no answer, or Docker refuses; then the error has Docker's words.
pub async fn ask(docker: &Path, method: Method, target: &str, body: Vec<u8>) -> Result<Answer, Refusal> {
    let silent = |why: String| {
        Refusal::with(StatusCode::BAD_GATEWAY, format!("Docker's API at {} does not answer: {why}", docker.display()))
    };
    let answer = timeout(ANSWER, exchange(docker, method, target, body)).await;
    let (status, bytes) = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(silent(error.to_string())),
        Err(_) => return Err(silent(format!("nothing came for {} s", ANSWER.as_secs()))),
    };
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(Answer { status, body });
    }
    // A front knows Docker's sentences.
    let message =
        body["message"].as_str().unwrap_or("Docker said no, and not why").chars().take(1000).collect::<String>();
    Err(Refusal { by_docker: true, ..Refusal::with(status, message) })
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// The body of the answer.
    pub body: Value,
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(docker: &Path, method: Method, target: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), Broken> {
    let stream = UnixStream::connect(docker).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder().method(method).uri(target);
    let request = request.header(header::HOST, "docker").header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Full::new(Bytes::from(body)))?;
    let answer = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await?;
        Ok((status, body.to_bytes()))
    };
    tokio::select! {
        answer = answer => answer,
        Err(error) = connection => Err(error.into()),
    }
}
