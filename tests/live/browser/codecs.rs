//! Every codec that the browser sends: painted colours and a tone arrive unchanged on the program, and a fake camera
//! moves.

use std::time::Duration;

use serde_json::json;
use tilecast::media::Rect;
use tilecast_lab::{
    browser::{Browser, Devices},
    picture::difference,
    service::Setup,
};

use super::support::{is_colour, lab, last_colour, levels, loudest, middle, program, room, service, show, until};

/// Codecs with a colour for each, so that no picture of the one before passes for it.
const CODECS: [(&str, &str); 4] = [("h264", "#c02020"), ("vp8", "#20a040"), ("vp9", "#3040c0"), ("av1", "#c0a020")];

const TONE_HZ: f32 = 659.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_codec_of_the_browser_arrives_as_it_was_painted() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    browser.open_lab("ada", service.api().base()).await.expect("a page");
    for (codec, colour) in CODECS {
        let what = json!({
            "path": "/whip/weekly/ada", "key": "key-of-ada", "codec": codec, "colour": colour, "hz": TONE_HZ, "fps": 20,
        });
        browser.run("ada", &lab("whip"), what).await.expect("publishes");
        let view = show(&service, &["ada"]).await;
        let seen = program(&service, Duration::from_millis(1500)).await;
        let mean = last_colour(&seen, middle(&view, "ada"));
        assert!(is_colour(mean, colour), "{codec}: {mean:?} is not {colour}");
        let level = loudest(&seen, TONE_HZ);
        assert!(level > -30.0, "{codec}: the tone is at {:?} dBFS", levels(&seen, TONE_HZ));
        let left = browser.run("ada", &lab("leave"), json!({"path": "/whip/weekly/ada"})).await.expect("leaves");
        assert_eq!(left, 200);
        until(&service, |view| view["status"]["participants"]["ada"]["state"] == "absent").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_moves_on_the_program_in_whichever_layer() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    browser.open_lab("ada", service.api().base()).await.expect("a page");
    let layers = json!([{"rid": "l", "scaleResolutionDownBy": 2}, {"rid": "h"}]);
    let what = json!({"path": "/whip/weekly/ada", "key": "key-of-ada", "camera": true, "encodings": layers});
    browser.run("ada", &lab("whip"), what).await.expect("publishes");
    let view = show(&service, &["ada"]).await;
    let seen = program(&service, Duration::from_secs(2)).await;
    let middle = middle(&view, "ada");
    let recent = &seen.frames[seen.frames.len() - 30..];
    let moves = recent.windows(2).filter(|two| difference(&two[0], &two[1], middle) > 0.5).count();
    // Chromium's fake camera makes 20 pictures a second.
    assert!(moves > 12, "{moves} of 29 pictures differ from the one before");
    let [red, green, blue] = last_colour(&seen, middle);
    assert!(green > red + 60.0 && green > blue + 60.0, "the fake camera is green, not {red} {green} {blue}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_on_its_side_is_stood_up_also_for_who_sees_it_later() {
    let service = service(Setup::default()).await;
    room(&service, &["ada"]).await;
    let mut browser = Browser::start(Devices::Fake).expect("a browser");
    browser.open_lab("ada", service.api().base()).await.expect("a page");
    // Which half its left is then in: the upper or the lower.
    for (codec, rotation, top) in [("vp8", 90, 0), ("vp9", 270, 1)] {
        let what = json!({
            "path": "/whip/weekly/ada", "key": "key-of-ada", "codec": codec, "colour": "#c02020", "beside": "#3040c0",
            "rotation": rotation, "fps": 20,
        });
        browser.run("ada", &lab("whip"), what).await.expect("publishes");
        for hidden in [false, true] {
            if hidden {
                let at = "/v1/rooms/weekly/participants/ada";
                service.api().patch(at, &json!({"hidden": true})).await.expect("hidden");
                until(&service, |view| view["status"]["participants"]["ada"]["showing"] == false).await;
                service.api().patch(at, &json!({"hidden": false})).await.expect("shown");
            }
            let view = until(&service, |view| {
                let ada = &view["status"]["participants"]["ada"];
                ada["showing"] == true && ada["height"].as_u64() > ada["width"].as_u64()
            })
            .await;
            let seen = program(&service, Duration::from_millis(1000)).await;
            let whole = middle(&view, "ada");
            let half = Rect { height: whole.height / 3, ..whole };
            let lower = Rect { y: whole.y + (whole.height - half.height) as i32, ..half };
            // Frames made by hand lose a little of their colour on the way, which is the browser's affair.
            let reds = [half, lower].map(|rect| {
                let [red, _, blue] = last_colour(&seen, rect);
                red - blue
            });
            assert!(reds[top] > 80.0 && reds[1 - top] < -80.0, "{codec} turned by {rotation}: {reds:?}");
        }
        browser.run("ada", &lab("leave"), json!({"path": "/whip/weekly/ada"})).await.expect("leaves");
        until(&service, |view| view["status"]["participants"]["ada"]["state"] == "absent").await;
    }
}
