//! A store that completes a request late, after the client was refused or has gone: the stored room and the reported
//! room stay the same.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tilecast::{
    app::pipelines::Pipelines,
    base::{RoomId, Secret, tasks::Tasks},
    draw,
    front::{
        cluster::{Cluster, Membership},
        docker::{ClusterKey, FrontId, Index, Kind, Records, api::Api},
        engine::{Engine, Local},
        metrics::Counters,
        model::{RoomDocument, RoomError, event::Event},
        net::address::{AddressPolicy, Connector},
        raster::{Drawing, Raster, Rasterizer},
        room::{
            Assets, Context, Ledger, Rooms, Templates,
            assets::{Asset, Upload},
            check::Rules,
            rooms::Crowded,
            store::{DocumentStore, NEWS, News, Patience, SharedStore},
        },
        webrtc,
    },
    media::Size,
};
use tokio::sync::mpsc;

use super::{LIMIT, docker::Docker, eventually};

/// A front of a cluster without doors, whose patience with the store is short.
struct Front {
    store: SharedStore,
    rooms: Rooms,
    tasks: Tasks,
    news: mpsc::Receiver<News>,
}

impl Front {
    fn new(docker: &Docker) -> Self {
        let index = Index::new(FrontId::random());
        index.set_lost(false);
        let api = Api::new(&docker.host()).expect("an address");
        let (tell, news) = mpsc::channel(NEWS);
        let key = ClusterKey::new(&Secret::new("0123456789abcdef0123456789abcdef"));
        let [answer, settle, again] = [1000, 2000, 10].map(Duration::from_millis);
        let store = SharedStore::new(Records::new(api, "tilecast".to_owned()), key, index, tell);
        let store = store.with_patience(Patience { answer, settle, again });
        let tasks = Tasks::new();
        let rooms = Rooms::new(context(Box::new(store.clone()), &tasks), tasks.clone());
        Self { store, rooms, tasks, news }
    }

    async fn put(&self, name: &str) -> Result<(), RoomError> {
        self.rooms.put(&room(), document(name), BTreeSet::new(), Crowded::Refuse).await.map(drop)
    }

    async fn kept(&self) -> Option<RoomDocument> {
        let record = self.store.records().get(Kind::Room, "r").await.expect("answered")?;
        self.store.understand(&room(), &record).document.map(|document| (*document).clone())
    }

    /// Sees that what is kept of the room is what it is.
    async fn agrees(&self) -> RoomDocument {
        let is = self.rooms.view(&room()).await.expect("a room").document;
        assert_eq!(self.kept().await.as_ref(), Some(&is));
        is
    }
}

/// What rooms share. Their workers end at once.
fn context(store: Box<dyn DocumentStore>, tasks: &Tasks) -> Context {
    let pipelines = Pipelines::load(None).expect("built in");
    let connector = Connector::new(AddressPolicy::new(Vec::new()));
    Context {
        engine: Engine::Local(Local::new("/bin/false".into(), "off".to_owned(), tasks.clone())),
        ledger: Ledger::default(),
        webrtc: webrtc::Client::new(connector.clone(), Counters::default()),
        connector,
        templates: Templates::new(Vec::new(), Vec::new()),
        assets: Assets::default(),
        rasterizer: Rasterizer::new(env!("CARGO_BIN_EXE_tilecast").into()),
        store,
        rules: Arc::new(Rules { encoders: pipelines.presets(), address: Box::new(|_| Ok(())) }),
        stage: pipelines.stage,
        video_encoders: pipelines.video,
        opus_encoder: pipelines.opus,
    }
}

fn room() -> RoomId {
    "r".parse().expect("an id")
}

fn document(name: &str) -> RoomDocument {
    let people = json!({"alice": {"name": name, "source": {"type": "publish", "key": "key-of-alice"}}});
    serde_json::from_value(json!({"participants": people})).expect("a document")
}

#[tokio::test]
async fn a_change_that_was_refused_is_never_made() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    front.put("Alice").await.expect("a room");
    docker.hold_writes(1);
    let refused = front.put("Alicia").await.expect_err("no answer");
    assert!(matches!(&refused, RoomError::Store(why) if why.contains("too long")), "{refused}");
    docker.release_writes();
    eventually("Docker has done it", || docker.held_writes() == (1, 1)).await;
    assert_eq!(front.agrees().await, document("Alice"));
    front.put("Alicia").await.expect("changed");
    assert_eq!(front.agrees().await, document("Alicia"));
}

#[tokio::test]
async fn a_change_is_told_as_it_turns_out() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    front.put("Alice").await.expect("a room");
    // The change, and what is to settle it.
    docker.hold_writes(2);
    let both_held = async {
        eventually("both are on their way", || docker.held_writes().0 == 2).await;
        docker.release_writes();
    };
    let (changed, ()) = tokio::join!(front.put("Alicia"), both_held);
    eventually("Docker has done both", || docker.held_writes() == (2, 2)).await;
    let wanted = document(if changed.is_ok() { "Alicia" } else { "Alice" });
    assert_eq!(front.agrees().await, wanted, "{changed:?}");
}

#[tokio::test]
async fn a_change_of_which_nothing_was_known_is_taken_back() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    front.put("Alice").await.expect("a room");
    docker.hold_writes(usize::MAX);
    let unknown = front.put("Alicia").await.expect_err("no answer");
    assert!(matches!(&unknown, RoomError::Unknown(why) if why.contains("does not say")), "{unknown}");
    docker.release_writes();
    eventually("Docker has done them", || docker.held_writes().0 == docker.held_writes().1).await;
    assert_eq!(front.kept().await, Some(document("Alicia")), "a second truth");
    front.rooms.keep_still(&room()).await;
    // The keeper takes one after the other.
    front.rooms.change(&room(), Box::new(|document| Ok(document.clone()))).await.expect("nothing changes");
    assert_eq!(front.agrees().await, document("Alice"));
}

#[tokio::test]
async fn what_is_handed_over_is_what_the_room_was() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    front.put("Alice").await.expect("a room");
    docker.hold_writes(usize::MAX);
    front.put("Alicia").await.expect_err("no answer");
    docker.release_writes();
    eventually("Docker has done them", || docker.held_writes().0 == docker.held_writes().1).await;
    let last = front.rooms.close(&room(), false).await;
    front.store.give(&room(), None, last.as_ref()).await.expect("given");
    assert_eq!(front.kept().await, Some(document("Alice")));
    assert_eq!(docker.records("room")[0].get("tilecast.owner"), None);
}

#[tokio::test]
async fn a_room_whose_making_was_given_up_is_there_or_is_made_anew() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    docker.hold_writes(1);
    let store = front.store.clone();
    let create = tokio::spawn(async move { store.create(&room(), &document("Alice")).await });
    eventually("it is on its way", || docker.held_writes().0 == 1).await;
    create.abort();
    assert!(create.await.expect_err("dropped").is_cancelled());
    docker.release_writes();
    eventually("Docker has done it", || docker.held_writes().1 == 1).await;
    let record = front.store.records().get(Kind::Room, "r").await.expect("answered").expect("a record");
    let Front { store, rooms, tasks, news } = front;
    let membership = Membership { door: (Ipv4Addr::LOCALHOST, 1).into(), advertise: String::new() };
    tasks.spawn("fleet", Cluster::new(store, rooms.clone(), membership, tasks.clone()).run(news));
    eventually("it is open", || rooms.is_open(&room())).await;
    assert_eq!(record.label("tilecast.epoch"), Some("1"));
    assert!(tasks.join(LIMIT).await);
}

#[tokio::test]
async fn a_room_that_is_made_after_it_was_refused_does_not_stay() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    docker.hold_writes(usize::MAX);
    let unknown = front.put("Alice").await.expect_err("no answer");
    assert!(matches!(&unknown, RoomError::Unknown(_)), "{unknown}");
    docker.release_writes();
    eventually("Docker has made it", || docker.records("room").len() == 1).await;
    let Front { store, rooms, tasks, news } = front;
    let membership = Membership { door: (Ipv4Addr::LOCALHOST, 1).into(), advertise: String::new() };
    tasks.spawn("fleet", Cluster::new(store, rooms.clone(), membership, tasks.clone()).run(news));
    eventually("it is undone", || docker.records("room").is_empty()).await;
    assert!(!rooms.is_open(&room()));
    rooms.put(&room(), document("Alice"), BTreeSet::new(), Crowded::Refuse).await.expect("made");
    assert_eq!(docker.records("room").len(), 1);
    assert!(tasks.join(LIMIT).await);
}

#[test]
fn an_image_of_another_front_is_told_to_the_rooms_that_show_it() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).max_blocking_threads(1).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let docker = Docker::start().await;
        let [here, there] = [Front::new(&docker), Front::new(&docker)];
        let logo =
            json!({"name": "logo", "rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "image": {"asset": "logo"}});
        let place = json!({"rect": {"x": 0, "y": 0, "width": 1, "height": 1}, "cast": ["joined"]});
        let template = json!({"overlays": [logo], "arrangements": [{"places": [place]}]});
        let mut wanted = document("Alice");
        wanted.layout = serde_json::from_value(json!({"template": template})).expect("a layout");
        here.rooms.put(&room(), wanted, BTreeSet::new(), Crowded::Refuse).await.expect("a room");
        let mut events = here.rooms.events(&room()).await.expect("events");
        let asset = there.rooms.draw_asset(Upload::new(png())).await.expect("an image");
        there.rooms.put_asset(&"logo".parse().expect("a name"), asset).await.expect("shared");
        let grid = there.rooms.template(&"grid".parse().expect("a name")).expect("built in").template;
        let mine = "mine".parse().expect("a name");
        there.rooms.put_template(&mine, (*grid).clone(), &Default::default()).await.expect("shared");

        here.rooms.refresh_library().await.expect("read");
        let shown = async { while !matches!(events.recv().await.expect("a room"), Event::Layout { .. }) {} };
        tokio::time::timeout(LIMIT, shown).await.expect("the room has its logo");
    });
}

fn png() -> bytes::Bytes {
    let mut png = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8, 8).write_to(&mut png, image::ImageFormat::Png).expect("a PNG");
    png.into_inner().into()
}

/// An image of which nobody looks at the picture.
fn image(file: &'static [u8]) -> Asset {
    let (upload, size) = (Upload::new(bytes::Bytes::from_static(file)), Size { width: 8, height: 8 });
    let raster = Raster { hash: upload.hash, size, file: upload.file.clone() };
    Asset { upload, drawing: Drawing { kind: draw::Kind::Png, size, raster } }
}

/// Uploads of two fronts that replace each other leave one image, and the one that counts is the one that is removed.
#[tokio::test]
async fn an_image_that_is_removed_does_not_come_back_as_an_older_one() {
    let docker = Docker::start().await;
    let front = Front::new(&docker);
    let logo = "logo".parse().expect("a name");
    let names = |records: Vec<Value>| records.len();
    front.store.put_asset(&logo, &image(b"one")).await.expect("kept");
    // This front has not read that there is one, as one that was cut off before it removed the old one.
    front.store.put_asset(&logo, &image(b"two")).await.expect("kept");
    assert_eq!(names(docker.records("asset")), 2);
    let library = front.store.library().await.expect("read");
    assert_eq!(library.assets[&logo].file, "two", "the newer counts");
    front.store.delete_asset(&logo).await.expect("removed");
    assert_eq!(names(docker.records("asset")), 0);
}
