//! Failures: workers are killed or stand still, encoders hang, cameras freeze, streams are corrupt.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tilecast_lab::{
    people::FOUR,
    picture::difference,
    process::Process,
    relay::Relay,
    service::{Service, Setup},
    watch::{Look, Player, Seen},
};

use super::support::{CANVAS, LIMIT, camera, document, join, no_frame_is_lost, recent, service, shows, tile, until};

/// Longest gap on the time line, ms: without what a busy machine adds it is a third of a second after a kill, and under
/// 2 s where it has to be noticed first that nothing moves.
const GAP: i64 = 4000;

#[tokio::test]
async fn a_worker_that_is_killed_or_stands_still_is_replaced_and_the_push_stays_connected() {
    let relay = Relay::start().await.expect("nginx");
    let service = service(&[]).await;
    let [alice, ..] = FOUR;
    let mut room = document(&[alice]);
    room["outputs"] = json!({"relay": {"type": "rtmp", "url": relay.url("weekly")}});
    service.api().put("/v1/rooms/r", &room).await.expect("a room");
    let _camera = join(&service, "r", &alice, &camera()).await;
    let mut view = until(&service, "r", |view| view["status"]["outputs"]["relay"]["state"] == "live").await;

    let look = Look::whole(CANVAS).in_colour().with_packets();
    let mut player = Player::open(&relay.url("weekly"), &look).await.expect("plays");
    player.picture(LIMIT).await.expect("a picture");
    for (signal, started, why) in [(Signal::KILL, 2, "SIGKILL"), (Signal::STOP, 3, "was silent for 1.")] {
        let pid = view["status"]["worker"]["pid"].as_i64().expect("a pid") as i32;
        kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("there was one");
        let begun = Instant::now();
        let violet = |frame: &tilecast_lab::picture::Frame| {
            let mean = frame.mean(frame.part(tile(&view, "alice"), CANVAS));
            mean[2] > mean[1] + 30.0
        };
        let mut times = Vec::new();
        let mut gap_passed = false;
        let back = loop {
            match tokio::time::timeout(LIMIT, player.next()).await.expect("goes on").expect("the push never ended") {
                Seen::Packet { track: tilecast::media::Track::Video, pts_ms } => {
                    gap_passed |= times.last().is_some_and(|last| pts_ms - last > 40);
                    times.push(pts_ms);
                }
                Seen::Picture(frame) if gap_passed && violet(&frame) => break frame.at,
                _ => {}
            }
        };
        assert!(times.windows(2).all(|two| two[1] > two[0]), "timestamps rise");
        let gap = times.windows(2).map(|two| two[1] - two[0]).max().expect("packets");
        assert!(gap < GAP, "the program's gap was {gap} ms");
        println!("{why}: picture back {:?} later, gap on the time line {gap} ms", back.duration_since(begun));
        view = until(&service, "r", |view| view["status"]["worker"]["state"] == "running").await;
        assert_eq!(view["status"]["outputs"]["relay"]["connects"], 1);
        assert_eq!(view["status"]["worker"]["started"], started);
        let last = view["status"]["worker"]["last_exit"].as_str().expect("a reason");
        assert!(last.contains(why), "{last}");
    }
}

#[tokio::test]
async fn an_encoder_that_hangs_is_named_as_the_reason_for_another_worker() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("video")).expect("a folder");
    let text = tilecast::link::launch::builtin("video/x264").expect("it is built in");
    let hangs = text.replace("! x264enc", "! identity sleep-time=600000000 ! x264enc");
    std::fs::write(folder.path().join("video/x264.launch"), hangs).expect("a file");
    let service = service(&["--pipelines", folder.path().to_str().expect("text")]).await;
    service.api().put("/v1/rooms/r", &document(&[])).await.expect("a room");
    let view = until(&service, "r", |view| view["status"]["worker"]["last_exit"].is_string()).await;
    let last = view["status"]["worker"]["last_exit"].as_str().expect("a reason");
    assert!(last.contains("picture stood still") && last.contains("the video encoder hangs"), "{last}");
}

#[tokio::test]
async fn a_frozen_camera_becomes_a_card_and_the_others_go_on() {
    let service = service(&[]).await;
    let [alice, bob, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice, bob])).await.expect("a room");
    let frozen = join(&service, "r", &alice, &camera()).await;
    let _bob = join(&service, "r", &bob, &camera()).await;
    frozen.signal(Signal::STOP);
    let view = until(&service, "r", |view| {
        let alice = &view["status"]["participants"]["alice"];
        alice["state"] == "stalled" && alice["showing"] == false
    })
    .await;
    let url = format!("{}/out/r", service.rtmp());
    let seen = tilecast_lab::watch::record(&url, &Look::whole(CANVAS), Duration::from_secs(2)).await.expect("plays");
    let [first, .., last] = recent(&seen) else { panic!("frames") };
    assert!(difference(first, last, first.part(tile(&view, "alice"), CANVAS)) < 0.5, "a card stands still");
    assert!(difference(first, last, first.part(tile(&view, "bob"), CANVAS)) > 0.5, "bob moves");
    frozen.signal(Signal::CONT);
    shows(&service, "r", "alice", true).await;
}

#[tokio::test]
async fn a_corrupt_stream_spoils_its_own_tile_alone() {
    let service = service(&[]).await;
    let [alice, bob, ..] = FOUR;
    service.api().put("/v1/rooms/r", &document(&[alice, bob])).await.expect("a room");
    let _alice = join(&service, "r", &alice, &camera()).await;
    // FFmpeg's noise filter flips bytes in every other packet after encoding.
    let mut command = tilecast_lab::process::ffmpeg();
    bob.describe(&camera(), &mut command);
    command.args(["-bsf:v", "noise=amount=200", "-bsf:a", "noise=amount=200", "-f", "flv"]);
    command.arg(super::support::address(&service, "r", &bob));
    let _bob = Process::start("a broken camera", &mut command).expect("FFmpeg");
    until(&service, "r", |view| {
        view["status"]["participants"]["bob"]["decoded"].as_u64() > Some(60)
            || view["status"]["participants"]["bob"]["corrupt"].as_u64() > Some(30)
    })
    .await;
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    let url = format!("{}/out/r", service.rtmp());
    let look = Look::whole(CANVAS).with_packets();
    let seen = tilecast_lab::watch::record(&url, &look, Duration::from_secs(2)).await.expect("plays");
    no_frame_is_lost(&service, "r", &seen).await;
    let [first, .., last] = recent(&seen) else { panic!("frames") };
    assert!(difference(first, last, first.part(tile(&view, "alice"), CANVAS)) > 0.5, "alice moves");
    assert_eq!(view["status"]["worker"]["started"], 1);
}

#[tokio::test]
async fn a_worker_starts_again_while_idle_sockets_take_what_they_can() {
    // As a system starts it that gives 256 descriptors.
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("tilecast");
    let script = format!("#!/bin/sh\nulimit -n 256\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_tilecast"));
    std::fs::write(&program, script).expect("written");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    let service = Service::start(&program, Setup::default()).await.expect("the service starts");
    service.api().put("/v1/rooms/r", &document(&[])).await.expect("a room");
    let running = |view: &serde_json::Value| view["status"]["worker"]["state"] == "running";
    let view = until(&service, "r", running).await;

    let doors =
        [service.http_port(), service.rtmp().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")];
    let mut idle = Vec::new();
    for port in std::iter::repeat_n(doors, 200).flatten() {
        idle.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("it is taken up"));
    }
    let pid = view["status"]["worker"]["pid"].as_i64().expect("a pid") as i32;
    kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("killed");
    until(&service, "r", |view| running(view) && view["status"]["worker"]["started"] == 2).await;
    drop(idle);
}
