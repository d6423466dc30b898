//! Support of the browser tests: rooms, tiles, colours and tones.

use std::{path::Path, time::Duration};

use serde_json::{Map, Value, json};
use tilecast::media::{Rect, Size};
use tilecast_lab::{
    service::{Service, Setup},
    tone,
    watch::{Look, Recording, record},
};

/// Longest wait for anything on a busy machine. Nothing waits this long when it works.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A small canvas: these tests check positions, not pixels.
pub const CANVAS: Size = Size { width: 640, height: 360 };

/// Largest difference of a colour's channel, of 255, after two encoders and up to four conversions.
const COLOUR_TOLERANCE: f64 = 24.0;

/// Calls one of the lab's functions in a page.
pub fn lab(function: &str) -> String {
    format!("given => lab.{function}(given)")
}

pub async fn service(setup: Setup) -> Service {
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    Service::start(program, setup).await.expect("the service starts")
}

/// A room called `weekly` in which these participants publish with the key `key-of-ID`, and viewers need a token.
pub async fn room(service: &Service, participants: &[&str]) {
    let place = |id: &&str| {
        ((*id).to_owned(), json!({"name": id, "source": {"type": "publish", "key": format!("key-of-{id}")}}))
    };
    let participants: Map<String, Value> = participants.iter().map(place).collect();
    let document = json!({
        "canvas": {"width": CANVAS.width, "height": CANVAS.height},
        "video": {"preset": "ultrafast", "bitrate_kbps": 1500},
        "viewer_token": "w4tch-this",
        "speaker": {"mode": "manual"},
        "participants": participants,
    });
    service.api().put("/v1/rooms/weekly", &document).await.expect("a room");
}

/// Waits until the room is as wanted.
pub async fn until(service: &Service, wanted: impl Fn(&Value) -> bool) -> Value {
    service.api().until("/v1/rooms/weekly", LIMIT, wanted).await.expect("the room gets there")
}

/// Waits until these participants' pictures are on the program.
pub async fn show(service: &Service, participants: &[&str]) -> Value {
    until(service, |view| participants.iter().all(|id| view["status"]["participants"][*id]["showing"] == true)).await
}

/// A participant's tile, out of a room's view.
pub fn tile(view: &Value, id: &str) -> Rect {
    let tiles = view["status"]["scene"].as_array().expect("a scene");
    let tile = tiles.iter().find(|tile| tile["participant"] == id).unwrap_or_else(|| panic!("{id} has a tile: {view}"));
    let number = |name: &str| tile[name].as_u64().expect("a number") as u32;
    Rect { x: number("x") as i32, y: number("y") as i32, width: number("width"), height: number("height") }
}

/// The middle of a participant's tile, without the edges, which may carry text.
pub fn middle(view: &Value, id: &str) -> Rect {
    let Rect { x, y, width, height } = tile(view, id);
    Rect {
        x: x + (width * 3 / 10) as i32,
        y: y + (height * 3 / 10) as i32,
        width: width * 4 / 10,
        height: height * 4 / 10,
    }
}

/// The same as fractions of the picture, for a page.
pub fn parts(rect: Rect) -> [f64; 4] {
    let (width, height) = (f64::from(CANVAS.width), f64::from(CANVAS.height));
    [
        f64::from(rect.x) / width,
        f64::from(rect.y) / height,
        f64::from(rect.width) / width,
        f64::from(rect.height) / height,
    ]
}

/// True when a mean colour is the painted one, `#rrggbb`.
pub fn is_colour(mean: [f64; 3], painted: &str) -> bool {
    let value = u32::from_str_radix(&painted[1..], 16).expect("a colour");
    let [_, red, green, blue] = value.to_be_bytes();
    mean.iter().zip([red, green, blue]).all(|(seen, wanted)| (seen - f64::from(wanted)).abs() < COLOUR_TOLERANCE)
}

/// Plays the program by RTMP from now on.
pub async fn program(service: &Service, span: Duration) -> Recording {
    let look = Look::whole(CANVAS).in_colour().with_sound();
    let url = format!("{}/out/weekly?token=w4tch-this", service.rtmp());
    record(&url, &look, span).await.expect("the program plays")
}

/// Mean colour of a rectangle in the last picture.
pub fn last_colour(seen: &Recording, rect: Rect) -> [f64; 3] {
    seen.frames.last().expect("a picture").mean(rect).map(f64::from)
}

/// Loudness of a tone in each half second, dBFS, even when its frequency deviates a little to follow its clock.
pub fn levels(seen: &Recording, hz: f32) -> Vec<f32> {
    let bent = [-6.0, -3.0, 0.0, 3.0, 6.0];
    let level = |half: &[f32]| bent.iter().map(|bend| tone::level_dbfs(half, hz + bend)).fold(-120.0, f32::max);
    seen.sound.chunks_exact(tone::RATE as usize / 2).map(level).collect()
}

/// Loudness of a tone in the loudest half second, dBFS.
pub fn loudest(seen: &Recording, hz: f32) -> f32 {
    levels(seen, hz).into_iter().fold(-120.0, f32::max)
}

/// Three numbers from a page.
pub fn triple(value: &Value) -> [f64; 3] {
    [0, 1, 2].map(|index| value[index].as_f64().expect("a number"))
}
