//! Templates and images over REST: versions, tags, previews, abuse.

use axum::{Router, body::Body};
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::support::{Answer, ask, request, router, send, settings};

async fn tell(router: &Router, method: &str, path: &str, body: Value) -> Answer {
    ask(router, method, path, body.to_string()).await
}

fn with(mut request: Request<Body>, name: header::HeaderName, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().expect("a value"));
    request
}

fn template(title: &str) -> Value {
    let rect = json!({"x": 0, "y": 0, "width": 1, "height": 1});
    json!({"title": title, "arrangements": [{"places": [{"rect": rect, "cast": ["rest"], "flow": {"pack": "grid"}}]}]})
}

#[tokio::test]
async fn versions_are_kept_and_brought_back_and_nobody_overwrites_unseen() {
    let router = router(settings(&[]));
    let path = "/v1/layouts/mine";
    let first = tell(&router, "PUT", path, template("one")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let tag = first.header(header::ETAG).to_owned();
    assert!(tag.starts_with("\"1-"), "{tag}");
    let put = |title: &str, name, value: &str| with(request("PUT", path, template(title).to_string()), name, value);
    let second = send(&router, put("two", header::IF_MATCH, &tag)).await;
    assert_eq!(second.status, StatusCode::OK);
    for refused in [put("three", header::IF_MATCH, &tag), put("three", header::IF_NONE_MATCH, "*")] {
        let refused = send(&router, refused).await;
        assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::PRECONDITION_FAILED, "changed"));
    }
    assert_eq!(ask(&router, "GET", path, "").await.json()["title"], "two");
    let same = with(request("GET", path, ""), header::IF_NONE_MATCH, second.header(header::ETAG));
    assert_eq!(send(&router, same).await.status, StatusCode::NOT_MODIFIED);

    let versions = ask(&router, "GET", &format!("{path}/versions"), "").await.json();
    let numbers: Vec<_> =
        versions["versions"].as_array().expect("a list").iter().map(|v| v["version"].clone()).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(ask(&router, "GET", &format!("{path}/versions/1"), "").await.json()["title"], "one");
    assert_eq!(ask(&router, "GET", &format!("{path}/versions/9"), "").await.problem(), "no-version");
    let back = tell(&router, "POST", &format!("{path}/rollback"), json!({"version": 1})).await;
    assert_eq!((back.json()["title"].clone(), back.status), (json!("one"), StatusCode::OK));
    assert!(back.header(header::ETAG).starts_with("\"3-"));
    for number in 4..40 {
        tell(&router, "PUT", path, template(&format!("{number}"))).await;
    }
    let versions = ask(&router, "GET", &format!("{path}/versions"), "").await.json();
    assert_eq!(versions["versions"].as_array().map(Vec::len), Some(21), "old ones go");
    assert_eq!(ask(&router, "GET", "/v1/layouts/grid/versions", "").await.json()["versions"], json!([]));
}

#[tokio::test]
async fn a_name_that_an_address_has_is_refused_at_every_door() {
    let router = router(settings(&[]));
    for method in ["PUT", "GET", "DELETE"] {
        let refused = tell(&router, method, "/v1/layouts/validate", template("hidden")).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains("\"validate\"") && detail.contains("choose another"), "{method}: {detail}");
    }
    let used = tell(&router, "PUT", "/v1/rooms/weekly", json!({"layout": {"template": "validate"}})).await;
    assert_eq!(used.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(used.json().to_string().contains("choose another"), "{}", used.json());
}

#[tokio::test]
async fn validation_tells_faults_warnings_and_cost() {
    let router = router(settings(&[]));
    let verdict = tell(&router, "POST", "/v1/layouts/validate", template("fine")).await.json();
    assert_eq!((&verdict["valid"], &verdict["warnings"]), (&json!(true), &json!([])));
    assert_eq!(verdict["cost"]["tiles"], 9);
    let mut doubtful = template("doubtful");
    doubtful["arrangements"][0]["places"][0]["cast"] = json!(["joined"]);
    let second = json!({"rect": {"x": 0.5, "y": 0.5, "width": 0.5, "height": 0.5}, "cast": ["floor"]});
    doubtful["arrangements"][0]["places"].as_array_mut().expect("places").push(second);
    doubtful["style"] = json!({"label": {"text": {"words": "{name}", "size": 0.01}}});
    doubtful["background"] = json!({"image": {"asset": "logo"}});
    let warnings = tell(&router, "POST", "/v1/layouts/validate", doubtful).await.json()["warnings"].clone();
    let at: Vec<&str> = warnings.as_array().expect("a list").iter().filter_map(|w| w["pointer"].as_str()).collect();
    let places = "/arrangements/0/places/1";
    let wanted =
        ["/style/label/text/size", "/background/image/asset", &format!("{places}/rect"), &format!("{places}/cast")];
    assert_eq!(at, wanted, "{warnings}");
    let verdict = tell(&router, "POST", "/v1/layouts/validate", json!({"arrangements": [], "x": 1})).await.json();
    assert_eq!((&verdict["valid"], verdict["faults"].as_array().map(Vec::len)), (&json!(false), Some(2)));
}

#[tokio::test]
async fn abuse_is_refused_with_its_place_and_changes_nothing() {
    let router = router(settings(&[]));
    tell(&router, "PUT", "/v1/rooms/weekly", json!({"layout": {"template": "grid"}})).await;
    let before = ask(&router, "GET", "/v1/rooms/weekly/layout", "").await.json();
    let broken = |edit: &dyn Fn(&mut Value)| {
        let mut template = template("broken");
        edit(&mut template);
        json!({ "template": template })
    };
    let place = "/template/arrangements/0/places";
    let loops = json!({"a": {"in": "b", "x": 0, "y": 0, "width": 1, "height": 1}, "b": {"in": "a", "x": 0, "y": 0, "width": 1, "height": 1}});
    let cases: [(Value, String); 7] = [
        (broken(&|t| t["arrangements"][0]["places"][0]["rect"]["x"] = json!(1e308)), format!("{place}/0/rect/x")),
        (broken(&|t| t["arrangements"][0]["places"][0]["rect"]["width"] = json!(-1)), format!("{place}/0/rect/width")),
        (
            broken(&|t| t["arrangements"][0]["places"] = json!(vec![t["arrangements"][0]["places"][0].clone(); 2000])),
            place.to_owned(),
        ),
        (
            broken(&|t| t["arrangements"][0]["regions"] = loops.clone()),
            "/template/arrangements/0/regions/a/in".to_owned(),
        ),
        (broken(&|t| t["arrangements"][0]["places"][0]["rect"]["in"] = json!("nowhere")), format!("{place}/0/rect/in")),
        (
            broken(&|t| t["background"] = json!({"image": {"asset": "../../etc/passwd"}})),
            "/template/background/image/asset".to_owned(),
        ),
        (
            broken(&|t| {
                t["overlays"] = json!([{"name": "x", "rect": {"anchor": "top", "width": 1, "height": 1}, "text": {"words": "{nme}"}}])
            }),
            "/template/overlays/0/text/words".to_owned(),
        ),
    ];
    for (body, pointer) in cases {
        let refused = tell(&router, "PUT", "/v1/rooms/weekly/layout", body).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "invalid-document")
        );
        assert!(refused.pointers().contains(&pointer), "{pointer}: {}", refused.text());
    }
    // Not-a-number is no JSON.
    let nan = r#"{"template": {"arrangements": [{"places": [{"rect": {"x": NaN}}]}]}}"#;
    assert_eq!(ask(&router, "PUT", "/v1/rooms/weekly/layout", nan).await.problem(), "malformed-json");
    let long = with(request("PUT", "/v1/layouts/huge", ""), header::CONTENT_LENGTH, "104857600");
    assert_eq!(send(&router, long).await.problem(), "too-large");
    assert_eq!(ask(&router, "PUT", "/v1/layouts/huge", vec![b' '; 600_000]).await.problem(), "too-large");
    for path in ["/v1/layouts/..%2F..%2Fetc", "/v1/assets/..%2Fpasswd", "/v1/assets/a%00b"] {
        assert_eq!(ask(&router, "PUT", path, "{}").await.problem(), "invalid-address", "{path}");
    }
    assert_eq!(ask(&router, "GET", "/v1/rooms/weekly/layout", "").await.json(), before);
}

#[tokio::test]
async fn images_are_uploaded_shown_and_kept_while_they_are() {
    let router = router(settings(&[]));
    let svg = r##"<svg xmlns="http://www.w3.org/2000/svg" width="64" height="32"><rect width="64" height="32" fill="#f00"/></svg>"##;
    let path = "/v1/assets/logo";
    assert_eq!(ask(&router, "GET", path, "").await.problem(), "no-asset");
    let made = ask(&router, "PUT", path, svg).await;
    assert_eq!(
        (made.status, made.json()["type"].clone()),
        (StatusCode::CREATED, json!("image/svg+xml")),
        "{}",
        made.text()
    );
    assert_eq!((made.json()["width"].clone(), made.json()["height"].clone()), (json!(64), json!(32)));
    let got = ask(&router, "GET", path, "").await;
    assert_eq!((got.text(), got.header(header::CONTENT_TYPE)), (svg, "image/svg+xml"));
    assert!(got.header(header::CONTENT_SECURITY_POLICY).contains("sandbox"));
    for bad in ["GIF89a", "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>x</text></svg>", ""] {
        let refused = ask(&router, "PUT", path, bad).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "no-image"),
            "{bad}"
        );
    }
    let large = with(request("PUT", path, ""), header::CONTENT_LENGTH, "104857600");
    assert_eq!(send(&router, large).await.problem(), "too-large");
    assert_eq!(ask(&router, "GET", path, "").await.text(), svg, "nothing changed");
    let mut branded = template("branded");
    branded["background"] = json!({"image": {"asset": "logo"}});
    let stored = tell(&router, "PUT", "/v1/layouts/branded", branded.clone()).await.json();
    assert_eq!(stored["warnings"], json!(null), "its image is there");
    let refused = ask(&router, "DELETE", path, "").await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::CONFLICT, "asset-in-use"));
    ask(&router, "DELETE", "/v1/layouts/branded", "").await;
    assert_eq!(ask(&router, "DELETE", path, "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&router, "GET", "/v1/assets", "").await.json(), json!({"assets": []}));
    let stored = tell(&router, "PUT", "/v1/layouts/branded", branded.clone()).await;
    assert_eq!(stored.json()["warnings"][0]["pointer"], "/background/image/asset", "{}", stored.text());
    assert_eq!(tell(&router, "PUT", "/v1/rooms/r", json!({})).await.status, StatusCode::CREATED);
    let aired = tell(&router, "PUT", "/v1/rooms/r/layout", json!({"template": branded})).await;
    assert_eq!((aired.status, aired.json()["warnings"].as_array().map(Vec::len)), (StatusCode::OK, Some(1)));
}

async fn room() -> Router {
    let router = router(settings(&[]));
    let person = |name: &str| json!({"name": name, "source": {"type": "publish", "key": "long-key"}});
    let people = json!({"ann": person("Ann"), "bob": person("Bob"), "eve": person("Eve")});
    let made = tell(
        &router,
        "PUT",
        "/v1/rooms/weekly",
        json!({"participants": people, "layout": {"template": "filmstrip", "people": {"absent": "card"}}}),
    )
    .await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    router
}

async fn large(router: &Router) -> Value {
    let scene = ask(router, "GET", "/v1/rooms/weekly/layout", "").await.json()["scene"].clone();
    let tiles = scene.as_array().expect("tiles");
    tiles.iter().max_by_key(|tile| tile["width"].as_u64()).map_or(Value::Null, |tile| tile["participant"].clone())
}

#[tokio::test]
async fn operators_pin_order_hide_and_give_roles() {
    let router = room().await;
    assert_eq!(large(&router).await, "ann");
    let pins = "/v1/rooms/weekly/pins";
    let pinned = tell(&router, "POST", pins, json!({"participant": "eve"})).await;
    assert_eq!((pinned.status, pinned.json()), (StatusCode::CREATED, json!({"pins": ["eve"]})));
    assert_eq!(large(&router).await, "eve");
    assert_eq!(tell(&router, "POST", pins, json!({"participant": "eve"})).await.status, StatusCode::OK);
    assert_eq!(tell(&router, "POST", pins, json!({"participant": "nobody"})).await.pointers(), ["/participant"]);
    assert_eq!(ask(&router, "DELETE", &format!("{pins}/eve"), "").await.json(), json!({"pins": []}));
    tell(&router, "POST", pins, json!({"participant": "bob"})).await;
    ask(&router, "DELETE", "/v1/rooms/weekly/participants/bob", "").await;
    assert_eq!(ask(&router, "GET", pins, "").await.json(), json!({"pins": []}), "who goes takes the pin along");
    tell(&router, "PATCH", "/v1/rooms/weekly/participants/eve", json!({"order": -1})).await;
    assert_eq!(large(&router).await, "eve");
    tell(&router, "PATCH", "/v1/rooms/weekly/participants/eve", json!({"hidden": true})).await;
    assert_eq!(large(&router).await, "ann");
    assert_eq!(
        tell(&router, "PATCH", "/v1/rooms/weekly/participants/eve", json!({"order": 1001})).await.pointers(),
        ["/order"]
    );
}

#[tokio::test]
async fn a_layout_may_wait_for_its_time() {
    let router = room().await;
    let path = "/v1/rooms/weekly/layout";
    let planned = tell(&router, "PUT", path, json!({"template": "grid", "at": 3_600_000})).await.json();
    assert_eq!(
        (&planned["template"], &planned["next"]["layout"]["template"]),
        (&json!("filmstrip"), &json!("grid")),
        "{planned}"
    );
    assert_eq!(ask(&router, "DELETE", &format!("{path}/next"), "").await.json()["next"], Value::Null);
    for bad in
        [json!("yesterday"), json!("2001-01-01T00:00:00Z"), json!("2999-01-01T00:00:00Z"), json!(true), json!(-5)]
    {
        let refused = tell(&router, "PUT", path, json!({"template": "grid", "at": bad})).await;
        assert_eq!(refused.pointers(), ["/at"], "{bad}");
    }
    let unknown = tell(&router, "PUT", path, json!({"template": "mosaic", "at": 3_600_000})).await;
    assert_eq!(unknown.pointers(), ["/template"]);
    // Due at once, in effect: it is taken up shortly before its time.
    let at = tell(&router, "PUT", path, json!({"template": "grid", "people": {"absent": "card"}, "at": 300})).await;
    assert_eq!(at.status, StatusCode::OK, "{}", at.text());
    let mut events = super::rooms::listen(&router).await;
    super::rooms::until(&mut events, |name, data| {
        let taken = |room: &Value| room["layout"]["template"] == "grid";
        (name == "room" && taken(&data["room"])) || name == "layout"
    })
    .await;
    assert_eq!(ask(&router, "GET", path, "").await.json()["template"], "grid");
}

#[tokio::test]
async fn rooms_set_parameters_and_templates_must_keep_them() {
    let router = room().await;
    let path = "/v1/rooms/weekly/layout";
    let set =
        tell(&router, "PUT", path, json!({"template": "pip", "parameters": {"corner": "top_left", "size": 0.3}})).await;
    assert_eq!(set.json()["parameters"]["corner"], "top_left", "{}", set.text());
    let refused = tell(&router, "PUT", path, json!({"template": "pip", "parameters": {"size": 2, "colour": 1}})).await;
    assert_eq!(refused.pointers(), ["/parameters/colour", "/parameters/size"]);
    let refused = tell(&router, "PUT", "/v1/layouts/pip", template("another")).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::CONFLICT, "layout-in-use"));
    // Nor those that a planned layout sets, or it could not be taken up.
    tell(&router, "PUT", path, json!({"template": "grid"})).await;
    let planned = json!({"template": "pip", "parameters": {"size": 0.3}, "at": 3_600_000});
    assert_eq!(tell(&router, "PUT", path, planned).await.status, StatusCode::OK);
    let refused = tell(&router, "PUT", "/v1/layouts/pip", template("another")).await;
    assert!(refused.text().contains("/next_layout/layout/parameters/size"), "{}", refused.text());
}

#[tokio::test]
async fn a_rule_of_two_is_told_as_one() {
    let router = router(settings(&[]));
    let mut double = template("double");
    double["arrangements"][0]["places"][0]["cast"] = json!([{"role": "x", "participant": "y"}]);
    let verdict = tell(&router, "POST", "/v1/layouts/validate", double.clone()).await.json();
    assert_eq!(verdict["faults"][0]["pointer"], "/arrangements/0/places/0/cast/0", "{verdict}");
    assert_eq!(tell(&router, "PUT", "/v1/layouts/double", double).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}
