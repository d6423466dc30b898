//! Self-description of the server, and its listener's treatment of peers.

use std::time::Duration;

use http::StatusCode;
use tilecast::{
    base::tasks::Tasks,
    front::net::serve::{self, Bounds},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::support::{ask, router, settings};

#[tokio::test]
async fn the_description_names_every_endpoint_and_every_error() {
    let router = router(settings(&[]));
    let document = ask(&router, "GET", "/openapi.json", "").await.json();
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in [
        ("/v1/rooms", "get"),
        ("/v1/rooms/{room}", "put get patch delete"),
        ("/v1/rooms/{room}/participants/{participant}", "put get patch delete"),
        ("/v1/rooms/{room}/layout", "put get"),
        ("/v1/rooms/{room}/speaker", "put get delete"),
        ("/v1/rooms/{room}/outputs/{output}", "put get delete"),
        ("/v1/rooms/{room}/events", "get"),
        ("/v1/rooms/{room}/snapshot.jpg", "get"),
        ("/v1/layouts", "get"),
        ("/v1/layouts/{name}", "put get delete"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/metrics", "get"),
    ] {
        for method in methods.split(' ') {
            let responses = &paths[path][method]["responses"];
            let refused = &responses["429"]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(refused, "#/components/schemas/Problem", "{method} {path}");
            if method == "put" || method == "patch" {
                assert!(responses["422"].is_object() && responses["413"].is_object(), "{method} {path}");
            }
        }
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    for name in ["RoomDocument", "RoomView", "Problem", "Fault", "Event", "Participant", "Template"] {
        assert!(schemas.contains_key(name), "{name}");
    }
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name} is referred to and missing");
    }
}

#[tokio::test]
async fn the_pages_work_offline() {
    let router = router(settings(&[]));
    let page = ask(&router, "GET", "/docs/", "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("http://") && !page.text().contains("https://"), "{}", page.text());
    for source in page.text().split("src=\"").skip(1) {
        let file = source.split('"').next().expect("a name").trim_start_matches("./").to_owned();
        let file = ask(&router, "GET", &format!("/docs/{file}"), "").await;
        assert_eq!(file.status, StatusCode::OK);
        assert!(!file.body.is_empty());
    }
    let start = ask(&router, "GET", "/docs/swagger-initializer.js", "").await;
    assert!(start.text().contains("/openapi.json"), "{}", start.text());
}

#[tokio::test]
async fn metrics_count_requests_by_route() {
    let router = router(settings(&[]));
    ask(&router, "GET", "/v1/rooms/weekly", "").await;
    ask(&router, "GET", "/v1/rooms/other", "").await;
    ask(&router, "GET", "/some/where", "").await;
    let text = String::from_utf8(ask(&router, "GET", "/metrics", "").await.body).expect("UTF-8");
    let line = |route: &str| format!("tilecast_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"404\"}}");
    assert!(text.contains(&format!("{} 2", line("/v1/rooms/{room}"))), "{text}");
    assert!(text.contains(&format!("{} 1", line("unmatched"))), "{text}");
}

#[tokio::test]
async fn readiness_ends_when_the_server_stops() {
    let settings = settings(&[]);
    let stopping = settings.stopping.clone();
    let router = router(settings);
    assert_eq!(ask(&router, "GET", "/readyz", "").await.status, StatusCode::OK);
    stopping.cancel();
    assert_eq!(ask(&router, "GET", "/readyz", "").await.problem(), "stopping");
    assert_eq!(ask(&router, "GET", "/healthz", "").await.status, StatusCode::OK);
}

async fn listening(bounds: Bounds) -> (std::net::SocketAddr, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let tasks = Tasks::new();
    tasks.spawn("api", serve::serve(listener, router(settings(&[])), tasks.clone(), bounds));
    (address, tasks)
}

/// Sends, and reads until the server closes.
async fn exchange(address: std::net::SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // A reset after the answer is as good an end as a close.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_over_a_socket_is_answered_and_idle_connections_end() {
    let bounds = Bounds { header_timeout: Duration::from_millis(100), ..Bounds::default() };
    let (address, tasks) = listening(bounds).await;
    let answer = exchange(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    let slow = exchange(address, "GET /healthz HTTP/1.1\r\nHost: local").await;
    assert!(!slow.contains("200 OK"), "{slow}");
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn an_endless_head_is_refused() {
    let (address, tasks) = listening(Bounds::default()).await;
    let endless = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "x".repeat(64 * 1024));
    assert!(exchange(address, &endless).await.starts_with("HTTP/1.1 431 "));
    let lines: String = (0..100).map(|i| format!("X-{i}: 1\r\n")).collect();
    let many = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    assert!(exchange(address, &many).await.starts_with("HTTP/1.1 431 "));
    assert!(tasks.join(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn stopping_ends_idle_connections_at_once() {
    let (address, tasks) = listening(Bounds::default()).await;
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.expect("an answer");
    assert!(tasks.join(Duration::from_secs(5)).await, "the connection holds the server up");
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.expect("closed");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
