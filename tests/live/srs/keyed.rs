//! Publish keys at SRS: a publisher with a key joins, a publisher without one does not.

use rustix::process::Signal;
use serde_json::{Value, json};
use tilecast_lab::{api::Api, people::FOUR};

use super::{
    camera, has,
    neighbour::{Neighbour, SECRET},
    room, service, shows, until,
};

const PLAIN: &str = "rtmp://127.0.0.1/live";

fn people() -> Value {
    json!({
        "alice": {"source": {"type": "publish", "key": "a+key/of alice"}},
        "bob": {"source": {"type": "publish", "key": "key-of-bob"}},
        "cam": {"source": {"type": "pull", "url": "rtmp://127.0.0.1:1/live/cam"}},
    })
}

async fn published(api: &Api, client: &str, name: &str, param: &str) -> (i64, String) {
    Neighbour::tell_all(api, "on_publish", client, name, (param, PLAIN)).await
}

fn absent(view: &Value, id: &str) -> bool {
    view["status"]["participants"][id]["state"] == "absent"
}

async fn get(api: &Api) -> Value {
    api.get("/v1/rooms/weekly").await.expect("the room")
}

#[tokio::test]
async fn a_stream_joins_by_its_participants_key() {
    let mut srs = Neighbour::start().await;
    let service = service(srs.arguments(), &[]).await;
    let api = service.api();
    let program = format!("{}?key=key-of-the-program", srs.relay.url("weekly-program"));
    room(api, json!({"srs": {"type": "rtmp", "url": program}}), people()).await;
    let document = get(api).await["participants"].clone();

    let mut sentences = Vec::new();
    for (name, param) in [
        ("weekly-alice", ""),
        ("weekly-alice", "?key="),
        ("weekly-alice", "?key=a+key/of%20alic"),
        ("weekly-alice", "?key=key-of-bob"),
        ("weekly-alice", "?token=a+key/of%20alice"),
        // What SRS takes for the same stream.
        ("weekly-alice.", ""),
        ("weekly-alice.flv", "?key=key-of-bob"),
        ("weekly-alice.$$$", "?key=x"),
        ("weekly-dave", "?key=key-of-bob"),
        ("weekly-cam", "?key=key-of-bob"),
        ("weekly-program", ""),
        ("weekly-program", "?key=key-of-bob"),
    ] {
        let (code, sentence) = published(api, "m", name, param).await;
        assert_ne!(code, 0, "{name}{param}");
        sentences.push(sentence);
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 1, "nobody learns who is there: {sentences:?}");
    for (name, param) in [("weekly-program", "?key=key-of-the-program"), ("something", ""), ("other-alice", "?key=x")] {
        assert_eq!(published(api, "p", name, param).await.0, 0, "{name}{param}");
    }

    let given = "?vhost=__defaultVhost__&key=a+key%2Fof%20alice&x=1";
    assert_eq!(srs.publish_with(Some(api), &FOUR[0], &camera(), "weekly-alice", given).await, 0);
    let view = until(api, |view| shows(view, "alice")).await;
    assert_eq!(view["status"]["participants"]["alice"]["door"], "pull");
    assert_eq!(view["participants"], document, "the document is as it was put");
    assert!(absent(&view, "bob"));
    let by_address = format!("{PLAIN}?key=key-of-bob");
    let (code, _) = Neighbour::tell_all(api, "on_publish", "b", "weekly-bob", ("", &by_address)).await;
    assert_eq!(code, 0, "the key in the address that the client connected to");

    for (name, code) in [("weekly-alice", 403), ("weekly-dave", 403), ("weekly-program", 0), ("something", 0)] {
        let played = Neighbour::tell_all(api, "on_play", "v", name, ("?key=key-of-bob", PLAIN)).await;
        assert_eq!(played.0, code, "{name} is played");
    }

    // A stranger's attempt disturbs nobody, nor does what SRS may say of it.
    assert_ne!(published(api, "m", "weekly-alice", "?key=x").await.0, 0);
    assert_eq!(Neighbour::tell(api, "on_unpublish", "m", "weekly-alice").await, 0);
    srs.is_looked_at().await;
    assert!(shows(&get(api).await, "alice"));

    srs.stop(Some(api), "weekly-alice").await;
    let view = until(api, |view| absent(view, "alice")).await;
    assert!(has(&view, "alice"), "its place is kept: {view}");
    assert!(!format!("{:?}", srs.disconnected()).contains('c'), "{:?}", srs.disconnected());
}

#[tokio::test]
async fn a_restart_throws_nobody_out_and_lets_nobody_in() {
    let state = tempfile::tempdir().expect("a folder");
    let state = ["--state", state.path().to_str().expect("text")];
    let mut srs = Neighbour::start().await;
    let mut before = service(srs.arguments(), &state).await;
    let api = before.api();
    room(api, json!({}), people()).await;
    let right = "?key=a%2Bkey/of%20alice";
    assert_eq!(srs.publish_with(Some(api), &FOUR[0], &camera(), "weekly-alice", right).await, 0);
    until(api, |view| shows(view, "alice")).await;
    before.process().signal(Signal::KILL);
    drop(before);

    // Somebody publishes whom SRS does not ask about, and somebody whose name SRS reads as Alice's.
    srs.publish(None, &FOUR[1], &camera(), "weekly-bob").await;
    let after = service(srs.arguments(), &state).await;
    let api = after.api();
    until(api, |view| shows(view, "alice")).await;
    srs.is_looked_at().await;
    srs.is_looked_at().await;
    assert!(absent(&get(api).await, "bob"), "nobody has shown a key");
    assert_eq!(srs.disconnected(), ["c2"], "it was told to come again");
    srs.publish(None, &FOUR[1], &camera(), "weekly-bob").await;
    srs.is_looked_at().await;
    assert!(absent(&get(api).await, "bob") && srs.disconnected() == ["c2"], "it is told once");
    srs.stop(None, "weekly-bob").await;
    assert_eq!(srs.publish_with(Some(api), &FOUR[1], &camera(), "weekly-bob", "?key=key-of-bob").await, 0);
    until(api, |view| shows(view, "bob")).await;

    // A key that is changed opens nothing any more, and ends what it has opened.
    let key = json!({"participants": {"bob": {"source": {"key": "another-key"}}}});
    api.patch("/v1/rooms/weekly", &key).await.expect("another key");
    until(api, |view| absent(view, "bob")).await;
    srs.is_looked_at().await;
    assert_eq!(srs.disconnected(), ["c2", "c4"]);
    assert!(shows(&get(api).await, "alice"));
    assert_ne!(srs.publish_with(Some(api), &FOUR[1], &camera(), "weekly-bob", "?key=key-of-bob").await, 0);

    // Who left while nobody was told.
    srs.stop(None, "weekly-alice").await;
    until(api, |view| absent(view, "alice")).await;
}

#[tokio::test]
async fn who_waits_for_a_room_joins_by_its_key_or_not_at_all() {
    let srs = Neighbour::start().await;
    let service = service(srs.arguments(), &[]).await;
    let api = service.api();
    // There is no room yet, so nobody knows whose key is right.
    assert_eq!(published(api, "m1", "weekly-alice", "?key=x").await.0, 0);
    srs.list_as("weekly-alice", "m1");
    room(api, json!({}), people()).await;
    // The right one is let in before anybody has looked; SRS has the other's stream under that name.
    assert_eq!(published(api, "a1", "weekly-alice", "?key=a%2Bkey/of%20alice").await.0, 0);
    srs.is_looked_at().await;
    assert_eq!(srs.disconnected(), ["m1"]);
    assert!(absent(&get(api).await, "alice"), "what was published is not Alice's");

    let hook = json!({"action": "on_publish", "app": "live", "stream": "weekly-alice"});
    let path = format!("/hooks/srs?secret={SECRET}");
    let (_, answer) = api.send(http::Method::POST, &path, Some(&hook)).await.expect("an answer");
    assert_ne!(answer["code"], 0, "without any query: {answer}");
}
