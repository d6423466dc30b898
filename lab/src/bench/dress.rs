//! Cost of decorations and motion, and delay of a change of scene. The other programs do neither.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    alone::cores,
    figures::{Spread, ms},
    report::Row,
    shared::Bench,
    subject::{Meeting, Running},
};
use crate::watch::{Look, Player};
use tilecast::media::Rect;

/// Number of participants.
const PEOPLE: u32 = 9;

/// How often the compared states are repeated: other load on the machine then affects all alike. Differences are a few
/// percent, so there are more rounds than elsewhere.
const ROUNDS: u32 = 6;

/// Pause before a state is measured: scalers, pools and drawings are made again.
const SETTLE: Duration = Duration::from_secs(1);

/// Duration of each transition; one follows the other at once.
const TRANSITION: Duration = Duration::from_millis(300);

/// Number of changes for a median.
const CHANGES: u32 = 40;

/// Time between two changes: longer than a transition, and no multiple of a frame's or a GOP's, so that every phase
/// occurs.
const CHANGE_EVERY: Duration = Duration::from_millis(670);

/// Longest time until a change is seen.
const CHANGE_LIMIT: Duration = Duration::from_secs(5);

/// A corner of the canvas with nothing but background, and the difference of its brightness, of 255, that counts as a
/// change: far above an encoder's error on a still colour, below the first step of a transition.
const CORNER: Rect = Rect { x: 0, y: 0, width: 16, height: 16 };
const CHANGED: f32 = 4.0;

/// Duration of a frame.
const FRAME_MS: f64 = 1000.0 / super::FPS as f64;

const DARK: &str = "#101418";
const LIGHT: &str = "#c8d0d8";

/// A grid of everyone, inset by `inset` of the canvas at each edge.
fn grid(inset: f64, background: &str, dressed: bool) -> Value {
    let side = 1.0 - 2.0 * inset;
    let place = json!({
        "rect": {"x": inset, "y": inset, "width": side, "height": side},
        "cast": ["joined"], "aspect": "16:9", "flow": {"pack": "grid", "gap": 0.01},
    });
    let mut template = json!({
        "motion": {"easing": "linear"},
        "background": {"color": background},
        "arrangements": [{"places": [place]}],
    });
    if dressed {
        let label = json!({
            "text": {"words": "{name}", "background": "#000000a0", "anchor": "bottom_left"},
            "badges": ["muted", "speaking", "weak", "lost"],
        });
        let line = |width: f64, color: &str| json!({"width": width, "color": color});
        template["style"] = json!({
            "radius": 0.03, "border": line(0.004, "#c0d0e0"), "highlight": line(0.006, "#3dd68c"), "label": label,
        });
    }
    template
}

/// Insets between which the grid moves.
const AT: f64 = 0.03;
const AWAY: f64 = 0.2;

/// Every measurement of decorations and motion. A failed one is a row that says so.
pub async fn all(bench: &Bench) -> Vec<Row> {
    match measured(bench).await {
        Ok(rows) => rows,
        Err(error) => vec![Row::from("dress and motion", Err(error))],
    }
}

async fn measured(bench: &Bench) -> Result<Vec<Row>> {
    let first = json!({"template": grid(AT, DARK, false), "transition_ms": 0});
    let mut running = Running::meeting(bench, PEOPLE, &first).await?;
    // The first use of a connection, a codec and a page of memory costs more than later ones.
    tokio::time::sleep(SETTLE * 5).await;
    let dress = dressing(bench, &mut running).await?;
    let moving = moving(bench, &mut running).await?;
    let (cut, missed_cut) = changes(running.room()?, Duration::ZERO).await?;
    let (soft, missed_soft) = changes(running.room()?, TRANSITION).await?;
    running.end().await?;
    let row = |what: String, found: String| Row { what, found };
    let seen = |spread: Spread, most: Duration| {
        format!(
            "median {:.0} ms, most {:.0} ms of {}: {:.1} ticks",
            ms(spread.median),
            ms(most),
            spread.count,
            ms(most) / FRAME_MS
        )
    };
    let transition = TRANSITION.as_millis();
    Ok(vec![
        row(format!("labels, borders and round corners on {PEOPLE} tiles: CPU against bare ones"), dress),
        row(format!("{transition} ms transitions without a pause, {PEOPLE} dressed tiles: CPU against rest"), moving.0),
        row("REST → first changed frame, decoded at a player (cut)".to_owned(), seen(cut.0, cut.1)),
        row(format!("the same of a {transition} ms transition"), seen(soft.0, soft.1)),
        row(
            format!("ticks missed in all {} changes of scene with {PEOPLE}", moving.1.changes + 2 * CHANGES),
            (moving.1.missed + missed_cut + missed_soft).to_string(),
        ),
    ])
}

async fn put(room: &Meeting, template: &Value, transition: Duration) -> Result<()> {
    let choice = json!({"template": template, "transition_ms": transition.as_millis() as u64});
    room.api.put(&format!("{}/layout", room.path), &choice).await.map(drop)
}

/// Ticks the program has missed so far.
async fn missed(room: &Meeting) -> Result<u64> {
    let view = room.api.get(&room.path).await?;
    view["status"]["program"]["missed"].as_u64().context("the room does not say how many ticks it missed")
}

/// Duration of one state's measurement in one round.
fn span(bench: &Bench) -> Duration {
    bench.seconds / 3
}

async fn dressing(bench: &Bench, running: &mut Running) -> Result<String> {
    let (mut bare, mut dressed) = (0.0, 0.0);
    for round in 0..ROUNDS {
        // The order alternates, so that a machine that becomes slower favours neither.
        for second in [false, true] {
            let on = second ^ (round % 2 == 1);
            put(running.room()?, &grid(AT, DARK, on), Duration::ZERO).await?;
            let cores = cores(running, SETTLE, span(bench)).await?;
            *(if on { &mut dressed } else { &mut bare }) += cores / f64::from(ROUNDS);
        }
    }
    Ok(format!("{:+.1} % ({dressed:.3} cores, {bare:.3})", (dressed / bare - 1.0) * 100.0))
}

/// Number of changes made, and of ticks missed meanwhile.
struct Motion {
    changes: u32,
    missed: u64,
}

async fn moving(bench: &Bench, running: &mut Running) -> Result<(String, Motion)> {
    let (here, there) = (grid(AT, DARK, true), grid(AWAY, DARK, true));
    let (mut rest, mut moving) = (0.0, 0.0);
    let mut motion = Motion { changes: 0, missed: 0 };
    let share = 1.0 / f64::from(ROUNDS / 2);
    for _ in 0..ROUNDS / 2 {
        for template in [&here, &there] {
            put(running.room()?, template, Duration::ZERO).await?;
            rest += cores(running, SETTLE, span(bench)).await? * share / 2.0;
        }
        let (path, api) = (running.room()?.path.clone(), running.room()?.api.clone());
        let before = missed(running.room()?).await?;
        let (here, there) = (here.clone(), there.clone());
        let mover = async {
            let mut beat = tokio::time::interval(TRANSITION);
            for n in 0u32.. {
                beat.tick().await;
                let template = if n % 2 == 0 { &here } else { &there };
                let choice = json!({"template": template, "transition_ms": TRANSITION.as_millis() as u64});
                api.put(&format!("{path}/layout"), &choice).await?;
                motion.changes += 1;
            }
            Ok(())
        };
        let measured = tokio::select! {
            moved = mover => moved.and_then(|()| anyhow::bail!("it moved no more")),
            measured = cores(running, SETTLE, span(bench)) => measured,
        };
        moving += measured? * share;
        motion.missed += missed(running.room()?).await? - before;
    }
    Ok((format!("{:.2} times ({moving:.3} cores, {rest:.3})", moving / rest), motion))
}

/// Changes the background from dark to light and back, and finds the first frame that differs. Returns how long that
/// took (median and maximum), and how many ticks were missed.
async fn changes(room: &Meeting, transition: Duration) -> Result<((Spread, Duration), u64)> {
    put(room, &grid(AT, DARK, true), Duration::ZERO).await?;
    let mut player = Player::open(&room.program(), &Look::part(CORNER)).await?;
    // The server's cached GOP comes at once.
    let begun = Instant::now();
    while begun.elapsed() < SETTLE * 3 {
        player.picture(CHANGE_LIMIT).await?;
    }
    let before = missed(room).await?;
    let mut times = Vec::new();
    for n in 0..CHANGES {
        let still = player.picture(CHANGE_LIMIT).await?.mean(CORNER)[0];
        let asked = Instant::now();
        put(room, &grid(AT, if n % 2 == 0 { LIGHT } else { DARK }, true), transition).await?;
        loop {
            let frame = player.picture(CHANGE_LIMIT).await?;
            if (frame.mean(CORNER)[0] - still).abs() > CHANGED {
                times.push(frame.at - asked);
                break;
            }
            ensure!(asked.elapsed() < CHANGE_LIMIT, "a change of background did not reach the program");
        }
        while asked.elapsed() < CHANGE_EVERY {
            player.picture(CHANGE_LIMIT).await?;
        }
    }
    let most = times.iter().max().copied().context("no change")?;
    Ok(((Spread::of(times).context("no change")?, most), missed(room).await? - before))
}
