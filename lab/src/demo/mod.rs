//! `tilecast-lab demo`: a meeting of four synthetic people on a server of its own, to watch and to play with.
//!
//! Owns the show and its judgement; everything it starts, the server included, ends with it. It uses only the server's
//! public interfaces: RTMP and REST.

mod judge;

use std::{net::TcpListener, time::Duration};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use self::judge::Judge;
use crate::{
    api::Api,
    people::{Camera, FOUR, Person},
    process::{Process, interrupted},
    service::{Service, Setup},
    watch::Player,
};

/// Ports that are used when they are free, so that the printed addresses are those of the manuals.
const USUAL_HTTP: u16 = 8080;
const USUAL_RTMP: u16 = 1935;

/// The room's id.
const ROOM: &str = "demo";

/// The layouts, in order, and who has the floor in each.
const WALK: [(&str, &str); 6] = [
    ("grid", "alice"),
    ("speaker", "bob"),
    ("pip", "chen"),
    ("side-by-side", "alice"),
    ("presentation", "bob"),
    ("single", "dana"),
];

/// Duration of a layout: long enough to be seen by a person, or to be judged.
const STEP: Duration = Duration::from_secs(6);
const SHORTEST_STEP: Duration = Duration::from_secs(3);

/// Longest time until four people are live on a busy machine.
const JOIN_LIMIT: Duration = Duration::from_secs(30);

/// Longest time until the program is playable.
const PLAY_LIMIT: Duration = Duration::from_secs(20);

/// Joins four synthetic people in a meeting and walks through the layouts
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// End after this long, and fail unless every tile moved, every tone was heard and no frame was missing
    #[arg(long, value_parser = clap::value_parser!(u64).range(5..=86_400))]
    seconds: Option<u64>,
}

/// Runs the demo until its time is over or it is interrupted.
///
/// # Errors
/// When something cannot be started, or, with `--seconds`, when the program is not what it should be.
pub async fn run(args: Args) -> Result<()> {
    let stop = interrupted()?;
    let program = crate::product()?;
    let setup = Setup { http: usual(USUAL_HTTP), rtmp: usual(USUAL_RTMP), ..Setup::default() };
    let mut service = Service::start(&program, setup).await?;
    let judged = tokio::select! {
        judged = show(&mut service, args.seconds.map(Duration::from_secs)) => judged,
        () = stop => Ok(None),
    };
    let stopped = service.stop().await;
    if let Some(judge) = judged? {
        println!("{judge}");
        let faults = judge.faults();
        if !faults.is_empty() {
            bail!("{}", faults.join("; "));
        }
    }
    stopped
}

/// The port if it is free; `None` selects a free one.
fn usual(port: u16) -> Option<u16> {
    TcpListener::bind(("127.0.0.1", port)).ok().map(|_| port)
}

async fn show(service: &mut Service, length: Option<Duration>) -> Result<Option<Judge>> {
    let api = service.api().clone();
    let path = format!("/v1/rooms/{ROOM}");
    api.put(&path, &document()).await?;
    let mut people = Vec::new();
    for person in &FOUR {
        // The layouts show the names.
        let camera = Camera { named: false, ..Camera::default() };
        people.push(person.publish(&camera, &door(service, person))?);
    }
    let live = |view: &Value| FOUR.iter().all(|person| view["status"]["participants"][person.id]["state"] == "live");
    let joined = api.until(&path, JOIN_LIMIT, live).await;
    check(service, &mut people)?;
    if let Err(error) = joined {
        let view = api.get(&path).await.unwrap_or_default();
        bail!(
            "not everybody joined within {} s: {}",
            JOIN_LIMIT.as_secs(),
            missing(&view, &people).unwrap_or(error.to_string())
        );
    }
    announce(service, length);
    match length {
        None => walk(service, &mut people).await,
        Some(length) => judged_walk(service, &mut people, length).await.map(Some),
    }
}

/// The people who are not live, their states, and their cameras' messages; `None` when everybody is live.
fn missing(view: &Value, people: &[Process]) -> Option<String> {
    let state =
        |person: &Person| view["status"]["participants"][person.id]["state"].as_str().unwrap_or("unknown").to_owned();
    let told: Vec<String> = FOUR
        .iter()
        .zip(people)
        .map(|(person, camera)| (person, state(person), camera.last_words()))
        .filter(|(_, state, _)| state != "live")
        .map(|(person, state, words)| match words.is_empty() {
            true => format!("{} is {state}", person.name),
            false => format!("{} is {state}, and the camera says: {words}", person.name),
        })
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// The room. The last person's picture is a shared screen, and the floor is given, because all four hum without pause.
fn document() -> Value {
    let participant = |person: &Person| {
        let role = if person.id == "dana" { "screen" } else { "presenter" };
        json!({"name": person.name, "role": role, "source": {"type": "publish", "key": key(person)}})
    };
    json!({
        "layout": {"template": "grid"},
        "participants": FOUR.iter().map(|person| (person.id.to_owned(), participant(person))).collect::<serde_json::Map<_, _>>(),
        "speaker": {"mode": "manual"},
    })
}

fn key(person: &Person) -> String {
    format!("key-of-{}", person.id)
}

fn door(service: &Service, person: &Person) -> String {
    format!("{}/in/{ROOM}/{}?key={}", service.rtmp(), person.id, key(person))
}

fn program(service: &Service) -> String {
    format!("{}/out/{ROOM}", service.rtmp())
}

fn announce(service: &Service, length: Option<Duration>) {
    let api = service.api().base();
    println!("Four people are in the meeting.");
    println!("  watch it         ffplay -fflags nobuffer {}     (or open that address in VLC)", program(service));
    println!("  ask about it     {api}/v1/rooms/{ROOM}      (the API's manual: {api}/docs)");
    println!("  give Bob the floor");
    println!(
        "      curl -X PUT {api}/v1/rooms/{ROOM}/speaker -H 'content-type: application/json' -d '{{\"participant\":\"bob\"}}'"
    );
    match length {
        Some(length) => println!("It ends in {} s.", length.as_secs()),
        None => println!("Ctrl-C ends it."),
    }
}

/// # Errors
/// When the server or one of the people has ended.
fn check(service: &mut Service, people: &mut [Process]) -> Result<()> {
    service.process().check()?;
    people.iter_mut().try_for_each(Process::check)
}

/// Sets the floor and the layout of one step, and returns the room as it is then.
async fn step(api: &Api, number: usize) -> Result<(&'static str, Value)> {
    let (template, speaker) = WALK[number % WALK.len()];
    let path = format!("/v1/rooms/{ROOM}");
    api.put(&format!("{path}/speaker"), &json!({"participant": speaker})).await?;
    api.put(&format!("{path}/layout"), &json!({"template": template})).await?;
    Ok((template, api.get(&path).await?))
}

/// Changes layouts until it is stopped.
async fn walk(service: &mut Service, people: &mut [Process]) -> Result<Option<Judge>> {
    for number in 0.. {
        let (template, _) = step(service.api(), number).await?;
        println!("{template}");
        tokio::time::sleep(STEP).await;
        check(service, people)?;
    }
    Ok(None)
}

/// Shows as many layouts as there is time for, each once, and judges the program meanwhile.
async fn judged_walk(service: &mut Service, people: &mut [Process], length: Duration) -> Result<Judge> {
    let mut player = Player::open(&program(service), &Judge::look()).await?;
    player.picture(PLAY_LIMIT).await?;
    let end = Instant::now() + length;
    let steps = (length.as_secs() / SHORTEST_STEP.as_secs()).clamp(1, WALK.len() as u64) as u32;
    let mut judge = Judge::new();
    for number in 0..steps {
        let (template, view) = step(service.api(), number as usize).await?;
        judge.scene(template, &view, std::time::Instant::now())?;
        let until = if number + 1 == steps { end } else { Instant::now() + length / steps };
        loop {
            tokio::select! {
                () = sleep_until(until.min(end)) => break,
                seen = player.next() => judge.take(seen.context("the program ended")?),
            }
        }
        check(service, people)?;
    }
    Ok(judge)
}
