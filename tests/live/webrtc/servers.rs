//! WHEP pulls from other servers and WHIP pushes to them: another Tilecast, and a server on another stack.

use std::time::Duration;

use serde_json::{Value, json};
use tilecast::media::Size;
use tilecast_lab::{
    people::{Camera, FOUR},
    picture::difference,
    service::Service,
    tone::level_dbfs,
    watch::{Look, Recording, record},
};

use super::{
    standin::{Standin, TOKEN},
    support::{service, until},
};

const CANVAS: Size = Size { width: 640, height: 360 };

/// What the program shows and sounds like for three seconds.
async fn watched(service: &Service) -> Recording {
    let look = Look::whole(CANVAS).in_colour().with_sound();
    record(&format!("{}/out/weekly", service.rtmp()), &look, Duration::from_secs(3)).await.expect("the program plays")
}

/// The last half second: what came before may be from before the picture was there.
fn heard(seen: &Recording, hz: f32) -> f32 {
    level_dbfs(&seen.sound[seen.sound.len().saturating_sub(24_000)..], hz)
}

/// Fails unless the last second's picture moves.
fn moves(seen: &Recording) {
    let recent = &seen.frames[seen.frames.len().saturating_sub(30)..];
    let still = recent.windows(2).filter(|two| difference(&two[0], &two[1], two[0].whole()) < 0.02).count();
    assert!(still < 15, "{still} of 30 frames do not move");
}

async fn participant(service: &Service, document: Value) {
    service.api().put("/v1/rooms/weekly/participants/guest", &document).await.expect("a participant");
}

async fn shows(service: &Service) -> Value {
    until(service, |view| view["status"]["participants"]["guest"]["showing"] == true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_goes_from_one_tilecast_to_the_next_and_on() {
    let (source, middle, sink) = (service().await, service().await, service().await);
    let [alice, ..] = FOUR;
    // Each has one person, who fills the program.
    let alone = json!({"viewer_token": "w4tch-this", "participants": {"bob": null}});
    source.api().patch("/v1/rooms/weekly", &alone).await.expect("alice alone");
    let nobody = json!({"participants": {"alice": null, "bob": null}});
    middle.api().patch("/v1/rooms/weekly", &nobody).await.expect("nobody yet");
    sink.api().patch("/v1/rooms/weekly", &json!({"participants": {"alice": null}})).await.expect("bob alone");
    let camera = Camera { picture: Some(Size { width: 320, height: 180 }), bitrate_kbps: 300, ..Camera::default() };
    let address = format!("{}/in/weekly/alice?key=long-key", source.rtmp());
    let _camera = alice.publish(&camera, &address).expect("FFmpeg");

    let endpoint = format!("{}/whep/weekly", source.api().base());
    let pulled = json!({"type": "whep", "url": endpoint, "token": "w4tch-this"});
    participant(&middle, json!({"source": pulled})).await;
    let view = until(&middle, |view| view["status"]["participants"]["guest"]["width"] == 640).await;
    assert_eq!(view["status"]["participants"]["guest"]["door"], "whep");

    let endpoint = format!("{}/whip/weekly/bob", sink.api().base());
    let pushed = json!({"type": "whip", "url": endpoint, "token": "long-key"});
    middle.api().put("/v1/rooms/weekly/outputs/next", &pushed).await.expect("an output");
    until(&sink, |view| view["status"]["participants"]["bob"]["showing"] == true).await;
    let view = until(&middle, |view| view["status"]["outputs"]["next"]["sent_bytes"].as_u64() > Some(100_000)).await;
    assert_eq!(view["status"]["outputs"]["next"]["state"], "live");
    assert_eq!(view["status"]["outputs"]["next"]["connects"], 1);

    for service in [&middle, &sink] {
        let seen = watched(service).await;
        moves(&seen);
        let level = heard(&seen, alice.tone_hz);
        assert!(level > -35.0, "alice is heard at {level} dBFS");
        let mean = seen.frames.last().map(|frame| frame.mean(frame.whole())).expect("frames");
        assert!(mean[2] > mean[1] + 30.0, "alice is violet, this is {mean:?}");
    }

    middle.api().delete("/v1/rooms/weekly/outputs/next").await.expect("removed");
    until(&sink, |view| view["status"]["participants"]["bob"]["state"] == "absent").await;
    middle.api().delete("/v1/rooms/weekly").await.expect("removed");
    let left = source
        .api()
        .until("/v1/rooms/weekly", super::support::LIMIT, |view| view["status"]["program"]["readers"] == 0)
        .await;
    left.expect("the pull said goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_on_another_stack_is_pulled_from_and_again_after_it_was_gone() {
    let standin = Standin::start().await;
    let service = service().await;
    let source = |token: &str| json!({"source": {"type": "whep", "url": standin.url("whep"), "token": token}});
    participant(&service, source("wr0ng")).await;
    let error = |view: &Value| view["status"]["participants"]["guest"]["last_error"].as_str().map(str::to_owned);
    let view = until(&service, |view| error(view).is_some()).await;
    assert_eq!(error(&view).as_deref(), Some("the server refused the token (HTTP 401); put the right one into token"));

    participant(&service, source(TOKEN)).await;
    shows(&service).await;
    let view = until(&service, |view| view["status"]["participants"]["guest"]["width"] == 320).await;
    assert_eq!(error(&view), None);
    let seen = watched(&service).await;
    moves(&seen);
    let level = heard(&seen, 440.0);
    assert!(level > -35.0, "the tone is heard at {level} dBFS");

    let port = standin.port;
    standin.stop().await;
    let view = until(&service, |view| error(view).is_some()).await;
    println!("gone: {:?}", error(&view));
    let _again = Standin::on(port).await;
    shows(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_pushed_to_a_server_on_another_stack_and_again_after_it_was_gone() {
    let standin = Standin::start().await;
    let service = service().await;
    let [alice, ..] = FOUR;
    let camera = Camera { picture: Some(Size { width: 320, height: 180 }), bitrate_kbps: 300, ..Camera::default() };
    let _camera = alice.publish(&camera, &format!("{}/in/weekly/alice?key=long-key", service.rtmp())).expect("FFmpeg");
    until(&service, |view| view["status"]["participants"]["alice"]["showing"] == true).await;
    let output = json!({"type": "whip", "url": standin.url("whip"), "token": TOKEN});
    service.api().put("/v1/rooms/weekly/outputs/next", &output).await.expect("an output");
    violet_and_humming(&standin, alice.tone_hz).await;

    let port = standin.port;
    drop(standin);
    let view = until(&service, |view| view["status"]["outputs"]["next"]["state"] == "waiting").await;
    println!("gone: {}", view["status"]["outputs"]["next"]["last_error"]);
    let again = Standin::on(port).await;
    violet_and_humming(&again, alice.tone_hz).await;
    let view = until(&service, |view| view["status"]["outputs"]["next"]["state"] == "live").await;
    assert_eq!(view["status"]["outputs"]["next"]["connects"], 2, "{view}");
    service.api().delete("/v1/rooms/weekly/outputs/next").await.expect("removed");
    again.seen(|seen| seen["sessions"] == 0).await.expect("the session was deleted");
}

/// Waits until the stand-in has seen the program's picture and heard the tone in it.
async fn violet_and_humming(standin: &Standin, hz: f32) {
    let sound = |seen: &Value| -> Vec<f32> {
        seen["sound"].as_array().expect("a list").iter().filter_map(Value::as_f64).map(|value| value as f32).collect()
    };
    let seen = standin.seen(|seen| seen["pictures"].as_u64() > Some(60) && level_dbfs(&sound(seen), hz) > -35.0);
    let seen = seen.await.expect("pictures and the tone come");
    assert_eq!(seen["size"], json!([640, 360]));
    let means: Vec<f64> = seen["means"].as_array().expect("measured").iter().filter_map(Value::as_f64).collect();
    // Violet has more blue than grey has.
    assert!(means[0] > 20.0 && means[1] > 130.0, "{means:?}");
}
