//! Measurements of what only Tilecast does: speaker switches, room starts, hidden participants, long meetings.

use std::{
    ops::Not,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::net::TcpStream;

use super::{
    figures::{Spread, ms, slope},
    report::Row,
    run::Watcher,
    shared::Bench,
    subject::{Meeting, Running, id, template, tile_in},
};
use crate::{clock, meter::Usage, picture::Frame, sender::Sender};
use tilecast::{
    front::{net::address::RtmpUrl, rtmp::client},
    media::Rect,
};

/// Number of speaker switches for a median.
const SWITCHES: u32 = 40;

/// Time between two switches: longer than any switch, and no multiple of a frame's or a GOP's, so that every phase
/// occurs.
const SWITCH_EVERY: Duration = Duration::from_millis(770);

/// Number of room starts for a median.
const STARTS: u32 = 5;

/// Participants who are hidden to measure their cost, beside the ones who are shown. There are many, because the speed
/// of the machine changes from minute to minute by more than one participant costs.
const HIDDEN: u32 = 8;
const BESIDE: u32 = 4;

/// How often the three states are repeated: other load on the machine then affects all alike.
const HIDDEN_ROUNDS: u32 = 3;

/// Longest time for a room to do what it is asked.
const ROOM_LIMIT: Duration = Duration::from_secs(10);

/// People in a soak, and how often one of them leaves; half of that time later, the person joins again.
const SOAK_PEOPLE: u32 = 4;
const SOAK_EVERY: Duration = Duration::from_secs(7);

/// A clock older than this belongs to somebody else: participants' clips begin a GOP apart, which is 2 s.
const SAME_PERSON: Duration = Duration::from_millis(1900);

/// Every measurement but the soak. A failed one is a row that says so.
pub async fn all(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    println!("Room start …");
    rows.push(Row::from("`PUT` of a room → the first frame of its program", start(bench).await));
    println!("Speaker switches …");
    rows.push(Row::from(
        "`PUT speaker` → first changed frame at the player (`speaker`, 4)",
        switches(bench, "speaker").await,
    ));
    println!("Casts …");
    rows.push(Row::from(
        "cast → first picture at the player (`single`, 4, no keyframe awaited)",
        switches(bench, "single").await,
    ));
    println!("Hidden participants …");
    rows.extend(match hidden(bench).await {
        Ok(found) => found,
        Err(error) => vec![Row::from("hidden participants", Err(error))],
    });
    rows
}

/// Time from the request that makes a room to the first frame of its program, at a player of the server itself.
async fn start(bench: &Bench) -> Result<String> {
    let meeting = Meeting::open(bench, 1, &template("grid")).await?;
    // A server of our own may have been started on the way. The room is made again, so that only its own start counts.
    meeting.api.delete(&meeting.path).await?;
    let address = RtmpUrl::parse(&meeting.program())?;
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        meeting.api.put(&meeting.path, &json!({"participants": {id(0): Meeting::participant()}})).await?;
        let stream = TcpStream::connect((address.host(), address.port())).await?;
        let mut player = client::play_on(stream, &address).await?;
        while player.next().await?.context("the program ended")?.is_keyframe().not() {}
        times.push(begun.elapsed());
        meeting.api.delete(&meeting.path).await?;
    }
    meeting.end().await?;
    let spread = Spread::of(times).context("no start")?;
    Ok(format!("median {:.0} ms of {}", ms(spread.median), spread.count))
}

/// Gives the floor from one participant to the next, and finds the first frame that shows the new one large.
async fn switches(bench: &Bench, layout: &str) -> Result<String> {
    let running = Running::meeting(bench, 4, &template(layout)).await?;
    let room = running.room()?;
    let speaker = format!("{}/speaker", room.path);
    let show = async |who: u32| room.api.put(&speaker, &json!({"participant": id(who)})).await;
    show(0).await?;
    let tile = large(room).await?;
    let mut watcher = Watcher::open(&running.program, vec![(tile, running.senders[0].log())]).await?;
    watcher.settle(|| Ok(())).await?;
    let mut times = Vec::new();
    for n in 1..=SWITCHES {
        let who = n % 4;
        let asked = Instant::now();
        show(who).await?;
        loop {
            let frame = watcher.player().picture(ROOM_LIMIT).await?;
            if frame.at > asked && shown(&running.senders, &frame, clock::strip(tile)) == Some(who) {
                times.push(frame.at - asked);
                break;
            }
            ensure!(asked.elapsed() < ROOM_LIMIT, "{} did not get the floor on the program", id(who));
        }
        // Between two switches the player goes on playing; its pictures are not used.
        watcher.watch(SWITCH_EVERY.saturating_sub(asked.elapsed()), || Ok(())).await?;
    }
    drop(watcher);
    running.end().await?;
    let spread = Spread::of(times).context("no switch")?;
    Ok(format!("median {:.0} ms, p99 {:.0} ms of {}", ms(spread.median), ms(spread.p99), spread.count))
}

/// Waits until the first participant has the largest tile, and returns that tile.
async fn large(room: &Meeting) -> Result<Rect> {
    let area = |view: &serde_json::Value, n| tile_in(view, &id(n)).map_or(0, |tile| tile.width * tile.height);
    let largest = |view: &serde_json::Value| (1..4).all(|n| area(view, 0) > area(view, n));
    let view = room.api.until(&room.path, ROOM_LIMIT, largest).await?;
    tile_in(&view, &id(0)).context("the first participant has no tile")
}

/// The sender whose clock a frame shows: the one for which the frame is youngest.
fn shown(senders: &[Sender], frame: &Frame, strip: Rect) -> Option<u32> {
    let counter = clock::read(frame, strip)?;
    let ages = (0..).zip(senders).filter_map(|(n, sender)| Some((sender.log().age(counter, frame.at)?, n)));
    ages.min().filter(|(age, _)| *age < SAME_PERSON).map(|(_, n)| n)
}

/// CPU with some participants shown, with more participants who are hidden, and with those shown too.
async fn hidden(bench: &Bench) -> Result<Vec<Row>> {
    let mut running = Running::meeting(bench, BESIDE + HIDDEN, &template("grid")).await?;
    let (path, api) = (running.room()?.path.clone(), running.room()?.api.clone());
    let set_hidden = async |hidden: bool| -> Result<()> {
        for n in BESIDE..BESIDE + HIDDEN {
            api.patch(&format!("{path}/participants/{}", id(n)), &json!({"hidden": hidden})).await?;
        }
        Ok(())
    };
    let doors: Vec<String> =
        (0..BESIDE + HIDDEN).map(|n| running.room().map(|room| room.door(n))).collect::<Result<_>>()?;
    let (mut all_shown, mut some_hidden, mut some_gone) = (0.0, 0.0, 0.0);
    let share = 1.0 / f64::from(HIDDEN_ROUNDS);
    let (settle, span) = (Duration::from_secs(3), bench.seconds / HIDDEN_ROUNDS);
    for _ in 0..HIDDEN_ROUNDS {
        all_shown += cores(&mut running, settle, span).await? * share;
        set_hidden(true).await?;
        some_hidden += cores(&mut running, settle, span).await? * share;
        running.senders.truncate(BESIDE as usize);
        some_gone += cores(&mut running, settle, span).await? * share;
        set_hidden(false).await?;
        for (n, door) in (0..).zip(&doors).skip(BESIDE as usize) {
            running.senders.push(bench.sender(door, n).await?);
        }
    }
    running.end().await?;
    let each = |more: f64, less: f64| (more - less) / f64::from(HIDDEN) * 100.0;
    let (hidden, shown) = (each(some_hidden, some_gone), each(all_shown, some_gone));
    let text = format!("{hidden:.2} % of a core, {:.0} % of a shown one's {shown:.1} %", hidden / shown * 100.0);
    Ok(vec![Row { what: format!("a hidden 720p participant ({HIDDEN} beside {BESIDE} shown)"), found: text }])
}

/// CPU of the server over `span`, after a pause of `settle`, cores.
///
/// # Errors
/// When a participant or the server has ended, or the server's processes are not visible to us.
pub async fn cores(running: &mut Running, settle: Duration, span: Duration) -> Result<f64> {
    tokio::time::sleep(settle).await;
    let (before, begun) = (Usage::of(&running.roots), Instant::now());
    tokio::time::sleep(span).await;
    let after = Usage::of(&running.roots);
    running.check()?;
    ensure!(after.processes > 0, "the server's process is not known; --server-pid tells it");
    Ok(after.cores_since(&before, begun.elapsed()))
}

/// A long meeting in which somebody leaves and comes back every 7 s. Usage is sampled when everybody is there.
pub async fn soak(bench: &Bench, length: Duration) -> Vec<Row> {
    match try_soak(bench, length).await {
        Ok(rows) => rows,
        Err(error) => vec![Row::from("soak", Err(error))],
    }
}

async fn try_soak(bench: &Bench, length: Duration) -> Result<Vec<Row>> {
    let mut running = Running::meeting(bench, SOAK_PEOPLE, &template("grid")).await?;
    let doors: Vec<String> =
        (0..SOAK_PEOPLE).map(|n| running.room().map(|room| room.door(n))).collect::<Result<_>>()?;
    let mut watcher = Watcher::open(&running.program, vec![(running.tiles[0], running.senders[0].log())]).await?;
    watcher.settle(|| running.check()).await?;
    let (begun, mut samples, mut missing) = (Instant::now(), Vec::new(), 0);
    for turn in 0.. {
        if begun.elapsed() > length {
            break;
        }
        // The first participant stays, because its clock is watched.
        let who = 1 + turn % (SOAK_PEOPLE - 1);
        let place = who as usize;
        drop(running.senders.remove(place));
        missing += watcher.watch(SOAK_EVERY / 2, || running.check()).await?.missing;
        running.senders.insert(place, bench.sender(&doors[place], who).await?);
        missing += watcher.watch(SOAK_EVERY / 2, || running.check()).await?.missing;
        samples.push((begun.elapsed(), Usage::of(&running.roots)));
    }
    drop(watcher);
    running.end().await?;
    // In the first fifth, caches and pools fill up.
    let steady = &samples[samples.len() / 5..];
    let (first, last) = (steady.first().context("too short")?.1, steady.last().context("too short")?.1);
    let points: Vec<_> =
        steady.iter().map(|(at, usage)| (at.as_secs_f64() / 3600.0, usage.rss_kib as f64 / 1024.0)).collect();
    let row = |what: &str, found: String| Row { what: what.to_owned(), found };
    Ok(vec![
        row(
            "soak: length, times somebody left and came back",
            format!("{:.0} min, {}", length.as_secs_f64() / 60.0, samples.len()),
        ),
        row(
            "soak: memory slope",
            format!("{:+.1} MiB an hour ({} → {} MiB)", slope(&points), first.rss_kib / 1024, last.rss_kib / 1024),
        ),
        row(
            "soak: threads, descriptors, first → last",
            format!("{} → {}, {} → {}", first.threads, last.threads, first.descriptors, last.descriptors),
        ),
        row("soak: frames missing", missing.to_string()),
    ])
}
