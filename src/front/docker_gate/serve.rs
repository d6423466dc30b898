//! Gate server: each request is parsed, checked, and sent to Docker anew.

use std::{
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use url::form_urlencoded;

use super::{
    Gate, Refusal, Settings, Shared,
    answer::{self, is_ours},
    call::{Asked, Call, Kind},
    judge::{Config, MAX_CONFIG_BYTES, Service},
    upstream::{self, Answer},
};
use crate::{
    base::tasks::Tasks,
    front::{
        docker::{self, api::filters, service},
        net::{
            accept::Shares,
            serve::{self, Bounds, Peer},
        },
    },
};

/// Most connections: enough for many fronts with a few each.
const MAX_CONNECTIONS: usize = 256;

/// Most simultaneous requests to Docker. Lists may be long, and each is held in memory here.
const MAX_AT_ONCE: usize = 4;

/// Longest wait for one of these places, and for a body.
const PATIENCE: Duration = Duration::from_secs(5);

/// Rate limit of changes: a second, and at once. Every room of a starting front takes three, and each front sends a
/// heartbeat every other second. More would only keep the Swarm's managers busy.
const CHANGES: (u32, u32) = (100, 2000);

/// Rate limit of logged refusals: a second, and at once; the others are counted.
const TOLD: (u32, u32) = (1, 100);

/// Most secrets of a room: one for each time that its service was created again; all but one are about to be deleted.
const SECRETS_A_ROOM: usize = 4;

/// Most configs that belong to no room: 256 templates, 256 images with their pictures, and fronts.
const OTHER_CONFIGS: usize = 1024;

/// Most bytes of all configs of one kind: Swarm's managers list at most 16 MiB.
const MAX_KIND_BYTES: usize = 15 << 20;

/// A change of a config is let through up to this size, bytes, however much the other configs take.
const SMALL_CHANGE: usize = 64 << 10;

/// Rate limits of changes and of logged refusals.
#[derive(Debug)]
pub struct Rates {
    changes: DefaultDirectRateLimiter,
    told: DefaultDirectRateLimiter,
    untold: AtomicU64,
}

impl Default for Rates {
    fn default() -> Self {
        let limiter = |(a_second, at_once): (u32, u32)| {
            let [a_second, at_once] =
                [a_second, at_once].map(|number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
            RateLimiter::direct(Quota::per_second(a_second).allow_burst(at_once))
        };
        Self { changes: limiter(CHANGES), told: limiter(TOLD), untold: AtomicU64::new(0) }
    }
}

impl Gate {
    pub fn new(settings: Settings) -> Self {
        let (rates, places) = (Rates::default(), Semaphore::new(MAX_AT_ONCE));
        Self(Arc::new(Shared { settings, rates, places }))
    }

    /// Serves until the tasks are told to stop.
    pub async fn serve(self, listener: TcpListener, tasks: Tasks) {
        let places = Shares { strangers: MAX_CONNECTIONS, guests: 0, known: 0 };
        let bounds = Bounds { places, ..Bounds::default() };
        let router = Router::new().fallback(answer).with_state(self);
        serve::serve(listener, router, tasks, bounds).await;
    }

    async fn pass(&self, request: Request) -> Result<Answer, Refusal> {
        let Asked { call, version } = Asked::read(request.method(), request.uri(), &self.0.settings.name)?;
        let changes = matches!(call, Call::Create(_) | Call::Update(..) | Call::Delete(..));
        if changes && self.0.rates.changes.check().is_err() {
            return Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, "more is changed than fronts need to"));
        }
        let place = timeout(PATIENCE, self.0.places.acquire()).await;
        let Ok(Ok(_place)) = place else {
            return Err(Refusal::with(StatusCode::SERVICE_UNAVAILABLE, "too much is asked of Docker at once"));
        };
        let docker = Docker { gate: &self.0.settings, version: &version };
        match call {
            Call::Ready => docker.get("/_ping").await.map(|_| Answer { status: StatusCode::OK, body: json!("ready") }),
            Call::List(kind, labels) => docker.list(kind, &labels).await,
            Call::Inspect(kind, which) => docker.inspect(kind, &which).await,
            Call::Create(kind) => docker.create(kind, &body(request).await?).await,
            Call::Update(kind, which, from) => docker.update(kind, &which, from, &body(request).await?).await,
            Call::Delete(kind, which) => docker.delete(kind, &which).await,
            Call::TasksOf(service) => docker.told(&tasks("service", &service), answer::tasks).await,
            Call::RunningTasks => docker.told(&tasks("desired-state", "running"), answer::reservations).await,
            Call::Nodes => docker.told("/nodes", answer::nodes).await,
        }
    }

    fn tell(&self, peer: &str, asked: &str, refusal: &Refusal) {
        let Rates { told, untold, .. } = &self.0.rates;
        if told.check().is_err() {
            untold.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let untold = untold.swap(0, Ordering::Relaxed);
        tracing::warn!(peer, asked, untold, "refused: {refusal}");
    }
}

async fn answer(State(gate): State<Gate>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().map_or_else(String::new, |Peer(address)| address.to_string());
    // The client's text, without characters that a terminal obeys.
    let asked: String = format!("{} {}", request.method(), request.uri().path()).chars().take(200).collect();
    match gate.pass(request).await {
        Ok(Answer { status, body: Value::Null }) => status.into_response(),
        Ok(Answer { status, body }) => (status, Json(body)).into_response(),
        Err(refusal) => {
            if !refusal.by_docker {
                gate.tell(&peer, &asked.escape_debug().to_string(), &refusal);
            }
            (refusal.status, Json(json!({"message": refusal.reason}))).into_response()
        }
    }
}

async fn body(request: Request<Body>) -> Result<Vec<u8>, Refusal> {
    let read = timeout(PATIENCE, Limited::new(request.into_body(), MAX_CONFIG_BYTES).collect()).await;
    match read {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(_)) => Err(Refusal::no("the body broke off, or is larger than any of a front")),
        Err(_) => Err(Refusal::with(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

fn tasks(by: &str, which: &str) -> String {
    let filters = json!({by: [which]}).to_string();
    format!("/tasks?{}", form_urlencoded::Serializer::new(String::new()).append_pair("filters", &filters).finish())
}

/// Docker, as one request uses it.
struct Docker<'a> {
    gate: &'a Settings,
    version: &'a str,
}

impl Docker<'_> {
    async fn ask(&self, method: Method, target: &str, body: Vec<u8>) -> Result<Answer, Refusal> {
        let docker: &Path = &self.gate.docker;
        upstream::ask(docker, method, &format!("{}{target}", self.version), body).await
    }

    async fn get(&self, target: &str) -> Result<Answer, Refusal> {
        self.ask(Method::GET, target, Vec::new()).await
    }

    /// The filtered answer for a front.
    async fn told(&self, target: &str, told: impl Fn(&Value) -> Value) -> Result<Answer, Refusal> {
        let Answer { status, body } = self.get(target).await?;
        Ok(Answer { status, body: told(&body) })
    }

    async fn list(&self, kind: Kind, labels: &[String]) -> Result<Answer, Refusal> {
        let filters = json!({"label": labels}).to_string();
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("filters", &filters).finish();
        let told = |list: &Value| answer::things(kind, list, &self.gate.name);
        self.told(&format!("/{}?{query}", kind.path()), told).await
    }

    /// Every object of ours of a kind that also has these labels.
    async fn ours(&self, kind: Kind, labels: &[(&str, &str)]) -> Result<Vec<Value>, Refusal> {
        let ours = [(service::NAME, self.gate.name.as_str())];
        let labels = filters(&[&ours, labels].concat()).remove("label").unwrap_or_default();
        match self.list(kind, &labels).await?.body {
            Value::Array(found) => Ok(found),
            _ => Err(Refusal::with(StatusCode::BAD_GATEWAY, "Docker gave a list that is none")),
        }
    }

    /// One whole object, if it is ours.
    async fn find(&self, kind: Kind, which: &str) -> Result<Answer, Refusal> {
        let found = self.get(&format!("/{}/{which}", kind.path())).await?;
        match is_ours(&found.body, &self.gate.name) {
            true => Ok(found),
            false => Err(Refusal::no(format!(
                "{which} of {} is not of this installation; remove it, or give the installation another name",
                kind.path()
            ))),
        }
    }

    async fn inspect(&self, kind: Kind, which: &str) -> Result<Answer, Refusal> {
        let Answer { status, body } = self.find(kind, which).await?;
        Ok(Answer { status, body: answer::thing(kind, &body) })
    }

    async fn create(&self, kind: Kind, body: &[u8]) -> Result<Answer, Refusal> {
        let json = match kind {
            Kind::Service => {
                let service = self.gate.service(body)?;
                self.has_secret(&service).await?;
                self.has_space(self.ours(kind, &[]).await?.len(), self.gate.max_rooms, kind)?;
                write(&service.spec)?
            }
            Kind::Secret => {
                let secret = self.gate.secret(body)?;
                self.has_space(self.ours(kind, &[]).await?.len(), self.gate.max_rooms * SECRETS_A_ROOM, kind)?;
                write(&secret)?
            }
            Kind::Config => {
                let config = self.gate.config(body)?;
                let most = self.gate.max_rooms.max(OTHER_CONFIGS);
                self.has_space(self.takes(&config, None, body.len()).await?, most, kind)?;
                write(&config)?
            }
        };
        self.ask(Method::POST, &format!("/{}/create", kind.path()), json).await
    }

    async fn update(&self, kind: Kind, which: &str, from: u64, body: &[u8]) -> Result<Answer, Refusal> {
        let present = self.find(kind, which).await?.body;
        if present["Version"]["Index"].as_u64() != Some(from) {
            // Docker's own sentence. The version that was checked is the version that is changed.
            let reason = "rpc error: code = Unknown desc = update out of sequence";
            return Err(Refusal::with(StatusCode::INTERNAL_SERVER_ERROR, reason));
        }
        let (name, json) = match kind {
            Kind::Service => {
                let service = self.gate.service(body)?;
                self.has_secret(&service).await?;
                (service.name, write(&service.spec)?)
            }
            Kind::Config => {
                let config = self.gate.config(body)?;
                if body.len() > SMALL_CHANGE {
                    self.takes(&config, Some(&config.name), body.len()).await?;
                }
                (config.name.clone(), write(&config)?)
            }
            Kind::Secret => return Err(Refusal::no("a secret never changes")),
        };
        if present["Spec"]["Name"] != name.as_str() {
            return Err(Refusal::no("what is to be changed is another"));
        }
        let query = if kind == Kind::Service { "&registryAuthFrom=spec" } else { "" };
        let target = format!("/{}/{}/update?version={from}{query}", kind.path(), id(&present, which));
        self.ask(Method::POST, &target, json).await
    }

    async fn delete(&self, kind: Kind, which: &str) -> Result<Answer, Refusal> {
        let found = match kind {
            Kind::Secret => {
                let mut ours = self.ours(kind, &[]).await?.into_iter();
                let found = ours.find(|secret| secret["ID"] == which);
                found.ok_or_else(|| {
                    Refusal::with(StatusCode::NOT_FOUND, "there is no such secret of this installation")
                })?
            }
            Kind::Service | Kind::Config => self.find(kind, which).await?.body,
        };
        self.ask(Method::DELETE, &format!("/{}/{}", kind.path(), id(&found, which)), Vec::new()).await
    }

    /// Checks that a service's secret belongs to its room.
    async fn has_secret(&self, service: &Service) -> Result<(), Refusal> {
        let (id, name) = &service.secret;
        let secrets = self.ours(Kind::Secret, &[(service::ROOM, service.room.as_str())]).await?;
        let found = secrets.iter().any(|secret| secret["ID"] == id.as_str() && secret["Spec"]["Name"] == name.as_str());
        found.then_some(()).ok_or_else(|| Refusal::no("the service's secret is not its room's ticket"))
    }

    fn has_space(&self, there: usize, most: usize, kind: Kind) -> Result<(), Refusal> {
        let full = || {
            let kind = kind.path();
            Refusal::with(
                StatusCode::CONFLICT,
                format!("there are {there} {kind} of this installation, and {most} may be"),
            )
        };
        (there < most).then_some(()).ok_or_else(full)
    }

    /// Number of configs of the same kind. Fails when they would take too much space with one of `bytes` in place of
    /// `but`.
    async fn takes(&self, config: &Config, but: Option<&str>, bytes: usize) -> Result<usize, Refusal> {
        let kind = config.labels.get(docker::KIND).map_or("", String::as_str);
        let there = self.ours(Kind::Config, &[(docker::KIND, kind)]).await?;
        let others = there.iter().filter(|other| other["Spec"]["Name"].as_str() != but);
        let taken: usize = others.map(|other| other.to_string().len()).sum();
        if taken + bytes > MAX_KIND_BYTES {
            let reason = format!("what fronts share of this kind would take more than {} MiB", MAX_KIND_BYTES >> 20);
            return Err(Refusal::with(StatusCode::CONFLICT, reason));
        }
        Ok(there.len())
    }
}

/// Docker's id of an object, which is never used again.
fn id<'a>(thing: &'a Value, which: &'a str) -> &'a str {
    let plain = |id: &&str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    thing["ID"].as_str().filter(plain).unwrap_or(which)
}

fn write(thing: &impl serde::Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(thing).map_err(|error| Refusal::no(error.to_string()))
}
