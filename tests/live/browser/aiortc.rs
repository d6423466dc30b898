//! Interoperability with a third WebRTC stack, beside browsers and our own.

use std::time::Duration;

use serde_json::{Value, json};
use tilecast_lab::{aiortc, service::Setup};

use super::support::{is_colour, last_colour, loudest, middle, parts, program, room, service, show, triple};

/// Id, colour, tone in Hz, codec.
const PEOPLE: [(&str, [u8; 3], &str, f32, &str); 2] =
    [("ada", [0xc0, 0x20, 0x20], "#c02020", 659.0, "h264"), ("ben", [0x20, 0xa0, 0x40], "#20a040", 787.0, "vp8")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aiortc_publishes_and_watches() {
    let service = service(Setup::default()).await;
    let ids = PEOPLE.map(|(id, ..)| id);
    room(&service, &ids).await;
    let base = service.api().base();
    let publish = |(id, colour, _, hz, codec): (&str, [u8; 3], &str, f32, &str)| {
        let url = format!("{base}/whip/weekly/{id}");
        aiortc::publish(&url, &format!("key-of-{id}"), colour, hz, codec).expect("Python starts")
    };
    let mut clients = PEOPLE.map(publish);
    let view = show(&service, &ids).await;
    let rects = ids.map(|id| parts(middle(&view, id)));
    let tones = PEOPLE.map(|(.., hz, _)| hz);
    let url = format!("{base}/whep/weekly?for=ada");
    let watching = aiortc::watch(&url, "key-of-ada", &rects, &tones, Duration::from_secs(5));
    let (told, seen) = tokio::join!(watching, program(&service, Duration::from_secs(2)));
    let told: Value = told.expect("it watches");
    assert_eq!(told["size"], json!([640, 360]), "{told}");
    assert!(told["pictures"].as_u64() > Some(75), "{told}");
    for (n, (id, _, colour, hz, codec)) in PEOPLE.into_iter().enumerate() {
        assert!(is_colour(triple(&told["colours"][n]), colour), "{id}: {told}");
        let mean = last_colour(&seen, middle(&view, id));
        assert!(is_colour(mean, colour), "{id} by {codec}: {mean:?} is not {colour}");
        let level = loudest(&seen, hz);
        assert!(level > -30.0, "{id} is heard at {level} dBFS");
    }
    let levels = [0, 1].map(|n| told["tones"][n].as_f64().expect("a level"));
    assert!(levels[0] < -60.0 && levels[1] > -30.0, "ada hears ben but not herself: {told}");
    clients.iter_mut().for_each(|client| client.check().expect("it goes on"));
}
