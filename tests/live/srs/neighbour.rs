//! A stand-in for SRS. nginx-rtmp carries the streams; this module adds SRS's callbacks, its HTTP API with the list of
//! streams and the disconnection of clients, and HTTP-FLV.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State},
    response::IntoResponse,
    routing::{delete, get},
};
use bytes::BytesMut;
use http::StatusCode;
use serde_json::{Value, json};
use tilecast_lab::{
    api::Api,
    people::{Camera, Person},
    process::Process,
    relay::Relay,
};
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command, sync::watch, task::JoinHandle};

use super::LIMIT;

pub const SECRET: &str = "0123456789abcdef-srs";

#[derive(Default)]
struct Known {
    /// What is published, with the client that publishes it.
    listed: BTreeMap<String, String>,
    publishers: BTreeMap<String, Process>,
    /// Clients that were to be disconnected, in order.
    disconnected: Vec<String>,
    looks: watch::Sender<usize>,
}

type Shared = Arc<Mutex<Known>>;

fn lock(known: &Shared) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See the module. Dropping it ends it.
pub struct Neighbour {
    pub relay: Relay,
    pub address: SocketAddr,
    known: Shared,
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
        let known = Shared::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let router = Router::new()
            .route("/api/v1/streams/", get(streams))
            .route("/api/v1/clients/{id}", delete(disconnect))
            .route("/live/{file}", get(flv))
            .with_state((known.clone(), relay.url("")));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { relay, address, known, clients: 0, server }
    }

    /// The arguments of a server that has this for a neighbour.
    pub fn arguments(&self) -> Vec<String> {
        let rtmp = self.relay.url("").replace("/live/", "/{app}/{stream}");
        let words = ["--srs-secret", SECRET, "--srs-source", &rtmp, "--srs-api", &format!("http://{}", self.address)];
        words.map(str::to_owned).to_vec()
    }

    /// The same for one to which names are enough.
    pub fn open_arguments(&self) -> Vec<String> {
        self.arguments().into_iter().chain(["--srs-keys", "off"].map(str::to_owned)).collect()
    }

    /// What becomes of a callback: the code of the answer.
    pub async fn tell(api: &Api, action: &str, client: &str, name: &str) -> i64 {
        Self::tell_all(api, action, client, name, ("", "rtmp://127.0.0.1/live")).await.0
    }

    /// What becomes of a callback with this query, of a client that connected to that address: the code of the answer,
    /// and its sentence.
    pub async fn tell_all(
        api: &Api,
        action: &str,
        client: &str,
        name: &str,
        (param, tc_url): (&str, &str),
    ) -> (i64, String) {
        let hook = json!({
            "server_id": "vid-0", "service_id": "x", "action": action, "client_id": client, "ip": "127.0.0.1",
            "vhost": "__defaultVhost__", "app": "live", "tcUrl": tc_url, "stream": name, "param": param,
            "stream_url": format!("/live/{name}"), "stream_id": "vid-1",
        });
        let path = format!("/hooks/srs?secret={SECRET}");
        let (status, answer) = api.send(http::Method::POST, &path, Some(&hook)).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{answer}");
        (answer["code"].as_i64().expect("a code"), answer["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Somebody publishes: asks first, as SRS does, and is listed once that was answered with yes.
    pub async fn publish(&mut self, api: Option<&Api>, person: &Person, camera: &Camera, name: &str) -> i64 {
        self.publish_with(api, person, camera, name, "").await
    }

    /// The same with a query behind the name.
    pub async fn publish_with(
        &mut self,
        api: Option<&Api>,
        person: &Person,
        camera: &Camera,
        name: &str,
        param: &str,
    ) -> i64 {
        self.clients += 1;
        let client = format!("c{}", self.clients);
        let code = match api {
            Some(api) => Self::tell_all(api, "on_publish", &client, name, (param, "rtmp://127.0.0.1/live")).await.0,
            None => 0,
        };
        if code == 0 {
            let process = person.publish(camera, &self.relay.url(name)).expect("FFmpeg starts");
            let mut known = lock(&self.known);
            known.publishers.insert(name.to_owned(), process);
            known.listed.insert(name.to_owned(), client);
        }
        code
    }

    /// Lists a stream that others publish.
    pub fn list(&self, name: &str) {
        self.list_as(name, "");
    }

    /// The same with the client that publishes it.
    pub fn list_as(&self, name: &str, client: &str) {
        lock(&self.known).listed.insert(name.to_owned(), client.to_owned());
    }

    /// Somebody stops, and whoever listens is told.
    pub async fn stop(&mut self, api: Option<&Api>, name: &str) {
        let client = {
            let mut known = lock(&self.known);
            known.publishers.remove(name);
            known.listed.remove(name).expect("it was published")
        };
        if let Some(api) = api {
            assert_eq!(Self::tell(api, "on_unpublish", &client, name).await, 0);
        }
    }

    /// Clients that were to be disconnected, in order.
    pub fn disconnected(&self) -> Vec<String> {
        lock(&self.known).disconnected.clone()
    }

    /// Waits until what a list of now says has been acted upon: until two more lists were asked for, since the second
    /// follows upon what the first says.
    pub async fn is_looked_at(&self) {
        let mut looks = lock(&self.known).looks.subscribe();
        let enough = *looks.borrow() + 2;
        let looked = tokio::time::timeout(LIMIT, looks.wait_for(|looks| *looks >= enough)).await;
        looked.expect("nobody looks").expect("the stand-in lives");
    }
}

/// Ends the connection of a client, as SRS does: its stream ends, and nobody is told before SRS has noticed.
async fn disconnect(State((known, _)): State<(Shared, String)>, Path(id): Path<String>) -> Json<Value> {
    let mut known = lock(&known);
    known.disconnected.push(id.clone());
    let Some(name) = known.listed.iter().find(|(_, client)| **client == id).map(|(name, _)| name.clone()) else {
        return Json(json!({"code": 2049}));
    };
    known.listed.remove(&name);
    known.publishers.remove(&name);
    Json(json!({"code": 0, "server": "vid-0", "service": "x", "pid": "1"}))
}

/// As SRS lists them: from `start`, no less than ten.
async fn streams(
    State((known, _)): State<(Shared, String)>,
    Query(page): Query<BTreeMap<String, usize>>,
) -> Json<Value> {
    let number = |name: &str| page.get(name).copied().unwrap_or(0);
    let known = lock(&known);
    known.looks.send_modify(|looks| *looks += 1);
    let entry = |(name, client): (&String, &String)| {
        json!({
            "id": "vid-1", "name": name, "vhost": "vid-2", "app": "live", "tcUrl": "rtmp://127.0.0.1/live",
            "url": format!("/live/{name}"), "live_ms": 1, "clients": 2, "frames": 3, "send_bytes": 4, "recv_bytes": 5,
            "kbps": {"recv_30s": 6, "send_30s": 7}, "publish": {"active": true, "cid": client}, "video": null, "audio": null,
        })
    };
    let streams: Vec<Value> =
        known.listed.iter().skip(number("start")).take(number("count").max(10)).map(entry).collect();
    Json(json!({"code": 0, "server": "vid-0", "service": "x", "pid": "1", "streams": streams}))
}

/// A stream as HTTP-FLV, as long as it is asked for.
async fn flv(State((known, base)): State<(Shared, String)>, Path(file): Path<String>) -> axum::response::Response {
    let name = file.trim_end_matches(".flv").to_owned();
    if !lock(&known).listed.contains_key(&name) {
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
