//! Publishing and watching, by UDP and by TCP.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use str0m::{Event, format::Codec};
use tilecast_lab::webrtc::{Client, Wire};

use super::support::{pictures, publish, service, until};

/// Frames that FFmpeg decodes of a stream, after checking that it complains of nothing.
fn decoded(stream: &[u8]) -> usize {
    let mut child = Command::new("ffprobe")
        .args(["-hide_banner", "-loglevel", "error", "-f", "h264", "-count_frames", "-show_entries"])
        .args(["stream=width,height,nb_read_frames", "-of", "csv=p=0", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffprobe");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(stream).expect("written");
    drop(input);
    let output = child.wait_with_output().expect("ffprobe");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(line.starts_with("640,360,"), "{line}");
    line.rsplit(',').next().and_then(|count| count.parse().ok()).expect("a count")
}

async fn meets(wire: Wire) {
    let service = service().await;
    let base = service.api().base().to_owned();
    let pictures = pictures(4);
    let mut alice = Client::open(&base, "/whip/weekly/alice", "long-key", wire).await.expect("alice is let in");
    let watching = tokio::spawn({
        let base = base.clone();
        async move {
            let mut viewer =
                Client::open(&base, "/whep/weekly?for=alice", "", wire).await.expect("the viewer is let in");
            let events = viewer.run(Instant::now() + Duration::from_secs(4)).await.expect("connected");
            viewer.leave().await.expect("goodbye");
            events
        }
    });
    publish(&mut alice, &pictures).await;
    let view = until(&service, |view| view["status"]["participants"]["alice"]["decoded"].as_u64() > Some(100)).await;
    let told = &view["status"]["participants"]["alice"];
    assert_eq!(
        (told["door"].as_str(), told["width"].as_u64(), told["height"].as_u64()),
        (Some("whip"), Some(320), Some(180))
    );
    assert_eq!((told["showing"].as_bool(), told["corrupt"].as_u64()), (Some(true), Some(0)), "{told}");
    alice.leave().await.expect("goodbye");
    until(&service, |view| view["status"]["participants"]["alice"]["state"] == "absent").await;

    let (mut stream, mut times, mut sounds) = (Vec::new(), Vec::new(), 0);
    for (_, event) in watching.await.expect("watched") {
        match event {
            Event::MediaData(data) if data.params.spec().codec == Codec::H264 => {
                assert!(data.contiguous && (!stream.is_empty() || data.is_keyframe()));
                stream.extend_from_slice(&data.data);
                times.push(data.time.as_seconds());
            }
            Event::MediaData(_) => sounds += 1,
            _ => {}
        }
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    let frames = decoded(&stream);
    assert!(frames > 90, "{frames} frames in 4 s");
    assert!(sounds > 150, "{sounds} sounds in 4 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_udp() {
    meets(Wire::Udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_tcp() {
    meets(Wire::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_client_with_the_key_takes_the_place_over() {
    let service = service().await;
    let base = service.api().base().to_owned();
    let pictures = pictures(1);
    let mut first = Client::open(&base, "/whip/weekly/alice", "long-key", Wire::Udp).await.expect("let in");
    publish(&mut first, &pictures).await;
    until(&service, |view| view["status"]["participants"]["alice"]["showing"] == true).await;
    let refused = Client::open(&base, "/whip/weekly/alice", "wrong", Wire::Udp).await.expect_err("refused");
    assert!(refused.to_string().contains("401"), "{refused}");
    first.run(Instant::now() + Duration::from_millis(200)).await.expect("connected");
    assert!(first.is_alive(), "who does not know the key throws nobody out");
    publish(&mut first, &pictures[..10]).await;
    let asked = Client::open(&base, "/whip/weekly/alice", "long-key", Wire::Udp).await.expect_err("asked first");
    assert!(asked.to_string().contains("409"), "{asked}");
    assert!(first.is_alive(), "a question throws nobody out");
    let taking = "/whip/weekly/alice?takeover=1";
    let mut second = Client::open(&base, taking, "long-key", Wire::Udp).await.expect("let in");
    publish(&mut second, &pictures).await;
    first.run(Instant::now() + Duration::from_millis(500)).await.expect("told properly");
    assert!(!first.is_alive(), "the first was told goodbye");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_goes_says_goodbye_to_everyone() {
    let service = service().await;
    let base = service.api().base().to_owned();
    let mut alice = Client::open(&base, "/whip/weekly/alice", "long-key", Wire::Udp).await.expect("let in");
    publish(&mut alice, &pictures(1)).await;
    let mut viewer = Client::open(&base, "/whep/weekly", "", Wire::Udp).await.expect("let in");
    viewer.run(Instant::now() + Duration::from_millis(200)).await.expect("connected");
    service.api().delete("/v1/rooms/weekly").await.expect("deleted");
    for client in [&mut alice, &mut viewer] {
        client.run(Instant::now() + Duration::from_millis(500)).await.expect("told properly");
        assert!(!client.is_alive());
    }
}
