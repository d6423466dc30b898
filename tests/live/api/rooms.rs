//! Rooms over REST: every change is answered with the new state, and a refused one changes nothing.

use axum::{Router, body::Body};
use futures_util::StreamExt;
use http::{StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::support::{Answer, ask, request, router, settings};

async fn tell(router: &Router, method: &str, path: &str, body: Value) -> Answer {
    ask(router, method, path, body.to_string()).await
}

async fn weekly(router: &Router) -> Value {
    ask(router, "GET", "/v1/rooms/weekly", "").await.json()
}

fn publish(key: &str) -> Value {
    json!({"source": {"type": "publish", "key": format!("key-of-{key}")}})
}

/// A router with a room of alice and bob.
async fn room() -> Router {
    let router = router(settings(&[]));
    let document = json!({"participants": {"alice": publish("a"), "bob": publish("b")}});
    assert_eq!(tell(&router, "PUT", "/v1/rooms/weekly", document).await.status, StatusCode::CREATED);
    router
}

#[tokio::test]
async fn putting_a_room_twice_is_putting_it_once() {
    let router = room().await;
    let document = json!({"participants": {"alice": publish("a"), "bob": publish("b")}});
    let again = tell(&router, "PUT", "/v1/rooms/weekly", document).await;
    assert_eq!(again.status, StatusCode::OK);
    let room = again.json();
    assert_eq!(room["id"], "weekly");
    assert_eq!(room["canvas"]["width"], 1280);
    assert_eq!(room["participants"]["alice"]["source"]["key"], "key-of-a");
    assert_eq!(room["status"]["participants"]["alice"]["state"], "absent");
    let list = ask(&router, "GET", "/v1/rooms", "").await.json();
    assert_eq!(list["rooms"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["rooms"][0]["id"], "weekly");
    assert_eq!(ask(&router, "DELETE", "/v1/rooms/weekly", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&router, "GET", "/v1/rooms/weekly", "").await.problem(), "no-room");
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let router = room().await;
    let before = weekly(&router).await;
    let patch = json!({"participants": {"alice": {"gain_db": -3.3, "name": "愛麗絲"}, "bob": null}, "video": {"bitrate_kbps": 4000}});
    let answer = tell(&router, "PATCH", "/v1/rooms/weekly", patch).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("\"gain_db\":-3.3,"), "{}", answer.text());
    let after = weekly(&router).await;
    assert_eq!(after["participants"]["alice"]["name"], "愛麗絲");
    assert_eq!(after["participants"]["alice"]["source"], before["participants"]["alice"]["source"]);
    assert!(after["participants"].get("bob").is_none());
    assert_eq!(after["video"]["bitrate_kbps"], 4000);
    assert_eq!(after["video"]["encoder"], before["video"]["encoder"]);
    assert_eq!(after["canvas"], before["canvas"]);
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let router = room().await;
    let document = |room: &Value| {
        let mut room = room.clone();
        room.as_object_mut().expect("an object").remove("status");
        room
    };
    let before = document(&weekly(&router).await);
    for (method, path, body, pointers) in [
        ("PUT", "", json!({"canvas": {"width": 100_000}}), vec!["/canvas/width"]),
        (
            "PATCH",
            "",
            json!({"participants": {"bob": null, "alice": {"gain_db": 21}}}),
            vec!["/participants/alice/gain_db"],
        ),
        ("PATCH", "", json!({"canvas": {"fps": null, "depth": 3}}), vec!["/canvas/depth"]),
        ("PATCH", "", json!([1, 2]), vec![""]),
        (
            "PUT",
            "/participants/carol",
            json!({"source": {"type": "publish", "key": ""}, "role": "a b"}),
            vec!["/role", "/source/key"],
        ),
        ("PATCH", "/participants/alice", json!({"gain_db": 99, "muted": "yes"}), vec!["/muted"]),
        ("PATCH", "/participants/alice", json!({"gain_db": -61}), vec!["/gain_db"]),
        (
            "PATCH",
            "/participants/alice",
            json!({"source": {"type": "pull", "url": "rtmp://srs.invalid/a/b"}}),
            vec!["/source/key"],
        ),
        ("PUT", "/outputs/srs", json!({"type": "rtmp", "url": "rtmp://127.0.0.1/live/x"}), vec!["/url"]),
        ("PUT", "/outputs/srs", json!({"type": "rtmp", "url": "rtmp://[::ffff:10.0.0.1]/live/x"}), vec!["/url"]),
        ("PUT", "/layout", json!({"template": "mosaic", "transition_ms": 9000}), vec!["/template", "/transition_ms"]),
        (
            "PUT",
            "/layout",
            json!({"template": {"arrangements": [{"places": []}]}}),
            vec!["/template/arrangements/0/places"],
        ),
        (
            "PUT",
            "/layout",
            json!({"template": {"arrangments": []}}),
            vec!["/template/arrangements", "/template/arrangments"],
        ),
        ("PUT", "/speaker", json!({"participant": "nobody"}), vec!["/participant"]),
        ("PUT", "/speaker", json!({"participant": "bob", "ttl_seconds": 0}), vec!["/ttl_seconds"]),
        ("PUT", "/speaker", json!({"participant": "bob", "ttl_seconds": 86_401}), vec!["/ttl_seconds"]),
        ("PUT", "/speaker", json!({"participant": "bob", "ttl": 5}), vec!["/ttl"]),
        ("PATCH", "", json!({"speaker": {"hold_ms": 100, "sensitivity": "keen"}}), vec!["/speaker/sensitivity"]),
        ("PATCH", "", json!({"speaker": {"hold_ms": 100}}), vec!["/speaker/hold_ms"]),
    ] {
        let answer = tell(&router, method, &format!("/v1/rooms/weekly{path}"), body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path} {body}: {}", answer.text());
        assert_eq!(answer.problem(), "invalid-document");
        let mut found = answer.pointers();
        found.sort();
        assert_eq!(found, pointers, "{method} {path} {body}");
        assert_eq!(document(&weekly(&router).await), before, "{method} {path} {body}");
    }
}

#[tokio::test]
async fn a_patch_that_leaves_something_behind_is_told_so() {
    let router = room().await;
    let pull = json!({"source": {"type": "pull", "url": "rtmp://srs.invalid/a/b"}});
    let answer = tell(&router, "PATCH", "/v1/rooms/weekly/participants/alice", pull).await;
    assert!(answer.text().contains("null in the patch removes it"), "{}", answer.text());
    let pull = json!({"source": {"type": "pull", "url": "rtmp://srs.invalid/a/b", "key": null}});
    let answer = tell(&router, "PATCH", "/v1/rooms/weekly/participants/alice", pull).await;
    assert_eq!(answer.json()["source"], json!({"type": "pull", "url": "rtmp://srs.invalid/a/b"}));
}

#[tokio::test]
async fn participants_come_and_go() {
    let router = room().await;
    let path = "/v1/rooms/weekly/participants/carol";
    assert_eq!(ask(&router, "GET", path, "").await.problem(), "no-participant");
    assert_eq!(tell(&router, "PATCH", path, json!({"muted": true})).await.problem(), "no-participant");
    assert_eq!(ask(&router, "DELETE", path, "").await.problem(), "no-participant");
    let added = tell(&router, "PUT", path, publish("c")).await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert_eq!(added.json()["status"]["state"], "absent");
    assert_eq!(tell(&router, "PUT", path, publish("c")).await.status, StatusCode::OK);
    let muted = tell(&router, "PATCH", path, json!({"muted": true})).await.json();
    assert_eq!(
        (&muted["id"], &muted["muted"], &muted["source"]["key"]),
        (&json!("carol"), &json!(true), &json!("key-of-c"))
    );
    assert_eq!(ask(&router, "GET", path, "").await.json()["muted"], true);
    let rest = ask(&router, "DELETE", path, "").await.json();
    assert_eq!(rest["participants"].as_object().map(|people| people.len()), Some(2));
}

#[tokio::test]
async fn outputs_come_and_go() {
    let router = room().await;
    let path = "/v1/rooms/weekly/outputs/srs";
    assert_eq!(ask(&router, "GET", path, "").await.problem(), "no-output");
    assert_eq!(ask(&router, "DELETE", path, "").await.problem(), "no-output");
    // Nobody answers to a name under .invalid (RFC 6761).
    let output = json!({"type": "rtmp", "url": "rtmp://srs.invalid/live/weekly"});
    let added = tell(&router, "PUT", path, output.clone()).await;
    assert_eq!(added.status, StatusCode::CREATED);
    assert_eq!(added.json()["url"], output["url"]);
    assert_eq!(added.json()["status"]["sent_bytes"], 0);
    assert_eq!(tell(&router, "PUT", path, output).await.status, StatusCode::OK);
    assert_eq!(ask(&router, "GET", path, "").await.json()["id"], "srs");
    assert_eq!(ask(&router, "DELETE", path, "").await.json()["outputs"], json!({}));
}

#[tokio::test]
async fn layout_and_floor_are_the_operators() {
    let router = room().await;
    let layout = tell(
        &router,
        "PUT",
        "/v1/rooms/weekly/layout",
        json!({"template": "speaker", "people": {"absent": "card"}, "transition_ms": 300}),
    )
    .await;
    assert_eq!(layout.json()["template"], "speaker");
    assert_eq!(layout.json()["scene"].as_array().map(Vec::len), Some(2), "{}", layout.text());
    assert_eq!(ask(&router, "GET", "/v1/rooms/weekly/layout", "").await.json()["transition_ms"], 300);
    let held = tell(&router, "PUT", "/v1/rooms/weekly/speaker", json!({"participant": "bob"})).await.json();
    let told = json!([held["mode"], held["participant"], held["held"], held["held_until"], held["why"], held["lost"]]);
    assert_eq!(told, json!(["auto", "bob", true, null, "operator", null]));
    let thresholds = json!({"speech_ms": 400, "quiet_ms": 300, "louder_db": 6.0, "hold_ms": 2000});
    assert_eq!(held["thresholds"], thresholds);
    assert_eq!(weekly(&router).await["status"]["floor"], "bob");
    let given = ask(&router, "DELETE", "/v1/rooms/weekly/speaker", "").await.json();
    assert_eq!((&given["held"], &given["why"]), (&json!(false), &json!("given_back")));
    assert_eq!(ask(&router, "GET", "/v1/rooms/weekly/speaker", "").await.json()["held"], false);
}

#[tokio::test]
async fn an_operators_word_runs_out_and_says_so() {
    let router = room().await;
    tell(&router, "PATCH", "/v1/rooms/weekly", json!({"speaker": {"mode": "manual"}})).await;
    let mut events = listen(&router).await;
    let asked = json!({"participant": "bob", "ttl_seconds": 1});
    let held = tell(&router, "PUT", "/v1/rooms/weekly/speaker", asked).await.json();
    let (since, until_then) = (held["since"].as_str().expect("a time"), held["held_until"].as_str().expect("a time"));
    assert!(since < until_then && until_then.ends_with('Z'), "{since} {until_then}");
    let over = until(&mut events, |name, data| name == "speaker" && data["held"] == false).await;
    let told = json!([over["participant"], over["why"], over["lost"], over["scores"]]);
    assert_eq!(told, json!([null, "expired", "bob", []]));
    let now = ask(&router, "GET", "/v1/rooms/weekly/speaker", "").await.json();
    assert_eq!((&now["participant"], &now["why"], &now["lost"]), (&json!(null), &json!("expired"), &json!("bob")));
}

#[tokio::test]
async fn a_picture_that_is_not_there_yet_is_asked_for_again() {
    let answer = ask(&room().await, "GET", "/v1/rooms/weekly/snapshot.jpg", "").await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "no-picture"));
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
}

/// Reads an event stream up to the first event that `wanted` accepts.
pub async fn until(body: &mut axum::body::BodyDataStream, wanted: impl Fn(&str, &Value) -> bool) -> Value {
    let mut text = String::new();
    while let Some(chunk) = body.next().await {
        text.push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("UTF-8"));
        while let Some((event, rest)) = text.clone().split_once("\n\n") {
            text = rest.to_owned();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let data: Value = serde_json::from_str(field("data: ")).unwrap_or_default();
            assert_eq!(data["type"], field("event: "), "{event}");
            if wanted(field("event: "), &data) {
                return data;
            }
        }
    }
    panic!("the stream ended")
}

pub async fn listen(router: &Router) -> axum::body::BodyDataStream {
    let request = request("GET", "/v1/rooms/weekly/events?levels=false", Body::empty());
    let response = router.clone().oneshot(request).await.expect("an answer");
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    response.into_body().into_data_stream()
}

#[tokio::test]
async fn events_begin_with_the_room_and_end_with_it() {
    let router = room().await;
    let mut events = listen(&router).await;
    let first = until(&mut events, |_, _| true).await;
    assert_eq!((&first["type"], &first["room"]["id"]), (&json!("room"), &json!("weekly")));
    tell(&router, "PUT", "/v1/rooms/weekly/speaker", json!({"participant": "bob"})).await;
    let speaker = until(&mut events, |name, _| name == "speaker").await;
    let told = json!([speaker["participant"], speaker["held"], speaker["why"], speaker["lost"]]);
    assert_eq!(told, json!(["bob", true, "operator", null]));
    ask(&router, "DELETE", "/v1/rooms/weekly", "").await;
    while let Some(chunk) = events.next().await {
        chunk.expect("a proper end");
    }
}

#[tokio::test]
async fn a_layout_that_changes_while_nobody_is_there_is_told() {
    let router = room().await;
    let mut events = listen(&router).await;
    tell(&router, "PUT", "/v1/rooms/weekly/layout", json!({"template": "speaker"})).await;
    until(&mut events, |name, _| name == "layout").await;
}

#[tokio::test]
async fn events_end_when_the_server_stops() {
    let settings = settings(&[]);
    let stopping = settings.stopping.clone();
    let router = router(settings);
    tell(&router, "PUT", "/v1/rooms/weekly", json!({})).await;
    let mut events = listen(&router).await;
    stopping.cancel();
    while let Some(chunk) = events.next().await {
        chunk.expect("a proper end");
    }
}

#[tokio::test]
async fn layouts_are_kept_replaced_and_forgotten() {
    let router = room().await;
    let list = ask(&router, "GET", "/v1/layouts", "").await.json();
    let named = |list: &Value, name: &str| {
        let layouts = list["layouts"].as_array().expect("layouts");
        layouts.iter().find(|layout| layout["name"] == name).cloned()
    };
    let grid = named(&list, "grid").expect("built in");
    assert_eq!(grid["built_in"], true);
    let template = ask(&router, "GET", "/v1/layouts/grid", "").await.json();
    assert_eq!(grid["template"], template);
    assert_eq!(tell(&router, "PUT", "/v1/layouts/mine", template.clone()).await.status, StatusCode::CREATED);
    assert_eq!(tell(&router, "PUT", "/v1/layouts/mine", template.clone()).await.status, StatusCode::OK);
    tell(&router, "PUT", "/v1/rooms/weekly/layout", json!({"template": "mine"})).await;
    let refused = ask(&router, "DELETE", "/v1/layouts/mine", "").await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::CONFLICT, "layout-in-use"));
    tell(&router, "PUT", "/v1/rooms/weekly/layout", json!({"template": "grid"})).await;
    assert_eq!(ask(&router, "DELETE", "/v1/layouts/mine", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&router, "DELETE", "/v1/layouts/mine", "").await.problem(), "no-layout");
    assert_eq!(ask(&router, "DELETE", "/v1/layouts/grid", "").await.problem(), "layout-in-use");
    let refused = tell(&router, "PUT", "/v1/layouts/bad", json!({"arrangements": [], "colour": 1})).await;
    assert_eq!(refused.pointers(), ["/colour", "/arrangements"]);
}

#[tokio::test]
async fn previews_are_pictures_of_the_asked_size() {
    let router = router(settings(&[]));
    let answer = ask(&router, "GET", "/v1/layouts/grid/preview.png?participants=7&width=320&height=180", "").await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "image/png");
    let picture = image::load_from_memory(&answer.body).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (320, 180));
    let colours: std::collections::BTreeSet<_> = picture.to_rgb8().pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 7, "seven people in one colour");
    let asked = "participants=7&screen=1&speaking=2&canvas=640x360&seconds=30";
    let other = ask(&router, "GET", &format!("/v1/layouts/pip/preview.png?{asked}"), "").await;
    assert_eq!(image::load_from_memory(&other.body).expect("a picture").width(), 640);
    for (query, part) in [
        ("participants=65", "0 to 64"),
        ("width=321", "odd"),
        ("height=99999", "2160"),
        ("size=1", "size"),
        ("canvas=big", "1920x1080"),
        ("speaking=8", "0 to 7"),
        ("seconds=99999", "0 to 3600"),
        ("parameters=%7B%22corner%22:1%7D", "parameter"),
    ] {
        let answer = ask(&router, "GET", &format!("/v1/layouts/grid/preview.png?{query}"), "").await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::BAD_REQUEST, "invalid-address"), "{query}");
        assert!(answer.text().contains(part), "{}", answer.text());
    }
    assert_eq!(ask(&router, "GET", "/v1/layouts/none/preview.png", "").await.problem(), "no-layout");
}

#[tokio::test]
async fn a_key_that_is_null_is_made_once_and_stays() {
    let router = router(settings(&[]));
    let unset = json!({"source": {"type": "publish", "key": null}});
    let key = |room: &Value, id: &str| room["participants"][id]["source"]["key"].as_str().map(str::to_owned);
    let document = json!({"participants": {"alice": unset.clone(), "bob": publish("b")}});
    let quote = tell(&router, "POST", "/v1/rooms?quote=1", document.clone()).await;
    assert_eq!(quote.status, StatusCode::OK, "{}", quote.text());
    let made = tell(&router, "PUT", "/v1/rooms/weekly", document.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let alice = key(&made.json(), "alice").expect("a key");
    assert!(alice.len() == 22 && alice.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{alice}");
    assert_eq!(key(&made.json(), "bob").as_deref(), Some("key-of-b"));
    let again = tell(&router, "PUT", "/v1/rooms/weekly", document).await;
    assert_eq!(key(&again.json(), "alice"), Some(alice.clone()), "sent again, nothing changes");
    let path = "/v1/rooms/weekly/participants";
    let again = tell(&router, "PUT", &format!("{path}/alice"), unset.clone()).await.json();
    assert_eq!(again["source"]["key"], alice.as_str());
    let patched = tell(&router, "PATCH", &format!("{path}/alice"), json!({"source": {"key": null}})).await.json();
    assert_eq!(patched["source"]["key"], alice.as_str());
    let carol = tell(&router, "PUT", &format!("{path}/carol"), unset.clone()).await;
    assert_eq!((carol.status, carol.json()["source"]["key"].as_str().map(str::len)), (StatusCode::CREATED, Some(22)));
    let patched =
        tell(&router, "PATCH", "/v1/rooms/weekly", json!({"participants": {"dave": null, "erin": unset.clone()}}))
            .await;
    assert_eq!(key(&patched.json(), "erin").map(|key| key.len()), Some(22), "{}", patched.text());
    assert_eq!(key(&patched.json(), "alice"), Some(alice));
}

#[tokio::test]
async fn new_keys_have_eight_characters_and_old_ones_may_stay() {
    let settings = settings(&[]);
    let old = json!({"participants": {"alice": {"source": {"type": "publish", "key": "k"}}}, "viewer_token": "t"});
    settings.rooms.restore("weekly".parse().expect("an id"), serde_json::from_value(old.clone()).expect("a document"));
    let router = router(settings);
    let path = "/v1/rooms/weekly";
    assert_eq!(tell(&router, "PUT", path, old.clone()).await.status, StatusCode::OK);
    let alice = old["participants"]["alice"].clone();
    assert_eq!(tell(&router, "PUT", &format!("{path}/participants/alice"), alice).await.status, StatusCode::OK);
    assert_eq!(tell(&router, "PATCH", path, json!({"audio": {"bitrate_kbps": 96}})).await.status, StatusCode::OK);
    let short = json!({"source": {"type": "publish", "key": "1234567"}});
    for (method, path, body, pointer) in [
        ("PUT", "/v1/rooms/new", old, "/participants/alice/source/key"),
        ("PATCH", path, json!({"participants": {"alice": short}}), "/participants/alice/source/key"),
        ("PATCH", path, json!({"viewer_token": "u"}), "/viewer_token"),
        ("PUT", "/v1/rooms/weekly/participants/alice", short.clone(), "/source/key"),
        ("PUT", "/v1/rooms/weekly/participants/bob", short.clone(), "/source/key"),
    ] {
        let answer = tell(&router, method, path, body).await;
        assert_eq!(answer.problem(), "invalid-document", "{method} {path}");
        assert!(
            answer.pointers().contains(&pointer.to_owned()) && answer.text().contains("8 characters"),
            "{}",
            answer.text()
        );
    }
    let long = json!({"source": {"type": "publish", "key": "12345678"}});
    assert_eq!(tell(&router, "PUT", "/v1/rooms/weekly/participants/alice", long).await.status, StatusCode::OK);
}
