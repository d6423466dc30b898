//! The floor (active speaker) with real speech through the RTMP door.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use tilecast_lab::{
    people::{FOUR, Person},
    process::{Process, ffmpeg},
    service::Service,
};

use super::support::{LIMIT, address, document, service};

/// Somebody who says `text` once, in the voice `voice` of espeak-ng, and then sits there.
fn speak(service: &Service, person: &Person, voice: &str, text: &str, folder: &Path) -> Process {
    let spoken = folder.join(person.id).with_extension("wav");
    let said = Command::new("espeak-ng").args(["-v", voice, "-w"]).arg(&spoken).arg(text).status();
    assert!(said.expect("espeak-ng is installed (scripts/setup)").success());
    let mut camera = ffmpeg();
    camera.args(["-re", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-re", "-i"]).arg(&spoken);
    camera.args(["-map", "0:v", "-map", "1:a", "-af", "apad", "-c:v", "libx264", "-preset", "ultrafast"]);
    camera.args(["-tune", "zerolatency", "-pix_fmt", "yuv420p", "-g", "60", "-c:a", "aac", "-f", "flv"]);
    camera.arg(address(service, "r", person));
    Process::start(person.name, &mut camera).expect("FFmpeg")
}

struct Events {
    stream: reqwest::Response,
    text: String,
}

impl Events {
    async fn of(service: &Service) -> Self {
        let url = format!("{}/v1/rooms/r/events?levels=false", service.api().base());
        Self { stream: reqwest::get(&url).await.expect("an answer"), text: String::new() }
    }

    /// The next switch of the floor.
    async fn switch(&mut self) -> Value {
        loop {
            while let Some((event, rest)) = self.text.clone().split_once("\n\n") {
                self.text = rest.to_owned();
                if let Some(data) = event.strip_prefix("event: speaker\ndata: ") {
                    return serde_json::from_str(data).expect("JSON");
                }
            }
            let chunk = tokio::time::timeout(LIMIT, self.stream.chunk()).await.expect("the floor moves");
            let chunk = chunk.expect("readable").expect("it goes on");
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

#[tokio::test]
async fn the_floor_goes_to_who_speaks_and_is_free_when_they_leave() {
    let service = service(&[]).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [alice, bob, ..] = FOUR;
    let mut room = document(&[alice, bob]);
    room["speaker"] = json!({"mode": "auto", "hold_ms": 500});
    room["layout"] = json!({"template": "speaker"});
    service.api().put("/v1/rooms/r", &room).await.expect("a room");
    let mut events = Events::of(&service).await;

    let short = "Good morning everybody, thank you for joining.";
    let _alice = speak(&service, &alice, "en-gb+f3", short, folder.path());
    let first = events.switch().await;
    assert_eq!((&first["participant"], &first["why"]), (&json!("alice"), &json!("spoke")), "{first}");
    assert_eq!((&first["held"], &first["lost"]), (&json!(false), &json!(null)));
    assert_eq!((&first["scores"][0]["participant"], &first["scores"][0]["score"]), (&json!("alice"), &json!(1.0)));

    let long = "Let me share what the team found, it is not what we expected when we began the experiment. The build takes \
        eleven minutes now, down from forty, and most of that is spent waiting for the disk.";
    let mut talker = speak(&service, &bob, "en-us+m3", long, folder.path());
    let second = events.switch().await;
    assert_eq!((&second["participant"], &second["lost"]), (&json!("bob"), &json!("alice")), "{second}");
    assert!(["fell_silent", "louder"].map(Value::from).contains(&second["why"]), "{second}");
    let view = service.api().get("/v1/rooms/r/speaker").await.expect("the floor");
    assert_eq!((&view["participant"], &view["lost"], &view["why"]), (&json!("bob"), &json!("alice"), &second["why"]));
    assert_eq!(view["recent"], json!(["bob", "alice"]));

    talker.stop(LIMIT).await.ok();
    let third = events.switch().await;
    assert_eq!(
        (&third["participant"], &third["lost"], &third["why"]),
        (&json!("alice"), &json!("bob"), &json!("left"))
    );
    let view = service.api().get("/v1/rooms/r/speaker").await.expect("the floor");
    assert_eq!(view["recent"], json!(["alice"]));
}
