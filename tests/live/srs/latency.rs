//! Additional latency of a path through SRS and back, or through nginx-rtmp where no SRS is installed. Measures, and
//! asserts nothing about time. Run by hand:
//!
//! `cargo test --test live srs::latency -- --ignored --nocapture`

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tilecast::media::{Rect, Size};
use tilecast_lab::{
    clip::{Clip, Recipe},
    clock,
    sender::{SendLog, Sender},
    service::{Service, Setup},
    watch::{Look, Player, Seen},
};

use super::{
    neighbour::Neighbour,
    server::{Plan, Srs, Tuning},
};

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

/// A server and the ways through it, each with its name.
struct Ways {
    server: String,
    publish: String,
    plays: Vec<(&'static str, String)>,
    pulls: Vec<(&'static str, Value)>,
    program: String,
}

fn pull(url: String) -> Value {
    json!({"type": "pull", "url": url})
}

impl Ways {
    fn of_neighbour(srs: &Neighbour) -> Self {
        let alice = srs.relay.url("alice");
        let flv = pull(format!("http://{}/live/alice.flv", srs.address));
        Self {
            server: "nginx-rtmp".to_owned(),
            publish: alice.clone(),
            plays: vec![("RTMP", alice.clone())],
            pulls: vec![("RTMP", pull(alice)), ("HTTP-FLV", flv)],
            program: srs.relay.url("program"),
        }
    }

    async fn of_srs(plan: &Plan, running: &Srs, tuning: Tuning) -> Self {
        let (alice, flv) = (plan.rtmp("alice"), plan.flv("alice"));
        let whep = json!({"type": "whep", "url": plan.rtc("whep", "alice")});
        Self {
            server: format!("SRS {}, {tuning:?}", running.version().await),
            publish: alice.clone(),
            plays: vec![("RTMP", alice.clone()), ("HTTP-FLV", flv.clone())],
            pulls: vec![("RTMP", pull(alice)), ("HTTP-FLV", pull(flv)), ("WHEP", whep)],
            program: plan.rtmp("program"),
        }
    }

    /// Prints what each way takes.
    async fn measure(&self, clip: Arc<Clip>) {
        let server = &self.server;
        let sender = Sender::start(clip, &self.publish, 0).await.expect("the server takes it");
        for (way, url) in &self.plays {
            let (median, p99, count) = ages(url, &sender.log(), Duration::from_secs(4)).await;
            println!(
                "{server}: publisher → server → player ({way}): median {median:.1} ms, p99 {p99:.1} ms of {count}"
            );
        }
        // A release build, if there is one, is what people run.
        let program = std::env::var("TILECAST").unwrap_or_else(|_| env!("CARGO_BIN_EXE_tilecast").to_owned());
        for (way, source) in &self.pulls {
            let service = Service::start(Path::new(&program), Setup::default()).await.expect("the service starts");
            let document = json!({
                "layout": {"template": "single"}, "speaker": {"mode": "manual"},
                "participants": {"alice": {"source": source}},
                "outputs": {"srs": {"type": "rtmp", "url": self.program}},
            });
            service.api().put("/v1/rooms/weekly", &document).await.expect("a room");
            let shown = |view: &Value| view["status"]["participants"]["alice"]["showing"] == true;
            service.api().until("/v1/rooms/weekly", SETTLING, shown).await.expect("alice shows");
            let (median, p99, count) = ages(&self.program, &sender.log(), SETTLING).await;
            println!(
                "{server}: publisher → server → Tilecast ({way}) → server → player: \
                 median {median:.1} ms, p99 {p99:.1} ms of {count}"
            );
            service.stop().await.expect("it drains");
        }
    }
}

#[tokio::test]
#[ignore = "measures; takes minutes of a quiet machine"]
async fn through_the_neighbour_and_back() {
    let recipe = Recipe { film: None, size: SIZE, fps: 30, frames: 1800, gop: 60, bitrate_kbps: 1800 };
    let clip = Arc::new(Clip::make(&recipe).await.expect("a clip"));
    for tuning in [Tuning::Shipped, Tuning::Defaults] {
        let Some(plan) = Plan::new() else {
            let relay = Neighbour::start().await;
            relay.list("alice");
            return Ways::of_neighbour(&relay).measure(clip).await;
        };
        let plan = plan.tuned(tuning);
        let running = plan.start().await;
        Ways::of_srs(&plan, &running, tuning).await.measure(clip.clone()).await;
    }
}
