//! `tilecast layout` (template linter and renderer): checks and draws template files, for a repository of templates
//! with its own CI.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};

use crate::{
    base::{AssetHash, AssetName},
    draw::{self, Fonts, MAX_FILE_BYTES, Rehearsal, upload},
    layout::{
        Arguments, Canvas, Director, Face, Layout, MAX_TILES, Meeting, Person, Template, advise,
        template::MAX_TEMPLATE_BYTES,
    },
};

/// What to do with templates.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say everything that is wrong with templates, and what looks like a mistake
    Check(Check),
    /// Draw a template with stand-in people, as PNG
    Render(Render),
}

/// Exits with 1 if a template cannot be used, or with --strict if there is a warning.
#[derive(Debug, Args)]
pub struct Check {
    /// Templates; of files named *.schema.json, which lie beside them for editors, none is looked at
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The canvas they are meant for
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = canvas)]
    canvas: Canvas,
    /// How many people warnings and costs are for
    #[arg(long, value_name = "NUMBER", default_value_t = 9, value_parser = people)]
    participants: usize,
    /// Folder of the images they show, NAME.png and so on; without it, images are not looked for
    #[arg(long, value_name = "FOLDER")]
    assets: Option<PathBuf>,
    /// Warnings count as faults
    #[arg(long)]
    strict: bool,
    /// Say how long a scene of 64 people takes to work out
    #[arg(long)]
    time: bool,
}

/// Draws what `GET /v1/layouts/{name}/preview.png` draws, without a server.
#[derive(Debug, Args)]
pub struct Render {
    /// The template
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where the picture goes
    #[arg(short, long, value_name = "FILE.png")]
    output: PathBuf,
    /// How large it is
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "1280x720", value_parser = canvas)]
    canvas: Canvas,
    /// How many people there are, at most 64; the last ones play the roles that the template asks for
    #[arg(long, value_name = "NUMBER", default_value_t = 7, value_parser = people)]
    participants: usize,
    /// How many of them are screen shares; left out, one if the template asks for it
    #[arg(long, value_name = "NUMBER")]
    screen: Option<usize>,
    /// Which has the floor, counted from 1; 0 is nobody
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    speaking: usize,
    /// Which is pinned, counted from 1; 0 is nobody
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pinned: usize,
    /// For how many seconds this has been so
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seconds: u64,
    /// A parameter of the template, such as corner=top_left; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    parameter: Vec<String>,
    /// Folder of the images it shows, NAME.png and so on
    #[arg(long, value_name = "FOLDER")]
    assets: Option<PathBuf>,
}

fn canvas(text: &str) -> Result<Canvas, String> {
    let sides = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (width, height) = sides.ok_or("write WIDTHxHEIGHT, such as 1920x1080")?;
    let canvas = Canvas { width, height, ..Canvas::default() };
    canvas.check().into_iter().next().map_or(Ok(canvas), |fault| Err(fault.to_string()))
}

fn people(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number <= MAX_TILES);
    number.ok_or_else(|| format!("give a number from 0 to {MAX_TILES}"))
}

/// Does it.
///
/// # Errors
/// What is wrong, already told for each file.
pub fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Check(args) => check(&args),
        Command::Render(args) => render(&args),
    }
}

fn check(args: &Check) -> anyhow::Result<()> {
    let assets = args.assets.as_deref().map(assets).transpose()?;
    let (mut faults, mut warnings) = (0, 0);
    let is_schema = |file: &&PathBuf| file.to_string_lossy().ends_with(".schema.json");
    let files: Vec<&PathBuf> = args.files.iter().filter(|file| !is_schema(file)).collect();
    for file in &files {
        let name = file.display();
        let template = match read(file)? {
            Ok(template) => template,
            Err(found) => {
                faults += found.len();
                found.iter().for_each(|fault| println!("{name}: {fault}"));
                continue;
            }
        };
        let known = |asset: &AssetName| assets.as_ref().is_none_or(|assets| assets.contains_key(asset));
        let advice = advise(&template, args.participants, &args.canvas, known);
        warnings += advice.warnings.len();
        advice.warnings.iter().for_each(|warning| println!("{name}: warning: {warning}"));
        let cost = advice.cost;
        println!(
            "{name}: sound; {} on {}x{} take about {:.0} % of a core: {:.0} % decoding {}, {:.0} % encoding",
            counted(args.participants, "person", "people"),
            args.canvas.width,
            args.canvas.height,
            cost.total_percent,
            cost.decode_percent,
            counted(cost.tiles, "tile", "tiles"),
            cost.encode_percent
        );
        if args.time {
            println!(
                "{name}: a scene of {MAX_TILES} people takes {:?} to work out",
                solve_time(&template, &args.canvas)
            );
        }
    }
    if faults > 0 || (args.strict && warnings > 0) {
        bail!(
            "{} and {} in {}",
            counted(faults, "fault", "faults"),
            counted(warnings, "warning", "warnings"),
            counted(files.len(), "template", "templates")
        );
    }
    Ok(())
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Median time over many scenes of a meeting in which the floor goes round.
fn solve_time(template: &Template, canvas: &Canvas) -> Duration {
    let roles = ["screen", "presenter", "guest"];
    let person = |n: usize| Person {
        id: format!("person-{n}").parse().expect("an id"),
        name: format!("Person {n}"),
        role: roles.get(n).map(|role| (*role).to_owned()),
        face: Face::Picture,
    };
    let people: Vec<Person> = (0..MAX_TILES).map(person).collect();
    let recent: Vec<_> = people.iter().map(|person| person.id.clone()).collect();
    let layout = Layout::new(template, &Arguments::new(), |_| None);
    let mut director = Director::default();
    let mut times: Vec<Duration> = (0..1000)
        .map(|round| {
            let floor = Some(&people[round % MAX_TILES].id);
            let meeting = Meeting { floor, recent: &recent, ..Meeting::of(&people, canvas) };
            let began = Instant::now();
            director.direct(&layout, &meeting, Duration::from_millis(round as u64));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn render(args: &Render) -> anyhow::Result<()> {
    let rehearsal = Rehearsal {
        participants: args.participants,
        screens: args.screen,
        speaking: args.speaking,
        pinned: args.pinned,
        seconds: args.seconds,
    };
    if let Some(fault) = rehearsal.fault() {
        bail!("--{fault}");
    }
    if args.output.extension().is_none_or(|ending| ending != "png") {
        bail!("{} will be a PNG picture; give it a name that ends in .png", args.output.display());
    }
    let template = read(&args.file)?.map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{} cannot be used:\n  {}", args.file.display(), lines.join("\n  "))
    })?;
    let arguments = arguments(&args.parameter)?;
    if let Some(fault) = template.check_arguments(&arguments).first() {
        bail!("--parameter {} {}", fault.pointer.trim_start_matches('/'), fault.detail);
    }
    let assets = args.assets.as_deref().map(assets).transpose()?.unwrap_or_default();
    let hash = |name: &AssetName| assets.get(name).map(|file| AssetHash::of(file));
    let layout = Layout::new(&template, &arguments, hash);
    let by_hash: BTreeMap<AssetHash, &Bytes> = assets.values().map(|file| (AssetHash::of(file), file)).collect();
    let mut shown = BTreeMap::new();
    for hash in layout.images() {
        if let Some(file) = by_hash.get(&hash) {
            shown.insert(hash, Arc::new(upload::draw(file).context("an image cannot be shown")?.pixels));
        }
    }
    let picture =
        draw::preview(&mut Fonts::load(), &layout, &rehearsal, &args.canvas, &|hash| shown.get(&hash).cloned());
    std::fs::write(&args.output, draw::png(&picture)).with_context(|| format!("cannot write {}", args.output.display()))
}

fn read(path: &Path) -> anyhow::Result<Result<Template, Vec<crate::layout::Fault>>> {
    let text = bytes(path, MAX_TEMPLATE_BYTES as u64)?;
    Ok(Template::parse(&text))
}

/// The first bytes of a file: one more than it may have, so that its reader reports the length.
fn bytes(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.take(most + 1).read_to_end(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn arguments(given: &[String]) -> anyhow::Result<Arguments> {
    let mut arguments = Arguments::new();
    for given in given {
        let (name, value) = given.split_once('=').with_context(|| format!("--parameter {given}: write NAME=VALUE"))?;
        let json = if value.parse::<f64>().is_ok() { value.to_owned() } else { format!("{value:?}") };
        let argument = serde_json::from_str(&json)
            .with_context(|| format!("--parameter {given}: give a number, or an anchor such as top_left"))?;
        arguments.insert(name.to_owned(), argument);
    }
    Ok(arguments)
}

/// The images of a folder, by their names without the ending.
fn assets(folder: &Path) -> anyhow::Result<BTreeMap<AssetName, Bytes>> {
    let mut assets = BTreeMap::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let image = path.extension().and_then(|ending| ending.to_str());
        let image = image.is_some_and(|ending| ["png", "jpg", "jpeg", "webp", "svg"].contains(&ending));
        let Some(name) = path.file_stem().and_then(|name| name.to_str()).filter(|_| image) else { continue };
        let name: AssetName =
            name.parse().with_context(|| format!("{} has a name no asset can have", path.display()))?;
        let file = bytes(&path, MAX_FILE_BYTES as u64)?;
        upload::inspect(&file).with_context(|| format!("{} cannot be shown", path.display()))?;
        assets.insert(name, file.into());
    }
    Ok(assets)
}
