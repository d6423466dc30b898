//! PURE. Visibility (selective decoding): who is decoded, and in which sizes, while scenes come and go.
//!
//! People who leave the picture are decoded until they are gone, and people of a scene that waits for its time are
//! decoded before it begins. So nobody freezes, and nobody comes in as a card.

use std::{collections::HashMap, time::Duration};

use crate::decode::Target;
use tilecast_core::{
    base::ParticipantId,
    layout::{Scene, Transition, fit::Wish},
    media::Timestamp,
};

/// The present scene, the one before while it is still visible, and the next one.
#[derive(Debug, Default)]
pub struct Visibility {
    now: Scene,
    before: Option<(Scene, Timestamp)>,
    next: Option<(Scene, Transition, Timestamp)>,
}

impl Visibility {
    /// Plans another scene, at `at` or at once. It replaces a waiting scene, and keeps that scene's time if it has none
    /// of its own.
    pub fn plan(&mut self, scene: Scene, transition: Transition, at: Option<Timestamp>, now: Timestamp) {
        self.settle(now);
        let at = at.or(self.next.as_ref().map(|(_, _, at)| *at)).unwrap_or(now);
        self.next = Some((scene, transition, at));
        self.settle(now);
    }

    /// Advances the time. True if the targets have changed.
    pub fn settle(&mut self, now: Timestamp) -> bool {
        let gone = self.before.take_if(|(_, until)| *until <= now).is_some();
        let begun = self.next.take_if(|(_, _, at)| *at <= now);
        if let Some((scene, transition, at)) = &begun {
            let until = *at + Duration::from_millis(transition.ms.into());
            self.before = Some((std::mem::replace(&mut self.now, scene.clone()), until));
        }
        gone || begun.is_some()
    }

    /// The sizes for everyone who is or soon will be visible, the first copy's first.
    pub fn targets(&self) -> HashMap<&ParticipantId, Vec<Target>> {
        let mut targets: HashMap<&ParticipantId, Vec<Target>> = HashMap::new();
        let before = self.before.as_ref().map(|(scene, _)| scene);
        let next = self.next.as_ref().map(|(scene, ..)| scene);
        for scene in std::iter::once(&self.now).chain(before).chain(next) {
            let mut tiles: Vec<_> =
                scene.tiles.iter().filter(|tile| !tile.card && !targets.contains_key(&tile.participant)).collect();
            tiles.sort_by_key(|tile| tile.copy);
            for tile in tiles {
                let wish = Wish { fit: tile.fit, focus: tile.focus, crop: tile.crop };
                let target = Target { size: tile.rect.size(), wish, background: scene.background.color };
                targets.entry(&tile.participant).or_default().push(target);
            }
        }
        targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tilecast_core::{
        layout::{Fit, Tile},
        media::Rect,
    };

    fn scene(people: &[(&str, u32)]) -> Scene {
        let tile = |(z, (id, width)): (usize, &(&str, u32))| {
            let rect = Rect { x: 0, y: 0, width: *width, height: 100 };
            Tile::plain(id.parse().expect("an id"), rect, z as u32, Fit::Cover)
        };
        Scene { tiles: people.iter().enumerate().map(tile).collect(), ..Scene::default() }
    }

    fn widths(seen: &Visibility) -> Vec<(String, Vec<u32>)> {
        let of = |(id, targets): (&ParticipantId, Vec<Target>)| {
            (id.to_string(), targets.iter().map(|target| target.size.width).collect())
        };
        let mut widths: Vec<_> = seen.targets().into_iter().map(of).collect();
        widths.sort();
        widths
    }

    #[test]
    fn leavers_and_newcomers_are_decoded_as_long_as_they_are_seen() {
        let ms = Timestamp::from_millis;
        let named = |list: &[(&str, &[u32])]| -> Vec<(String, Vec<u32>)> {
            list.iter().map(|(id, widths)| ((*id).to_owned(), widths.to_vec())).collect()
        };
        let mut seen = Visibility::default();
        let mut twice = scene(&[("a", 100), ("b", 200), ("a", 50)]);
        twice.tiles[2].copy = 1;
        seen.plan(twice, Transition::CUT, None, ms(0));
        assert_eq!(widths(&seen), named(&[("a", &[100, 50]), ("b", &[200])]));
        seen.plan(scene(&[("a", 300), ("c", 100)]), Transition::of_ms(500), Some(ms(1000)), ms(10));
        assert_eq!(widths(&seen), named(&[("a", &[100, 50]), ("b", &[200]), ("c", &[100])]));
        assert!(!seen.settle(ms(999)));
        assert!(seen.settle(ms(1000)));
        assert_eq!(widths(&seen), named(&[("a", &[300]), ("b", &[200]), ("c", &[100])]));
        assert!(seen.settle(ms(1500)));
        assert_eq!(widths(&seen), named(&[("a", &[300]), ("c", &[100])]));
    }
}
