//! Support of the room tests: cameras, documents and recordings.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use tilecast::media::{Rect, Size};
use tilecast_lab::{
    cadence::Cadence,
    people::{Camera, Person},
    picture::Frame,
    process::Process,
    service::{Service, Setup},
    watch::Recording,
};

/// Longest wait for anything on a busy machine. Nothing waits this long when it works.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A small canvas: these tests check positions and times, not pixels.
pub const CANVAS: Size = Size { width: 640, height: 360 };

/// A small picture: cheap to encode and to decode.
pub fn camera() -> Camera {
    Camera { picture: Some(Size { width: 320, height: 180 }), bitrate_kbps: 300, ..Camera::default() }
}

/// A service of this build.
pub async fn service(arguments: &[&str]) -> Service {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    Service::start(program, Setup { arguments, ..Setup::default() }).await.expect("the service starts")
}

/// A room document in which these people publish with the key `key-of-ID`.
pub fn document(people: &[Person]) -> Value {
    let participants: serde_json::Map<String, Value> = people
        .iter()
        .map(|person| {
            let source = json!({"type": "publish", "key": format!("key-of-{}", person.id)});
            (person.id.to_owned(), json!({"name": person.name, "source": source}))
        })
        .collect();
    json!({
        "canvas": {"width": CANVAS.width, "height": CANVAS.height},
        "video": {"preset": "ultrafast", "bitrate_kbps": 1500},
        "speaker": {"mode": "manual"},
        "participants": participants,
    })
}

/// RTMP address of a person.
pub fn address(service: &Service, room: &str, person: &Person) -> String {
    format!("{}/in/{room}/{}?key=key-of-{}", service.rtmp(), person.id, person.id)
}

/// Starts a camera and waits until its picture is on the program.
pub async fn join(service: &Service, room: &str, person: &Person, camera: &Camera) -> Process {
    let process = person.publish(camera, &address(service, room, person)).expect("FFmpeg starts");
    shows(service, room, person.id, true).await;
    process
}

/// Waits until a participant's picture is on the program, or is gone from it.
pub async fn shows(service: &Service, room: &str, id: &str, wanted: bool) {
    until(service, room, |view| view["status"]["participants"][id]["showing"] == wanted).await;
}

/// Waits until a room's view is as wanted, and returns the view.
pub async fn until(service: &Service, room: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    service.api().until(&format!("/v1/rooms/{room}"), LIMIT, wanted).await.expect("the room gets there")
}

/// Frames of the last second. A recording begins with the program's cached GOP, which may be older than the test's
/// action.
pub fn recent(seen: &Recording) -> &[Frame] {
    &seen.frames[seen.frames.len().saturating_sub(30)..]
}

/// The last half second of sound. A longer window would miss a tone whose frequency deviates by a fraction of a percent
/// to follow its clock.
pub fn recent_sound(seen: &Recording) -> &[f32] {
    &seen.sound[seen.sound.len().saturating_sub(24_000)..]
}

/// Checks that every frame is in its position. Only frames that the worker reports as left out on a slow machine may be
/// missing.
pub async fn no_frame_is_lost(service: &Service, room: &str, seen: &Recording) {
    let cadence = Cadence::of(&seen.video_pts_ms, 30);
    let view = service.api().get(&format!("/v1/rooms/{room}")).await.expect("the room");
    let left_out = view["status"]["program"]["missed"].as_u64().expect("a count");
    assert!(
        cadence.frames > 30 && cadence.uneven == 0 && cadence.missing <= left_out,
        "{cadence:?}, {left_out} left out, {}",
        view["status"]["worker"]
    );
}

/// A tile's rectangle from a room's view.
pub fn tile(view: &Value, id: &str) -> Rect {
    let tiles = view["status"]["scene"].as_array().expect("a scene");
    let tile = tiles.iter().find(|tile| tile["participant"] == id).unwrap_or_else(|| panic!("{id} has a tile: {view}"));
    let number = |name: &str| tile[name].as_u64().expect("a number") as u32;
    Rect { x: number("x") as i32, y: number("y") as i32, width: number("width"), height: number("height") }
}
