//! Three browsers that publish and watch, and two people with RTMP encoders, in one room.

use std::time::Duration;

use serde_json::{Value, json};
use tilecast::media::Size;
use tilecast_lab::{
    browser::{Browser, Devices},
    people::{Camera, FOUR, Person},
    service::Setup,
};

use super::support::{
    LIMIT, is_colour, lab, last_colour, levels, loudest, middle, parts, program, room, service, show, triple,
};

/// In browsers: id, colour, tone in Hz. No tone is another's harmonic, or one of the people's by RTMP.
const BROWSERS: [(&str, &str, f32); 3] =
    [("ada", "#c02020", 659.0), ("ben", "#20a040", 787.0), ("cyd", "#3040c0", 941.0)];

/// dBFS of a peak as Web Audio's analyser tells it. A tone of ours is at -16 - 13.6 (its window) or a little below;
/// what is left out of a mix is not there at all, and the analyser's noise is far below.
const HEARD: f64 = -45.0;
const SILENT: f64 = -75.0;

/// All that a page must come to see and hear.
fn is_whole(seen: &Value, without: usize) -> bool {
    let colours = BROWSERS.iter().enumerate().all(|(n, (_, colour, _))| is_colour(triple(&seen["colours"][n]), colour));
    let tones = (0..5).all(|n| {
        let level = seen["tones"][n].as_f64().expect("a level");
        if n == without { level < SILENT } else { level > HEARD }
    });
    colours && tones
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_people_see_all_and_hear_all_but_themselves() {
    let service = service(Setup::default()).await;
    let encoders: [Person; 2] = [FOUR[0], FOUR[1]];
    let ids: Vec<&str> = BROWSERS.iter().map(|(id, ..)| *id).chain(encoders.iter().map(|person| person.id)).collect();
    room(&service, &ids).await;
    let camera = Camera { picture: Some(Size { width: 320, height: 180 }), bitrate_kbps: 300, ..Camera::default() };
    let publish = |person: &Person| {
        let url = format!("{}/in/weekly/{}?key=key-of-{}", service.rtmp(), person.id, person.id);
        person.publish(&camera, &url).expect("FFmpeg starts")
    };
    let _cameras = encoders.each_ref().map(publish);
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    for (id, colour, hz) in BROWSERS {
        let (path, key) = (format!("/whip/weekly/{id}"), format!("key-of-{id}"));
        let what = json!({
            "path": path, "key": key, "colour": colour, "hz": hz, "width": 320, "height": 180, "fps": 15, "codec": "vp8",
        });
        browser.open_lab(id, service.api().base()).await.expect("a page");
        browser.run(id, &lab("whip"), what).await.expect("publishes");
        let what = json!({"path": format!("/whep/weekly?for={id}"), "key": key});
        browser.run(id, &lab("whep"), what).await.expect("watches");
    }
    let view = show(&service, &ids).await;

    let tones: Vec<f32> = BROWSERS.iter().map(|(.., hz)| *hz).chain(encoders.iter().map(|p| p.tone_hz)).collect();
    let rects: Vec<[f64; 4]> = ids.iter().map(|id| parts(middle(&view, id))).collect();
    for (without, (id, ..)) in BROWSERS.iter().enumerate() {
        let what = json!({"path": format!("/whep/weekly?for={id}"), "rects": rects, "hz": tones});
        let seen =
            browser.until(id, &lab("see"), &what, LIMIT, |seen| is_whole(seen, without)).await.expect("a meeting");
        assert_eq!(seen["size"], json!([640, 360]));
        // Purple has more blue than green, teal more green than red.
        let [alice, bob] = [3, 4].map(|n| triple(&seen["colours"][n]));
        assert!(alice[2] > alice[1] + 20.0 && bob[1] > bob[0] + 20.0, "{alice:?} {bob:?}");
    }

    let seen = program(&service, Duration::from_millis(1500)).await;
    for (id, colour, hz) in BROWSERS {
        let mean = last_colour(&seen, middle(&view, id));
        assert!(is_colour(mean, colour), "{id}: {mean:?} is not {colour}");
        let level = loudest(&seen, hz);
        assert!(level > -30.0, "{id} is heard at {:?} dBFS", levels(&seen, hz));
    }
    for person in &encoders {
        let level = loudest(&seen, person.tone_hz);
        assert!(level > -30.0, "{} is heard at {level} dBFS", person.name);
    }
}
