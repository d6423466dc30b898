//! HTTP client: one request without a body to another server, through the [`Connector`], so that only allowed addresses
//! are reached. Redirections are reported, not followed.
//!
//! Owns one connection; starts no task. Ends by being dropped.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::address::{ConnectError, Connector, HttpUrl};

/// Longest time from the open connection to the head of the answer: as long as RTMP servers get.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest head of an answer, bytes: the usual limit of servers for requests.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// No connection was made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or the answer is not HTTP.
    #[error("the answer over HTTP broke off: {0}")]
    Http(#[from] hyper::Error),
    /// There was no answer in time.
    #[error("the server did not answer within {0:?}")]
    Slow(Duration),
    /// There is nothing of that name (404).
    #[error("the server has nothing at this address (HTTP 404); is it published, under this name?")]
    NotThere,
    /// A redirection.
    #[error("the server sends us elsewhere (HTTP {0}); put the address that it means in the place of this one")]
    Moved(u16),
    /// Any other status than success.
    #[error("the server answered HTTP {0}; its own log says why")]
    Status(u16),
    /// The body is longer than the limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// A successful answer whose body is still to come.
pub struct Answer {
    body: Incoming,
    /// The future that reads and writes the socket; `None` once it has ended.
    carry: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Requests `url`, and returns with the head of the answer.
pub async fn get(url: &HttpUrl, connector: &Connector) -> Result<Answer, GetError> {
    ask(Method::GET, url, connector).await
}

/// The same with another method.
pub async fn ask(method: Method, url: &HttpUrl, connector: &Connector) -> Result<Answer, GetError> {
    let stream = connector.connect(url.host(), url.port(), url.is_tls()).await?.stream;
    let ask = async {
        let mut builder = http1::Builder::new();
        let (mut sender, connection) = builder.max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
        // The missing body says why a connection ended.
        let mut carry: Option<Pin<Box<dyn Future<Output = ()> + Send>>> = Some(Box::pin(async {
            let _ = connection.await;
        }));
        let answer = tokio::select! {
            answer = sender.send_request(request(method, url)) => answer?,
            never = carried(&mut carry) => match never {},
        };
        Ok::<_, GetError>((answer, carry))
    };
    let (answer, carry) = timeout(HEAD_TIMEOUT, ask).await.map_err(|_| GetError::Slow(HEAD_TIMEOUT))??;
    match answer.status() {
        StatusCode::OK => Ok(Answer { body: answer.into_body(), carry }),
        StatusCode::NOT_FOUND => Err(GetError::NotThere),
        status if status.is_redirection() => Err(GetError::Moved(status.as_u16())),
        status => Err(GetError::Status(status.as_u16())),
    }
}

impl Answer {
    /// The next piece of the body; `None` at its end. Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Bytes>, GetError> {
        loop {
            let frame = tokio::select! {
                frame = self.body.frame() => frame,
                never = carried(&mut self.carry) => match never {},
            };
            match frame {
                None => return Ok(None),
                // Trailers are no part of the body.
                Some(frame) => match frame?.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }

    /// The whole body, of at most `most` bytes.
    pub async fn whole(mut self, most: usize) -> Result<Vec<u8>, GetError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > most {
                return Err(GetError::TooLong(most));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// Drives the connection while the caller waits for something else.
async fn carried(carry: &mut Option<Pin<Box<dyn Future<Output = ()> + Send>>>) -> std::convert::Infallible {
    if let Some(connection) = carry {
        connection.await;
        *carry = None;
    }
    std::future::pending().await
}

fn request(method: Method, url: &HttpUrl) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    // The URL's path and query become the request target, its host becomes a header.
    *request.uri_mut() = url.target().clone().into();
    let headers = request.headers_mut();
    if let Ok(host) = HeaderValue::from_str(url.authority()) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::USER_AGENT, HeaderValue::from_static("Tilecast"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}
