//! How much delay a way through the neighbour and back adds. Measures, asserts nothing about time; by hand:
//!
//! `cargo test --test srs -- --ignored --nocapture`

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tilecast::{
    app::lab::{
        clip::{Clip, Recipe},
        clock,
        sender::{SendLog, Sender},
        service::{Service, Setup},
        watch::{Look, Player, Seen},
    },
    media::{Rect, Size},
};

use super::neighbour::Neighbour;

const SIZE: Size = Size { width: 1280, height: 720 };
/// Long enough for the program's tick to have moved to where pictures come.
const SETTLING: Duration = Duration::from_secs(20);
const SPAN: Duration = Duration::from_secs(20);

/// From the moment a frame left its publisher to the moment a player had decoded it, ms: median and 99th of a hundred.
async fn ages(url: &str, log: &SendLog, settling: Duration) -> (f64, f64, usize) {
    let strip = clock::strip(Rect { x: 0, y: 0, width: SIZE.width, height: SIZE.height });
    let mut player = Player::open(url, &Look::part(strip)).await.expect("ffmpeg");
    let begun = Instant::now();
    let mut ages = Vec::new();
    while begun.elapsed() < settling + SPAN {
        let Some(Seen::Picture(frame)) = player.next().await else { panic!("the stream ended") };
        let read = clock::read(&frame, frame.whole()).and_then(|counter| log.age(counter, frame.at));
        ages.extend(read.filter(|_| begun.elapsed() > settling));
    }
    ages.sort();
    let ms = |part: f64| ages[((ages.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    (ms(0.5), ms(0.99), ages.len())
}

#[tokio::test]
#[ignore = "measures; takes two minutes of a quiet machine"]
async fn through_the_neighbour_and_back() {
    let recipe = Recipe { film: None, size: SIZE, fps: 30, frames: 1800, gop: 60, bitrate_kbps: 1800 };
    let clip = Arc::new(Clip::make(&recipe).await.expect("a clip"));
    let srs = Neighbour::start().await;
    // A release build, if there is one, is what people run.
    let program = std::env::var("TILECAST").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tilecast").to_owned());
    let alice = srs.relay.url("alice");
    let sender = Sender::start(clip, &alice, 0).await.expect("the relay takes it");
    let (median, p99, count) = ages(&alice, &sender.log(), Duration::from_secs(2)).await;
    println!("publisher → relay → player: median {median:.1} ms, p99 {p99:.1} ms of {count}");
    for (way, source) in [("RTMP", alice), ("HTTP-FLV", format!("http://{}/live/alice.flv", srs.address))] {
        srs.list("alice");
        let service = Service::start(Path::new(&program), Setup::default()).await.expect("the service starts");
        let program = srs.relay.url("program");
        let document = json!({
            "layout": {"template": "single"}, "speaker": {"mode": "manual"},
            "participants": {"alice": {"source": {"type": "pull", "url": source}}},
            "outputs": {"srs": {"type": "rtmp", "url": program}},
        });
        service.api().put("/v1/rooms/weekly", &document).await.expect("a room");
        let shown = |view: &serde_json::Value| view["status"]["participants"]["alice"]["showing"] == true;
        service.api().until("/v1/rooms/weekly", SETTLING, shown).await.expect("alice shows");
        let (median, p99, count) = ages(&program, &sender.log(), SETTLING).await;
        println!(
            "publisher → relay → Tilecast ({way}) → relay → player: median {median:.1} ms, p99 {p99:.1} ms of {count}"
        );
        service.stop().await.expect("it drains");
    }
}
