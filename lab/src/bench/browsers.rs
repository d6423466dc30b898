//! Latency in browsers, measured in a real one: joining, and glass to glass.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    FPS, SIZE,
    figures::{Spread, ms},
    report::Row,
    shared::Bench,
    subject::{Meeting, id, template, tile_in},
};
use crate::{
    browser::{Browser, Devices},
    watch::{Look, Player},
};
use tilecast::media::Size;

/// Number of joins for a median.
const JOINS: u32 = 10;

/// Time over which ages of pictures are recorded.
const GLASS: Duration = Duration::from_secs(20);

/// Longest time for a browser and a room to do what they are asked.
const LIMIT: Duration = Duration::from_secs(30);

/// Colour of the browser's picture, which no card of ours has.
const PAINTED: &str = "#20a040";

/// Both measurements. A failed one is a row that says so.
pub async fn all(bench: &Bench) -> Vec<Row> {
    println!("Browsers …");
    vec![
        Row::from("`POST` of a browser → its first picture in the program", joins(bench).await),
        Row::from("browser glass → program → browser glass (painted clock, 1)", glass(bench).await),
    ]
}

async fn open(bench: &Bench) -> Result<(Meeting, Browser)> {
    let meeting = Meeting::open(bench, 1, &template("grid")).await?;
    let mut browser = Browser::start(Devices::Fake)?;
    browser.open_lab("page", meeting.api.base()).await?;
    Ok((meeting, browser))
}

fn painted(meeting: &Meeting, more: &Value) -> Value {
    let mut what = meeting.whip(0);
    for (name, value) in [("colour", PAINTED.into()), ("hz", 659.into()), ("fps", FPS.into())] {
        what[name] = value;
    }
    if let (Some(what), Some(more)) = (what.as_object_mut(), more.as_object()) {
        what.extend(more.clone());
    }
    what
}

/// Time from the page's request to the first picture of the program, at an RTMP player, that shows its colour.
async fn joins(bench: &Bench) -> Result<String> {
    let (meeting, mut browser) = open(bench).await?;
    let look = Look::whole(Size { width: 64, height: 36 }).in_colour();
    let mut player = Player::open(&meeting.program(), &look).await?;
    let mut times = Vec::new();
    for _ in 0..JOINS {
        let began = browser.run("page", "given => lab.whip(given)", painted(&meeting, &json!({}))).await?;
        let began = UNIX_EPOCH + Duration::from_millis(began.as_u64().context("a time")?);
        let asked = Instant::now().checked_sub(SystemTime::now().duration_since(began).unwrap_or_default());
        let asked = asked.context("a clock that stands still")?;
        loop {
            let frame = player.picture(LIMIT).await?;
            let [red, green, blue] = frame.mean(frame.whole());
            if frame.at > asked && green > red + 40.0 && green > blue + 40.0 {
                times.push(frame.at - asked);
                break;
            }
            ensure!(asked.elapsed() < LIMIT, "the browser's picture did not come");
        }
        browser.run("page", "given => lab.leave(given)", meeting.whip(0)).await?;
        let gone = |view: &Value| view["status"]["participants"][id(0).as_str()]["showing"] == false;
        meeting.api.until(&meeting.path, LIMIT, gone).await?;
    }
    drop(player);
    meeting.close().await?;
    let spread = Spread::of(times).context("no join")?;
    Ok(format!("median {:.0} ms of {}", ms(spread.median), spread.count))
}

/// One page paints the time and publishes; another page reads the time from the program, on the clock of the same
/// machine.
async fn glass(bench: &Bench) -> Result<String> {
    let (meeting, mut browser) = open(bench).await?;
    browser.open_lab("viewer", meeting.api.base()).await?;
    let painted = painted(&meeting, &json!({"clock": true, "codec": "h264"}));
    browser.run("page", "given => lab.whip(given)", painted).await?;
    let shows = |view: &Value| view["status"]["participants"][id(0).as_str()]["showing"] == true;
    let view = meeting.api.until(&meeting.path, LIMIT, shows).await?;
    let tile = tile_in(&view, &id(0)).context("the browser has no tile")?;
    let (width, height) = (f64::from(SIZE.width), f64::from(SIZE.height));
    let rect = [
        f64::from(tile.x) / width,
        f64::from(tile.y) / height,
        f64::from(tile.width) / width,
        f64::from(tile.height) / height,
    ];
    let whep = json!({"path": meeting.whep(), "rect": rect});
    browser.run("viewer", "given => lab.whep(given)", whep.clone()).await?;
    let seen = |seen: &Value| seen["size"][0] == SIZE.width;
    browser.until("viewer", "given => lab.see(given)", &whep, LIMIT, seen).await?;
    browser.run("viewer", "given => lab.age_of(given)", whep.clone()).await?;
    tokio::time::sleep(GLASS).await;
    let ages = browser.run("viewer", "given => lab.aged(given)", whep).await?;
    let ages = ages.as_array().context("a list")?.iter().filter_map(Value::as_u64).map(Duration::from_millis).collect();
    meeting.close().await?;
    let spread = Spread::of(ages).context("the viewer read no clock")?;
    Ok(format!("median {:.0} ms, p99 {:.0} ms of {}", ms(spread.median), ms(spread.p99), spread.count))
}
