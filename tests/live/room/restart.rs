//! Start, stop and restart of a server with rooms.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;
use tilecast_lab::{
    meter::Usage,
    people::FOUR,
    relay::Relay,
    watch::{Look, record},
};

use super::support::{CANVAS, LIMIT, camera, document, join, service, until};

#[tokio::test]
async fn after_a_kill_of_everything_the_rooms_are_back_and_pushing() {
    let relay = Relay::start().await.expect("nginx");
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().to_str().expect("text");
    let mut before = service(&["--state", state]).await;
    let mut room = document(&FOUR[..1]);
    room["outputs"] = json!({"relay": {"type": "rtmp", "url": relay.url("weekly")}});
    before.api().put("/v1/rooms/r", &room).await.expect("a room");
    let stored = before.api().get("/v1/layouts/grid").await.expect("a layout");
    let template = stored.get("template").unwrap_or(&stored);
    before.api().put("/v1/layouts/mine", template).await.expect("a layout of one's own");
    let view = until(&before, "r", |view| view["status"]["outputs"]["relay"]["state"] == "live").await;
    let worker = view["status"]["worker"]["pid"].as_u64().expect("a pid") as u32;
    before.process().signal(Signal::KILL);
    before.process().wait(LIMIT).await.expect("dead");
    drop(before);

    let started = Instant::now();
    let after = service(&["--state", state]).await;
    let view = until(&after, "r", |view| view["status"]["outputs"]["relay"]["state"] == "live").await;
    println!("pushing again {:?} after the start", started.elapsed());
    assert!(view["participants"]["alice"].is_object());
    after.api().get("/v1/layouts/mine").await.expect("the layout is back");
    let seen = record(&relay.url("weekly"), &Look::whole(CANVAS), Duration::from_secs(1)).await.expect("plays");
    assert!(seen.frames.len() > 20);
    assert_eq!(Usage::of(&[worker]).processes, 0, "the old worker ended with its front");
}

#[tokio::test]
async fn a_corrupt_store_is_set_aside_and_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().to_str().expect("text");
    let first = service(&["--state", state]).await;
    first.api().put("/v1/rooms/good", &document(&[])).await.expect("a room");
    first.api().put("/v1/rooms/bad", &document(&[])).await.expect("a room");
    first.stop().await.expect("drains");
    let file = folder.path().join("rooms/bad.json");
    let text = fs::read_to_string(&file).expect("stored");
    fs::write(&file, &text[..text.len() / 2]).expect("written");
    let mut second = service(&["--state", state]).await;
    let rooms = second.api().get("/v1/rooms").await.expect("rooms").to_string();
    assert!(rooms.contains("\"good\"") && !rooms.contains("\"bad\""), "{rooms}");
    assert!(second.process().last_words().contains("set aside"), "{}", second.process().last_words());
}

#[tokio::test]
async fn a_signal_drains_and_leaves_no_child() {
    let service = service(&[]).await;
    service.api().put("/v1/rooms/r", &document(&FOUR[..1])).await.expect("a room");
    let mut camera = join(&service, "r", &FOUR[0], &camera()).await;
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    let worker = view["status"]["worker"]["pid"].as_u64().expect("a pid") as u32;
    service.stop().await.expect("exit 0 within 5 s");
    assert_eq!(Usage::of(&[worker]).processes, 0);
    camera.wait(LIMIT).await.expect("the publisher was told");
}

#[tokio::test]
async fn deleted_rooms_leave_nothing_behind() {
    let service = service(&[]).await;
    let mut threads = Vec::new();
    for round in 0..5 {
        service.api().put("/v1/rooms/r", &document(&FOUR)).await.expect("a room");
        let camera = join(&service, "r", &FOUR[round % 4], &camera()).await;
        service.api().delete("/v1/rooms/r").await.expect("deleted");
        drop(camera);
        let (status, _) = service.api().send(reqwest::Method::GET, "/v1/rooms/r", None).await.expect("an answer");
        assert_eq!(status, 404);
        let alone = async {
            while Usage::of(&[service.id()]).processes > 1 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, alone).await.expect("the worker ends");
        let usage = Usage::of(&[service.id()]);
        threads.push((usage.threads, usage.descriptors));
    }
    assert!(threads.windows(2).skip(1).all(|two| two[1].1 <= two[0].1 + 1), "descriptors stay: {threads:?}");
}
