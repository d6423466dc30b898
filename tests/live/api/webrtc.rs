//! WHIP and WHEP over HTTP: statuses, headers, problems.

use axum::body::Body;
use http::{HeaderName, Request, StatusCode, header};
use serde_json::json;
use tilecast::front::net::origin::{self, Origins};

use super::support::{Answer, KEY, ask, router, send, settings};

const OFFER: &str = include_str!("offer.sdp");

fn to(method: &str, path: &str, headers: &[(HeaderName, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, "127.0.0.1:8080");
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    request.body(body.to_owned().into()).expect("a request")
}

async fn room(router: &axum::Router) {
    let document = json!({
        "viewer_token": "w4tch-this",
        "participants": {
            "alice": {"source": {"type": "publish", "key": "s3cret-key"}},
            "cam": {"source": {"type": "pull", "url": "rtmp://srs.example.org/live/cam"}},
        },
    });
    assert_eq!(ask(router, "PUT", "/v1/rooms/weekly", document.to_string()).await.status, StatusCode::CREATED);
}

async fn offer(router: &axum::Router, path: &str, key: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {key}");
    let headers = [
        (header::AUTHORIZATION, authorization.as_str()),
        (header::CONTENT_TYPE, "application/sdp"),
        (header::ORIGIN, "https://meet.example"),
    ];
    send(router, to("POST", path, &headers, body)).await
}

/// The offer, for a client that receives.
fn receiving() -> String {
    OFFER.replace("a=sendonly", "a=recvonly")
}

#[tokio::test]
async fn an_offer_is_answered_with_all_a_client_needs() {
    let router = router(settings(&[]));
    room(&router).await;
    let answer = offer(&router, "/whip/weekly/alice", "s3cret-key", OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/sdp");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    for part in
        ["a=ice-lite", "a=candidate:", " udp ", "tcptype passive", "a=setup:passive", "a=recvonly", "opus/48000/2"]
    {
        assert!(answer.text().contains(part), "{part} is not in {}", answer.text());
    }
    let link = answer.header(header::LINK);
    assert!(
        link.starts_with("<turn:turn.example>; rel=\"ice-server\"; username=\"") && link.contains(":alice\""),
        "{link}"
    );
    let at = answer.header(header::LOCATION).to_owned();
    let etag = answer.header(header::ETAG).to_owned();
    assert!(at.starts_with("/whip/weekly/alice/") && etag.starts_with('"'), "{at} {etag}");

    let fragment = (header::CONTENT_TYPE, "application/trickle-ice-sdpfrag");
    let candidate = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n";
    let trickled = send(&router, to("PATCH", &at, &[fragment.clone(), (header::IF_MATCH, &etag)], candidate)).await;
    assert_eq!(trickled.status, StatusCode::NO_CONTENT, "{}", trickled.text());
    let stale = send(&router, to("PATCH", &at, &[fragment.clone(), (header::IF_MATCH, "\"old\"")], candidate)).await;
    assert_eq!((stale.status.as_u16(), stale.problem().as_str()), (412, "stale-session"));
    let restarted = send(&router, to("PATCH", &at, &[fragment.clone(), (header::IF_MATCH, "*")], candidate)).await;
    assert_eq!(restarted.status, StatusCode::OK, "{}", restarted.text());
    assert!(restarted.text().contains("a=ice-ufrag:") && restarted.text().contains("a=ice-pwd:"));
    assert_ne!(restarted.header(header::ETAG), etag);
    let broken = send(&router, to("PATCH", &at, &[fragment], "hello")).await;
    assert_eq!((broken.status.as_u16(), broken.problem().as_str()), (400, "malformed-sdp"));

    assert_eq!(send(&router, to("DELETE", &at, &[], "")).await.status, StatusCode::OK);
    // The session is told to end and does so in its own time.
    while send(&router, to("DELETE", &at, &[], "")).await.status != StatusCode::NOT_FOUND {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_changes_its_session_all_the_time_is_bounded() {
    let router = router(settings(&[]));
    room(&router).await;
    let answer = offer(&router, "/whip/weekly/alice", "s3cret-key", OFFER).await;
    let at = answer.header(header::LOCATION).to_owned();
    let fragment = (header::CONTENT_TYPE, "application/trickle-ice-sdpfrag");
    let line = |n: usize| format!("a=candidate:{n} 1 udp 1 192.0.2.1 {} typ host\r\n", 1024 + n);
    let candidates: String = (0..64).map(line).collect();
    let mut limited = 0;
    for _ in 0..120 {
        let changed = send(&router, to("PATCH", &at, std::slice::from_ref(&fragment), &candidates)).await;
        match changed.status {
            StatusCode::NO_CONTENT => {}
            StatusCode::TOO_MANY_REQUESTS => {
                limited += 1;
                assert!(["1", "2"].contains(&changed.header(header::RETRY_AFTER)));
            }
            other => panic!("{other} {}", changed.text()),
        }
    }
    assert!(limited > 0, "as often as it likes");
    let restart = [fragment, (header::IF_MATCH, "*")];
    let credentials = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n";
    let restarted = send(&router, to("PATCH", &at, &restart, credentials)).await;
    assert_eq!(restarted.status, StatusCode::TOO_MANY_REQUESTS, "{}", restarted.text());
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let router = router(settings(&[]));
    room(&router).await;
    let twice = OFFER.replace("a=sendonly", "a=inactive");
    for (path, key, body, status, kind) in [
        ("/whip/weekly/alice", "wrong", OFFER, 401, "key-needed"),
        ("/whip/weekly/bob", "s3cret-key", OFFER, 401, "key-needed"),
        ("/whip/daily/alice", "s3cret-key", OFFER, 401, "key-needed"),
        ("/whip/weekly/a%20b", "s3cret-key", OFFER, 400, "invalid-address"),
        ("/whip/weekly/cam", "s3cret-key", OFFER, 401, "key-needed"),
        ("/whip/weekly/alice", "s3cret-key", "hello", 400, "malformed-sdp"),
        ("/whip/weekly/alice", "s3cret-key", "", 400, "malformed-sdp"),
        ("/whip/weekly/alice", "s3cret-key", twice.as_str(), 422, "no-media"),
        ("/whep/weekly", "wrong", &receiving(), 401, "key-needed"),
        ("/whep/weekly?for=bob", "w4tch-this", &receiving(), 404, "no-participant"),
        ("/whep/weekly?without=bob", "w4tch-this", &receiving(), 400, "invalid-address"),
        ("/whep/weekly", "w4tch-this", OFFER, 422, "no-media"),
    ] {
        let answer = offer(&router, path, key, body).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (status, kind), "{path} {}", answer.text());
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "a page can read why");
    }
    let json = [(header::CONTENT_TYPE, "application/json"), (header::AUTHORIZATION, "Bearer s3cret-key")];
    let answer = send(&router, to("POST", "/whip/weekly/alice", &json, OFFER)).await;
    assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (415, "not-sdp"));
    let large = "x".repeat(70_000);
    assert_eq!(offer(&router, "/whip/weekly/alice", "s3cret-key", &large).await.problem(), "too-large");
    let unnamed =
        send(&router, to("POST", "/whip/weekly/alice", &[(header::CONTENT_TYPE, "application/sdp")], OFFER)).await;
    assert_eq!((unnamed.problem().as_str(), unnamed.header(header::WWW_AUTHENTICATE)), ("key-needed", "Bearer"));
    for session in ["x", "00000000000000000000000000000000"] {
        let answer = send(&router, to("DELETE", &format!("/whep/weekly/{session}"), &[], "")).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (404, "no-session"));
    }
}

#[tokio::test]
async fn watching_takes_the_token_or_an_open_room() {
    let router = router(settings(&[]));
    room(&router).await;
    for (path, key) in [
        ("/whep/weekly?for=alice", "w4tch-this"),
        ("/whep/weekly", "w4tch-this"),
        ("/whep/weekly?for=alice", "s3cret-key"),
    ] {
        assert_eq!(offer(&router, path, key, &receiving()).await.status, StatusCode::CREATED, "{path} {key}");
    }
    for path in ["/whep/weekly", "/whep/weekly?for=cam"] {
        let own_key = offer(&router, path, "s3cret-key", &receiving()).await;
        assert_eq!(
            own_key.problem(),
            "key-needed",
            "a participant's key opens what they take part in, as who they are"
        );
    }
    ask(&router, "PATCH", "/v1/rooms/weekly", "{}").await;
    assert_eq!(ask(&router, "PUT", "/v1/rooms/open", "{}").await.status, StatusCode::CREATED);
    let own = [(header::CONTENT_TYPE, "application/sdp"), (header::ORIGIN, "http://127.0.0.1:8080")];
    assert_eq!(send(&router, to("POST", "/whep/open", &own, &receiving())).await.status, StatusCode::CREATED);
    let foreign = [(header::CONTENT_TYPE, "application/sdp"), (header::ORIGIN, "https://evil.example")];
    assert_eq!(send(&router, to("POST", "/whep/open", &foreign, &receiving())).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn one_rule_says_whose_pages_publish_and_watch() {
    let mut settings = settings(&[]);
    settings.origins = Origins::new(vec![origin::parse("https://meet.example/").expect("an origin")]);
    let router = router(settings);
    room(&router).await;
    assert_eq!(ask(&router, "PUT", "/v1/rooms/open", "{}").await.status, StatusCode::CREATED);
    let receiving = receiving();
    for (path, body) in [("/whip/weekly/alice", OFFER), ("/whep/open", receiving.as_str())] {
        for (page, status, shown) in [
            ("https://meet.example", StatusCode::CREATED, "https://meet.example"),
            ("http://127.0.0.1:8080", StatusCode::CREATED, "http://127.0.0.1:8080"),
            ("https://evil.example", StatusCode::FORBIDDEN, ""),
            ("null", StatusCode::FORBIDDEN, ""),
        ] {
            let key = (header::AUTHORIZATION, if path.starts_with("/whip") { "Bearer s3cret-key" } else { "none" });
            let headers = [key, (header::CONTENT_TYPE, "application/sdp"), (header::ORIGIN, page)];
            let answer = send(&router, to("POST", path, &headers, body)).await;
            let told = (answer.status, answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            assert_eq!(told, (status, shown), "{path} from {page}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_page_can_read_that_it_asks_too_often() {
    let mut settings = settings(&[]);
    let one = std::num::NonZeroU32::new(1).expect("one");
    settings.allowance = tilecast::front::net::rate::Allowance { per_second: one, burst: one };
    let router = router(settings);
    let preflight = || to("OPTIONS", "/whep/open", &[(header::ORIGIN, "https://meet.example")], "");
    send(&router, preflight()).await;
    let answer = send(&router, preflight()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
    assert!(answer.header(header::ACCESS_CONTROL_EXPOSE_HEADERS).contains("Retry-After"));
}

#[tokio::test]
async fn browsers_may_ask_first() {
    let router = router(settings(&[KEY]));
    let own =
        [(header::AUTHORIZATION, "Bearer a-key-for-tests-0123456789"), (header::CONTENT_TYPE, "application/json")];
    let document = json!({"participants": {"alice": {"source": {"type": "publish", "key": "s3cret-key"}}}});
    let made = send(&router, to("PUT", "/v1/rooms/weekly", &own, &document.to_string())).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let preflight =
        send(&router, to("OPTIONS", "/whip/weekly/alice", &[(header::ORIGIN, "https://meet.example")], "")).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert!(preflight.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("PATCH"));
    assert!(preflight.header(header::ACCESS_CONTROL_ALLOW_HEADERS).contains("Authorization"));
    assert_eq!(preflight.header(header::LINK), "", "credentials are for who was let in");
    let preflight = send(&router, to("OPTIONS", "/whip/weekly/alice/x", &[], "")).await;
    assert!(preflight.header(header::ACCESS_CONTROL_ALLOW_METHODS).contains("DELETE"), "{}", preflight.status);
    let asked =
        send(&router, to("OPTIONS", "/whip/weekly/alice", &[(header::AUTHORIZATION, "Bearer s3cret-key")], "")).await;
    assert!(asked.header(header::LINK).contains("credential="), "{}", asked.status);
    let refused = send(&router, to("OPTIONS", "/whip/weekly/alice", &[(header::AUTHORIZATION, "Bearer x")], "")).await;
    assert_eq!(refused.problem(), "key-needed");
}

#[tokio::test]
async fn a_server_that_stops_lets_nobody_back_in() {
    let mut settings = settings(&[]);
    // The rooms know nothing of it yet.
    let stopping = tokio_util::sync::CancellationToken::new();
    settings.stopping = stopping.clone();
    let router = router(settings);
    room(&router).await;
    let key = [(header::AUTHORIZATION, "Bearer s3cret-key")];
    assert_eq!(send(&router, to("OPTIONS", "/whip/weekly/alice", &key, "")).await.status, StatusCode::NO_CONTENT);
    stopping.cancel();
    for answer in [
        send(&router, to("OPTIONS", "/whip/weekly/alice", &key, "")).await,
        offer(&router, "/whip/weekly/alice", "s3cret-key", OFFER).await,
        offer(&router, "/whep/weekly", "w4tch-this", &receiving()).await,
    ] {
        assert_eq!(answer.problem(), "stopping");
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "a page may read why");
    }
}

#[tokio::test]
async fn a_thousand_offers_without_a_client_are_bounded() {
    let mut settings = settings(&[]);
    let many = std::num::NonZeroU32::new(10_000).expect("many");
    settings.allowance = tilecast::front::net::rate::Allowance { per_second: many, burst: many };
    let router = router(settings);
    room(&router).await;
    let mut taken = 0;
    for _ in 0..1000 {
        let answer = offer(&router, "/whip/weekly/alice", "s3cret-key", OFFER).await;
        match answer.status {
            StatusCode::CREATED => taken += 1,
            StatusCode::SERVICE_UNAVAILABLE => assert_eq!(answer.problem(), "busy"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(taken, 256);
}

#[tokio::test]
async fn the_page_to_join_with_is_whole_and_fetches_nothing_from_elsewhere() {
    let router = router(settings(&[KEY]));
    let page = send(&router, to("GET", "/join/weekly/alice", &[], "")).await;
    assert_eq!((page.status, page.header(header::CONTENT_TYPE)), (StatusCode::OK, "text/html; charset=utf-8"));
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("http"),
        "{policy}"
    );
    assert_eq!(page.header(header::REFERRER_POLICY), "no-referrer");
    assert!(
        !page.text().contains("://") && !page.text().contains("style=") && !page.text().contains("onclick"),
        "strict"
    );
    let parts: Vec<&str> = page.text().split('"').filter(|text| text.starts_with("/join/")).collect();
    assert_eq!(parts, ["/join/page.css", "/join/page.js"]);
    for part in parts.into_iter().chain(["/join/call.js", "/join/words.js"]) {
        let answer = send(&router, to("GET", part, &[], "")).await;
        assert_eq!(answer.status, StatusCode::OK, "{part}");
        assert!(!answer.text().contains("//cdn") && !answer.text().contains("from 'http"), "{part}");
    }
    assert_eq!(send(&router, to("GET", "/join/secret.js", &[], "")).await.problem(), "no-endpoint");
    assert_eq!(send(&router, to("GET", "/join/a%20b/alice", &[], "")).await.problem(), "invalid-address");
}
