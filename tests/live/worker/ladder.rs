//! Degradation ladder: a machine that is too slow for its room, and recovers.

use std::{
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tilecast::{
    link::{Control, Report},
    media::{Packet, Role, Track},
};

use super::front::{Front, person, settings};

/// How long a starved process runs and how long it does not: as the kernel treats a control group that has used up its
/// share.
const SHARE: Duration = Duration::from_millis(120);

/// Gives a process half of the time as long as it is there.
struct Starving {
    enough: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Starving {
    fn begin(child: &Child) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let (ends, pid) = (Arc::clone(&enough), Pid::from_child(child));
        let thread = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                for signal in [Signal::STOP, Signal::CONT] {
                    // One that has ended starves no more.
                    let _ = kill_process(pid, signal);
                    std::thread::sleep(SHARE);
                }
            }
        });
        Self { enough, thread: Some(thread) }
    }
}

impl Drop for Starving {
    fn drop(&mut self) {
        self.enough.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn eased(front: &Front) -> Vec<(u32, &str)> {
    let eased = front.reports.iter().filter_map(|report| match report {
        Report::Eased { level, text } => Some((*level, text.as_str())),
        _ => None,
    });
    eased.collect()
}

#[test]
fn a_starved_room_does_without_step_by_step_and_has_it_all_back() {
    let mut settings = settings(320, 180, 30);
    settings.video.preset = "veryfast".to_owned();
    let mut front = Front::start_process(settings);
    front.control(Control::Participants(vec![person(0, None), person(1, None)]));
    front.cut(&[(0, (0, 0, 160, 180)), (1, (160, 0, 160, 180))]);
    front.until(|front| (front.packets.len() > 10).then_some(()));

    let starving = Starving::begin(front.process());
    for level in 1..=3 {
        front.until(|front| eased(front).last().is_some_and(|(now, _)| *now == level).then_some(()));
    }
    drop(starving);
    for level in [2, 1, 0] {
        front.until(|front| eased(front).last().is_some_and(|(now, _)| *now == level).then_some(()));
    }
    let begun = front.packets.len();
    front.until(|front| (front.packets.len() > begun + 100).then_some(()));

    let told = eased(&front);
    let levels: Vec<u32> = told.iter().map(|(level, _)| *level).collect();
    assert_eq!(levels, [1, 2, 3, 2, 1, 0]);
    for ((_, text), part) in told.iter().zip(["small tiles", "preset", "rate", "rate", "preset", "small tiles"]) {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(front.errors(), 0, "the program decodes all the way");
    let video: Vec<&Packet> = front.packets.iter().filter(|packet| packet.track() == Track::Video).collect();
    let configs = video.iter().filter(|packet| packet.role == Role::Config).count();
    assert_eq!(configs, 3, "the encoder was changed and changed back");
    for pair in video.windows(2) {
        assert!(pair[0].dts <= pair[1].dts, "time only rises");
        assert!(pair[0].role != Role::Config || pair[1].role == Role::Key, "a new encoder begins with a keyframe");
    }
    front.stop().1.expect("an orderly end");
}
