//! Cluster of fronts: each front answers for every room, and a room goes on when its front fails.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use str0m::Event;
use tilecast_lab::{
    clip::{Clip, Recipe},
    process::free_port,
    sender::Sender,
    service::{Service, Setup},
    watch::{Look, Player, record},
    webrtc::{Client, Wire},
};

use super::{CANVAS, LIMIT, docker::Docker, document, eventually};

/// From the loss of a front to its rooms' being open at another: it is noticed after 8 s at most 1 s late.
const LOST: Duration = Duration::from_secs(12);

/// From the signal that ends a front to its rooms' being open at another.
const LEFT: Duration = Duration::from_secs(2);

/// Two fronts of one installation.
struct Cluster {
    folder: tempfile::TempDir,
    doors: [u16; 2],
    /// What both are told besides.
    more: Vec<String>,
}

impl Cluster {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("key"), "0123456789abcdef0123456789abcdef\n").expect("written");
        Self { folder, doors: [free_port().expect("a port"), free_port().expect("a port")], more: Vec::new() }
    }

    async fn start(&self, number: usize, docker: &str) -> Service {
        let [listen, other] = [self.doors[number], self.doors[1 - number]].map(|port| format!("127.0.0.1:{port}"));
        // Both are told the same, in the same order, as they would be in a Swarm.
        let advertise = if number == 0 { format!("{listen},{other}") } else { format!("{other},{listen}") };
        let key = self.folder.path().join("key");
        let arguments = [
            ["--engine", "swarm"],
            ["--swarm-docker", docker],
            ["--swarm-image", "tilecast:test"],
            ["--swarm-listen", &listen],
            ["--swarm-advertise", &advertise],
            ["--swarm-fleet-key-file", key.to_str().expect("UTF-8")],
        ];
        let arguments = arguments.concat().into_iter().map(str::to_owned).chain(self.more.iter().cloned()).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
        Service::start(program, Setup { arguments, ..Setup::default() }).await.expect("the service starts")
    }

    /// Both fronts, each of which knows of the other.
    async fn both(&self, docker: &Docker) -> [Service; 2] {
        self.between(docker, [&docker.host(), &docker.host()]).await
    }

    /// The same, each with its own way to Docker.
    async fn between(&self, docker: &Docker, hosts: [&str; 2]) -> [Service; 2] {
        let fronts = [self.start(0, hosts[0]).await, self.start(1, hosts[1]).await];
        eventually("both fronts are on record", || docker.records("front").len() == 2).await;
        fronts
    }
}

/// Puts room `r` at a front.
async fn make(front: &Service) {
    front.api().put("/v1/rooms/r", &document()).await.expect("a room");
    until_runs(front).await;
}

async fn until_runs(front: &Service) -> Value {
    let runs = |view: &Value| view["status"]["worker"]["state"] == "running";
    front.api().until("/v1/rooms/r", LIMIT, runs).await.expect("the room runs")
}

/// How long it is until a front answers for room `r`, with a worker.
async fn takes_over(front: &Service, since: Instant, owner: &str, docker: &Docker) -> Duration {
    eventually("the room has another owner", || docker.records("room")[0]["tilecast.owner"] != owner).await;
    until_runs(front).await;
    since.elapsed()
}

fn owner(docker: &Docker) -> String {
    docker.records("room")[0]["tilecast.owner"].as_str().expect("an owner").to_owned()
}

async fn watch(front: &Service) -> usize {
    let program = format!("{}/out/r", front.rtmp());
    record(&program, &Look::whole(CANVAS), Duration::from_secs(1)).await.expect("plays").frames.len()
}

/// Publishes Alice at a front, with this key.
async fn camera(front: &Service, key: &str) -> anyhow::Result<Sender> {
    let recipe = Recipe { film: None, size: CANVAS, fps: 30, frames: 60, gop: 30, bitrate_kbps: 300 };
    let clip = Arc::new(Clip::make(&recipe).await?);
    Sender::start(clip, &format!("{}/in/r/alice?key={key}", front.rtmp()), 0).await
}

fn shows(view: &Value) -> bool {
    view["status"]["participants"]["alice"]["showing"] == true
}

/// Has Alice publish at a front that does not have room `r`, and waits until the one that has it shows her.
async fn shown(at: &Service, other: &Service) -> Sender {
    let camera = camera(other, "key-alice").await.expect("publishes");
    at.api().until("/v1/rooms/r", LIMIT, shows).await.expect("shown");
    camera
}

#[tokio::test]
async fn any_front_answers_for_any_room() {
    let docker = Docker::start().await;
    let [a, b] = Cluster::new().both(&docker).await;
    make(&a).await;
    let view = b.api().get("/v1/rooms/r").await.expect("passed on");
    assert_eq!(view["participants"]["alice"]["name"], "Alice");
    b.api().patch("/v1/rooms/r", &json!({"participants": {"alice": {"name": "Alicia"}}})).await.expect("passed on");
    assert_eq!(a.api().get("/v1/rooms/r").await.expect("a room")["participants"]["alice"]["name"], "Alicia");
    for front in [&a, &b] {
        let rooms = front.api().get("/v1/rooms").await.expect("a list")["rooms"].clone();
        assert_eq!(rooms.as_array().map(Vec::len), Some(1), "{rooms}");
    }
    let (status, problem) = b.api().send(Method::GET, "/v1/rooms/none", None).await.expect("answered");
    assert_eq!((status, problem["type"].as_str()), (StatusCode::NOT_FOUND, Some("/problems/no-room")));

    let records = docker.records("room");
    assert!(!records[0].to_string().contains("key-alice"), "keys are sealed in the store");
    let refused = format!("{:#}", camera(&b, "wrong").await.expect_err("a wrong key"));
    assert!(refused.contains("no place is open to this key"), "{refused}");
    let mut camera = camera(&b, "key-alice").await.expect("publishes");
    a.api().until("/v1/rooms/r", LIMIT, shows).await.expect("what is published at B is shown by A");
    assert!(watch(&b).await > 20, "what A makes is played at B");
    camera.check().expect("publishing");
    drop(camera);

    let mut client =
        Client::open(b.api().base(), "/whip/r/alice", "key-alice", Wire::Udp).await.expect("connects to A by B");
    let whip = |view: &Value| view["status"]["participants"]["alice"]["door"] == "whip";
    let view = a.api().until("/v1/rooms/r", LIMIT, whip);
    let (view, _) = tokio::join!(view, client.run(Instant::now() + Duration::from_secs(1)));
    view.expect("published");
    let ended = reqwest::Client::new().delete(&client.session).send().await.expect("answered by B");
    assert_eq!(ended.status(), StatusCode::OK);

    b.api().delete("/v1/rooms/r").await.expect("passed on");
    eventually("nothing is left", || docker.count() == (0, 0, 0) && docker.records("room").is_empty()).await;
    b.stop().await.expect("drains");
    a.stop().await.expect("drains");
    assert!(docker.records("front").is_empty());
}

#[tokio::test]
async fn a_browser_watches_a_room_by_any_front() {
    let docker = Docker::start().await;
    let [a, b] = Cluster::new().both(&docker).await;
    make(&a).await;
    let mut viewer = Client::open(b.api().base(), "/whep/r", "", Wire::Udp).await.expect("connects to A by B");
    let events = viewer.run(Instant::now() + Duration::from_secs(2)).await.expect("watches");
    let frames =
        |mid| events.iter().filter(|(_, event)| matches!(event, Event::MediaData(data) if data.mid == mid)).count();
    let (pictures, sounds) = (frames(viewer.video), frames(viewer.audio));
    assert!(pictures > 20 && sounds > 40, "{pictures} pictures and {sounds} sounds in 2 s");
    viewer.leave().await.expect("B has A end the session");
    let none = Client::open(b.api().base(), "/whep/none", "", Wire::Udp).await.expect_err("no such room");
    assert!(none.to_string().contains("401"), "{none:#}");
    b.stop().await.expect("drains");
    a.stop().await.expect("drains");
}

#[tokio::test]
async fn callbacks_of_srs_reach_a_room_by_any_front() {
    const SECRET: &str = "0123456789abcdef-srs";
    let docker = Docker::start().await;
    let words = ["--srs-secret", SECRET, "--srs-keys", "off", "--srs-source", "rtmp://127.0.0.1:1/{app}/{stream}"];
    let cluster = Cluster { more: words.map(str::to_owned).to_vec(), ..Cluster::new() };
    let [a, b] = cluster.both(&docker).await;
    make(&a).await;
    let tell = async |action: &str, stream: &str| {
        let hook = json!({
            "action": action, "client_id": "c1", "ip": "127.0.0.1", "vhost": "__defaultVhost__", "app": "live",
            "stream": stream, "param": "",
        });
        let path = format!("/hooks/srs?secret={SECRET}");
        let (status, answer) = b.api().send(Method::POST, &path, Some(&hook)).await.expect("answered");
        assert_eq!((status, answer["code"].as_i64()), (StatusCode::OK, Some(0)), "{answer}");
    };
    let has = |wanted: bool| move |view: &Value| view["participants"].get("carol").is_some() == wanted;
    tell("on_publish", "r-carol").await;
    let view = a.api().until("/v1/rooms/r", LIMIT, has(true)).await.expect("joins at A what B heard of");
    assert_eq!(view["participants"]["carol"]["brought_by"], "srs");
    tell("on_unpublish", "r-carol").await;
    a.api().until("/v1/rooms/r", LIMIT, has(false)).await.expect("leaves A by B's word");
    b.stop().await.expect("drains");
    a.stop().await.expect("drains");
}

#[tokio::test]
async fn the_rooms_of_a_front_that_is_lost_go_on_at_another() {
    let docker = Docker::start().await;
    let [mut a, b] = Cluster::new().both(&docker).await;
    make(&a).await;
    let (task, first) = (docker.tasks(), owner(&docker));
    let mut camera = shown(&a, &b).await;
    let lost = Instant::now();
    a.process().signal(Signal::KILL);
    let took = takes_over(&b, lost, &first, &docker).await;
    println!("a front lost: its room runs at another after {took:?}");
    assert!(took < LOST, "{took:?}");
    b.api().until("/v1/rooms/r", LIMIT, shows).await.expect("the publisher at B has followed the room");
    camera.check().expect("and has noticed nothing");
    assert_eq!(docker.tasks(), task, "the worker's task stayed");
    assert_eq!(docker.count(), (1, 1, 1));
    assert!(watch(&b).await > 20);
}

#[tokio::test]
async fn a_front_that_is_stopped_hands_its_rooms_over() {
    let docker = Docker::start().await;
    let cluster = Cluster::new();
    let [mut a, b] = cluster.both(&docker).await;
    make(&a).await;
    let (task, first) = (docker.tasks(), owner(&docker));
    let mut camera = shown(&a, &b).await;
    let stopped = Instant::now();
    a.process().signal(Signal::TERM);
    let took = takes_over(&b, stopped, &first, &docker).await;
    b.api().until("/v1/rooms/r", LIMIT, shows).await.expect("the publisher at B has followed the room");
    println!(
        "a front stopped: its room runs at another after {took:?}, shows its participant after {:?}",
        stopped.elapsed()
    );
    assert!(took < LEFT, "{took:?}");
    camera.check().expect("and has noticed nothing");
    assert_eq!(docker.tasks(), task, "the worker's task stayed");
    assert!(a.process().wait(LIMIT).await.expect("ends").success());
    drop(a);

    // The one that comes back takes nothing, and gets what the next to go has.
    let a = cluster.start(0, &docker.host()).await;
    eventually("both fronts are on record", || docker.records("front").len() == 2).await;
    until_runs(&a).await;
    let second = owner(&docker);
    let mut b = b;
    let stopped = Instant::now();
    b.process().signal(Signal::TERM);
    let took = takes_over(&a, stopped, &second, &docker).await;
    assert!(took < LEFT, "{took:?}");
    assert!(watch(&a).await > 20);
}

#[tokio::test]
async fn a_front_that_is_cut_off_from_the_store_goes_on_by_the_word_of_another() {
    let mut docker = Docker::start().await;
    let way = docker.way("cut.sock");
    let [a, b] = Cluster::new().between(&docker, [&way.host, &docker.host()]).await;
    make(&a).await;
    until_runs(&b).await;
    let first = owner(&docker);
    let mut player = Player::open(&format!("{}/out/r", a.rtmp()), &Look::whole(CANVAS)).await.expect("plays");
    way.cut(true);
    let begun = Instant::now();
    // Longer than it takes a front to let go, and the others to take it for dead.
    while begun.elapsed() < Duration::from_secs(12) {
        player.picture(LIMIT).await.expect("the program goes on");
    }
    assert_eq!(owner(&docker), first, "nobody has taken the room");
    let view = b.api().get("/v1/rooms/r").await.expect("passed on to A");
    assert_eq!(view["status"]["worker"]["started"], 1);
    let patch = json!({"participants": {"alice": {"name": "Alicia"}}});
    let (status, _) = a.api().send(Method::PATCH, "/v1/rooms/r", Some(&patch)).await.expect("answered");
    assert!(status.is_server_error(), "what cannot be kept is not done: {status}");
    way.cut(false);
    let begun = Instant::now();
    while a.api().patch("/v1/rooms/r", &patch).await.is_err() {
        assert!(begun.elapsed() < LIMIT, "it reaches the store again");
    }
    assert_eq!((owner(&docker), docker.count()), (first, (1, 1, 1)));
}

#[tokio::test]
async fn a_front_that_is_cut_off_from_everything_lets_go_and_comes_back() {
    let mut docker = Docker::start().await;
    let way = docker.way("cut.sock");
    let cluster = Cluster::new();
    let a = cluster.start(0, &way.host).await;
    let mut b = cluster.start(1, &docker.host()).await;
    eventually("both fronts are on record", || docker.records("front").len() == 2).await;
    make(&a).await;
    b.api()
        .until("/v1/rooms/r", LIMIT, |view| view["status"]["worker"]["state"] == "running")
        .await
        .expect("known at B");
    let mut player = Player::open(&format!("{}/out/r", a.rtmp()), &Look::whole(CANVAS)).await.expect("plays");
    player.picture(LIMIT).await.expect("a picture");
    let first = owner(&docker);
    // The other front does not answer, as if the network between them were cut as well.
    b.process().signal(Signal::STOP);
    way.cut(true);
    let begun = Instant::now();
    while player.next().await.is_some() {}
    println!("cut off from everything: let go after {:?}", begun.elapsed());
    assert_eq!(owner(&docker), first);
    let (status, problem) = a.api().send(Method::GET, "/v1/rooms/r", None).await.expect("answered");
    assert_eq!((status, &problem["type"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("/problems/moving")));
    let (status, _) = a.api().send(Method::PUT, "/v1/rooms/new", Some(&document())).await.expect("answered");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "nothing is made that nobody else would know of");
    let (status, _) = a.api().send(Method::GET, "/readyz", None).await.expect("answered");
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);

    b.process().signal(Signal::CONT);
    let begun = Instant::now();
    let took = takes_over(&b, begun, &first, &docker).await;
    println!("its room runs at another {took:?} after that has come back");
    let second = owner(&docker);
    way.cut(false);
    until_runs(&a).await;
    assert_eq!(owner(&docker), second, "the room stays where it is");
    assert_eq!(docker.count(), (1, 1, 1));
    assert!(watch(&a).await > 20, "played from the other");
}

#[tokio::test]
async fn layouts_and_images_are_everybodys() {
    let docker = Docker::start().await;
    let [a, b] = Cluster::new().both(&docker).await;
    make(&a).await;
    let grid = b.api().get("/v1/layouts/grid").await.expect("built in");
    b.api().put("/v1/layouts/mine", &grid).await.expect("stored");
    let there = |view: &Value| view["title"].is_string();
    a.api().until("/v1/layouts/mine", LIMIT, there).await.expect("known at A");
    a.api().put("/v1/rooms/r/layout", &json!({"template": "mine"})).await.expect("used at A");
    b.api().until("/v1/rooms/r", LIMIT, |view| view["layout"]["template"] == "mine").await.expect("told");
    let refused = b.api().delete("/v1/layouts/mine").await.expect_err("a room of A uses it").to_string();
    assert!(refused.contains("is used by room r"), "{refused}");
    a.api().put("/v1/layouts/mine", &grid).await.expect("stored again");
    let versions = a.api().get("/v1/layouts/mine/versions").await.expect("a list")["versions"].clone();
    assert_eq!(versions.as_array().map(Vec::len), Some(2), "what B stored is kept as a version");

    let (status, text) = upload(&b, "logo", 16).await;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let known = |list: &Value| list["assets"][0]["name"] == "logo";
    let first = a.api().until("/v1/assets", LIMIT, known).await.expect("known at A");
    assert_eq!(upload(&a, "logo", 24).await.0, StatusCode::OK);
    b.api().until("/v1/assets", LIMIT, |list| known(list) && *list != first).await.expect("replaced at B");
    assert_eq!(docker.records("asset").len(), 1, "nothing of the first is left");
    eventually("the picture is shared, and only that of the second", || docker.records("raster").len() == 1).await;
    let (status, text) = upload(&b, "wall", 1200).await;
    assert!(status == StatusCode::INSUFFICIENT_STORAGE && text.contains("share images of at most"), "{status} {text}");
    b.api().delete("/v1/assets/logo").await.expect("deleted");
    assert!(docker.records("asset").is_empty() && docker.records("raster").is_empty());
}

/// Uploads an image of noise, which PNG cannot make smaller.
async fn upload(front: &Service, name: &str, side: u32) -> (StatusCode, String) {
    let mut png = std::io::Cursor::new(Vec::new());
    let noise = |x: u32, y: u32| {
        let mixed = (x + y * 7919).wrapping_mul(2_654_435_761);
        image::Luma([(mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519).to_be_bytes()[0]])
    };
    image::GrayImage::from_fn(side, side, noise).write_to(&mut png, image::ImageFormat::Png).expect("a PNG");
    let request = reqwest::Client::new().put(format!("{}/v1/assets/{name}", front.api().base()));
    let request = request.header("content-type", "application/octet-stream").body(png.into_inner());
    let answer = request.send().await.expect("answered");
    (answer.status(), answer.text().await.expect("text"))
}

#[tokio::test]
async fn two_fronts_that_are_asked_for_one_room_make_one() {
    let docker = Docker::start().await;
    let [a, b] = Cluster::new().both(&docker).await;
    make(&a).await;
    let rooms: Vec<String> = (0..8).map(|n| format!("/v1/rooms/x{n}")).collect();
    for room in &rooms {
        let body = json!({});
        let (one, two) =
            tokio::join!(a.api().send(Method::PUT, room, Some(&body)), b.api().send(Method::PUT, room, Some(&body)));
        let statuses = [one.expect("answered").0, two.expect("answered").0];
        let made = statuses.iter().filter(|status| **status == StatusCode::CREATED).count();
        assert_eq!(made, 1, "{statuses:?}");
        assert!(statuses.iter().all(|s| s.is_success() || *s == StatusCode::SERVICE_UNAVAILABLE), "{statuses:?}");
    }
    assert_eq!(docker.records("room").len(), 9);
    let rooms = b.api().get("/v1/rooms").await.expect("a list")["rooms"].clone();
    assert_eq!(rooms.as_array().map(Vec::len), Some(9));
}
