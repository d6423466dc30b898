//! The program: everyone is seen in their place and heard, and no frame is missing.

use std::time::Duration;

use serde_json::json;
use tilecast_lab::{
    people::FOUR,
    picture::difference,
    process::{Process, ffmpeg},
    tone::level_dbfs,
    watch::{Look, record},
};

use super::support::{
    CANVAS, address, camera, document, join, no_frame_is_lost, recent, recent_sound, service, shows, tile, until,
};

#[tokio::test]
async fn four_people_are_seen_and_heard_and_no_frame_is_missing() {
    let service = service(&[]).await;
    let view = service.api().put("/v1/rooms/weekly", &document(&FOUR)).await.expect("a room");
    assert_eq!(view["status"]["participants"]["alice"]["state"], "absent");
    let mut cameras = Vec::new();
    for person in &FOUR {
        cameras.push(join(&service, "weekly", person, &camera()).await);
    }
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");

    let look = Look::whole(CANVAS).in_colour().with_sound().with_packets();
    let url = format!("{}/out/weekly", service.rtmp());
    let seen = record(&url, &look, Duration::from_secs(4)).await.expect("the program plays");

    for person in &FOUR {
        let rect = seen.frames[0].part(tile(&view, person.id), CANVAS);
        let still = recent(&seen).windows(2).filter(|two| difference(&two[0], &two[1], rect) < 0.05).count();
        assert!(still < 10, "{} moves: {still} of 30 frames do not", person.id);
        let level = level_dbfs(recent_sound(&seen), person.tone_hz);
        assert!(level > -35.0, "{} is heard at {level} dBFS", person.id);
        let mean = recent(&seen)[0].mean(rect);
        assert!(near(mean, person.colours[1]), "{} is {mean:?}, not near {}", person.id, person.colours[1]);
    }
    no_frame_is_lost(&service, "weekly", &seen).await;
    let sound = seen.audio_pts_ms.windows(2).map(|two| two[1] - two[0]);
    assert!(sound.clone().all(|step| (21..=22).contains(&step)), "{:?}", sound.collect::<Vec<_>>());
    service.stop().await.expect("drains");
}

/// Colours of a picture that wander about `hex` stay on the same side of grey in each channel's order.
fn near(mean: [f32; 3], hex: &str) -> bool {
    let value = u32::from_str_radix(hex, 16).expect("a colour");
    let [_, red, green, blue] = value.to_be_bytes();
    let order = |c: [f32; 3]| (0..3).max_by(|a, b| c[*a].total_cmp(&c[*b])).expect("three");
    order(mean) == order([red, green, blue].map(f32::from))
}

#[tokio::test]
async fn people_without_picture_or_sound_are_welcome() {
    let service = service(&[]).await;
    let [alice, bob, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice, bob])).await.expect("a room");
    let silent = join(&service, "r", &alice, &tilecast_lab::people::Camera { sample_rate: None, ..camera() }).await;
    let unseen = tilecast_lab::people::Camera { picture: None, ..camera() };
    let unseen = bob.publish(&unseen, &address(&service, "r", &bob)).expect("FFmpeg");
    let view = until(&service, "r", |view| {
        view["status"]["participants"]["bob"]["levels"]["rms_dbfs"].as_f64().is_some_and(|level| level > -40.0)
    })
    .await;
    assert_eq!(view["status"]["participants"]["bob"]["showing"], false);
    let url = format!("{}/out/r", service.rtmp());
    let look = Look::whole(CANVAS).with_sound();
    let seen = record(&url, &look, Duration::from_secs(2)).await.expect("plays");
    let [first, .., last] = recent(&seen) else { panic!("frames") };
    assert!(difference(first, last, first.part(tile(&view, "alice"), CANVAS)) > 0.5, "alice moves");
    let card = first.part(tile(&view, "bob"), CANVAS);
    assert!(difference(first, last, card) < 0.5, "bob's card stands still");
    assert!(level_dbfs(recent_sound(&seen), bob.tone_hz) > -35.0);
    drop((silent, unseen));
}

#[tokio::test]
async fn every_built_in_layout_and_an_inline_one_can_be_aired() {
    let service = service(&[]).await;
    service.api().put("/v1/rooms/r", &document(&FOUR)).await.expect("a room");
    let _alice = join(&service, "r", &FOUR[0], &camera()).await;
    let layouts = service.api().get("/v1/layouts").await.expect("layouts");
    let names: Vec<&str> = layouts["layouts"]
        .as_array()
        .or(layouts.as_array())
        .expect("a list")
        .iter()
        .filter_map(|l| l["name"].as_str())
        .collect();
    assert!(names.len() >= 6, "{layouts}");
    for name in names {
        service.api().put("/v1/rooms/r/layout", &json!({"template": name})).await.expect(name);
        let view = service.api().get("/v1/rooms/r").await.expect("the room");
        assert!(!view["status"]["scene"].as_array().expect("a scene").is_empty(), "{name}: {view}");
    }
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["worker"]["started"], 1, "no layout kills the worker: {view}");
    assert!(view["status"]["worker"]["pid"].is_number(), "{view}");
}

/// A white flash and a beep, 100 ms each, begin together every second.
#[tokio::test]
async fn lips_match() {
    let service = service(&[]).await;
    let [alice, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice])).await.expect("a room");
    let mut command = ffmpeg();
    let flash = "color=black:s=320x180:r=30,drawbox=color=white:t=fill:enable='lt(mod(t,1),0.1)'";
    let beep = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000";
    command.args(["-re", "-f", "lavfi", "-i", flash, "-re", "-f", "lavfi", "-i", beep]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "60", "-c:a", "aac"]);
    command.args(["-f", "flv", &address(&service, "r", &alice)]);
    let _camera = Process::start("a flashing camera", &mut command).expect("FFmpeg");
    shows(&service, "r", "alice", true).await;
    // The playout clock has met the sender's rhythm by then.
    let frames = |view: &serde_json::Value| view["status"]["program"]["frames"].as_u64();
    let begun = frames(&service.api().get("/v1/rooms/r").await.expect("the room"));
    until(&service, "r", |view| frames(view) > begun.map(|begun| begun + 150)).await;

    let url = format!("{}/out/r", service.rtmp());
    let look = Look::whole(CANVAS).with_sound().with_packets();
    let seen = record(&url, &look, Duration::from_secs(6)).await.expect("plays");
    let bright: Vec<bool> = seen.frames.iter().map(|frame| frame.mean(frame.whole())[0] > 100.0).collect();
    let flashes: Vec<i64> = (1..bright.len())
        .filter(|n| bright[*n] && !bright[n - 1])
        .filter_map(|n| seen.video_pts_ms.get(n).copied())
        .collect();
    let first_sound = *seen.audio_pts_ms.first().expect("sound");
    let loud: Vec<i64> = seen
        .sound
        .chunks(48)
        .map(|ms| ms.iter().fold(0.0f32, |peak, s| peak.max(s.abs())))
        .enumerate()
        .filter(|(_, peak)| *peak > 0.1)
        .map(|(ms, _)| first_sound + ms as i64)
        .collect();
    let beeps: Vec<i64> =
        loud.iter().enumerate().filter(|(n, at)| *n == 0 || **at - loud[n - 1] > 300).map(|(_, at)| *at).collect();
    let apart: Vec<i64> = flashes
        .iter()
        .filter_map(|flash| beeps.iter().map(|beep| beep - flash).min_by_key(|apart| apart.abs()))
        .filter(|apart| apart.abs() < 500)
        .collect();
    assert!(apart.len() >= 4, "flashes {flashes:?}, beeps {beeps:?}");
    println!("sound less picture, ms: {apart:?}");
    assert!(apart.iter().all(|apart| apart.abs() <= 45), "sound less picture, ms: {apart:?}");
}
