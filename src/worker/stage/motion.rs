//! PURE: where every tile is at a moment: at rest in a scene, or on the way to it.

use std::time::Duration;

use crate::{
    layout::{
        Scene,
        transition::{Placed, halt, tween},
    },
    media::{Size, Timestamp},
};

/// The scene now and the one it comes from.
#[derive(Debug, Default)]
pub struct Motion {
    from: Scene,
    to: Scene,
    began: Timestamp,
    takes: Duration,
}

impl Motion {
    /// Sets out for another scene, from where things are now.
    pub fn go(&mut self, scene: Scene, takes: Duration, now: Timestamp) {
        self.from = halt(&self.placed(now));
        self.to = scene;
        self.began = now;
        self.takes = takes;
    }

    /// What lies where, back to front.
    pub fn placed(&self, now: Timestamp) -> Vec<Placed<'_>> {
        tween(&self.from, &self.to, self.progress(now))
    }

    /// The size a tile will have when it has arrived; a leaver's is what it has now.
    pub fn resting_size(&self, placed: &Placed<'_>) -> Size {
        let resting = self.to.tiles.iter().find(|tile| tile.participant == *placed.participant);
        resting.map_or(placed.rect, |tile| tile.rect).size()
    }

    fn progress(&self, now: Timestamp) -> f64 {
        if self.takes.is_zero() { 1.0 } else { now.since(self.began).as_secs_f64() / self.takes.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        layout::{Fit, Tile},
        media::Rect,
    };

    fn scene(x: i32, width: u32) -> Scene {
        let rect = Rect { x, y: 0, width, height: 100 };
        Scene { tiles: vec![Tile { participant: "a".parse().expect("an id"), rect, z: 0, fit: Fit::Cover }] }
    }

    #[test]
    fn a_change_may_turn_back_half_way_without_a_jump() {
        let ms = Timestamp::from_millis;
        let mut motion = Motion::default();
        motion.go(scene(0, 100), Duration::ZERO, ms(0));
        assert_eq!(motion.placed(ms(0))[0].rect, scene(0, 100).tiles[0].rect);
        motion.go(scene(400, 200), Duration::from_millis(1000), ms(1000));
        let half_way = motion.placed(ms(1500))[0].rect;
        assert_eq!((half_way.x, half_way.width), (200, 150));
        assert_eq!(motion.resting_size(&motion.placed(ms(1500))[0]).width, 200);
        motion.go(scene(0, 100), Duration::from_millis(1000), ms(1500));
        assert_eq!(motion.placed(ms(1500))[0].rect, half_way);
        assert_eq!(motion.placed(ms(2500))[0].rect.x, 0);
    }
}
