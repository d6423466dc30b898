//! Outputs of programs, and pulls of participants.

use std::time::Duration;

use serde_json::json;
use tilecast_lab::{
    people::FOUR,
    relay::Relay,
    watch::{Look, record},
};
use tokio::net::TcpListener;

use super::support::{CANVAS, camera, document, join, no_frame_is_lost, service, shows, until};

#[tokio::test]
async fn one_dead_and_one_frozen_target_touch_nobody_else() {
    let relay = Relay::start().await.expect("nginx");
    let service = service(&[]).await;
    // Accepts and never reads a byte.
    let frozen = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let frozen_at = frozen.local_addr().expect("an address");
    let dead = tilecast_lab::process::free_port().expect("a port");
    let [alice, ..] = FOUR;
    let mut room = document(&[alice]);
    room["outputs"] = json!({
        "good": {"type": "rtmp", "url": relay.url("weekly")},
        "frozen": {"type": "rtmp", "url": format!("rtmp://{frozen_at}/live/x")},
        "dead": {"type": "rtmp", "url": format!("rtmp://127.0.0.1:{dead}/live/x")},
    });
    service.api().put("/v1/rooms/r", &room).await.expect("a room");
    let _camera = join(&service, "r", &alice, &camera()).await;
    let view = until(&service, "r", |view| {
        view["status"]["outputs"]["good"]["state"] == "live" && view["status"]["outputs"]["dead"]["state"] == "waiting"
    })
    .await;
    let why = view["status"]["outputs"]["dead"]["last_error"].as_str().expect("a reason");
    assert!(!why.is_empty());
    let look = Look::whole(CANVAS).with_packets();
    let seen = record(&relay.url("weekly"), &look, Duration::from_secs(3)).await.expect("plays from the relay");
    no_frame_is_lost(&service, "r", &seen).await;
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["outputs"]["good"]["connects"], 1, "{view}");
    assert_eq!(view["status"]["outputs"]["good"]["dropped_packets"], 0, "{view}");
    service.stop().await.expect("drains although a target is frozen");
}

#[tokio::test]
async fn a_participant_is_pulled_from_the_cluster_and_again_after_it_was_gone() {
    let relay = Relay::start().await.expect("nginx");
    let service = service(&[]).await;
    let [alice, ..] = FOUR;
    let mut source = alice.publish(&camera(), &relay.url("alice")).expect("FFmpeg");
    let mut room = document(&[]);
    room["participants"] = json!({"alice": {"source": {"type": "pull", "url": relay.url("alice")}}});
    service.api().put("/v1/rooms/r", &room).await.expect("a room");
    shows(&service, "r", "alice", true).await;
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["participants"]["alice"]["door"], "pull");
    source.stop(Duration::from_secs(5)).await.ok();
    shows(&service, "r", "alice", false).await;
    let _again = alice.publish(&camera(), &relay.url("alice")).expect("FFmpeg");
    shows(&service, "r", "alice", true).await;
}

#[tokio::test]
async fn addresses_that_are_not_allowed_are_refused_with_a_sentence() {
    let service = service(&[]).await;
    for url in
        ["rtmp://10.0.0.1/live/x", "rtmp://169.254.169.254/x/y", "http://127.0.0.1/x", "rtmp://[::ffff:10.0.0.1]/a/b"]
    {
        let body = json!({"type": "rtmp", "url": url});
        service.api().put("/v1/rooms/r", &document(&[])).await.expect("a room");
        let (status, problem) =
            service.api().send(reqwest::Method::PUT, "/v1/rooms/r/outputs/x", Some(&body)).await.expect("an answer");
        assert!(status.is_client_error(), "{url}: {status}");
        assert!(problem["faults"][0]["pointer"].is_string(), "{url}: {problem}");
        let view = service.api().get("/v1/rooms/r").await.expect("the room");
        assert_eq!(view["outputs"], json!({}), "nothing changed");
    }
}
