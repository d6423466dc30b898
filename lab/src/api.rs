//! Client of the REST API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// Longest time of one request: far more than any needs, far less than a person would wait.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// How often a state that takes a moment is polled.
const POLL: Duration = Duration::from_millis(50);

/// A client of one Tilecast server.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    key: Option<String>,
    client: Client,
}

impl Api {
    /// A client of the server at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: &str, key: Option<String>) -> Result<Self> {
        let client = Client::builder().timeout(REQUEST_LIMIT).no_proxy().build()?;
        Ok(Self { base: base.trim_end_matches('/').to_owned(), key, client })
    }

    /// Where the API is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and returns status and body, whatever they are; a body that is not JSON becomes a string.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method.clone(), &url);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {url}"))?;
        let status = answer.status();
        let text = answer.text().await.with_context(|| format!("{method} {url}"))?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.send(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} was answered with {status}: {answer}");
        }
        Ok(answer)
    }

    /// # Errors
    /// When the answer is not a success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.must(Method::GET, path, None).await
    }

    /// # Errors
    /// When the answer is not a success.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.must(Method::PUT, path, Some(body)).await
    }

    /// # Errors
    /// When the answer is not a success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.must(Method::POST, path, Some(body)).await
    }

    /// # Errors
    /// When the answer is not a success.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.must(Method::PATCH, path, Some(body)).await
    }

    /// # Errors
    /// When the answer is not a success.
    pub async fn delete(&self, path: &str) -> Result<()> {
        self.must(Method::DELETE, path, None).await.map(drop)
    }

    /// Requests `path` repeatedly until the answer is `wanted`, and returns that answer.
    ///
    /// # Errors
    /// When it is not within `limit`, with the last answer.
    pub async fn until(&self, path: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.get(path).await;
            match answer {
                Ok(answer) if wanted(&answer) => return Ok(answer),
                Ok(answer) if Instant::now() > deadline => bail!("GET {path} after {limit:?} still says {answer}"),
                Err(error) if Instant::now() > deadline => return Err(error),
                Ok(_) | Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }
}
