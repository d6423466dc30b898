//! Clients without a key: they cannot use up resources that others need, guess keys, learn what exists, or cause work.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode, header};
use serde_json::json;
use tempfile::TempDir;
use tilecast::{
    base::{Secret, tasks::Tasks},
    front::{
        api::Settings,
        doors::srs::{self, Srs},
        net::{
            accept::Shares,
            address::{AddressPolicy, Connector},
            serve::{self, Bounds, Peer},
        },
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use super::support::{Answer, KEY, ask, request, router, send, settings};

const OFFER: &str = include_str!("offer.sdp");

const SRS_SECRET: &str = "the-right-secret-0123";

/// Far longer than anything here takes, and shorter than the server waits for a body.
const SOON: Duration = Duration::from_secs(8);

/// A request with an offer and a key, from this address.
fn offer(path: &str, key: Option<&str>, from: &str) -> Request<Body> {
    let mut request = Request::post(path).header(header::HOST, "127.0.0.1:8080");
    request = request.header(header::CONTENT_TYPE, "application/sdp");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    let body = if path.starts_with("/whep") { OFFER.replace("a=sendonly", "a=recvonly") } else { OFFER.to_owned() };
    let mut request = request.body(body.into()).expect("a request");
    request.extensions_mut().insert(Peer(SocketAddr::new(from.parse().expect("an address"), 4711)));
    request
}

async fn rooms(router: &Router) {
    let people = json!({
        "alice": {"source": {"type": "publish", "key": "key-of-alice"}},
        "bob": {"source": {"type": "publish", "key": "key-of-bob"}},
        "cam": {"source": {"type": "pull", "url": "rtmp://srs.example.org/live/cam"}},
    });
    let weekly = json!({"participants": people, "viewer_token": "token-of-weekly"});
    for (room, document) in [("weekly", weekly), ("open", json!({}))] {
        let made = ask(router, "PUT", &format!("/v1/rooms/{room}"), document.to_string()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    }
}

#[tokio::test]
async fn who_guesses_a_key_is_kept_waiting_and_nobody_else() {
    let router = router(settings(&[]));
    rooms(&router).await;
    let mut told = Vec::new();
    for n in 0..14 {
        let path = if n % 2 == 0 { "/whip/weekly/alice" } else { "/whip/week%6Cy/alice" };
        told.push(send(&router, offer(path, Some(&format!("guess-{n}")), "192.0.2.1")).await.problem());
    }
    assert_eq!(told, [["key-needed"; 10].as_slice(), ["rate-limited"; 4].as_slice()].concat());
    let right = send(&router, offer("/whip/weekly/alice", Some("key-of-alice"), "192.0.2.1")).await;
    assert_eq!(right.problem(), "rate-limited", "a right key too, or guessing would go on");
    assert!(right.header(header::RETRY_AFTER).parse::<u64>().is_ok_and(|seconds| seconds >= 1));
    for (path, key, from) in [
        ("/whip/weekly/bob", "key-of-bob", "192.0.2.1"),
        ("/whep/weekly?for=bob", "key-of-bob", "192.0.2.1"),
        ("/whip/weekly/alice", "key-of-alice", "192.0.2.2"),
    ] {
        let answer = send(&router, offer(path, Some(key), from)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{path} {from}: {}", answer.text());
    }
}

#[tokio::test]
async fn names_of_rooms_are_guessed_no_faster_than_keys() {
    let router = router(settings(&[]));
    rooms(&router).await;
    // At once: a refusal takes its time, in which others become possible again.
    let guesses = (0..110).map(|n| send(&router, offer(&format!("/whep/room-{n}"), None, "192.0.2.1")));
    let answers = futures_util::future::join_all(guesses).await;
    let limited = answers.iter().filter(|answer| answer.problem() == "rate-limited").count();
    assert!((1..=10).contains(&limited), "{limited}");
    let open = send(&router, offer("/whep/open", None, "192.0.2.2")).await;
    assert_eq!(open.status, StatusCode::CREATED, "{}", open.text());
}

#[tokio::test]
async fn a_refusal_does_not_tell_what_there_is() {
    let router = router(settings(&[]));
    rooms(&router).await;
    let publish = ["/whip/weekly/alice", "/whip/weekly/nobody", "/whip/weekly/cam", "/whip/nowhere/alice"];
    let watch =
        ["/whep/weekly", "/whep/nowhere", "/whep/weekly?for=alice", "/whep/nowhere?for=alice", "/whep/open?for=nobody"];
    for paths in [&publish[..], &watch] {
        let mut first: Option<Answer> = None;
        for path in paths {
            let answer = send(&router, offer(path, Some("wrong-key"), "192.0.2.1")).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}: {}", answer.text());
            let first = first.get_or_insert_with(|| Answer { body: answer.body.clone(), ..answer_like(&answer) });
            assert_eq!((answer.text(), &answer.headers), (first.text(), &first.headers), "{path}");
        }
    }
    for path in ["/whep/weekly", "/whep/nowhere"] {
        let answer = send(&router, offer(path, None, "192.0.2.1")).await;
        assert_eq!(answer.problem(), "key-needed", "{path}");
    }
}

fn answer_like(answer: &Answer) -> Answer {
    Answer { status: answer.status, headers: answer.headers.clone(), body: Vec::new() }
}

/// A body that begins and never ends.
fn endless() -> Body {
    let begin = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    Body::from_stream(begin.chain(stream::pending()))
}

/// With an SRS for a neighbour, which says this secret.
fn beside_srs(settings: Settings, folder: &TempDir) -> Settings {
    let neighbour = srs::Settings {
        secret: Secret::new(SRS_SECRET),
        streams: "live/{room}-{participant}".parse().expect("a pattern"),
        source: "rtmp://srs/{app}/{stream}".parse().expect("a source"),
        apis: Vec::new(),
        keys: srs::Keys::default(),
        unknown_room: srs::UnknownRoom::Ignore,
        other_streams: srs::OtherStreams::default(),
    };
    let reach = Connector::new(AddressPolicy::new(Vec::new()));
    let srs = Srs::open(neighbour, settings.rooms.clone(), reach, settings.guesses.clone(), folder.path());
    Settings { srs: Some(srs), ..settings }
}

#[tokio::test]
async fn who_guesses_by_way_of_srs_guesses_at_every_door() {
    let folder = tempfile::tempdir().expect("a folder");
    let router = router(beside_srs(settings(&[]), &folder));
    rooms(&router).await;
    let publish = async |ip: &str, key: &str| {
        let hook = json!({
            "action": "on_publish", "client_id": "c", "ip": ip, "app": "live", "stream": "weekly-alice", "param": format!("?key={key}"),
        });
        let answer = ask(&router, "POST", &format!("/hooks/srs?secret={SRS_SECRET}"), hook.to_string()).await.json();
        answer["message"].as_str().map(str::to_owned)
    };
    for _ in 0..10 {
        let message = publish("192.0.2.1", "wrong-key").await.expect("refused");
        assert!(message.contains("does not fit"), "{message}");
    }
    let message = publish("192.0.2.1", "key-of-alice").await.expect("refused");
    assert!(message.contains("too many attempts"), "{message}");
    let whip = send(&router, offer("/whip/weekly/alice", Some("key-of-alice"), "192.0.2.1")).await;
    assert_eq!(whip.problem(), "rate-limited");
    let other = send(&router, offer("/whip/weekly/alice", Some("key-of-alice"), "192.0.2.2")).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text());
}

#[tokio::test]
async fn nothing_is_read_of_who_has_shown_no_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = beside_srs(settings(&[KEY]), &folder);
    settings.rooms.restore("weekly".parse().expect("an id"), serde_json::from_value(json!({
        "participants": {"alice": {"source": {"type": "publish", "key": "key-of-alice"}}}, "viewer_token": "token-of-weekly",
    })).expect("a document"));
    let router = router(settings);
    for (method, path, content, status) in [
        ("PUT", "/v1/rooms/weekly", "application/json", 401),
        ("PATCH", "/v1/rooms/weekly", "application/json", 401),
        ("PUT", "/v1/rooms/weekly/participants/alice", "application/json", 401),
        ("PUT", "/v1/layouts/mine", "application/json", 401),
        ("POST", "/v1/layouts/validate", "application/json", 401),
        ("PUT", "/v1/assets/logo", "image/png", 401),
        ("POST", "/hooks/srs?secret=wrong", "application/json", 401),
        ("POST", "/hooks/srs/wrong", "application/json", 401),
        ("POST", "/whip/weekly/alice", "application/sdp", 401),
        ("POST", "/whip/nowhere/alice", "application/sdp", 401),
        ("POST", "/whep/weekly", "application/sdp", 401),
        ("PATCH", "/whip/weekly/alice/00000000000000000000000000000000", "application/trickle-ice-sdpfrag", 404),
        ("PATCH", "/whep/weekly/00000000000000000000000000000000", "application/trickle-ice-sdpfrag", 404),
    ] {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, content);
        let request = request.header(header::AUTHORIZATION, "Bearer a-wrong-key-0123456789").body(endless());
        let answer = timeout(SOON, send(&router, request.expect("a request"))).await;
        let answer = answer.unwrap_or_else(|_| panic!("{method} {path} reads what a stranger sends"));
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text());
    }
}

#[tokio::test]
async fn health_and_the_page_to_join_with_are_for_everybody_at_once() {
    let router = router(settings(&[KEY]));
    let parts = ["/join/weekly/alice", "/join/page.css", "/join/page.js", "/join/call.js", "/join/words.js"];
    for path in std::iter::repeat_n(parts, 30).flatten() {
        assert_eq!(ask(&router, "GET", path, "").await.status, StatusCode::OK, "{path}");
    }
    for path in std::iter::repeat_n(["/healthz", "/readyz"], 200).flatten() {
        assert_eq!(ask(&router, "GET", path, "").await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn limits_hold_for_the_clients_of_a_proxy_and_not_for_the_proxy() {
    let mut settings = settings(&[]);
    settings.proxies = vec!["127.0.0.0/8".parse().expect("a range")];
    let router = router(settings);
    rooms(&router).await;
    let by_proxy = |key: &str, client: &'static str| {
        let mut request = offer("/whip/weekly/alice", Some(key), "127.0.0.1");
        request.headers_mut().insert("x-forwarded-for", client.parse().expect("a header"));
        request
    };
    for _ in 0..10 {
        send(&router, by_proxy("wrong-key", "198.51.100.9, 192.0.2.1")).await;
    }
    assert_eq!(send(&router, by_proxy("key-of-alice", "192.0.2.1")).await.problem(), "rate-limited");
    let other = send(&router, by_proxy("key-of-alice", "192.0.2.1, 198.51.100.9")).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text());
    let mut made_up = by_proxy("key-of-alice", "198.51.100.9");
    made_up.extensions_mut().insert(Peer(([192, 0, 2, 1], 1).into()));
    assert_eq!(send(&router, made_up).await.problem(), "rate-limited", "nobody else's word is taken");
}

#[tokio::test]
async fn anonymous_offers_take_no_place_from_those_with_a_key() {
    let mut settings = settings(&[]);
    let many = std::num::NonZeroU32::new(10_000).expect("many");
    settings.allowance = tilecast::front::net::rate::Allowance { per_second: many, burst: many };
    let router = router(settings);
    rooms(&router).await;
    let mut sessions = Vec::new();
    for n in 0..400u32 {
        let answer = send(&router, offer("/whep/open", None, &format!("192.0.{}.1", n % 4))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "a newcomer always gets in: {}", answer.text());
        sessions.push(answer.header(header::LOCATION).to_owned());
    }
    for from in ["192.0.0.1", "198.51.100.1"] {
        let answer = send(&router, offer("/whip/weekly/alice", Some("key-of-alice"), from)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    // The oldest went for the youngest, each in its own time.
    let gone = |path: String| {
        let router = router.clone();
        async move { send(&router, request("DELETE", &path, "")).await.status == StatusCode::NOT_FOUND }
    };
    while !gone(sessions[0].clone()).await {
        tokio::task::yield_now().await;
    }
    assert!(!gone(sessions[399].clone()).await);
}

/// The API on loopback with eight places for strangers and eight for those with a key.
async fn listening() -> (SocketAddr, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, tasks) = (listener.local_addr().expect("an address"), Tasks::new());
    let places = Shares { strangers: 8, guests: 0, known: 8 };
    let bounds = Bounds { places, ..Bounds::default() };
    tasks.spawn("api", serve::serve(listener, router(settings(&[KEY])), tasks.clone(), bounds));
    (address, tasks)
}

async fn connect(to: SocketAddr, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((from, 0).into()).expect("loopback");
    socket.connect(to).await.expect("a connection")
}

/// Asks on an open connection, and gives the head of the answer.
async fn get(stream: &mut TcpStream, path: &str) -> String {
    let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut head = vec![0; 15];
    timeout(SOON, stream.read_exact(&mut head)).await.expect("an answer").expect("an answer");
    // The rest of a small answer comes with it.
    let mut rest = vec![0; 64 << 10];
    let _ = timeout(SOON, stream.read(&mut rest)).await;
    String::from_utf8(head).expect("text")
}

#[tokio::test]
async fn a_crowd_of_half_requests_keeps_out_neither_health_nor_those_with_a_key() {
    let (address, tasks) = listening().await;
    let mut known = connect(address, [127, 0, 0, 1]).await;
    assert_eq!(get(&mut known, "/v1/rooms").await, "HTTP/1.1 200 OK");
    let mut crowd = Vec::new();
    for _ in 0..60 {
        let mut half = connect(address, [127, 0, 0, 2]).await;
        half.write_all(b"GET /healthz HTTP/1.1\r\nHost: local").await.expect("sent");
        crowd.push(half);
    }
    for from in [[127, 0, 0, 1], [127, 0, 1, 1], [127, 0, 0, 2]] {
        assert_eq!(get(&mut connect(address, from).await, "/healthz").await, "HTTP/1.1 200 OK", "{from:?}");
    }
    assert_eq!(get(&mut known, "/v1/rooms").await, "HTTP/1.1 200 OK", "it stands where it stood");
    let mut first = Vec::new();
    // Closed, or reset as it had sent something.
    let _ = timeout(2 * SOON, crowd[0].read_to_end(&mut first)).await.expect("it made room");
    assert!(first.is_empty());
    assert!(tasks.join(Duration::from_secs(5)).await);
}
