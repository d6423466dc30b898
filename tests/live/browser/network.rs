//! A browser on a bad network. The tests measure what people see: pictures on the program's and the page's time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tilecast::media::Rect;
use tilecast_lab::{
    browser::{Browser, Devices},
    network::{Conditions, Network},
    picture::difference,
    service::{Service, Setup},
    watch::{Look, Recording, record},
};

use super::support::{CANVAS, LIMIT, is_colour, lab, levels, middle, parts, room, service, show, tile, triple};

/// A wireless network in a house full of them.
const BAD: Conditions = Conditions {
    loss: 0.05,
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(50),
    reorder: 0.01,
    rate_kbps: 0,
};

const WATCH: &str = "/whep/weekly?for=ben";
const PUBLISH: &str = "/whip/weekly/ada";

const HZ: f32 = 659.0;

/// Ada publishes and ben watches, each by a network of their own, which is good until both are there.
struct Call {
    service: Service,
    browser: Browser,
    up: Network,
    down: Network,
    tile: Rect,
}

impl Call {
    async fn start() -> Self {
        let service = service(Setup::default()).await;
        room(&service, &["ada", "ben"]).await;
        let network =
            async |seed| Network::start(service.webrtc(), Conditions::default(), seed).await.expect("a network");
        let (up, down) = (network(11).await, network(23).await);
        let mut browser = Browser::start(Devices::Fake).expect("a browser");
        for id in ["ada", "ben"] {
            browser.open_lab(id, service.api().base()).await.expect("a page");
        }
        let what = json!({
            "path": PUBLISH, "key": "key-of-ada", "codec": "vp8", "colour": "#20a040", "hz": HZ, "port": up.port(), "fps": 20,
        });
        browser.run("ada", &lab("whip"), what).await.expect("publishes");
        let what = json!({"path": WATCH, "key": "key-of-ben", "port": down.port()});
        browser.run("ben", &lab("whep"), what).await.expect("watches");
        let view = show(&service, &["ada"]).await;
        let what = json!({"path": WATCH, "rects": [parts(middle(&view, "ada"))], "hz": [HZ]});
        let fine = |seen: &Value| {
            is_colour(triple(&seen["colours"][0]), "#20a040")
                && seen["tones"][0].as_f64().is_some_and(|level| level > -45.0)
        };
        browser.until("ben", &lab("see"), &what, LIMIT, fine).await.expect("ben sees and hears ada");
        Self { service, browser, up, down, tile: tile(&view, "ada") }
    }

    /// The program, grey, for so long.
    async fn program(&self, span: Duration) -> Recording {
        let url = format!("{}/out/weekly?token=w4tch-this", self.service.rtmp());
        record(&url, &Look::whole(CANVAS).with_sound(), span).await.expect("the program plays")
    }

    /// Keyframes that a page's connection asked for, or was asked for, until now.
    async fn asked(&mut self, page: &str, path: &str) -> u64 {
        let what = json!({"path": path, "kinds": ["inbound-rtp", "outbound-rtp"]});
        let stats = self.browser.run(page, &lab("stats"), what).await.expect("statistics");
        stats.as_array().expect("a list").iter().filter_map(|entry| entry["pliCount"].as_u64()).sum()
    }

    /// Longest time in which ben's page showed no new picture since this was last asked.
    async fn longest_still(&mut self) -> Duration {
        let shown = self.browser.run("ben", &lab("shown"), json!({"path": WATCH})).await.expect("times");
        let times: Vec<f64> = shown.as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
        let longest = times.windows(2).map(|two| two[1] - two[0]).fold(0.0, f64::max);
        Duration::from_secs_f64(longest / 1000.0)
    }
}

/// For each picture but the first whether the bar that wanders along the bottom of ada's tile has moved since the one
/// before.
fn moves(seen: &Recording, tile: Rect) -> Vec<bool> {
    let height = tile.height / 10;
    let bar = Rect { y: tile.y + (tile.height - height) as i32, height, ..tile };
    seen.frames.windows(2).map(|two| difference(&two[0], &two[1], bar) > 0.5).collect()
}

/// Pictures of a second of the program.
const SECOND: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_and_jitter_freeze_nothing_for_a_second() {
    // A player begins at the last keyframe, up to 2 s ago, when the network was good and she had perhaps not come yet.
    const PAST: usize = 2;
    const SPAN: Duration = Duration::from_secs(12);
    let mut call = Call::start().await;
    call.up.set(BAD);
    call.down.set(BAD);
    let begun = Instant::now();
    let before = (call.asked("ada", PUBLISH).await, call.asked("ben", WATCH).await);
    call.longest_still().await;
    call.browser.run("ben", &lab("hear"), json!({"path": WATCH, "hz": HZ})).await.expect("listens");
    let seen = call.program(SPAN).await;
    let moves = moves(&seen, call.tile).split_off(PAST * SECOND);
    let longest = moves.split(|moved| *moved).map(<[bool]>::len).max().unwrap_or(0);
    assert!(longest < SECOND, "ada stood still for {longest} pictures of the program");
    let levels = levels(&seen, HZ).split_off(PAST * 2);
    assert!(
        levels.len() > 19 && levels.iter().all(|level| *level > -35.0),
        "ada's sound on the program breaks off: {levels:?} dBFS"
    );
    let heard = call.browser.run("ben", &lab("heard"), json!({"path": WATCH})).await.expect("levels");
    let heard: Vec<f64> = heard.as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    let what = json!({"path": WATCH, "kinds": ["inbound-rtp"]});
    let stats = call.browser.run("ben", &lab("stats"), what).await.expect("statistics");
    assert!(
        heard.len() > 30 && heard.iter().all(|level| *level > -50.0),
        "ben hears ada break off: {heard:?} dBFS; {stats}"
    );
    let still = call.longest_still().await;
    assert!(still < Duration::from_secs(1), "ben's picture stood still for {still:?}");
    let asked = (call.asked("ada", PUBLISH).await - before.0, call.asked("ben", WATCH).await - before.1);
    let most = begun.elapsed().as_secs() * 2;
    assert!(asked.0 <= most && asked.1 <= most, "{asked:?} keyframes were asked for in {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_three_seconds_of_nothing_all_is_back_within_two() {
    const DARK: Duration = Duration::from_secs(3);
    let mut call = Call::start().await;
    call.longest_still().await;
    let dark = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        call.up.set(Conditions::BLACKOUT);
        call.down.set(Conditions::BLACKOUT);
        tokio::time::sleep(DARK).await;
        call.up.set(Conditions::default());
        call.down.set(Conditions::default());
    };
    let (seen, ()) = tokio::join!(call.program(Duration::from_secs(11)), dark);
    // Two thirds of the pictures move while she is there. When she is not, her card comes, which is a change or a few.
    let there: Vec<bool> = moves(&seen, call.tile)
        .windows(SECOND)
        .map(|second| second.iter().filter(|moved| **moved).count() > SECOND / 2)
        .collect();
    let last = there.len() - 1;
    assert!(there[last], "she is back: {there:?}");
    let gone = there.split(|there| *there).map(<[bool]>::len).max().unwrap_or(0);
    // The window adds up to half a second.
    assert!(
        (2 * SECOND..5 * SECOND + SECOND / 2).contains(&gone),
        "ada was gone for {gone} pictures, 90 of them in the dark"
    );
    let still = call.longest_still().await;
    assert!(
        still > Duration::from_secs(2) && still < Duration::from_secs(5),
        "ben's picture stood still for {still:?}"
    );
}
