//! Transitions: changes of scene that take time.

use tilecast::{layout::Transition, link::Control, media::Packet};

use super::{
    front::{Front, person, scene, settings},
    media::h264,
    pictures::{BLUE, RED},
};

fn color(name: &str) -> Vec<Packet> {
    h264(&format!("color={name}:s=640x360:r=30:d=0.5"))
}

#[test]
fn tiles_move_newcomers_fade_in_and_it_may_be_interrupted() {
    let mut front = Front::start(settings(640, 360, 30));
    front.control(Control::Participants(vec![person(0, Some(1)), person(1, Some(2))]));
    let (whole, left, right) = ((0, 0, 640, 360), (0, 90, 320, 180), (320, 90, 320, 180));
    front.cut(&[(0, whole)]);
    front.packets(1, true, &color("red"));
    front.packets(2, true, &color("blue"));
    front.frame(|frame| frame.shows(whole, RED));
    front.control(Control::Scene {
        scene: scene(&[(0, left), (1, right)]),
        transition: Transition::of_ms(1000),
        at: None,
    });
    front.packets(1, true, &color("red"));
    front.packets(2, true, &color("blue"));
    // On the way: red has left the right edge's middle but is wider than its half.
    let between = front.frame(|frame| !frame.shows((600, 160, 40, 40), RED));
    assert!(between.shows((300, 160, 60, 40), RED), "{:?}", between.mean((300, 160, 60, 40)));
    if let Ok(path) = std::env::var("TILECAST_TEST_FRAMES") {
        between.save(&format!("{path}/between.png"));
    }
    // Back again from half-way: red never jumps, so its middle stays red.
    front.control(Control::Scene { scene: scene(&[(0, whole)]), transition: Transition::of_ms(300), at: None });
    front.frame(|frame| {
        assert!(frame.shows((100, 160, 100, 40), RED));
        frame.shows(whole, RED)
    });
    front.control(Control::Scene {
        scene: scene(&[(0, left), (1, right)]),
        transition: Transition::of_ms(100),
        at: None,
    });
    front.packets(1, true, &color("red"));
    front.packets(2, true, &color("blue"));
    front.frame(|frame| frame.shows(left, RED) && frame.shows(right, BLUE));
}
