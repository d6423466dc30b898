//! The RTMP door and clients without a key.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use tilecast::{
    base::tasks::Tasks,
    front::{
        doors::rtmp::{Entrance, RtmpDoor},
        metrics::Counters,
        model::RoomDocument,
        net::{accept::Shares, address::RtmpUrl, guess::Guesses},
        room::Rooms,
        rtmp::{
            Error, Limits,
            amf::{Property, Writer},
            chunk::{ChunkWriter, kind},
            client,
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use super::support::settings;

/// Far longer than anything here takes.
const SOON: Duration = Duration::from_secs(8);

/// A door with few places, to a room with a token and an open one.
async fn door() -> (SocketAddr, Tasks) {
    let (address, tasks, _) = door_and_rooms().await;
    (address, tasks)
}

async fn door_and_rooms() -> (SocketAddr, Tasks, Rooms) {
    let settings = settings(&[]);
    let publish = |key: &str| json!({"source": {"type": "publish", "key": key}});
    let people = json!({"alice": publish("key-of-alice"), "bob": publish("key-of-bob")});
    for (room, document) in
        [("weekly", json!({"participants": people, "viewer_token": "token-of-weekly"})), ("open", json!({}))]
    {
        let document = serde_json::from_value(document).expect("a document");
        settings.rooms.restore(room.parse().expect("an id"), document);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, tasks) = (listener.local_addr().expect("an address"), Tasks::new());
    let shares = Shares { strangers: 16, guests: 4, known: 8 };
    let rooms = settings.rooms.clone();
    let door = RtmpDoor {
        rooms: settings.rooms,
        limits: Limits { greeting: Duration::from_secs(60), ..Limits::default() },
        counters: Counters::default(),
        cluster: None,
        entrance: Entrance::new(shares, 0, Guesses::default()),
    };
    tasks.spawn("door", door.serve(listener, tasks.clone()));
    (address, tasks, rooms)
}

async fn connect(to: SocketAddr, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("loopback");
    socket.connect(to).await.expect("a connection")
}

fn url(to: SocketAddr, path: &str) -> RtmpUrl {
    RtmpUrl::parse(&format!("rtmp://{to}/{path}")).expect("a URL")
}

/// Publishes; the connection, or why not.
async fn publish(to: SocketAddr, from: [u8; 4], path: &str) -> Result<impl Send, String> {
    let url = url(to, path);
    let published = client::publish_on(connect(to, from).await, &url);
    timeout(SOON, published).await.expect("an answer").map_err(said)
}

async fn play(to: SocketAddr, from: [u8; 4], path: &str) -> Result<impl Send, String> {
    timeout(SOON, client::play_on(connect(to, from).await, &url(to, path))).await.expect("an answer").map_err(said)
}

fn said(error: Error) -> String {
    match error {
        Error::Refused(reason) => reason,
        error => error.to_string(),
    }
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 1, 1];

#[tokio::test]
async fn half_greetings_keep_no_publisher_out() {
    let (address, tasks) = door().await;
    let mut crowd = Vec::new();
    for half in [&[][..], &[3], &[3; 700]] {
        for _ in 0..20 {
            let mut stream = connect(address, HERE).await;
            stream.write_all(half).await.expect("sent");
            crowd.push(stream);
        }
    }
    let _alice = publish(address, ELSEWHERE, "in/weekly/alice?key=key-of-alice").await.expect("let in");
    let _bob = publish(address, HERE, "in/weekly/bob?key=key-of-bob").await.expect("let in from the same address");
    // Closed, or reset as it had sent something.
    let mut first = [0; 1];
    let closed = timeout(SOON, crowd[0].read(&mut first)).await.expect("it made room");
    assert!(closed.is_err() || closed.is_ok_and(|count| count == 0));
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_guesser_is_told_the_same_of_everything_and_then_nothing() {
    let (address, tasks) = door().await;
    let mut told = Vec::new();
    for path in
        ["in/weekly/alice?key=wrong", "in/weekly/nobody?key=wrong", "in/nowhere/alice?key=wrong", "in/weekly/alice"]
    {
        told.push(publish(address, HERE, path).await.map(drop).expect_err(path));
    }
    assert!(told[0].contains("no place is open to this key") && told.iter().all(|other| *other == told[0]), "{told:?}");
    let mut told = Vec::new();
    for path in ["out/weekly?token=wrong", "out/weekly", "out/nowhere", "out/nowhere?token=wrong"] {
        told.push(play(address, HERE, path).await.map(drop).expect_err(path));
    }
    assert!(told[0].contains("no program is open") && told.iter().all(|other| *other == told[0]), "{told:?}");
    for _ in 0..12 {
        let _ = publish(address, HERE, "in/weekly/alice?key=wrong").await.map(drop);
    }
    let right = publish(address, HERE, "in/weekly/alice?key=key-of-alice").await.map(drop).expect_err("kept waiting");
    assert!(right.contains("wait"), "{right}");
    let _bob = publish(address, HERE, "in/weekly/bob?key=key-of-bob").await.expect("others go on");
    let _alice = publish(address, ELSEWHERE, "in/weekly/alice?key=key-of-alice").await.expect("so does she elsewhere");
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn viewers_of_an_open_room_do_not_throw_each_other_out_nor_those_with_a_token() {
    let (address, tasks) = door().await;
    let first = play(address, HERE, "out/open").await.expect("a guest");
    let _second = play(address, HERE, "out/open?token=made-up").await.expect("a guest, whatever it says");
    let third = play(address, HERE, "out/open").await.map(drop).expect_err("the address has its half");
    assert!(third.contains("your address"), "{third}");
    let _other = play(address, ELSEWHERE, "out/open").await.expect("another address");
    let _known = play(address, HERE, "out/weekly?token=token-of-weekly").await.expect("a place of its own");
    drop(first);
    // The place is free once the door has seen the viewer go.
    while play(address, HERE, "out/open").await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(tasks.join(Duration::from_secs(5)).await);
}

/// Says what an encoder says after its handshake: the commands, then the tags.
async fn encoder(to: SocketAddr, app: &str, name: &str, tags: &[(u8, &[u8])]) -> TcpStream {
    let mut writer = ChunkWriter::default();
    let mut say = |kind, payload: Bytes| writer.message(kind, 1, 0, &[], &payload);
    say(kind::COMMAND, Writer::command("connect", 1.0).object(&[("app", Property::Text(app))]).finish());
    say(kind::COMMAND, Writer::command("createStream", 2.0).null().finish());
    say(kind::COMMAND, Writer::command("publish", 3.0).null().text(name).text("live").finish());
    tags.iter().for_each(|(kind, tag)| say(*kind, Bytes::copy_from_slice(tag)));
    let mut bytes = vec![0; 1 + 2 * 1536];
    bytes[0] = 3;
    while writer.queued() > 0 {
        let mut slices = ChunkWriter::no_slices();
        let count = writer.slices(&mut slices);
        let before = bytes.len();
        slices[..count].iter().for_each(|slice| bytes.extend_from_slice(slice));
        let sent = bytes.len() - before;
        writer.advance(sent);
    }
    let mut stream = connect(to, HERE).await;
    stream.write_all(&bytes).await.expect("sent");
    stream
}

/// Waits until alice's status is as wanted.
async fn alice(rooms: &Rooms, wanted: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let view = rooms.view(&"weekly".parse().expect("an id")).await.expect("the room");
            let view = serde_json::to_value(view).expect("JSON");
            let alice = &view["status"]["participants"]["alice"];
            if wanted(alice) {
                return alice.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, look).await.expect("in time")
}

const HEADER: (u8, &[u8]) = (kind::VIDEO, b"\x17\x00\0\0\0\x01\x42\xc0\x1e\xff\xe1\0\0\x01\0\0");
const PICTURE: (u8, &[u8]) = (kind::VIDEO, b"\x17\x01\0\0\0\0\0\0\x01\x65");
const SPEEX: (u8, &[u8]) = (kind::AUDIO, b"\xb2speex");

#[tokio::test]
async fn sound_that_cannot_be_used_is_in_the_status_beside_a_picture_that_is() {
    let (address, tasks, rooms) = door_and_rooms().await;
    let stream = encoder(address, "in/weekly", "alice?key=key-of-alice", &[HEADER, SPEEX, PICTURE]).await;
    let status = alice(&rooms, |alice| alice["video"]["state"] == "usable").await;
    assert_eq!((&status["state"], &status["video"]["codec"]), (&json!("live"), &json!("h264")));
    assert_eq!(status["audio"]["state"], "unusable");
    let reason = status["audio"]["reason"].as_str().expect("a sentence");
    assert!(reason.contains("Speex") && reason.contains("AAC"), "{reason}");
    drop(stream);
    alice(&rooms, |alice| alice["state"] == "lost").await;
    // Nothing but what cannot be used: she is not live.
    let _stream = encoder(address, "in/weekly", "alice?key=key-of-alice", &[SPEEX]).await;
    let status = alice(&rooms, |alice| alice["audio"]["state"] == "unusable").await;
    assert_eq!((&status["state"], &status["video"]["state"]), (&json!("joining"), &json!("absent")));
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn who_is_cut_off_is_told_why_by_the_status_until_media_come_again() {
    let (address, tasks, rooms) = door_and_rooms().await;
    // A chunk size of 0 in the middle of it.
    let tags = [HEADER, PICTURE, (kind::SET_CHUNK_SIZE, &[0; 4][..])];
    let _stream = encoder(address, "in/weekly", "alice?key=key-of-alice", &tags).await;
    let status = alice(&rooms, |alice| alice["last_refusal"].is_string()).await;
    let reason = status["last_refusal"].as_str().expect("a sentence");
    assert!(reason.contains("chunk size of 0"), "{status}");
    assert!(matches!(status["state"].as_str(), Some("lost" | "absent")), "{status}");
    let _stream = encoder(address, "in/weekly", "alice?key=key-of-alice", &[HEADER, PICTURE]).await;
    alice(&rooms, |alice| alice["state"] == "live" && alice["last_refusal"].is_null()).await;
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_key_opens_its_place_as_it_was_typed() {
    let (address, tasks, rooms) = door_and_rooms().await;
    for key in ["padding-a+b", "padding-a b", "padding-V/FJg", "padding-x&y", "padding-x?y", "padding-\u{5bc6}"] {
        let wanted = json!({"participants": {"alice": {"source": {"type": "publish", "key": key}}}});
        let wanted: RoomDocument = serde_json::from_value(wanted).expect("a document");
        let change = Box::new(move |_: &RoomDocument| Ok(wanted));
        rooms.change(&"weekly".parse().expect("an id"), change).await.expect("taken");
        let full = format!("in/weekly/alice?key={key}");
        let (cut, rest) = full.rsplit_once('/').expect("slashes");
        for (app, name) in [
            ("in/weekly", format!("alice?key={key}")),
            ("in/weekly", format!("alice?key={key}&more=1")),
            (cut, rest.to_owned()),
        ] {
            let stream = encoder(address, app, &name, &[HEADER, PICTURE]).await;
            alice(&rooms, |alice| alice["state"] == "live").await;
            drop(stream);
            alice(&rooms, |alice| alice["state"] != "live").await;
        }
    }
    assert!(tasks.join(Duration::from_secs(5)).await);
}
