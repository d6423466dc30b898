//! Cost of many clients, and of many peers that are no clients. These tests are slow and print figures, so they run by
//! hand: `cargo test --test live webrtc::load -- --ignored --nocapture --test-threads 1`.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use str0m::Event;
use tilecast_lab::{
    process::Process,
    webrtc::{Client, Wire},
};
use tokio::net::UdpSocket;

use super::support::{cost, service, until};

const VIEWERS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for half a minute"]
async fn fifty_viewers_of_one_program() {
    let service = service().await;
    let base = service.api().base().to_owned();
    let document =
        json!({"canvas": {"width": 1280, "height": 720}, "video": {"preset": "ultrafast", "bitrate_kbps": 2500}});
    service.api().patch("/v1/rooms/weekly", &document).await.expect("a large room");
    let address = format!("{}/in/weekly/alice?key=long-key", service.rtmp());
    // Noise, so that the program takes all the rate it may.
    let input = "testsrc2=size=1280x720:rate=30,noise=alls=30:allf=t";
    let mut camera = Command::new("ffmpeg");
    camera.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-f", "lavfi", "-i", input]);
    camera.args(["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "6000k", "-g", "60", "-pix_fmt", "yuv420p"]);
    camera.args(["-f", "flv", &address]).stdin(Stdio::null()).stdout(Stdio::null());
    let _camera = Process::start("a noisy camera", &mut camera).expect("FFmpeg starts");
    until(&service, |view| view["status"]["participants"]["alice"]["showing"] == true).await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        viewers.push(Client::open(&base, "/whep/weekly", "", Wire::Udp).await.expect("let in"));
    }
    let began = Instant::now();
    let (before, _) = cost(&service).await;
    let until = began + Duration::from_secs(20);
    let watching = viewers.into_iter().map(|mut viewer| {
        tokio::spawn(async move {
            let events = viewer.run(until).await.expect("connected");
            let pictures = events.iter().filter_map(|(at, event)| match event {
                Event::MediaData(data) if data.mid == viewer.video => Some((*at, data.data.len())),
                _ => None,
            });
            pictures.collect::<Vec<_>>()
        })
    });
    let watching: Vec<_> = watching.collect();
    let mut rates = Vec::new();
    let mut gaps = Vec::new();
    for watched in watching {
        let pictures = watched.await.expect("watched");
        let bytes: usize = pictures.iter().map(|(_, bytes)| bytes).sum();
        rates.push(bytes as f64 * 8e-6 / 20.0);
        gaps.push(pictures.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default());
    }
    let (after, memory) = cost(&service).await;
    let cores = (after - before) / began.elapsed().as_secs_f64();
    let mean = rates.iter().sum::<f64>() / VIEWERS as f64;
    println!(
        "{VIEWERS} viewers: {cores:.2} core of the front, {memory:.0} MiB, {mean:.2} Mbit/s each, longest gap {:?}",
        gaps.iter().max().expect("viewers")
    );
    assert!(rates.iter().all(|rate| *rate > mean * 0.9), "{rates:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for ten seconds"]
async fn noise_costs_next_to_nothing() {
    let service = service().await;
    let base = service.api().base().to_owned();
    let viewer = Client::open(&base, "/whep/weekly", "", Wire::Udp).await.expect("let in");
    let port = viewer.port();
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let (before, memory) = cost(&service).await;
    let began = Instant::now();
    let mut sent = 0_u32;
    let kinds: [&[u8]; 4] =
        [&[0x80, 96, 1, 2], &[22, 254, 253, 0], &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42], &[0xff; 1200]];
    while began.elapsed() < Duration::from_secs(10) {
        for kind in kinds.iter().cycle().take(100) {
            let mut datagram = kind.to_vec();
            datagram.resize(kind.len().max(64), sent as u8);
            _ = socket.send_to(&datagram, port).await;
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    let (after, now) = cost(&service).await;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{:.0} datagrams/s of noise: {:.3} core of the front, {memory:.0} MiB before, {now:.0} MiB after",
        f64::from(sent) / seconds,
        (after - before) / seconds
    );
    assert!(now < memory + 16.0);
}
