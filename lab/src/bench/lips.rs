//! Lip sync on the program: a person with an RTMP encoder and a person in a browser flash and beep once a second.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{
    SIZE,
    report::Row,
    shared::Bench,
    subject::{Meeting, id, template, tile_in},
};
use crate::{
    browser::{Browser, Devices},
    lips,
    process::{Process, ffmpeg},
    watch::{Look, record},
};
use tilecast::media::{Rect, Size};

/// How long flashes and beeps are compared.
const SPAN: Duration = Duration::from_secs(30);

/// Longest time for a browser and a room to do what they are asked.
const LIMIT: Duration = Duration::from_secs(30);

/// By then, RTCP reports of both streams have come, which synchronise picture and sound.
const SETTLE: Duration = Duration::from_secs(8);

/// Frequency of the beep, Hz: no harmonic of the other's.
const BY_RTMP: f32 = 1000.0;
const BY_WEBRTC: f32 = 1700.0;

/// Size of the analysed program, px.
const LOOK: Size = Size { width: 320, height: 180 };

/// One row for each door. A failed measurement is a row that says so.
pub async fn all(bench: &Bench) -> Vec<Row> {
    println!("Lips …");
    match measure(bench).await {
        Ok(rows) => rows,
        Err(error) => vec![Row::from("lip sync at the program", Err(error))],
    }
}

async fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let meeting = Meeting::open(bench, 2, &template("grid")).await?;
    let camera = camera(&meeting.door(0))?;
    let mut browser = Browser::start(Devices::Fake)?;
    browser.open_lab("page", meeting.api.base()).await?;
    let mut what = meeting.whip(1);
    for (name, value) in [("colour", json!("#101010")), ("hz", json!(BY_WEBRTC)), ("beats", json!(true))] {
        what[name] = value;
    }
    browser.run("page", "given => lab.whip(given)", what).await?;
    let shows = |view: &Value| (0..2).all(|n| view["status"]["participants"][id(n).as_str()]["showing"] == true);
    let view = meeting.api.until(&meeting.path, LIMIT, shows).await?;
    tokio::time::sleep(SETTLE).await;
    let seen = record(&meeting.program(), &Look::whole(LOOK).with_sound().with_packets(), SPAN).await?;
    drop((camera, browser));
    meeting.close().await?;
    let found = |number, hz| {
        let tile = tile_in(&view, &id(number)).unwrap_or(Rect { x: 0, y: 0, width: SIZE.width, height: SIZE.height });
        let part = seen.frames.first().map_or(tile, |frame| frame.part(tile, SIZE));
        told(lips::offsets(&seen, part, hz))
    };
    let what = "lip sync at the program, beep less flash:";
    Ok(vec![
        Row::from(&format!("{what} RTMP"), found(0, BY_RTMP)),
        Row::from(&format!("{what} a browser"), found(1, BY_WEBRTC)),
    ])
}

fn told(mut offsets: Vec<f64>) -> Result<String> {
    offsets.sort_by(f64::total_cmp);
    ensure!(offsets.len() >= 10, "only {} beeps with a flash were found", offsets.len());
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    Ok(format!("median {:+.0} ms, {first:+.0}…{last:+.0} ms of {}", offsets[offsets.len() / 2], offsets.len()))
}

/// A person who flashes and beeps in the first tenth of every second, by RTMP.
fn camera(url: &str) -> Result<Process> {
    let source = format!(
        "color=black:s=640x360:r=30[a];color=white:s=640x360:r=30[b];[a][b]overlay=enable='lt(mod(t,1),0.0999)'[out0];\
         aevalsrc='0.3*sin({BY_RTMP}*2*PI*t)*lt(mod(t,1),0.1)':s=48000[out1]"
    );
    let mut command = ffmpeg();
    command.args(["-re", "-f", "lavfi", "-i", &source]);
    command.args([
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-tune",
        "zerolatency",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "60",
    ]);
    command.args(["-c:a", "aac", "-b:a", "96k", "-f", "flv", url]);
    Process::start("a camera that flashes", &mut command)
}
