//! The RTMP door towards whoever has no key.

use std::{net::SocketAddr, time::Duration};

use serde_json::json;
use tilecast::{
    base::tasks::Tasks,
    front::{
        accept::Shares,
        auth::{address::RtmpUrl, guess::Guesses},
        door::{Entrance, RtmpDoor},
        metrics::Counters,
        rtmp::{Error, Limits, client},
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
    let door = RtmpDoor {
        rooms: settings.rooms,
        limits: Limits { greeting: Duration::from_secs(60), ..Limits::default() },
        counters: Counters::default(),
        fleet: None,
        entrance: Entrance::new(shares, 0, Guesses::default()),
    };
    tasks.spawn("door", door.serve(listener, tasks.clone()));
    (address, tasks)
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
