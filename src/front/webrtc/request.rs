//! The HTTP part of a session with another server: the offer that opens it, the DELETE that ends it (RFC 9725 §4.2).
//!
//! One connection a request, through the [`Connector`], so that nothing is reached that may not be. Redirections are told, not
//! followed. Everything that comes is bounded in size and in time.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::CallError;
use crate::{
    base::Secret,
    front::net::address::{Connection, Connector, HttpUrl, Stream},
};

/// From the open connection to the whole answer: as long as RTMP servers get, for a server that asks another whether we may.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a goodbye may take, connection included; the server has noticed by itself soon after.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(1500);

/// Longest answer, bytes: an SDP of every codec there is, with 100 candidates, has a third of it.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Longest head of an answer, bytes: what servers take of clients.
const MAX_HEAD_BYTES: usize = 16 * 1024;

const SDP: &str = "application/sdp";

/// Where another server takes offers, and the token it wants. Printing it shows neither token nor path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub url: HttpUrl,
    /// What is sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// A status other than that of success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    status: StatusCode,
    /// Whether we sent a token.
    token: bool,
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.status.as_u16();
        match code {
            401 | 403 if self.token => {
                write!(f, "the server refused the token (HTTP {code}); put the right one into token")
            }
            401 | 403 => write!(f, "the server wants a token (HTTP {code}); put it into token"),
            404 => f.write_str(
                "the server has no such stream (HTTP 404); look at the url, and whether the stream is published",
            ),
            300..=399 => {
                write!(f, "the server sends us elsewhere (HTTP {code}); put the address that it means into url")
            }
            500..=599 => write!(f, "the server failed (HTTP {code}); its own log says why"),
            400..=499 => write!(f, "the server refused the offer (HTTP {code}); its own log says why"),
            _ => {
                write!(f, "the server answered HTTP {code} where a WHIP or WHEP endpoint answers 201; look at the url")
            }
        }
    }
}

/// A session that a server opened.
#[derive(Debug)]
pub struct Opened {
    /// Its SDP.
    pub answer: String,
    /// Where to say goodbye; none when the server names no place of its own.
    pub session: Option<HttpUrl>,
}

impl Endpoint {
    /// Connects to the server.
    pub async fn connect(&self, connector: &Connector) -> Result<Connection, CallError> {
        let url = &self.url;
        Ok(connector.connect(url.host(), url.port(), url.is_tls()).await?)
    }

    /// Sends the offer over an open connection.
    pub async fn post(&self, stream: Stream, offer: String) -> Result<Opened, CallError> {
        let request = self.request(Method::POST, &self.url, offer);
        let answer = timeout(ANSWER_TIMEOUT, exchange(stream, request)).await;
        let (status, headers, body) = answer.map_err(|_| CallError::Slow)??;
        // Some servers say 200.
        if !matches!(status, StatusCode::CREATED | StatusCode::OK) {
            return Err(CallError::Answered(Answered { status, token: self.token.is_some() }));
        }
        let session = headers.get(header::LOCATION).and_then(|at| self.url.join(at.to_str().ok()?));
        let answer = String::from_utf8(body.into()).map_err(|_| CallError::NotSdp("it is not text".to_owned()))?;
        Ok(Opened { answer, session })
    }

    /// Ends a session. Whether the server took note does not matter: it gets nothing more.
    pub async fn delete(&self, connector: &Connector, session: &HttpUrl) {
        let goodbye = async {
            let stream = self.connect(connector).await?.stream;
            exchange(stream, self.request(Method::DELETE, session, String::new())).await
        };
        match timeout(GOODBYE_TIMEOUT, goodbye).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(url = %self, "the session was not deleted: {error}"),
            Err(_) => tracing::debug!(url = %self, "the session was not deleted: the server did not answer in time"),
        }
    }

    fn request(&self, method: Method, url: &HttpUrl, body: String) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.target().clone().into();
        let headers = request.headers_mut();
        let mut set = |name, value: &str| {
            // Tokens are checked when the document is; one of an older version that is none is not sent.
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        set(header::HOST, url.authority());
        set(header::CONTENT_TYPE, SDP);
        set(header::ACCEPT, SDP);
        set(header::CONNECTION, "close");
        set(header::USER_AGENT, "Tilecast");
        if let Some(token) = &self.token {
            set(header::AUTHORIZATION, &format!("Bearer {}", token.expose()));
        }
        request
    }
}

async fn exchange(stream: Stream, request: Request<Full<Bytes>>) -> Result<(StatusCode, HeaderMap, Bytes), CallError> {
    let mut builder = http1::Builder::new();
    let (mut sender, connection) = builder.max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => CallError::Http(*error),
            Err(error) if error.is::<LengthLimitError>() => CallError::TooLong,
            Err(error) => CallError::NotSdp(error.to_string()),
        })?;
        Ok((head.status, head.headers, body.to_bytes()))
    };
    // Why the connection ended is told by the answer that did not come.
    let carry = async {
        let _ = connection.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = answer => answer,
        never = carry => never,
    }
}
