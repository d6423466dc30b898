//! What lies where between two scenes.

use proptest::prelude::*;

use super::*;

/// x, y, width, height
type Numbers = (i32, i32, u32, u32);

fn tile(id: &str, z: u32, rect: Numbers) -> Tile {
    let (x, y, width, height) = rect;
    Tile { participant: id.parse().expect("an id"), rect: Rect { x, y, width, height }, z, fit: Fit::Cover }
}

fn scene(tiles: &[(&str, Numbers)]) -> Scene {
    Scene { tiles: tiles.iter().zip(0..).map(|((id, rect), z)| tile(id, z, *rect)).collect() }
}

/// Who, where, how opaque in percent; back to front.
fn seen<'a>(from: &'a Scene, to: &'a Scene, progress: f64) -> Vec<(&'a str, Numbers, u32)> {
    let placed = tween(from, to, progress);
    let z: Vec<u32> = placed.iter().map(|p| p.z).collect();
    assert_eq!(z, (0..z.len() as u32).collect::<Vec<_>>());
    let line = |p: Placed<'a>| {
        let Rect { x, y, width, height } = p.rect;
        (p.participant.as_str(), (x, y, width, height), (p.alpha * 100.0).round() as u32)
    };
    placed.into_iter().map(line).collect()
}

const LEFT: Numbers = (0, 0, 640, 360);
const RIGHT: Numbers = (640, 0, 320, 180);
const FULL: Numbers = (0, 0, 1280, 720);

#[test]
fn who_stays_moves_and_who_comes_or_goes_fades() {
    let from = scene(&[("stays", LEFT), ("goes", RIGHT)]);
    let to = scene(&[("stays", RIGHT), ("comes", LEFT)]);
    assert_eq!(seen(&from, &to, 0.0), [("stays", LEFT, 100), ("goes", RIGHT, 100), ("comes", LEFT, 0)]);
    assert_eq!(seen(&from, &to, 0.5), [("stays", (320, 0, 480, 270), 100), ("goes", RIGHT, 50), ("comes", LEFT, 50)]);
    assert_eq!(seen(&from, &to, 1.0), [("stays", RIGHT, 100), ("comes", LEFT, 100)]);
    assert_eq!(seen(&from, &to, 1e300), seen(&from, &to, 1.0));
    assert_eq!(seen(&from, &to, f64::NAN), seen(&from, &to, 1.0));
    assert_eq!(seen(&from, &to, -1.0), seen(&from, &to, 0.0));
}

#[test]
fn it_is_slow_at_both_ends() {
    let from = scene(&[("a", (0, 0, 16, 16))]);
    let to = scene(&[("a", (1000, 0, 16, 16))]);
    let x: Vec<i32> = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0].map(|p| tween(&from, &to, p)[0].rect.x).into();
    assert_eq!(x, [0, 28, 156, 500, 844, 972, 1000]);
}

#[test]
fn the_background_never_shines_through_when_one_replaces_another() {
    let (from, to) = (scene(&[("old", FULL)]), scene(&[("new", FULL)]));
    assert_eq!(seen(&from, &to, 0.5), [("old", FULL, 100), ("new", FULL, 50)]);
    // Behind one who moves, nothing is sure to hide it, so it fades.
    let to = scene(&[("old", FULL)]);
    let from = scene(&[("old", LEFT), ("gone", LEFT)]);
    assert_eq!(seen(&from, &to, 0.5)[1], ("gone", LEFT, 50));
}

#[test]
fn a_transition_can_be_left_half_way() {
    let from = scene(&[("stays", LEFT), ("goes", RIGHT)]);
    let to = scene(&[("stays", RIGHT), ("comes", LEFT)]);
    let half_way = halt(&tween(&from, &to, 0.6));
    let shown: Vec<&str> = half_way.tiles.iter().map(|tile| tile.participant.as_str()).collect();
    assert_eq!(shown, ["stays", "comes"]);
    let next = scene(&[("stays", FULL)]);
    assert_eq!(tween(&half_way, &next, 0.0)[0].rect, tween(&from, &to, 0.6)[0].rect, "no jump");
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let rect = (0..600i32, 0..300i32, 1..300u32, 1..300u32);
    proptest::collection::hash_map(0..12u32, rect, 0..8).prop_map(|tiles| Scene {
        tiles: tiles
            .into_iter()
            .zip(0..)
            .map(|((id, (x, y, w, h)), z)| tile(&format!("p{id}"), z, (x * 2, y * 2, w * 2, h * 2)))
            .collect(),
    })
}

proptest! {
    #[test]
    fn nobody_is_doubled_or_lost_on_the_way(from in any_scene(), to in any_scene(), progress in 0.0..1.0f64) {
        let placed = tween(&from, &to, progress);
        let mut ids: Vec<_> = placed.iter().map(|p| p.participant).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), placed.len());
        for tile in from.tiles.iter().chain(&to.tiles) {
            prop_assert!(ids.contains(&&tile.participant));
        }
        for (p, z) in placed.iter().zip(0..) {
            let Rect { x, y, width, height } = p.rect;
            prop_assert_eq!(p.z, z);
            prop_assert!(x % 2 == 0 && y % 2 == 0 && width % 2 == 0 && height % 2 == 0);
            prop_assert!(x >= 0 && y >= 0 && width >= 2 && height >= 2);
            prop_assert!((0.0..=1.0).contains(&p.alpha));
        }
    }

    #[test]
    fn it_ends_at_the_target(from in any_scene(), to in any_scene()) {
        let end = tween(&from, &to, 1.0);
        prop_assert_eq!(end.len(), to.tiles.len());
        for (p, tile) in end.iter().zip(&to.tiles) {
            prop_assert_eq!((p.participant, p.rect, p.z, p.fit, p.alpha), (&tile.participant, tile.rect, tile.z, tile.fit, 1.0));
        }
    }
}
