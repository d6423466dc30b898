//! A stand-in for SRS: nginx-rtmp carries the streams, and what SRS has around it is here: callbacks before and after, the list
//! of its HTTP API, and HTTP-FLV.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::IntoResponse,
    routing::get,
};
use bytes::BytesMut;
use http::StatusCode;
use serde_json::{Value, json};
use tilecast::app::lab::{
    api::Api,
    people::{Camera, Person},
    process::Process,
    relay::Relay,
};
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command, task::JoinHandle};

pub const SECRET: &str = "0123456789abcdef-srs";

/// What is published, with the client that publishes it.
type Listed = Arc<Mutex<BTreeMap<String, String>>>;

/// See the module. Dropping it ends it.
pub struct Neighbour {
    pub relay: Relay,
    pub address: SocketAddr,
    listed: Listed,
    publishers: BTreeMap<String, Process>,
    clients: u32,
    server: JoinHandle<()>,
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Neighbour {
    pub async fn start() -> Self {
        let relay = Relay::start().await.expect("nginx");
        let listed = Listed::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let router = Router::new()
            .route("/api/v1/streams/", get(streams))
            .route("/live/{file}", get(flv))
            .with_state((listed.clone(), relay.url("")));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { relay, address, listed, publishers: BTreeMap::new(), clients: 0, server }
    }

    /// The arguments of a server that has this for a neighbour.
    pub fn arguments(&self) -> Vec<String> {
        let rtmp = self.relay.url("").replace("/live/", "/{app}/{stream}");
        let words = ["--srs-secret", SECRET, "--srs-source", &rtmp, "--srs-api", &format!("http://{}", self.address)];
        words.map(str::to_owned).to_vec()
    }

    /// What becomes of a callback: the code of the answer.
    pub async fn tell(api: &Api, action: &str, client: &str, name: &str) -> i64 {
        let hook = json!({
            "server_id": "vid-0", "service_id": "x", "action": action, "client_id": client, "ip": "127.0.0.1",
            "vhost": "__defaultVhost__", "app": "live", "tcUrl": "rtmp://127.0.0.1/live", "stream": name, "param": "",
            "stream_url": format!("/live/{name}"), "stream_id": "vid-1",
        });
        let path = format!("/hooks/srs?secret={SECRET}");
        let (status, answer) = api.send(http::Method::POST, &path, Some(&hook)).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["code"].as_i64().expect("a code")
    }

    /// Somebody publishes: asks first, as SRS does, and is listed once that was answered with yes.
    pub async fn publish(&mut self, api: Option<&Api>, person: &Person, camera: &Camera, name: &str) -> i64 {
        self.clients += 1;
        let client = format!("c{}", self.clients);
        let code = match api {
            Some(api) => Self::tell(api, "on_publish", &client, name).await,
            None => 0,
        };
        if code == 0 {
            let process = person.publish(camera, &self.relay.url(name)).expect("FFmpeg starts");
            self.publishers.insert(name.to_owned(), process);
            self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), client);
        }
        code
    }

    /// Lists a stream that others publish.
    pub fn list(&self, name: &str) {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), String::new());
    }

    /// Somebody stops, and whoever listens is told.
    pub async fn stop(&mut self, api: Option<&Api>, name: &str) {
        self.publishers.remove(name);
        let client = self.listed.lock().unwrap_or_else(PoisonError::into_inner).remove(name).expect("it was published");
        if let Some(api) = api {
            assert_eq!(Self::tell(api, "on_unpublish", &client, name).await, 0);
        }
    }
}

/// As SRS lists them: from `start`, no less than ten.
async fn streams(
    State((listed, _)): State<(Listed, String)>,
    Query(page): Query<BTreeMap<String, usize>>,
) -> Json<Value> {
    let number = |name: &str| page.get(name).copied().unwrap_or(0);
    let listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = |(name, client): (&String, &String)| {
        json!({
            "id": "vid-1", "name": name, "vhost": "vid-2", "app": "live", "tcUrl": "rtmp://127.0.0.1/live",
            "url": format!("/live/{name}"), "live_ms": 1, "clients": 2, "frames": 3, "send_bytes": 4, "recv_bytes": 5,
            "kbps": {"recv_30s": 6, "send_30s": 7}, "publish": {"active": true, "cid": client}, "video": null, "audio": null,
        })
    };
    let streams: Vec<Value> = listed.iter().skip(number("start")).take(number("count").max(10)).map(entry).collect();
    Json(json!({"code": 0, "server": "vid-0", "service": "x", "pid": "1", "streams": streams}))
}

/// A stream as HTTP-FLV, as long as it is asked for.
async fn flv(State((listed, base)): State<(Listed, String)>, Path(file): Path<String>) -> axum::response::Response {
    let name = file.trim_end_matches(".flv").to_owned();
    if !listed.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&name) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-i", &format!("{base}{name}")]);
    command.args(["-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "flv", "-flush_packets", "1", "pipe:1"]);
    let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("FFmpeg starts");
    let stdout = child.stdout.take().expect("piped");
    // The process ends with the answer.
    let body = Body::from_stream(futures_util::stream::unfold((child, stdout), async |(child, mut stdout)| {
        let mut piece = BytesMut::with_capacity(8 << 10);
        match stdout.read_buf(&mut piece).await {
            Ok(0) => None,
            read => Some((read.map(|_| piece.freeze()), (child, stdout))),
        }
    }));
    ([("content-type", "video/x-flv")], body).into_response()
}
