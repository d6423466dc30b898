//! Load of many WHEP viewers of one program.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use str0m::Event;
use tokio::task::JoinSet;

use super::{
    figures::ms,
    layers::{Camera, PICTURES, POLL_LIMIT},
    report::Row,
    shared::Bench,
    subject::{Meeting, id, template},
};
use crate::{
    access_units::Recipe,
    meter,
    webrtc::{Client, Wire},
};
use tilecast::media::Size;

const VIEWERS: usize = 50;

/// Rate of the program's source picture, kbit/s, and its noise: more than the program may use, so that it uses all it
/// may.
const KBPS: u32 = 5000;
const NOISE: u32 = 30;

/// The measurement as a row; a failed one says so.
pub async fn row(bench: &Bench) -> Row {
    println!("WHEP viewers …");
    Row::from(&format!("{VIEWERS} WHEP viewers of one 2.5 Mbit/s program: CPU of the front"), measure(bench).await)
}

async fn measure(bench: &Bench) -> Result<String> {
    let meeting = Meeting::open(bench, 1, &template("grid")).await?;
    let pid = meeting.pid()?;
    let noisy = |size, kbps| Recipe::test_picture(size, PICTURES, kbps, NOISE);
    let camera = Camera::of(&[(None, Size { width: 1280, height: 720 }, KBPS)], noisy).await?;
    let mut senders = JoinSet::new();
    camera.publish(&meeting, 0, &mut senders).await?;
    let shows = |view: &serde_json::Value| view["status"]["participants"][id(0).as_str()]["showing"] == true;
    meeting.api.until(&meeting.path, POLL_LIMIT, shows).await?;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(Client::open(meeting.api.base(), &meeting.whep(), "", Wire::Udp).await?);
    }
    let begun = Instant::now();
    let until = begun + bench.seconds;
    let before = meter::cpu_alone(pid).context("the server is gone")?;
    let mut watching = JoinSet::new();
    for viewer in viewers {
        watching.spawn(watch(viewer, until));
    }
    let seen = watching.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    let after = meter::cpu_alone(pid).context("the server is gone")?;
    let cores = (after - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    drop(senders);
    meeting.close().await?;
    let rate = |bytes: usize| bytes as f64 * 8e-6 / bench.seconds.as_secs_f64();
    let mean = seen.iter().map(|(bytes, _)| rate(*bytes)).sum::<f64>() / VIEWERS as f64;
    ensure!(mean > 0.0, "the viewers saw nothing");
    let slowest = seen.iter().map(|(bytes, _)| rate(*bytes)).fold(f64::MAX, f64::min) / mean * 100.0;
    let gap = seen.iter().map(|(_, gap)| *gap).max().unwrap_or_default();
    Ok(format!(
        "{cores:.2} core; {mean:.2} Mbit/s each, the slowest {slowest:.0} % of that; longest gap {:.0} ms",
        ms(gap)
    ))
}

/// Bytes of pictures that a viewer received, and the longest time without one.
async fn watch(mut viewer: Client, until: Instant) -> Result<(usize, Duration)> {
    let (mut bytes, mut gap, mut last) = (0, Duration::ZERO, None::<Instant>);
    while Instant::now() < until {
        // Events are taken now and then, so that they do not pile up.
        let events = viewer.run(until.min(Instant::now() + Duration::from_secs(1))).await?;
        for (at, event) in events {
            let Event::MediaData(data) = event else { continue };
            if data.mid == viewer.video {
                gap = gap.max(last.map_or(Duration::ZERO, |last| at - last));
                (last, bytes) = (Some(at), bytes + data.data.len());
            }
        }
    }
    Ok((bytes, gap))
}
