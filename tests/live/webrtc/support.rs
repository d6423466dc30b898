//! Support of the WebRTC tests: a service, pictures to publish, and its cost.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use str0m::{
    Event,
    format::Codec,
    media::{Frequency, MediaTime},
};
use tilecast_lab::{
    service::{Service, Setup},
    webrtc::Client,
};

/// Longest wait for anything on a busy machine. Nothing waits this long when it works.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A service with one room, `weekly`, in which `alice` and `bob` publish with the key `long-key`.
pub async fn service() -> Service {
    let program = Path::new(env!("CARGO_BIN_EXE_tilecast"));
    let service = Service::start(program, Setup::default()).await.expect("the service starts");
    let publish = json!({"source": {"type": "publish", "key": "long-key"}});
    let document = json!({
        "canvas": {"width": 640, "height": 360},
        "video": {"preset": "ultrafast", "bitrate_kbps": 1500},
        "participants": {"alice": publish, "bob": publish},
    });
    service.api().put("/v1/rooms/weekly", &document).await.expect("a room");
    service
}

/// Waits until the room is as wanted.
pub async fn until(service: &Service, wanted: impl Fn(&Value) -> bool) -> Value {
    service.api().until("/v1/rooms/weekly", LIMIT, wanted).await.expect("the room gets there")
}

/// A moving picture as a browser codes it in H.264, 30 a second; one access unit per vector.
pub fn pictures(seconds: u32) -> Vec<Vec<u8>> {
    let input = format!("testsrc2=size=320x180:rate=30:duration={seconds}");
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-f", "lavfi", "-i", &input])
        .args(["-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30"])
        .args(["-b:v", "400k", "-x264-params", "aud=1:sliced-threads=0", "-pix_fmt", "yuv420p", "-f", "h264", "-"])
        .output()
        .expect("ffmpeg");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    access_units(&output.stdout)
}

/// Cuts a stream before each access unit delimiter.
fn access_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let starts: Vec<usize> = (0..stream.len().saturating_sub(4))
        .filter(|at| stream[*at..*at + 4] == [0, 0, 0, 1] && stream[*at + 4] & 0x1f == 9)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(from, to)| stream[*from..to].to_vec()).collect()
}

/// Publishes the pictures in real time, with Opus silence, and returns the events meanwhile.
pub async fn publish(client: &mut Client, pictures: &[Vec<u8>]) -> Vec<Event> {
    /// 20 ms of silence in stereo (RFC 6716 §3.1: CELT, fullband, one frame).
    const SILENCE: [u8; 3] = [0xfc, 0xff, 0xfe];
    let begin = Instant::now();
    let mut events = Vec::new();
    let (audio, video) = (client.audio, client.video);
    let mut sounds = 0;
    for (index, picture) in pictures.iter().enumerate() {
        let at = Duration::from_secs(index as u64) / 30;
        let happened = client.run(begin + at).await.expect("connected");
        events.extend(happened.into_iter().map(|(_, event)| event));
        let time = MediaTime::new(index as u64 * 3000, Frequency::NINETY_KHZ);
        client.send(video, Codec::H264, time, picture).await.expect("sent");
        while Duration::from_millis(sounds * 20) <= at {
            let time = MediaTime::new(sounds * 960, Frequency::FORTY_EIGHT_KHZ);
            client.send(audio, Codec::Opus, time, &SILENCE).await.expect("sent");
            sounds += 1;
        }
    }
    events
}

/// CPU time of the service, s, and its memory, MiB.
pub async fn cost(service: &Service) -> (f64, f64) {
    let base = service.api().base();
    let text = reqwest::get(format!("{base}/metrics")).await.expect("metrics").text().await.expect("text");
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} is told"));
        line.split_whitespace().last().and_then(|number| number.parse::<f64>().ok()).expect("a number")
    };
    (value("process_cpu_seconds_total"), value("process_resident_memory_bytes") / 1_048_576.0)
}
