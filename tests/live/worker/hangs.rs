//! Watchdog: a worker names its parts that hang or fail, and ends in time whatever hangs.

use std::{
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use tilecast::link::{Cause, Control, Part, Report, message::Settings};

use super::front::{Front, settings};

/// Stands in a pipeline and lets nothing through before any test is over.
const HANG: &str = "identity sleep-time=600000000 !";

/// Far longer than a worker may take to end, and far shorter than it would take if it waited for what hangs.
const LIMIT: Duration = Duration::from_secs(30);

/// Settings with something between an encoder's source and the encoder.
fn encoder_after(element: &str) -> Settings {
    let mut settings = settings(320, 180, 30);
    settings.pipelines.video = settings.pipelines.video.replace("! x264enc", &format!("! {element} x264enc"));
    settings
}

/// The end of a process.
fn end(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            return status;
        }
        if Instant::now() > deadline {
            // It only fails when the child has just ended.
            let _ = child.kill();
            panic!("the worker waits for what hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the worker says that this part hangs.
fn hangs(front: &mut Front, part: Part) {
    let late = Report::Late { part, cause: Cause::Hung };
    front.until(|front| front.reports.contains(&late).then_some(()));
}

fn faults(front: &Front) -> Vec<&str> {
    let faults = front.reports.iter().filter_map(|report| match report {
        Report::Fault { text, .. } => Some(text.as_str()),
        _ => None,
    });
    faults.collect()
}

#[test]
fn an_encoder_that_hangs_or_is_mute_is_named_and_the_worker_ends_all_the_same() {
    for element in [HANG, "identity drop-probability=1 !"] {
        let mut front = Front::start_process(encoder_after(element));
        hangs(&mut front, Part::Encoder);
        front.control(Control::Ping(7));
        front.until(|front| front.reports.contains(&Report::Pong(7)).then_some(()));
        front.control(Control::Stop);
        assert!(end(front.process()).success(), "{element}");
    }
}

#[test]
fn a_compositor_that_hangs_is_named_and_its_worker_ends_with_the_reason() {
    let mut settings = settings(320, 180, 30);
    settings.pipelines.stage = settings.pipelines.stage.replace("! appsink", &format!("! {HANG} appsink"));
    let mut front = Front::start_process(settings);
    hangs(&mut front, Part::Compositor);
    front.until(|front| faults(front).iter().any(|text| text.contains("gave no frame")).then_some(()));
    assert!(!end(front.process()).success());
}

#[test]
fn an_encoder_that_fails_is_noticed_at_once() {
    let mut front = Front::start_process(encoder_after("identity error-after=30 !"));
    front.until(|front| faults(front).iter().any(|text| text.contains("encoder failed")).then_some(()));
    assert!(
        !front.reports.iter().any(|report| matches!(report, Report::Late { .. })),
        "it did not have to stand still"
    );
    assert!(!end(front.process()).success());
}
