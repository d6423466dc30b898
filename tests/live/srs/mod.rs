//! SRS as a neighbour: a participant who publishes to SRS joins here, even when callbacks are lost.

mod keyed;
mod latency;
mod moment;
mod neighbour;
mod real;
mod server;

use std::{path::Path, time::Duration};

use futures_util::StreamExt;
use http::{Method, StatusCode};
use neighbour::{Neighbour, SECRET};
use rustix::process::Signal;
use serde_json::{Value, json};
use tilecast::media::Size;
use tilecast_lab::{
    api::Api,
    people::{Camera, FOUR},
    service::{Service, Setup},
    watch::{Look, Player},
};

/// Longest wait for anything on a busy machine: two polls of a list take 10 s.
const LIMIT: Duration = Duration::from_secs(40);

fn camera() -> Camera {
    Camera { picture: Some(Size { width: 320, height: 180 }), bitrate_kbps: 300, ..Camera::default() }
}

async fn service(mut arguments: Vec<String>, more: &[&str]) -> Service {
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    Service::start(program, Setup { arguments, ..Setup::default() }).await.expect("the service starts")
}

async fn room(api: &Api, outputs: Value, participants: Value) {
    let document = json!({
        "canvas": {"width": 640, "height": 360}, "video": {"preset": "ultrafast", "bitrate_kbps": 800},
        "speaker": {"mode": "manual"}, "outputs": outputs, "participants": participants,
    });
    api.put("/v1/rooms/weekly", &document).await.expect("a room");
}

async fn until(api: &Api, wanted: impl Fn(&Value) -> bool) -> Value {
    api.until("/v1/rooms/weekly", LIMIT, wanted).await.expect("the room gets there")
}

fn shows(view: &Value, id: &str) -> bool {
    view["status"]["participants"][id]["showing"] == true
}

fn has(view: &Value, id: &str) -> bool {
    view["participants"].get(id).is_some()
}

/// Waits until a room's events contain `part`.
async fn hears(base: &str, part: &str) {
    let answer = reqwest::get(format!("{base}/v1/rooms/weekly/events")).await.expect("events");
    let mut pieces = answer.bytes_stream();
    let mut text = String::new();
    let heard = async {
        while !text.contains(part) {
            let piece = pieces.next().await.expect("it goes on").expect("it holds");
            text.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    tokio::time::timeout(LIMIT, heard).await.unwrap_or_else(|_| panic!("{part} is never said"));
}

#[tokio::test]
async fn who_publishes_there_joins_here_and_leaves_again() {
    let mut srs = Neighbour::start().await;
    let service = service(srs.open_arguments(), &[]).await;
    let api = service.api();
    room(api, json!({"srs": {"type": "rtmp", "url": srs.relay.url("weekly-program")}}), json!({})).await;
    let base = api.base().to_owned();
    let events = tokio::spawn(async move { hears(&base, "its stream is published to SRS").await });

    assert_eq!(srs.publish(Some(api), &FOUR[0], &camera(), "weekly-alice").await, 0);
    assert_eq!(srs.publish(Some(api), &FOUR[1], &camera(), "weekly-bob").await, 0);
    let view = until(api, |view| shows(view, "alice") && shows(view, "bob")).await;
    let alice = &view["participants"]["alice"];
    assert_eq!(alice["brought_by"], "srs");
    assert_eq!(alice["source"], json!({"type": "pull", "url": srs.relay.url("weekly-alice")}));
    events.await.expect("no panic");

    // The program goes back to SRS; the callback about it adds no participant.
    assert_eq!(Neighbour::tell(api, "on_publish", "p1", "weekly-program").await, 0);
    let look = Look::whole(Size { width: 64, height: 36 });
    let mut player = Player::open(&srs.relay.url("weekly-program"), &look).await.expect("ffmpeg");
    player.picture(LIMIT).await.expect("a picture of the program");
    let view = api.get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "program"), "{view}");

    // Callbacks come twice, about other things, and late.
    assert_eq!(Neighbour::tell(api, "on_publish", "c1", "weekly-alice").await, 0);
    for action in ["on_play", "on_stop", "on_dvr", "on_hls", "on_connect", "on_close", "on_something_new"] {
        assert_eq!(Neighbour::tell(api, action, "x", "weekly-alice").await, 0, "{action}");
    }
    assert_eq!(Neighbour::tell(api, "on_unpublish", "an earlier one", "weekly-alice").await, 0);
    assert!(shows(&api.get("/v1/rooms/weekly").await.expect("the room"), "alice"), "nothing of that disturbed anybody");

    srs.stop(Some(api), "weekly-alice").await;
    let view = api.get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "alice") && shows(&view, "bob"), "{view}");
    service.stop().await.expect("it drains");
}

#[tokio::test]
async fn what_got_lost_is_made_up_for_and_nobody_else_is_touched() {
    let state = tempfile::tempdir().expect("a folder");
    let state = ["--state", state.path().to_str().expect("text")];
    let mut srs = Neighbour::start().await;
    let mut before = service(srs.open_arguments(), &state).await;
    let dave = json!({"dave": {"source": {"type": "publish", "key": "long-key"}}, "erin": {"source": {"type": "publish", "key": "long-key"}}});
    room(before.api(), json!({}), dave).await;
    srs.publish(Some(before.api()), &FOUR[0], &camera(), "weekly-alice").await;
    srs.publish(Some(before.api()), &FOUR[1], &camera(), "weekly-bob").await;
    until(before.api(), |view| shows(view, "alice") && shows(view, "bob")).await;
    before.process().signal(Signal::KILL);
    drop(before);

    srs.stop(None, "weekly-bob").await;
    srs.publish(None, &FOUR[2], &camera(), "weekly-chen").await;
    srs.publish(None, &FOUR[3], &camera(), "weekly-erin").await;
    let after = service(srs.open_arguments(), &state).await;
    let view = until(after.api(), |view| shows(view, "alice") && shows(view, "chen") && !has(view, "bob")).await;
    assert!(has(&view, "dave"), "added by hand, and in no list: {view}");
    assert_eq!(
        view["participants"]["erin"]["source"]["type"], "publish",
        "added by hand, with a stream of the same name"
    );

    // An unavailable list is no reason to remove a participant.
    drop(srs);
    until(after.api(), |view| view["status"]["participants"]["alice"]["state"] == "absent").await;
    let view = after.api().get("/v1/rooms/weekly").await.expect("the room");
    assert!(has(&view, "alice") && has(&view, "chen"), "{view}");
}

#[tokio::test]
async fn http_flv_is_pulled_as_well() {
    let mut srs = Neighbour::start().await;
    let mut arguments = srs.open_arguments();
    arguments[3] = format!("http://{}/{{app}}/{{stream}}.flv", srs.address);
    let service = service(arguments, &[]).await;
    let api = service.api();
    room(api, json!({}), json!({})).await;
    // No callback comes, but the list has the stream.
    srs.publish(None, &FOUR[0], &camera(), "weekly-alice").await;
    let whole = |view: &Value| {
        let alice = &view["status"]["participants"]["alice"];
        shows(view, "alice") && alice["levels"] != Value::Null && alice["width"] == 320
    };
    until(api, whole).await;
    srs.stop(None, "weekly-alice").await;
    until(api, |view| !has(view, "alice")).await;
}

#[tokio::test]
async fn whep_is_pulled_as_well() {
    // Another server of ours stands in for SRS's WebRTC door: its room's program is the stream.
    let origin = service(Vec::new(), &[]).await;
    let document = json!({
        "canvas": {"width": 320, "height": 180}, "video": {"preset": "ultrafast", "bitrate_kbps": 500},
        "participants": {"camera": {"source": {"type": "publish", "key": "long-key"}}},
    });
    origin.api().put("/v1/rooms/live-weekly-alice", &document).await.expect("a room");
    let _camera = FOUR[0]
        .publish(&camera(), &format!("{}/in/live-weekly-alice/camera?key=long-key", origin.rtmp()))
        .expect("FFmpeg");

    let srs = Neighbour::start().await;
    let mut arguments = srs.open_arguments();
    arguments[3] = format!("{}/whep/{{app}}-{{stream}}", origin.api().base());
    let service = service(arguments, &[]).await;
    let api = service.api();
    room(api, json!({}), json!({})).await;
    assert_eq!(Neighbour::tell(api, "on_publish", "c1", "weekly-alice").await, 0);
    srs.list("weekly-alice");
    let whole = |view: &Value| {
        let alice = &view["status"]["participants"]["alice"];
        shows(view, "alice") && alice["levels"] != Value::Null && alice["width"] == 320
    };
    let view = until(api, whole).await;
    assert_eq!(view["participants"]["alice"]["source"]["type"], "whep");
}

#[tokio::test]
async fn who_may_not_is_refused() {
    let mut srs = Neighbour::start().await;
    let service = service(srs.open_arguments(), &["--srs-unknown-room", "refuse"]).await;
    let api = service.api();
    assert_ne!(srs.publish(Some(api), &FOUR[0], &camera(), "weekly-alice").await, 0, "there is no such room");
    assert_eq!(Neighbour::tell(api, "on_publish", "c", "something").await, 0, "this is nobody's");
    let full: serde_json::Map<String, Value> =
        (0..64).map(|n| (format!("p{n}"), json!({"source": {"type": "publish", "key": "long-key"}}))).collect();
    room(api, json!({}), full.into()).await;
    assert_ne!(srs.publish(Some(api), &FOUR[0], &camera(), "weekly-alice").await, 0, "the room is full");
    assert!(!has(&api.get("/v1/rooms/weekly").await.expect("the room"), "alice"));

    let hook = json!({"action": "on_publish", "app": "live", "stream": "weekly-alice"});
    let post = async |path: &str, body: &Value| api.send(Method::POST, path, Some(body)).await.expect("an answer").0;
    assert_eq!(post("/hooks/srs", &hook).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post("/hooks/srs?secret=0123456789abcdef-srx", &hook).await, StatusCode::UNAUTHORIZED);
    assert_eq!(post(&format!("/hooks/srs/{SECRET}"), &hook).await, StatusCode::OK);
    assert_eq!(post(&format!("/hooks/srs?secret={SECRET}"), &json!({"action": 7})).await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_is_put_out_stays_out_until_it_publishes_anew() {
    let state = tempfile::tempdir().expect("a folder");
    let state = ["--state", state.path().to_str().expect("text"), "--srs-other-streams", "refuse"];
    let mut srs = Neighbour::start().await;
    let mut before = service(srs.open_arguments(), &state).await;
    let api = before.api();
    assert_ne!(Neighbour::tell(api, "on_publish", "c", "something").await, 0, "this is nobody's");
    room(api, json!({}), json!({})).await;
    // The callback of one stream came; the other is only in the list.
    assert_eq!(Neighbour::tell(api, "on_publish", "a1", "weekly-alice").await, 0);
    srs.list_as("weekly-alice", "a1");
    srs.list_as("weekly-bob", "b1");
    until(api, |view| has(view, "alice") && has(view, "bob")).await;
    api.delete("/v1/rooms/weekly/participants/alice").await.expect("put out");
    api.patch("/v1/rooms/weekly", &json!({"participants": {"bob": null}})).await.expect("put out");
    srs.is_looked_at().await;
    let view = api.get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "alice") && !has(&view, "bob"), "{view}");

    before.process().signal(Signal::KILL);
    drop(before);
    let after = service(srs.open_arguments(), &state).await;
    let api = after.api();
    srs.is_looked_at().await;
    let view = api.get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "alice") && !has(&view, "bob"), "a restart changes nothing: {view}");

    assert_eq!(Neighbour::tell(api, "on_publish", "a2", "weekly-alice").await, 0);
    assert!(has(&api.get("/v1/rooms/weekly").await.expect("the room"), "alice"));
    // The callback got lost.
    srs.list_as("weekly-alice", "a2");
    srs.list_as("weekly-bob", "b2");
    until(api, |view| has(view, "alice") && has(view, "bob")).await;
    srs.stop(None, "weekly-bob").await;
}

#[tokio::test]
async fn without_a_neighbour_there_are_no_callbacks() {
    let service = service(Vec::new(), &[]).await;
    let hook = json!({"action": "on_publish", "app": "live", "stream": "weekly-alice"});
    let (status, problem) =
        service.api().send(Method::POST, "/hooks/srs?secret=x", Some(&hook)).await.expect("an answer");
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().expect("a sentence").contains("docs/srs.md"), "{problem}");
}
