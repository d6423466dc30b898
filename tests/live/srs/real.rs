//! A real SRS as a neighbour, where one is installed ([`Plan`] says how it is found; without one these tests say so and
//! prove nothing). It runs with `deploy/srs.conf`, people publish with FFmpeg, and the result is analysed.

use std::{path::Path, time::Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tilecast_lab::{
    meter::cpu_alone,
    people::{FOUR, Person},
    process::{Process, free_port},
    service::{Service, Setup},
    watch::{Look, Player},
};

use super::{
    LIMIT, camera, has,
    moment::{SEEN, both, only, only_alice, sees},
    neighbour::SECRET,
    server::{Plan, Srs},
    service, shows, until,
};

/// The room, whose people fill the picture side by side.
async fn room(service: &Service, outputs: Value, participants: Value) {
    let document = json!({
        "canvas": {"width": 640, "height": 360}, "video": {"preset": "ultrafast", "bitrate_kbps": 800},
        "layout": {"template": "grid"}, "speaker": {"mode": "manual"},
        "outputs": outputs, "participants": participants,
    });
    service.api().put("/v1/rooms/weekly", &document).await.expect("a room");
}

/// Tilecast on a port that SRS is told of, with SRS for a neighbour, to which names are enough unless `more` says
/// otherwise. Without `--srs-api` among that, only callbacks can tell.
async fn told(http: u16, source: &str, more: &[&str]) -> Service {
    let keys: &[&str] = if more.contains(&"--srs-keys") { &[] } else { &["--srs-keys", "off"] };
    let words = [&["--srs-secret", SECRET, "--srs-source", source], keys, more].concat();
    let arguments = words.into_iter().map(str::to_owned).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    let setup = Setup { http: Some(http), arguments, ..Setup::default() };
    Service::start(program, setup).await.expect("the service starts")
}

fn is_published(stream: &Value) -> bool {
    stream["publish"]["active"] == true
}

fn is_over(stream: &Value) -> bool {
    !is_published(stream)
}

fn publishes(person: &Person, url: &str) -> Process {
    person.publish(&camera(), url).expect("FFmpeg starts")
}

/// Fails unless SRS itself ends the publisher, for this reason, and has no such stream.
async fn is_thrown_out(mut publisher: Process, srs: &Srs, stream: &str, why: &str) {
    let status = publisher.wait(LIMIT).await.expect("SRS disconnects it");
    assert!(!status.success(), "{status}");
    let log = srs.log();
    assert!(log.contains(why), "SRS's log does not say {why:?}: {log}");
    srs.lists(stream, LIMIT, is_over).await;
    println!("{why}: {}", publisher.last_words().lines().next_back().unwrap_or_default());
}

#[tokio::test]
async fn people_join_by_callbacks_and_the_program_goes_back() {
    let Some(plan) = Plan::new() else { return };
    let http = free_port().expect("a port");
    let service = told(http, &plan.sources()[0], &[]).await;
    let srs = plan.telling(http, SECRET);
    let running = srs.start().await;
    println!("SRS {}", running.version().await);
    let program = srs.rtmp("weekly-program");
    room(&service, json!({"srs": {"type": "rtmp", "url": program}}), json!({})).await;

    let alice = publishes(&FOUR[0], &srs.rtmp("weekly-alice"));
    let bob = publishes(&FOUR[1], &srs.rtmp("weekly-bob"));
    let view = until(service.api(), |view| shows(view, "alice") && shows(view, "bob")).await;
    assert_eq!(view["participants"]["alice"]["brought_by"], "srs");
    assert_eq!(view["participants"]["alice"]["source"], json!({"type": "pull", "url": srs.rtmp("weekly-alice")}));
    sees(&program, "both, from SRS by RTMP", both).await;
    sees(&srs.flv("weekly-program"), "both, from SRS by HTTP-FLV", both).await;
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "program"), "the program is nobody: {view}");

    drop(bob);
    until(service.api(), |view| !has(view, "bob")).await;
    sees(&program, "Alice alone", only_alice()).await;
    // The end of a stream, rather than of a connection.
    alice.signal(Signal::INT);
    until(service.api(), |view| !has(view, "alice")).await;
    service.stop().await.expect("it drains");
    running.lists("weekly-program", LIMIT, is_over).await;
}

#[tokio::test]
async fn a_key_is_asked_for_once() {
    let Some(plan) = Plan::new() else { return };
    let http = free_port().expect("a port");
    let state = tempfile::tempdir().expect("a folder");
    let srs = plan.telling(http, SECRET);
    let ([source, ..], api) = (srs.sources(), srs.api());
    let state = state.path().to_str().expect("text");
    let words = ["--srs-keys", "required", "--srs-api", &api, "--state", state];
    let mut before = told(http, &source, &words).await;
    let running = srs.start().await;
    let key = |key: &str| json!({"source": {"type": "publish", "key": key}});
    room(&before, json!({}), json!({"alice": key("key-of-alice"), "bob": key("key-of-bob")})).await;

    let url = srs.rtmp("weekly-alice");
    for url in [url.clone(), format!("{url}?key=key-of-bob"), srs.rtmp("weekly-alice.x")] {
        is_thrown_out(publishes(&FOUR[0], &url), &running, "weekly-alice", "the name or the key does not fit").await;
    }
    let mut alice = publishes(&FOUR[0], &format!("{url}?key=key-of-alice"));
    until(before.api(), |view| shows(view, "alice")).await;
    before.process().signal(Signal::KILL);
    drop(before);
    let after = told(http, &source, &words).await;
    until(after.api(), |view| shows(view, "alice")).await;
    running.looked_at(2, LIMIT).await;
    alice.check().expect("she was not disconnected");
    let other = json!({"participants": {"alice": key("another-key")}});
    after.api().patch("/v1/rooms/weekly", &other).await.expect("another key");
    let _ended = alice.wait(LIMIT).await.expect("SRS ends what has no key any more");
}

#[tokio::test]
async fn publishers_who_may_not_are_thrown_out() {
    let Some(plan) = Plan::new() else { return };
    let http = free_port().expect("a port");
    let service = told(http, &plan.sources()[0], &["--srs-unknown-room", "refuse"]).await;
    let srs = plan.telling(http, SECRET);
    let running = srs.start().await;

    let url = srs.rtmp("weekly-alice");
    is_thrown_out(publishes(&FOUR[0], &url), &running, "weekly-alice", "there is no room weekly").await;
    let full: serde_json::Map<String, Value> =
        (0..64).map(|n| (format!("p{n}"), json!({"source": {"type": "publish", "key": "long-key"}}))).collect();
    room(&service, json!({}), full.into()).await;
    is_thrown_out(publishes(&FOUR[0], &url), &running, "weekly-alice", "at most 64").await;
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    assert!(!has(&view, "alice"), "{view}");

    // One who leaves makes room.
    service.api().delete("/v1/rooms/weekly/participants/p0").await.expect("removed");
    let _alice = publishes(&FOUR[0], &url);
    until(service.api(), |view| shows(view, "alice")).await;
    drop(running);

    let stranger = srs.telling(http, "0123456789abcdef-srx");
    let running = stranger.start().await;
    is_thrown_out(publishes(&FOUR[1], &stranger.rtmp("weekly-bob")), &running, "weekly-bob", "http: status 401").await;
}

#[tokio::test]
async fn callbacks_that_never_came_are_made_up_for() {
    let Some(srs) = Plan::new() else { return };
    let running = srs.start().await;
    let alice = publishes(&FOUR[0], &srs.rtmp("weekly-alice"));
    running.lists("weekly-alice", LIMIT, is_published).await;
    // It starts later, and SRS knows nothing of it.
    let service = told(free_port().expect("a port"), &srs.sources()[0], &["--srs-api", &srs.api()]).await;
    room(&service, json!({}), json!({"dave": {"source": {"type": "publish", "key": "long-key"}, "hidden": true}}))
        .await;
    let program = format!("{}/out/weekly", service.rtmp());
    until(service.api(), |view| shows(view, "alice")).await;
    sees(&program, "Alice, by the list", only_alice()).await;
    let _bob = publishes(&FOUR[1], &srs.rtmp("weekly-bob"));
    until(service.api(), |view| shows(view, "bob")).await;
    drop(alice);
    let view = until(service.api(), |view| !has(view, "alice")).await;
    assert!(has(&view, "bob") && has(&view, "dave"), "{view}");
    sees(&program, "Bob, after Alice left the list", only(&FOUR[1], &FOUR[0])).await;
}

/// Alice comes from SRS, from an address made of `template`, and is seen and heard.
async fn comes_from(plan: Plan, kind: &str, template: &str) {
    let http = free_port().expect("a port");
    let service = told(http, template, &["--srs-api", &plan.api()]).await;
    let srs = plan.telling(http, SECRET);
    let running = srs.start().await;
    room(&service, json!({}), json!({})).await;
    let alice = publishes(&FOUR[0], &srs.rtmp("weekly-alice"));
    let whole = |view: &Value| {
        let alice = &view["status"]["participants"]["alice"];
        shows(view, "alice") && alice["levels"] != Value::Null && alice["width"] == 320
    };
    let view = until(service.api(), whole).await;
    assert_eq!(view["participants"]["alice"]["source"]["type"], kind);
    sees(&format!("{}/out/weekly", service.rtmp()), template, only_alice()).await;
    // The list says the same as the callback, and SRS, as it is shipped, has next to nothing to do for one stream: told
    // to gather for no time at all, it would spend a core on a pull by HTTP-FLV.
    let busy = || cpu_alone(running.id()).expect("SRS runs");
    let (before, begun) = (busy(), Instant::now());
    running.looked_at(2, LIMIT).await;
    let cores = (busy() - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!("{template}: SRS takes {cores:.3} cores");
    assert!(cores < 0.25, "{cores}");
    assert!(shows(&service.api().get("/v1/rooms/weekly").await.expect("the room"), "alice"), "she stays");
    drop(alice);
    until(service.api(), |view| !has(view, "alice")).await;
}

#[tokio::test]
async fn streams_are_pulled_by_rtmp() {
    let Some(plan) = Plan::new() else { return };
    let [template, ..] = plan.sources();
    comes_from(plan, "pull", &template).await;
}

#[tokio::test]
async fn streams_are_pulled_by_http_flv() {
    let Some(plan) = Plan::new() else { return };
    let [_, template, _] = plan.sources();
    comes_from(plan, "pull", &template).await;
}

#[tokio::test]
async fn streams_are_pulled_by_whep() {
    let Some(plan) = Plan::new() else { return };
    let [.., template] = plan.sources();
    comes_from(plan, "whep", &template).await;
}

#[tokio::test]
async fn a_program_is_pushed_by_whip() {
    let Some(srs) = Plan::new() else { return };
    let running = srs.start().await;
    let service = service(Vec::new(), &[]).await;
    let alice = json!({"alice": {"source": {"type": "publish", "key": "long-key"}}});
    room(&service, json!({"srs": {"type": "whip", "url": srs.rtc("whip", "program")}}), alice).await;
    let _alice = publishes(&FOUR[0], &format!("{}/in/weekly/alice?key=long-key", service.rtmp()));
    until(service.api(), |view| view["status"]["outputs"]["srs"]["state"] == "live").await;
    sees(&srs.rtmp("program"), "pushed by WHIP, read by RTMP", only_alice()).await;
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    assert_eq!(view["status"]["outputs"]["srs"]["connects"], 1, "{view}");

    service.api().delete("/v1/rooms/weekly/outputs/srs").await.expect("removed");
    running.lists("program", LIMIT, is_over).await;
}

#[tokio::test]
async fn an_srs_that_was_gone_is_found_again() {
    let Some(srs) = Plan::new() else { return };
    let running = srs.start().await;
    let service = service(Vec::new(), &[]).await;
    let pull = |url: String| json!({"source": {"type": "pull", "url": url}});
    let people = json!({
        "alice": pull(srs.rtmp("alice")),
        "bob": {"source": {"type": "whep", "url": srs.rtc("whep", "bob")}},
    });
    let outputs = json!({
        "rtmp": {"type": "rtmp", "url": srs.rtmp("program")},
        "whip": {"type": "whip", "url": srs.rtc("whip", "program-whip")},
    });
    room(&service, outputs, people).await;
    let cameras = || [("alice", &FOUR[0]), ("bob", &FOUR[1])].map(|(name, who)| publishes(who, &srs.rtmp(name)));
    let first = cameras();
    sees(&srs.rtmp("program"), "before, by RTMP", both).await;
    sees(&srs.rtmp("program-whip"), "before, by WHIP", both).await;

    drop((running, first));
    let state = |view: &Value, name: &str| view["status"]["outputs"][name]["state"].clone();
    let gone =
        |view: &Value| ["rtmp", "whip"].iter().all(|name| !view["status"]["outputs"][name]["last_error"].is_null());
    let view = until(service.api(), gone).await;
    for name in ["rtmp", "whip"] {
        println!("gone: {name}: {}", view["status"]["outputs"][name]["last_error"]);
    }
    let _running = srs.start().await;
    let _cameras = cameras();
    sees(&srs.rtmp("program"), "after, by RTMP", both).await;
    sees(&srs.rtmp("program-whip"), "after, by WHIP", both).await;
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    for name in ["rtmp", "whip"] {
        assert_eq!(state(&view, name), "live", "{view}");
        assert!(view["status"]["outputs"][name]["connects"].as_u64() >= Some(2), "{view}");
    }
}

#[tokio::test]
async fn an_edge_is_as_good_as_its_origin() {
    let (Some(origin), Some(edge)) = (Plan::new(), Plan::new()) else { return };
    let edge = edge.before(&origin);
    let (at_origin, _at_edge) = (origin.start().await, edge.start().await);
    // Whoever asks the edge for a file before its stream is there makes the origin list the stream under the file's
    // name.
    let early = Player::open(&edge.flv("weekly-alice"), &Look::whole(SEEN)).await.expect("FFmpeg");
    at_origin.lists("weekly-alice", LIMIT, |stream| stream["name"] == "weekly-alice.flv").await;

    let [_, flv, _] = edge.sources();
    let service = told(free_port().expect("a port"), &flv, &["--srs-api", &origin.api()]).await;
    let bob = json!({"bob": {"source": {"type": "pull", "url": edge.rtmp("bob")}}});
    room(&service, json!({"srs": {"type": "rtmp", "url": edge.rtmp("program")}}), bob).await;
    // One publishes to the origin, one to the edge.
    let _alice = publishes(&FOUR[0], &origin.rtmp("weekly-alice"));
    let _bob = publishes(&FOUR[1], &edge.rtmp("bob"));
    sees(&origin.rtmp("program"), "pushed to the edge, read at the origin", both).await;
    sees(&edge.rtmp("program"), "pushed to the edge, read at the edge", both).await;
    drop(early);
    at_origin.looked_at(2, LIMIT).await;
    let view = service.api().get("/v1/rooms/weekly").await.expect("the room");
    assert!(shows(&view, "alice") && shows(&view, "bob"), "{view}");
}
