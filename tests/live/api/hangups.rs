//! Clients that disconnect in the middle of a change, with a slow disk.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    path::Path,
    pin::Pin,
    sync::mpsc,
    task::Poll,
    time::{Duration, Instant},
};

use axum::Router;
use http::StatusCode;
use serde_json::json;
use tilecast::{
    base::RoomId,
    front::{
        model::{RoomDocument, RoomError},
        room::{Ledger, Rooms, rooms::Crowded, store::FolderStore},
    },
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::support::{ask, request, router, settings_keeping};

const LIMIT: Duration = Duration::from_secs(20);

/// A server with a state folder, whose disk can be stopped: its runtime has one thread for calls that block.
struct Server {
    runtime: Runtime,
    folder: tempfile::TempDir,
    ledger: Ledger,
    rooms: Rooms,
    router: Router,
    stop: tokio_util::sync::CancellationToken,
}

impl Server {
    fn start() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).max_blocking_threads(1).enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = FolderStore::open(folder.path()).expect("opens");
        let ledger = Ledger::default();
        let settings = {
            let _within = runtime.enter();
            settings_keeping(&[], |local| local, Box::new(store), ledger.clone())
        };
        let (rooms, stop) = (settings.rooms.clone(), settings.stopping.clone());
        Self { runtime, folder, ledger, rooms, router: router(settings), stop }
    }

    /// The disk does nothing from now on, until what is returned is dropped.
    fn stop_the_disk(&self) -> mpsc::Sender<()> {
        let (go_on, wait) = mpsc::channel();
        let (tell, stopped) = mpsc::channel();
        self.runtime.spawn_blocking(move || {
            tell.send(()).expect("somebody waits");
            // Until the other end is dropped.
            let _ = wait.recv();
        });
        stopped.recv().expect("stopped");
        go_on
    }

    /// Sends a request and hangs up as soon as the server waits for its disk.
    fn hang_up(&self, method: &str, path: &str, body: &str) {
        let disk = self.stop_the_disk();
        self.runtime.block_on(async {
            let mut answer = Box::pin(self.router.clone().oneshot(request(method, path, body.to_owned())));
            assert!(waits(&mut answer).await, "{method} {path} waits for the disk");
            drop(answer);
        });
        drop(disk);
    }

    fn status(&self, path: &str) -> StatusCode {
        self.runtime.block_on(ask(&self.router, "GET", path, "")).status
    }

    fn is_kept(&self, file: &str) -> bool {
        Path::new(self.folder.path()).join(file).exists()
    }
}

/// Begins, or goes on with, what is waited for; false if it is done.
async fn waits<T>(work: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
    poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
}

fn eventually(what: &str, wanted: impl Fn() -> bool) {
    let begun = Instant::now();
    while !wanted() {
        assert!(begun.elapsed() < LIMIT, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn document(name: &str) -> RoomDocument {
    let people = json!({"alice": {"name": name, "source": {"type": "publish", "key": "key-of-alice"}}});
    serde_json::from_value(json!({"participants": people})).expect("a document")
}

#[test]
fn whoever_hangs_up_a_room_is_made_whole_and_removed_whole() {
    let server = Server::start();
    let text = serde_json::to_string(&document("Alice")).expect("JSON");
    server.hang_up("PUT", "/v1/rooms/r", &text);
    eventually("the room is there", || server.status("/v1/rooms/r") == StatusCode::OK);
    assert!(server.is_kept("rooms/r.json"));
    server.hang_up("DELETE", "/v1/rooms/r", "");
    eventually("what it took is free", || server.ledger.is_empty());
    assert!(!server.is_kept("rooms/r.json"));
    assert_eq!(server.status("/v1/rooms/r"), StatusCode::NOT_FOUND);
    let made = server.runtime.block_on(ask(&server.router, "PUT", "/v1/rooms/r", text));
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
}

#[test]
fn whoever_hangs_up_what_is_kept_of_a_template_is_what_is_used() {
    let server = Server::start();
    let grid = server.runtime.block_on(ask(&server.router, "GET", "/v1/layouts/grid", ""));
    server.hang_up("PUT", "/v1/layouts/mine", grid.text());
    eventually("it is kept", || server.is_kept("layouts/mine.json"));
    eventually("and used", || server.status("/v1/layouts/mine") == StatusCode::OK);
    server.hang_up("POST", "/v1/layouts/mine/rollback", "{\"version\": 1}");
    let versions = || {
        let list = server.runtime.block_on(ask(&server.router, "GET", "/v1/layouts/mine/versions", "")).json();
        list["versions"].as_array().map(Vec::len)
    };
    eventually("rolled back", || versions() == Some(2));
    server.hang_up("DELETE", "/v1/layouts/mine", "");
    eventually("it is not kept", || !server.is_kept("layouts/mine.json"));
    eventually("nor used", || server.status("/v1/layouts/mine") == StatusCode::NOT_FOUND);
}

#[test]
fn a_room_that_comes_back_while_it_is_closed_is_open() {
    let server = Server::start();
    let (rooms, room) = (&server.rooms, "r".parse::<RoomId>().expect("an id"));
    server.runtime.block_on(rooms.put(&room, document("Alice"), BTreeSet::new(), Crowded::Refuse)).expect("a room");
    let disk = server.stop_the_disk();
    server.runtime.block_on(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let rename = move |_: &RoomDocument| {
            tell.send(()).expect("somebody waits");
            Ok(document("Alicia"))
        };
        let mut change = Box::pin(rooms.change(&room, Box::new(rename)));
        assert!(waits(&mut change).await);
        told.await.expect("its keeper is about to write");
        let mut close = Box::pin(rooms.close(&room, false));
        assert!(waits(&mut close).await);
        rooms.restore(room.clone(), document("Alice"));
        drop(disk);
        close.await;
        let _ = change.await;
        let view = rooms.view(&room).await.expect("the room that came back");
        assert_eq!(view.document, document("Alice"));
    });
}

#[test]
fn a_server_that_stops_does_not_say_that_its_rooms_are_gone() {
    let server = Server::start();
    let room = "r".parse::<RoomId>().expect("an id");
    server
        .runtime
        .block_on(server.rooms.put(&room, document("Alice"), BTreeSet::new(), Crowded::Refuse))
        .expect("a room");
    server.stop.cancel();
    eventually("the room has ended", || !server.rooms.is_open(&room));
    assert_eq!(server.runtime.block_on(server.rooms.view(&room)).err(), Some(RoomError::Stopping));
}

#[test]
fn a_disk_that_takes_nothing_stops_no_operator() {
    let server = Server::start();
    let tell = |method, path, body: serde_json::Value| {
        server.runtime.block_on(ask(&server.router, method, path, body.to_string()))
    };
    let text = serde_json::to_value(document("Alice")).expect("JSON");
    assert_eq!(tell("PUT", "/v1/rooms/r", text).status, StatusCode::CREATED);
    let (folder, away) = (server.folder.path().join("rooms"), server.folder.path().join("away"));
    std::fs::rename(&folder, &away).expect("nothing can be written");
    let muted = tell("PATCH", "/v1/rooms/r/participants/alice", json!({"muted": true}));
    assert_eq!((muted.status, &muted.json()["unsaved"]), (StatusCode::OK, &json!(true)), "{}", muted.text());
    let layout = tell("PUT", "/v1/rooms/r/layout", json!({"template": "speaker"}));
    assert_eq!((layout.status, &layout.json()["unsaved"]), (StatusCode::OK, &json!(true)), "{}", layout.text());
    let named = tell("PATCH", "/v1/rooms/r/participants/alice", json!({"name": "Alicia"}));
    assert_eq!((named.status, named.problem()), (StatusCode::INSUFFICIENT_STORAGE, "not-stored".to_owned()));
    std::fs::rename(&away, &folder).expect("there is space again");
    let room = || tell("GET", "/v1/rooms/r", json!(null)).json();
    assert_eq!(
        (&room()["participants"]["alice"]["name"], &room()["layout"]["template"]),
        (&json!("Alice"), &json!("speaker"))
    );
    eventually("it is stored", || room()["status"]["unsaved"] == false);
    let kept = std::fs::read_to_string(folder.join("r.json")).expect("kept");
    assert!(kept.contains("\"muted\": true") && kept.contains("speaker"), "{kept}");
}
