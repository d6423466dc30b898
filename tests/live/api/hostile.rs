//! Hostile uploads: a live server refuses each file with a sentence, and is otherwise unaffected.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tilecast_lab::service::{Service, Setup};

/// Longest anything may take to come about on a busy machine. Nothing waits this long when it works.
const LIMIT: Duration = Duration::from_secs(60);
/// What the front may have grown by, KiB, after all that.
const GROWTH: u64 = 20 << 10;

/// A server of this build, in this state folder.
async fn serve(state: &Path) -> Service {
    let arguments = vec!["--state".to_owned(), state.to_str().expect("UTF-8").to_owned()];
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    Service::start(program, Setup { arguments, ..Setup::default() }).await.expect("the service starts")
}

async fn upload(service: &Service, name: &str, file: Vec<u8>) -> (StatusCode, Value) {
    let client = Client::builder().timeout(LIMIT).no_proxy().build().expect("a client");
    let url = format!("{}/v1/assets/{name}", service.api().base());
    let answer = client.put(url).body(file).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn download(service: &Service, path: &str) -> (StatusCode, Vec<u8>) {
    let answer = reqwest::get(format!("{}{path}", service.api().base())).await.expect("an answer");
    (answer.status(), answer.bytes().await.expect("a body").to_vec())
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// The drawing processes of a front.
fn drawers(front: u32) -> usize {
    let child = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).unwrap_or_default();
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        // A dead one that nobody has waited for has no command line.
        parent == front.to_string() && (command.is_empty() || command.contains("\0raster\0"))
    };
    let processes =
        fs::read_dir("/proc").expect("a folder").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    processes.filter(|pid| child(pid)).count()
}

fn svg(body: &str) -> Vec<u8> {
    let open =
        r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="9" height="9">"#;
    format!("{open}{body}</svg>").into_bytes()
}

const RECT: &str = r#"<rect width="9" height="9"/>"#;

/// Each thing cut by the one before it.
fn chain(tag: &str, cut: &str, length: usize) -> Vec<u8> {
    let link = |n: usize| format!(r#"<{tag} id="c{}" {cut}="url(#c{n})">{RECT}</{tag}>"#, n + 1);
    let links: String = (0..length).map(link).collect();
    svg(&format!(r#"<{tag} id="c0">{RECT}</{tag}>{links}<rect {cut}="url(#c{length})" width="9" height="9"/>"#))
}

/// Each thing shows two of the one before it.
fn doubling(tag: &str, cut: &str, depth: usize) -> Vec<u8> {
    let twice = |n: usize| format!(r#"<rect width="9" height="9" {cut}="url(#c{n})"/>"#).repeat(2);
    let links: String = (0..depth).map(|n| format!(r#"<{tag} id="c{}">{}</{tag}>"#, n + 1, twice(n))).collect();
    svg(&format!(r#"<{tag} id="c0">{RECT}</{tag}>{links}<rect {cut}="url(#c{depth})" width="9" height="9"/>"#))
}

fn nested(open: &str, depth: usize, close: &str) -> Vec<u8> {
    svg(&format!("{}{RECT}{}", open.repeat(depth), close.repeat(depth)))
}

fn drawings() -> Vec<(&'static str, Vec<u8>)> {
    let uses = |width: usize, depth: usize| {
        let show = |n: usize| format!(r##"<use xlink:href="#u{n}"/>"##).repeat(width);
        let links: String = (0..depth).map(|n| format!(r#"<g id="u{}">{}</g>"#, n + 1, show(n))).collect();
        svg(&format!(r##"<defs><g id="u0">{RECT}</g>{links}</defs><use xlink:href="#u{depth}"/>"##))
    };
    let stops = r##"<stop offset="0.5" stop-color="#fff"/>"##.repeat(10_000);
    let stops = format!(r#"<linearGradient id="l">{stops}</linearGradient>"#);
    let filled = r#"<rect width="9" height="9" fill="url(#l)"/>"#.repeat(2000);
    let dashes =
        r##"<path d="M0 0L9 9M0 9L9 0" stroke="#000" stroke-width="9" stroke-dasharray="0.00001"/>"##.repeat(300);
    let curve = format!(r##"<path stroke="#000" stroke-width="1e6" d="M0 0{}"/>"##, "c1e9 9 -1e9 9 9 9".repeat(25_000));
    let blur = r#"<g filter="blur(900)"><rect width="9" height="9"/></g>"#.repeat(50);
    vec![
        ("masks-of-masks", chain("mask", "mask", 1283)),
        ("clips-of-clips", chain("clipPath", "clip-path", 1283)),
        ("masks-twice", doubling("mask", "mask", 40)),
        ("clips-twice", doubling("clipPath", "clip-path", 40)),
        ("groups", nested("<g>", 60_000, "</g>")),
        ("layers", nested(r#"<g opacity="0.9">"#, 900, "</g>")),
        ("blends", nested(r#"<g style="mix-blend-mode:multiply">"#, 900, "</g>")),
        ("svgs", nested("<svg>", 30_000, "</svg>")),
        ("uses-of-uses", uses(1, 5000)),
        ("uses-ten-times", uses(10, 12)),
        ("gradients", svg(&format!("{stops}{filled}"))),
        ("dashes", svg(&dashes)),
        ("curves", svg(&curve)),
        ("blurs", svg(&blur)),
        ("patterns", svg(&format!(r#"<pattern id="p" width="0.001" height="0.001">{RECT}</pattern>"#))),
        (
            "huge",
            format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1e30\" height=\"1e30\">{RECT}</svg>").into(),
        ),
        ("entities", b"<!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\">&a;</svg>".to_vec()),
        ("unclosed", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><g><g>".to_vec()),
    ]
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("written");
    file.into_inner()
}

/// The checksum of a PNG chunk (ISO/IEC 15948 annex D).
fn crc(bytes: &[u8]) -> [u8; 4] {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    (!bytes.iter().fold(0xffff_ffff, step)).to_be_bytes()
}

/// A PNG that says it is so large, with one more chunk before its pixels.
fn png(width: u32, height: u32, chunk: Option<(&[u8; 4], &[u8])>) -> Vec<u8> {
    let mut file = written(&DynamicImage::ImageRgb8(RgbImage::new(64, 64)), ImageFormat::Png);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&file[12..29]);
    file[29..33].copy_from_slice(&sum);
    if let Some((kind, data)) = chunk {
        let body = [&kind[..], data].concat();
        let whole = [&(data.len() as u32).to_be_bytes()[..], &body, &crc(&body)].concat();
        file.splice(33..33, whole);
    }
    file
}

fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let noise = RgbImage::from_fn(200, 200, |x, y| Rgb([((x * 7) ^ (y * 13)) as u8, (x * y) as u8, (x + y * 3) as u8]));
    let noise = DynamicImage::ImageRgb8(noise);
    let [jpeg, webp, whole] =
        [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Png].map(|form| written(&noise, form));
    let half = |file: &[u8]| file[..file.len() / 2].to_vec();
    let mut giant = jpeg.clone();
    let frame = giant.windows(2).position(|two| two == b"\xff\xc0").expect("a frame header");
    giant[frame + 5..frame + 9].fill(0xff);
    let mut wide = webp.clone();
    // VP8L keeps 14 bits of width and height (RFC 9649 section 3.4).
    wide[21..25].fill(0xff);
    vec![
        ("png-giant", png(60_000, 60_000, None)),
        ("png-long", png(8193, 1, None)),
        ("png-lies", png(5000, 3000, None)),
        ("png-cut", half(&whole)),
        ("jpeg-giant", giant),
        ("webp-giant", wide),
        ("webp-cut", half(&webp)),
        ("webp-empty", b"RIFF\x0c\0\0\0WEBPVP8 ".to_vec()),
        ("gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec()),
        ("nothing", Vec::new()),
        ("noise", (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
    ]
}

/// Asks for its health without a pause, until it is dropped.
struct Watch(Arc<AtomicBool>, tokio::task::JoinHandle<Duration>);

impl Watch {
    fn on(service: &Service) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (url, ends) = (format!("{}/healthz", service.api().base()), over.clone());
        let ask = async move {
            let (client, mut slowest) = (Client::builder().no_proxy().build().expect("a client"), Duration::ZERO);
            while !ends.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let answer = client.get(&url).send().await.expect("the front lives");
                assert_eq!(answer.status(), StatusCode::OK);
                slowest = slowest.max(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            slowest
        };
        Self(over, tokio::spawn(ask))
    }

    async fn end(self) -> Duration {
        self.0.store(true, Ordering::Relaxed);
        self.1.await.expect("healthy all along")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_files_are_refused_with_a_sentence_and_nothing_else_happens() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = serve(folder.path()).await;
    let logo = svg(RECT);
    assert_eq!(upload(&service, "logo", logo.clone()).await.0, StatusCode::CREATED);
    let before = resident_kib(service.id());
    let watch = Watch::on(&service);
    for (what, file) in drawings().into_iter().chain(pictures()) {
        let began = Instant::now();
        let (status, answer) = upload(&service, "logo", file).await;
        println!("{what}: {} in {:?}", answer["detail"], began.elapsed());
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{what}: {answer}");
        let sentence = answer["detail"].as_str().unwrap_or_default();
        assert!(sentence.len() > 20 && sentence.ends_with("nothing was changed"), "{what}: {sentence}");
    }
    println!("the slowest healthz took {:?}", watch.end().await);
    let after = resident_kib(service.id());
    println!("the front has {before} KiB before and {after} KiB after");
    assert!(after < before + GROWTH, "{before} KiB became {after} KiB");
    assert_eq!(drawers(service.id()), 0, "a child is left");
    assert_eq!(download(&service, "/v1/assets/logo").await, (StatusCode::OK, logo), "what was there is there");
    service.stop().await.expect("drains");
}

/// The colour in the middle of a picture.
fn middle(file: &[u8]) -> [u8; 3] {
    let picture = image::load_from_memory(file).expect("a picture").to_rgb8();
    picture.get_pixel(picture.width() / 2, picture.height() / 2).0
}

fn is_orange([red, green, blue]: [u8; 3]) -> bool {
    red.abs_diff(240) < 12 && green.abs_diff(130) < 12 && blue.abs_diff(20) < 12
}

#[tokio::test]
async fn good_images_are_kept_previewed_and_on_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = serve(folder.path()).await;
    let flat = DynamicImage::ImageRgba8(RgbaImage::from_pixel(160, 90, Rgba([240, 130, 20, 255])));
    let jpeg = written(&DynamicImage::ImageRgb8(flat.to_rgb8()), ImageFormat::Jpeg);
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90"><rect width="160" height="90" fill="#f08214"/></svg>"##;
    let [png, webp] = [ImageFormat::Png, ImageFormat::WebP].map(|format| written(&flat, format));
    let files = [("image/png", png), ("image/jpeg", jpeg), ("image/webp", webp), ("image/svg+xml", svg.to_vec())];
    for (kind, file) in files {
        let name = kind.split(['/', '+']).nth(1).expect("a name");
        let began = Instant::now();
        let (status, answer) = upload(&service, name, file.clone()).await;
        println!("{kind} took {:?}", began.elapsed());
        assert_eq!((status, &answer["type"], &answer["width"]), (StatusCode::CREATED, &json!(kind), &json!(160)));
        assert_eq!(download(&service, &format!("/v1/assets/{name}")).await, (StatusCode::OK, file));
        let template = json!({
            "background": {"image": {"asset": name, "fit": "fill"}},
            "arrangements": [{"places": [{"rect": {"x": 0, "y": 0, "width": 0.2, "height": 0.2}, "cast": ["joined"]}]}],
        });
        service.api().put(&format!("/v1/layouts/{name}"), &template).await.expect("a layout");
        let began = Instant::now();
        let (status, preview) = download(&service, &format!("/v1/layouts/{name}/preview.png?canvas=1280x720")).await;
        println!("its preview took {:?}", began.elapsed());
        assert_eq!(status, StatusCode::OK);
        assert!(is_orange(middle(&preview)), "{:?}", middle(&preview));
    }
    let room = |name: &str| json!({"canvas": {"width": 320, "height": 180}, "layout": {"template": name}});
    service.api().put("/v1/rooms/r", &room("png")).await.expect("a room");
    for name in ["svg", "jpeg", "webp", "png"] {
        service.api().put("/v1/rooms/r", &room(name)).await.expect("a room");
        let began = Instant::now();
        loop {
            let (status, frame) = download(&service, "/v1/rooms/r/snapshot.jpg").await;
            if status == StatusCode::OK && is_orange(middle(&frame)) {
                break;
            }
            assert!(began.elapsed() < LIMIT, "{name} is not on the program: {status}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Something else between two that look alike.
        service.api().put("/v1/rooms/r", &room("grid")).await.expect("a room");
        while is_orange(middle(&download(&service, "/v1/rooms/r/snapshot.jpg").await.1)) {
            assert!(began.elapsed() < LIMIT, "{name} stays on the program");
        }
    }
    service.stop().await.expect("drains");
}

#[tokio::test]
async fn a_folder_of_an_earlier_version_is_drawn_anew_and_its_bad_files_are_set_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let assets = folder.path().join("assets");
    fs::create_dir(&assets).expect("a folder");
    let good = svg(RECT);
    let files =
        [("good", good.clone()), ("bomb", chain("mask", "mask", 1283)), ("cut", png(64, 64, None)[..90].to_vec())];
    for (name, file) in &files {
        fs::write(assets.join(format!("{name}.asset")), file).expect("written");
    }
    fs::write(assets.join("stray.raster"), "of nothing").expect("written");
    let listed =
        |list: &Value| list["assets"].as_array().is_some_and(|list| list.len() == 1 && list[0]["name"] == "good");
    let aside = |name: &str| assets.join(format!("{name}.asset.corrupt-1")).exists();

    let service = serve(folder.path()).await;
    let watch = Watch::on(&service);
    service
        .api()
        .until("/v1/assets", LIMIT, |list| listed(list) && aside("bomb") && aside("cut"))
        .await
        .expect("drawn");
    watch.end().await;
    assert_eq!(download(&service, "/v1/assets/good").await, (StatusCode::OK, good));
    assert!(!assets.join("stray.raster").exists());
    service.stop().await.expect("drains");

    // What is kept counts as long as it is what was kept.
    let raster = assets.join("good.raster");
    let kept = fs::read(&raster).expect("a picture");
    let drawn_at = || fs::metadata(&raster).and_then(|file| file.modified()).expect("a time");
    let first = drawn_at();
    let service = serve(folder.path()).await;
    assert!(listed(&service.api().get("/v1/assets").await.expect("a list")), "it is there at once");
    service.stop().await.expect("drains");
    assert_eq!(drawn_at(), first, "it is not drawn again");
    let mut other = kept.clone();
    *other.last_mut().expect("a byte") ^= 1;
    fs::write(&raster, other).expect("written");
    let service = serve(folder.path()).await;
    service.api().until("/v1/assets", LIMIT, listed).await.expect("drawn");
    service.stop().await.expect("drains");
    assert_eq!(fs::read(&raster).expect("a picture"), kept, "drawn again");
}
