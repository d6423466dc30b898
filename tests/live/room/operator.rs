//! Changes by an operator while the room is on air.

use std::time::Duration;

use serde_json::json;
use tilecast_lab::{
    people::FOUR,
    tone::level_dbfs,
    watch::{Look, Player, Seen, record},
};

use super::support::{CANVAS, LIMIT, address, camera, document, join, recent_sound, service, shows, tile, until};

#[tokio::test]
async fn the_floor_and_the_layout_move_tiles() {
    let service = service(&[]).await;
    let mut room = document(&FOUR);
    room["layout"] = json!({"template": "speaker", "people": {"absent": "card"}});
    service.api().put("/v1/rooms/r", &room).await.expect("a room");
    let view = service.api().put("/v1/rooms/r/speaker", &json!({"participant": "chen"})).await.expect("chen speaks");
    let view =
        if view["status"].is_object() { view } else { service.api().get("/v1/rooms/r").await.expect("the room") };
    assert_eq!(view["status"]["floor"], "chen");
    assert_eq!(view["status"]["floor_held"], true);
    let (chen, dana) = (tile(&view, "chen"), tile(&view, "dana"));
    assert!(chen.width > 2 * dana.width, "{chen:?} {dana:?}");
    service.api().delete("/v1/rooms/r/speaker").await.expect("given back");
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["floor"], json!(null));
}

#[tokio::test]
async fn muting_silences_only_the_program() {
    let service = service(&[]).await;
    let [alice, bob, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice, bob])).await.expect("a room");
    let _cameras = (join(&service, "r", &alice, &camera()).await, join(&service, "r", &bob, &camera()).await);
    service.api().patch("/v1/rooms/r/participants/alice", &json!({"muted": true})).await.expect("muted");
    let url = format!("{}/out/r", service.rtmp());
    let seen = record(&url, &Look::whole(CANVAS).with_sound(), Duration::from_secs(4)).await.expect("plays");
    let late = recent_sound(&seen);
    assert!(level_dbfs(late, alice.tone_hz) < -70.0, "{}", level_dbfs(late, alice.tone_hz));
    assert!(level_dbfs(late, bob.tone_hz) > -35.0);
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    let level = view["status"]["participants"]["alice"]["levels"]["rms_dbfs"].as_f64().expect("still metered");
    assert!(level > -40.0, "{level}");
}

#[tokio::test]
async fn who_is_hidden_costs_no_decoding_and_is_back_before_the_next_keyframe() {
    let service = service(&[]).await;
    let [alice, bob, ..] = FOUR;
    let mut slow = document(&[alice, bob]);
    slow["layout"] = json!({"template": "grid", "transition_ms": 3000});
    service.api().put("/v1/rooms/r", &slow).await.expect("a room");
    // Keyframes two seconds apart at 30 fps.
    let _camera = join(&service, "r", &alice, &camera()).await;
    service.api().patch("/v1/rooms/r/participants/alice", &json!({"hidden": true})).await.expect("hidden");
    let hidden = until(&service, "r", |view| view["status"]["scene"].as_array().is_some_and(Vec::is_empty)).await;
    let decoded =
        |view: &serde_json::Value| view["status"]["participants"]["alice"]["decoded"].as_u64().expect("a count");
    let frames = |view: &serde_json::Value| view["status"]["program"]["frames"].as_u64().expect("a count");
    // She moves for as long as she fades, three seconds.
    until(&service, "r", |view| decoded(view) >= decoded(&hidden) + 60).await;
    // Two more seconds of program after that, by its own count.
    let later = until(&service, "r", |view| frames(view) >= frames(&hidden) + 150).await;
    let settled = until(&service, "r", |view| frames(view) >= frames(&later) + 60).await;
    assert_eq!(decoded(&settled), decoded(&later), "nothing is decoded while hidden");
    assert_eq!(settled["status"]["participants"]["alice"]["state"], "live");

    let url = format!("{}/out/r", service.rtmp());
    let mut player = Player::open(&url, &Look::whole(CANVAS).in_colour()).await.expect("plays");
    player.picture(LIMIT).await.expect("a picture");
    service.api().patch("/v1/rooms/r/participants/alice", &json!({"hidden": false})).await.expect("cast");
    shows(&service, "r", "alice", true).await;
    while let Some(seen) = player.next().await {
        let Seen::Picture(frame) = seen else { continue };
        let view = service.api().get("/v1/rooms/r").await.expect("the room");
        let mean = frame.mean(frame.part(tile(&view, "alice"), CANVAS));
        // Her violet: blue well above green.
        if mean[2] > mean[1] + 30.0 {
            return;
        }
    }
    panic!("alice never came back");
}

#[tokio::test]
async fn a_second_publisher_takes_the_place_and_a_wrong_key_does_not() {
    let service = service(&[]).await;
    let [alice, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice])).await.expect("a room");
    let mut first = join(&service, "r", &alice, &camera()).await;

    let wrong = format!("{}/in/r/alice?key=guess", service.rtmp());
    let mut refused = alice.publish(&camera(), &wrong).expect("FFmpeg");
    let status = refused.wait(LIMIT).await.expect("ends by itself");
    assert!(!status.success(), "{status}");
    assert!(refused.last_words().contains("key"), "the refusal says why: {}", refused.last_words());
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["participants"]["alice"]["state"], "live");
    first.check().expect("the first is undisturbed");

    let mut second = join(&service, "r", &alice, &camera()).await;
    first.wait(LIMIT).await.expect("the first is closed");
    // What comes again by itself, as encoders do, throws nobody out.
    let mut again = alice.publish(&camera(), &address(&service, "r", &alice)).expect("FFmpeg");
    again.wait(LIMIT).await.expect("ends by itself");
    assert!(again.last_words().contains("taken over"), "the refusal says why: {}", again.last_words());
    second.check().expect("who took over is undisturbed");
    // Whose own connection broke is in again at once.
    drop(second);
    join(&service, "r", &alice, &camera()).await;
}

#[tokio::test]
async fn a_new_canvas_and_rate_go_on_air_without_losing_anyone() {
    let service = service(&[]).await;
    let [alice, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice])).await.expect("a room");
    let _camera = join(&service, "r", &alice, &camera()).await;
    service.api().patch("/v1/rooms/r", &json!({"video": {"bitrate_kbps": 800}})).await.expect("a new rate");
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["worker"]["started"], 1, "the rate changes on a running encoder");
    let canvas = json!({"canvas": {"width": 360, "height": 640, "fps": 25}});
    service.api().patch("/v1/rooms/r", &canvas).await.expect("a new canvas");
    until(&service, "r", |view| {
        view["status"]["worker"]["started"] == 2 && view["status"]["worker"]["pid"].is_number()
    })
    .await;
    shows(&service, "r", "alice", true).await;
    let url = format!("{}/v1/rooms/r/snapshot.jpg", service.api().base());
    let picture = reqwest::get(&url).await.expect("an answer").bytes().await.expect("a body");
    let picture = image::load_from_memory(&picture).expect("a JPEG");
    assert_eq!((picture.width(), picture.height()), (360, 640));
}
