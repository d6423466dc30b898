//! Problem documents (RFC 9457): every error is answered with one that says what to do.

use http::{StatusCode, header};
use serde_json::json;

use super::support::{KEY, ask, request, router, send, settings};

#[tokio::test]
async fn every_fault_of_a_room_is_told_at_once() {
    let router = router(settings(&[]));
    let document = json!({
        "canvas": {"width": 1281, "fps": 61},
        "layout": {"template": "mosaic"},
        "participants": {"alice": {"source": {"type": "publish", "key": ""}, "gain_db": 99, "colour": "red"}},
        "outputs": {"srs": {"type": "rtmp", "url": "rtmp://10.0.0.1/live/x"}},
        "colour": 1,
    });
    let answer = ask(&router, "PUT", "/v1/rooms/weekly", document.to_string()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.problem(), "invalid-document");
    let mut pointers = answer.pointers();
    pointers.sort();
    let wanted = [
        "/canvas/fps",
        "/canvas/width",
        "/colour",
        "/layout/template",
        "/outputs/srs/url",
        "/participants/alice/colour",
        "/participants/alice/gain_db",
        "/participants/alice/source/key",
    ];
    assert_eq!(pointers, wanted);
    assert!(answer.text().contains("--allow-address 10.0.0.1"));
}

#[tokio::test]
async fn each_kind_of_bad_request_has_its_status_and_type() {
    let router = router(settings(&[]));
    let large = format!("\"{}\"", "x".repeat(600 * 1024));
    for (method, path, body, status, kind) in [
        ("PUT", "/v1/rooms/weekly", "{", 400, "malformed-json"),
        ("PUT", "/v1/rooms/weekly", "{\"audio\":{},\"audio\":{}}", 400, "malformed-json"),
        ("PUT", "/v1/rooms/weekly", large.as_str(), 413, "too-large"),
        ("PUT", "/v1/rooms/no%20spaces", "{}", 400, "invalid-address"),
        ("GET", "/v1/rooms/weekly/events?loudness=no", "", 400, "invalid-address"),
        ("GET", "/v1/rooms/weekly", "", 404, "no-room"),
        ("PATCH", "/v1/rooms/weekly", "{}", 404, "no-room"),
        ("DELETE", "/v1/rooms/weekly", "", 404, "no-room"),
        ("GET", "/v1/rooms/weekly/participants/alice", "", 404, "no-room"),
        ("PUT", "/v1/rooms/weekly/speaker", "{\"participant\":\"alice\"}", 404, "no-room"),
        ("PUT", "/v1/rooms/weekly/speaker", "{\"participant\":\"a b\"}", 422, "invalid-document"),
        ("PUT", "/v1/rooms/weekly/layout", "[]", 422, "invalid-document"),
        ("GET", "/v1/rooms/weekly/snapshot.jpg", "", 404, "no-room"),
        ("GET", "/v1/rooms/weekly/events", "", 404, "no-room"),
        ("GET", "/v1/layouts/mosaic", "", 404, "no-layout"),
        ("GET", "/v2/rooms", "", 404, "no-endpoint"),
        ("GET", "/", "", 404, "no-endpoint"),
        ("GET", "/docs/nothing.js", "", 404, "no-endpoint"),
        ("POST", "/v1/rooms/weekly", "{}", 405, "method-not-allowed"),
        ("BREW", "/v1/rooms", "", 405, "method-not-allowed"),
    ] {
        let answer = ask(&router, method, path, body.to_owned()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(answer.problem(), kind, "{method} {path}");
        let described = ask(&router, "GET", &format!("/problems/{kind}"), "").await;
        assert_eq!(described.json()["status"], status);
    }
}

#[tokio::test]
async fn who_posts_a_room_is_told_how_to_make_one() {
    let router = router(settings(&[]));
    for body in ["{\"id\": \"weekly\"}", "", "{}"] {
        let answer = ask(&router, "POST", "/v1/rooms", body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid-address"));
        assert!(answer.text().contains("PUT /v1/rooms/{room}"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_method_that_does_not_fit_is_told_which_do() {
    let answer = ask(&router(settings(&[])), "POST", "/v1/rooms/weekly", "{}").await;
    let allow = answer.header(header::ALLOW);
    for method in ["PUT", "GET", "PATCH", "DELETE"] {
        assert!(allow.contains(method), "{allow}");
    }
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    let router = router(settings(&[]));
    for content in ["text/plain", "application/x-www-form-urlencoded", "jsonish", ""] {
        let mut request = request("PUT", "/v1/rooms/weekly", "{}");
        request.headers_mut().insert(header::CONTENT_TYPE, content.parse().expect("a value"));
        assert_eq!(send(&router, request).await.problem(), "not-json", "{content}");
    }
    for content in ["application/json; charset=utf-8", "application/merge-patch+json", "Application/JSON"] {
        let mut request = request("PATCH", "/v1/rooms/weekly", "{}");
        request.headers_mut().insert(header::CONTENT_TYPE, content.parse().expect("a value"));
        assert_eq!(send(&router, request).await.problem(), "no-room", "{content}");
    }
}

#[tokio::test]
async fn with_keys_everything_about_rooms_needs_one() {
    let router = router(settings(&["the-old-key-0123456789", KEY]));
    for path in ["/v1/rooms", "/v1/rooms/weekly", "/v1/layouts", "/metrics", "/v1/rooms/weekly/events"] {
        let answer = ask(&router, "GET", path, "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"), "{path}");
        assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Bearer");
    }
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs/", "/problems"] {
        assert_eq!(ask(&router, "GET", path, "").await.status, StatusCode::OK, "{path}");
    }
    let with = |key: &str| {
        let mut request = request("GET", "/v1/rooms", "");
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().expect("a value"));
        // With a key the name that the server is called by does not matter.
        request.headers_mut().insert(header::HOST, "tilecast.example".parse().expect("a value"));
        request
    };
    assert_eq!(send(&router, with(KEY)).await.status, StatusCode::OK);
    assert_eq!(send(&router, with("the-old-key-0123456789")).await.status, StatusCode::OK);
    let mut last = String::new();
    for _ in 0..20 {
        last = send(&router, with("a-wrong-key-0123456789")).await.problem();
    }
    assert_eq!(last, "rate-limited");
    assert_eq!(send(&router, with(KEY)).await.status, StatusCode::OK, "the right key still passes");
}

#[tokio::test]
async fn without_keys_foreign_names_and_pages_are_refused() {
    let router = router(settings(&[]));
    let mut rebound = request("GET", "/v1/rooms", "");
    rebound.headers_mut().insert(header::HOST, "evil.example".parse().expect("a value"));
    let answer = send(&router, rebound).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "forbidden-origin"));
    let mut page = request("DELETE", "/v1/rooms/weekly", "");
    page.headers_mut().insert(header::ORIGIN, "http://evil.example".parse().expect("a value"));
    assert_eq!(send(&router, page).await.problem(), "forbidden-origin");
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let router = router(settings(&[]));
    let mut refused = None;
    for _ in 0..2000 {
        let answer = ask(&router, "GET", "/problems", "").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.problem(), "rate-limited");
    assert_eq!(refused.header(header::RETRY_AFTER), "1");
}
