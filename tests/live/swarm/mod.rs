//! Rooms whose workers run as services of a Docker Swarm: a real front and real workers over the real link, with a
//! stand-in for Docker's API. `tests/cluster` does the same with Docker itself.

mod cluster;
mod configs;
mod docker;
mod gate;
mod late;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use docker::Docker;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tilecast::media::{Size, Track};
use tilecast_lab::{
    process::free_port,
    service::{Service, Setup},
    watch::{Look, Player, Recording, Seen, record},
};

const LIMIT: Duration = Duration::from_secs(30);

const CANVAS: Size = Size { width: 320, height: 180 };

/// A front whose workers the stand-in starts. Its door for workers keeps its port over restarts.
struct Front {
    state: tempfile::TempDir,
    door: u16,
    docker: String,
}

impl Front {
    fn new(docker: &Docker) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        Self { state, door: free_port().expect("a port"), docker: docker.host() }
    }

    async fn start(&self) -> Service {
        let door = format!("127.0.0.1:{}", self.door);
        let state = self.state.path().to_str().expect("UTF-8");
        let arguments = [
            ["--state", state],
            ["--engine", "swarm"],
            ["--swarm-docker", &self.docker],
            ["--swarm-image", "tilecast:test"],
            ["--swarm-listen", &door],
            ["--swarm-advertise", &door],
        ];
        let arguments = arguments.concat().into_iter().map(str::to_owned).collect();
        let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
        Service::start(program, Setup { arguments, ..Setup::default() }).await.expect("the service starts")
    }
}

/// A room with one participant who is a card: a program without a camera.
fn document() -> Value {
    json!({
        "canvas": {"width": CANVAS.width, "height": CANVAS.height},
        "video": {"preset": "ultrafast", "bitrate_kbps": 500},
        "participants": {"alice": {"name": "Alice", "source": {"type": "publish", "key": "key-alice"}}},
    })
}

async fn until(service: &Service, wanted: impl Fn(&Value) -> bool) -> Value {
    service.api().until("/v1/rooms/r", LIMIT, wanted).await.expect("the room gets there")
}

async fn running(service: &Service, started: u64) -> Value {
    until(service, |view| {
        view["status"]["worker"]["state"] == "running" && view["status"]["worker"]["started"] == started
    })
    .await
}

/// Polls the stand-in until it is as wanted.
async fn eventually(what: &str, wanted: impl Fn() -> bool) {
    let begun = Instant::now();
    while !wanted() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn watch(service: &Service) -> Recording {
    let program = format!("{}/out/r", service.rtmp());
    record(&program, &Look::whole(CANVAS), Duration::from_secs(1)).await.expect("plays")
}

#[tokio::test]
async fn a_room_runs_as_a_service_and_leaves_nothing() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    let asked = Instant::now();
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
    println!("worker of the Swarm {:?} after the request", asked.elapsed());
    assert!(watch(&service).await.frames.len() > 20);

    let spec = docker.spec();
    let task = &spec["TaskTemplate"];
    assert_eq!(spec["Mode"]["Replicated"]["Replicas"], 1);
    assert_eq!(spec["Labels"]["tilecast.room"], "r");
    assert!(task["Resources"]["Reservations"]["NanoCPUs"].as_i64().expect("a reservation") >= 100_000_000);
    assert!(task["Resources"]["Limits"]["MemoryBytes"].as_i64().expect("a limit") >= 100 << 20);
    assert_eq!(task["ContainerSpec"]["ReadOnly"], true);
    assert_eq!(docker.count(), (1, 1, 1));

    service.api().delete("/v1/rooms/r").await.expect("removed");
    eventually("no service, secret or task is left", || docker.count() == (0, 0, 0)).await;
    service.stop().await.expect("drains");
}

#[tokio::test]
async fn a_killed_task_is_replaced_and_the_program_goes_on() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
    let look = Look::whole(CANVAS).with_packets();
    let mut player = Player::open(&format!("{}/out/r", service.rtmp()), &look).await.expect("plays");
    player.picture(LIMIT).await.expect("a picture");

    let [task] = docker.tasks()[..] else { panic!("one task") };
    kill_process(Pid::from_raw(task as i32).expect("a pid"), Signal::KILL).expect("killed");
    let mut times: Vec<i64> = Vec::new();
    let gap = loop {
        let seen = tokio::time::timeout(LIMIT, player.next()).await.expect("goes on").expect("the program never ends");
        let Seen::Packet { track: Track::Video, pts_ms } = seen else { continue };
        let gap = times.last().map_or(0, |last| pts_ms - last);
        assert!(times.is_empty() || gap > 0, "timestamps rise");
        times.push(pts_ms);
        if gap > 100 {
            break gap;
        }
    };
    println!("gap of the program after a killed task {gap} ms");
    assert!(gap < 5000, "{gap} ms");
    running(&service, 2).await;
}

#[tokio::test]
async fn a_front_that_comes_back_finds_its_service_again() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let mut before = front.start().await;
    before.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&before, 1).await;
    let task = docker.tasks();
    before.process().signal(Signal::KILL);
    before.process().wait(LIMIT).await.expect("dead");
    drop(before);

    let after = front.start().await;
    let started = Instant::now();
    running(&after, 1).await;
    println!("worker back {:?} after the front was ready", started.elapsed());
    assert_eq!(docker.tasks(), task, "the task stayed");
    assert_eq!(docker.count(), (1, 1, 1));
    assert!(watch(&after).await.frames.len() > 20);
}

#[tokio::test]
async fn of_two_tasks_the_newer_works_and_the_older_leaves() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
    let [old] = docker.tasks()[..] else { panic!("one task") };
    docker.lose_sight_of_the_task();
    running(&service, 2).await;
    eventually("the older task leaves", || !docker.tasks().contains(&old)).await;
    let view = service.api().get("/v1/rooms/r").await.expect("the room");
    assert_eq!(view["status"]["worker"]["started"], 2, "the older task does not come back: {view}");
    assert!(watch(&service).await.frames.len() > 20);
}

#[tokio::test]
async fn a_room_says_what_keeps_it_and_goes_on_trying() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    // The room is admitted, and then another room takes its capacity.
    docker.hold(true);
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    let delayed = |view: &Value| view["status"]["worker"]["delayed"].as_str().unwrap_or_default().to_owned();
    let view = until(&service, |view| !delayed(view).is_empty()).await;
    assert_eq!(delayed(&view), "Swarm says: no suitable node (insufficient resources on 3 nodes)");
    docker.hold(false);
    let view = running(&service, 1).await;
    assert_eq!(delayed(&view), "");
    drop(docker);

    // The task has ended with the stand-in; now the API is gone as well.
    let view = until(&service, |view| delayed(view).contains("does not answer")).await;
    assert!(view["participants"]["alice"].is_object(), "the room itself stands");
    service.stop().await.expect("drains");
}

#[tokio::test]
async fn a_room_that_fits_no_machine_is_refused() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    docker.fill(true);
    let refused = service.api().put("/v1/rooms/r", &document()).await.expect_err("no machine has a core").to_string();
    assert!(refused.contains("503") && refused.contains("cores"), "{refused}");
    assert_eq!(docker.count(), (0, 0, 0));
    docker.fill(false);
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
}

#[tokio::test]
async fn a_room_that_outgrows_its_reservation_gets_another() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let service = front.start().await;
    service.api().put("/v1/rooms/r", &document()).await.expect("a room");
    running(&service, 1).await;
    let reserved =
        |spec: &Value| spec["TaskTemplate"]["Resources"]["Reservations"]["NanoCPUs"].as_i64().expect("a reservation");
    let small = reserved(&docker.spec());
    let canvas = json!({"canvas": {"width": 1920, "height": 1080}, "video": {"preset": "fast"}});
    service.api().patch("/v1/rooms/r", &canvas).await.expect("a larger room");
    eventually("more is reserved", || reserved(&docker.spec()) > small).await;
    until(&service, |view| view["status"]["worker"]["state"] == "running").await;
}
