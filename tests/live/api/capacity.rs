//! Admission control over REST: what rooms cost, and the refusal of a room for which there is no capacity.

use std::time::Duration;

use axum::Router;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tilecast::cost::Budget;

use super::support::{ask, router, settings, settings_of};

/// A machine of one core: two small rooms fit by the prices of the reference, a third does not.
fn small() -> Router {
    router(settings_of(&[], |local| local.within(Budget { millicores: 1000, mib: 100_000 })))
}

fn people(count: usize) -> Value {
    let person = |n: usize| (format!("p{n:02}"), json!({"source": {"type": "publish", "key": "long-key"}}));
    json!({"participants": (0..count).map(person).collect::<serde_json::Map<_, _>>()})
}

async fn put(router: &Router, path: &str, people: &Value) -> super::support::Answer {
    ask(router, "PUT", path, people.to_string()).await
}

#[tokio::test]
async fn a_quote_says_what_a_room_would_cost_and_makes_none() {
    let router = router(settings(&[]));
    let quote = |document: Value| {
        let router = router.clone();
        async move { ask(&router, "POST", "/v1/rooms?quote=1", document.to_string()).await }
    };
    let (one, nine) = (quote(people(1)).await.json(), quote(people(9)).await.json());
    assert!(one["cores"].as_f64() > Some(0.1) && nine["cores"].as_f64() > one["cores"].as_f64(), "{one} {nine}");
    assert!(nine["mib"].as_u64() > one["mib"].as_u64(), "{one} {nine}");
    assert_eq!((&one["fits"], &one["free"]), (&json!(true), &Value::Null));
    let large = quote(json!({"canvas": {"width": 3840, "height": 2160}, "video": {"preset": "medium"}})).await.json();
    assert!(large["cores"].as_f64() > Some(2.0), "{large}");

    let wrong = quote(json!({"canvas": {"width": 15}})).await;
    assert_eq!((wrong.problem().as_str(), wrong.pointers()), ("invalid-document", vec!["/canvas/width".to_owned()]));
    for path in ["/v1/rooms", "/v1/rooms?quote=2"] {
        assert_eq!(ask(&router, "POST", path, "{}").await.problem(), "invalid-address", "{path}");
    }
    assert_eq!(ask(&router, "GET", "/v1/rooms", "").await.json()["rooms"], json!([]));
}

#[tokio::test]
async fn a_room_that_does_not_fit_is_refused_and_one_that_is_there_never() {
    let router = small();
    for room in ["a", "b"] {
        assert_eq!(put(&router, &format!("/v1/rooms/{room}"), &people(2)).await.status, StatusCode::CREATED);
    }
    let refused = put(&router, "/v1/rooms/c", &people(2)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "no-capacity"));
    assert!(refused.header(header::RETRY_AFTER).parse::<u32>().is_ok_and(|seconds| seconds > 0));
    let detail = refused.json()["detail"].as_str().map(str::to_owned);
    assert!(detail.is_some_and(|text| text.contains("cores") && text.contains("wait=1")), "{}", refused.text());
    assert_eq!(ask(&router, "GET", "/v1/rooms/c", "").await.problem(), "no-room");
    let quote = ask(&router, "POST", "/v1/rooms?quote=1", people(2).to_string()).await.json();
    assert_eq!(quote["fits"], false, "{quote}");
    // In the place of one that is there it would fit.
    let quote = ask(&router, "POST", "/v1/rooms?quote=1&room=a", people(2).to_string()).await.json();
    assert_eq!(quote["fits"], true, "{quote}");

    let grown = put(&router, "/v1/rooms/a", &people(60)).await;
    assert_eq!(grown.status, StatusCode::OK, "{}", grown.text());
    assert_eq!(ask(&router, "DELETE", "/v1/rooms/a", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(put(&router, "/v1/rooms/c", &people(2)).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn sixty_who_are_invited_do_not_keep_a_room_out() {
    let router = small();
    assert_eq!(put(&router, "/v1/rooms/a", &people(60)).await.status, StatusCode::CREATED);
    let quote = ask(&router, "POST", "/v1/rooms?quote=1&room=a", people(60).to_string()).await.json();
    assert!(quote["cores"].as_f64() > Some(1.0), "{quote}");
    assert!(quote["why"].as_str().is_some_and(|why| why.contains("until everyone comes")), "{quote}");
}

#[tokio::test]
async fn a_room_that_may_wait_begins_when_another_ends() {
    let router = small();
    for room in ["a", "b"] {
        assert_eq!(put(&router, &format!("/v1/rooms/{room}"), &people(2)).await.status, StatusCode::CREATED);
    }
    assert_eq!(put(&router, "/v1/rooms/c?wait=2", &people(2)).await.problem(), "invalid-address");
    let made = put(&router, "/v1/rooms/c?wait=1", &people(2)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let worker = &made.json()["status"]["worker"];
    assert_eq!((&worker["state"], &worker["started"]), (&json!("waiting"), &json!(0)));
    assert!(worker["delayed"].as_str().is_some_and(|why| why.contains("cores")), "{worker}");
    assert_eq!(ask(&router, "DELETE", "/v1/rooms/b", "").await.status, StatusCode::NO_CONTENT);
    let begins = async {
        loop {
            let room = ask(&router, "GET", "/v1/rooms/c", "").await.json();
            if room["status"]["worker"]["started"].as_u64() > Some(0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), begins).await.expect("it begins");
}
