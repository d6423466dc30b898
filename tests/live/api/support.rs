//! A router, and requests to it.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tilecast::{
    app::pipelines::Pipelines,
    base::{Secret, tasks::Tasks},
    front::{
        api::{self, ApiState, Settings},
        doors::webrtc::WebRtc,
        engine::{Engine, Local},
        metrics::Counters,
        net::{
            address::{AddressPolicy, Connector},
            guess::Guesses,
            keys::ApiKeys,
            origin::Origins,
            rate::Allowance,
        },
        raster::Rasterizer,
        room::{
            Assets, Context, Ledger, Rooms, Templates,
            check::Rules,
            store::{DocumentStore, Nowhere},
        },
        webrtc::{self, IceServers, Port},
    },
};
use tower::ServiceExt;

pub const KEY: &str = "a-key-for-tests-0123456789";

/// Settings of a server with these keys and no rooms. Its workers end at once, since these tests need no media.
pub fn settings(keys: &[&str]) -> Settings {
    settings_of(keys, |local| local)
}

/// The same, with its engine changed.
pub fn settings_of(keys: &[&str], engine: impl FnOnce(Local) -> Local) -> Settings {
    settings_keeping(keys, engine, Box::new(Nowhere), Ledger::default())
}

/// The same, with another document store and this admission account.
pub fn settings_keeping(
    keys: &[&str],
    engine: impl FnOnce(Local) -> Local,
    store: Box<dyn DocumentStore>,
    ledger: Ledger,
) -> Settings {
    let tasks = Tasks::new();
    let pipelines = Pipelines::load(None).expect("built in");
    let connector = Connector::new(AddressPolicy::new(Vec::new()));
    let reach = connector.clone();
    let address =
        move |url: &url::Url| reach.check_host(url.host_str().unwrap_or_default()).map_err(|error| error.to_string());
    let rules = Arc::new(Rules { encoders: pipelines.presets(), address: Box::new(address) });
    let context = Context {
        engine: Engine::Local(engine(Local::new("/bin/false".into(), "off".to_owned(), tasks.clone()))),
        ledger,
        webrtc: webrtc::Client::new(connector.clone(), Counters::default()),
        connector,
        templates: Templates::new(Vec::new(), Vec::new()),
        assets: Assets::default(),
        rasterizer: Rasterizer::new(env!("CARGO_BIN_EXE_tilecast").into()),
        store,
        stage: pipelines.stage,
        video_encoders: pipelines.video,
        opus_encoder: pipelines.opus,
        rules: rules.clone(),
    };
    let (rooms, counters) = (Rooms::new(context, tasks.clone()), Counters::default());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    let socket = tokio::net::UdpSocket::from_std(socket).expect("a socket");
    let port = Port::new(socket, &[], counters.clone()).expect("a port");
    let turn = vec!["turn:turn.example".to_owned()];
    let servers = IceServers::new(turn, Some(Secret::new("shared")));
    Settings {
        webrtc: WebRtc::new(port, rooms.clone(), servers, counters.clone(), tasks.clone()),
        rooms,
        rules,
        keys: ApiKeys::new(keys.iter().copied().map(Secret::new).collect()),
        allowance: Allowance::REQUESTS,
        guesses: Guesses::default(),
        proxies: Vec::new(),
        counters,
        origins: Origins::default(),
        srs: None,
        cluster: None,
        stopping: tasks.token(),
    }
}

pub fn router(settings: Settings) -> Router {
    api::router(ApiState::new(settings))
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The last part of a problem's type, after a check that the answer is a complete problem document.
    pub fn problem(&self) -> String {
        assert_eq!(self.header(header::CONTENT_TYPE), "application/problem+json", "{}", self.text());
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(json["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(json["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{json}");
        let kind = json["type"].as_str().expect("a type");
        kind.strip_prefix("/problems/").expect("one of ours").to_owned()
    }

    pub fn pointers(&self) -> Vec<String> {
        let json = self.json();
        let faults = json["faults"].as_array().expect("faults");
        faults.iter().map(|fault| fault["pointer"].as_str().expect("a pointer").to_owned()).collect()
    }
}

pub async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A request of a client on this machine, with any body as JSON.
pub fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).expect("a method"))
        .uri(path)
        .header(header::HOST, "127.0.0.1:8080")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .expect("a request")
}

pub async fn ask(router: &Router, method: &str, path: &str, body: impl Into<Body>) -> Answer {
    send(router, request(method, path, body)).await
}
