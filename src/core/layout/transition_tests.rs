//! What lies where between two scenes.

use proptest::prelude::*;

use super::*;
use crate::layout::{Anchor, Content, Fit, Paint, Part, Text, Weight};

/// x, y, width, height
type Numbers = (i32, i32, u32, u32);

fn tile(id: &str, z: u32, rect: Numbers) -> Tile {
    let (x, y, width, height) = rect;
    Tile::plain(id.parse().expect("an id"), Rect { x, y, width, height }, z, Fit::Cover)
}

fn scene(tiles: &[(&str, Numbers)]) -> Scene {
    let tiles = tiles.iter().zip(0..).map(|((id, rect), z)| tile(id, z, *rect)).collect();
    Scene { tiles, ..Scene::default() }
}

/// Who, where, opacity in percent; back to front.
fn seen<'a>(from: &'a Scene, to: &'a Scene, eased: f64) -> Vec<(&'a str, Numbers, u32)> {
    let placed = tween(from, to, eased);
    let z: Vec<u32> = placed.iter().map(|p| p.z).collect();
    assert_eq!(z, (0..z.len() as u32).collect::<Vec<_>>());
    let line = |p: Placed<'a>| {
        let Rect { x, y, width, height } = p.rect;
        let name = match p.element {
            Element::Tile(tile) => tile.participant.as_str(),
            Element::Overlay(overlay) => &overlay.id,
        };
        (name, (x, y, width, height), (p.opacity * 100.0).round() as u32)
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
fn who_grows_passes_in_front_of_all_but_those_that_lie_on_it_at_rest() {
    let from = scene(&[("main", LEFT), ("grows", RIGHT), ("strip", (960, 0, 320, 180))]);
    let to = scene(&[("grows", LEFT), ("main", RIGHT), ("strip", (960, 0, 320, 180))]);
    let order = |from: &Scene, to: &Scene| -> Vec<String> {
        seen(from, to, 0.5).into_iter().map(|(name, ..)| name.to_owned()).collect()
    };
    assert_eq!(order(&from, &to), ["main", "strip", "grows"]);
    let corner = (900, 500, 320, 180);
    let from = scene(&[("main", FULL), ("grows", corner)]);
    let to = scene(&[("grows", FULL), ("main", corner)]);
    assert_eq!(order(&from, &to), ["grows", "main"], "it would jump back behind at the end");
}

#[test]
fn every_easing_begins_and_ends_and_never_turns_back() {
    for easing in [Easing::InOut, Easing::Out, Easing::In, Easing::Linear] {
        assert_eq!((easing.at(0.0), easing.at(1.0)), (0.0, 1.0), "{easing:?}");
        assert_eq!((easing.at(-1.0), easing.at(2.0)), (0.0, 1.0), "{easing:?}");
        let way: Vec<f64> = (0..=20).map(|step| easing.at(f64::from(step) / 20.0)).collect();
        assert!(way.windows(2).all(|pair| pair[0] < pair[1]), "{easing:?}");
    }
    assert_eq!(
        [0.1, 0.25, 0.5, 0.75, 0.9].map(|t| (Easing::InOut.at(t) * 1000.0).round()),
        [28.0, 156.0, 500.0, 844.0, 972.0]
    );
    assert!(Easing::Out.at(0.25) > 0.5 && Easing::In.at(0.25) < 0.1);
}

#[test]
fn the_background_never_shines_through_when_one_replaces_another() {
    let (from, to) = (scene(&[("old", FULL)]), scene(&[("new", FULL)]));
    assert_eq!(seen(&from, &to, 0.5), [("old", FULL, 100), ("new", FULL, 50)]);
    // Nothing certainly hides what is behind a moving tile, so the old tile fades.
    let to = scene(&[("old", FULL)]);
    let from = scene(&[("old", LEFT), ("gone", LEFT)]);
    assert_eq!(seen(&from, &to, 0.5)[1], ("gone", LEFT, 50));
}

#[test]
fn a_transition_can_be_left_half_way_without_a_jump() {
    let from = scene(&[("stays", LEFT), ("goes", RIGHT)]);
    let to = scene(&[("stays", RIGHT), ("comes", LEFT)]);
    let before = seen(&from, &to, 0.6);
    let half_way = halt(&tween(&from, &to, 0.6), &to.background);
    let next = scene(&[("stays", FULL), ("goes", RIGHT)]);
    let after = seen(&half_way, &next, 0.0);
    assert_eq!(after, before);
    // A person who is fading out and is wanted again comes back from where they are.
    assert_eq!(seen(&half_way, &from, 1.0), seen(&from, &from, 1.0));
    let goes = |placed: Vec<(&str, Numbers, u32)>| placed.iter().find(|p| p.0 == "goes").map(|p| p.2);
    assert_eq!(goes(before), Some(40));
    assert_eq!(goes(seen(&half_way, &from, 0.5)), Some(70));
    assert_eq!(halt(&tween(&from, &to, 0.999), &to.background).tiles.len(), 2, "who has nearly gone is gone");
}

#[test]
fn overlays_move_by_id_and_make_place_when_they_show_something_else() {
    let overlay = |content, rect, opacity| Overlay {
        id: "logo".to_owned(),
        rect: tile("a", 0, rect).rect,
        z: 1,
        opacity,
        radius: 10,
        fill: Paint::NONE,
        border: None,
        content,
    };
    let with = |overlay| Scene { overlays: vec![overlay], ..scene(&[("a", FULL)]) };
    let words = |words: &str| {
        let parts = vec![Part::Words(words.to_owned())];
        let (color, background) = (Paint::WHITE, Paint::NONE);
        let (weight, anchor) = (Weight::Bold, Anchor::Center);
        Content::Text(Text { parts, size: 20, weight, color, background, anchor, inset: 0 })
    };
    let (from, to) = (with(overlay(Content::Plain, LEFT, 1.0)), with(overlay(Content::Plain, RIGHT, 0.5)));
    assert_eq!(seen(&from, &to, 0.5)[1], ("logo", (320, 0, 480, 270), 75));
    let (from, to) = (with(overlay(words("5"), LEFT, 1.0)), with(overlay(words("6"), LEFT, 1.0)));
    assert_eq!(seen(&from, &to, 0.5), [("a", FULL, 100), ("logo", LEFT, 50), ("logo", LEFT, 50)]);
}

#[test]
fn radius_and_opacity_are_tweened_too() {
    let (mut from, mut to) = (scene(&[("a", LEFT)]), scene(&[("a", RIGHT)]));
    (from.tiles[0].radius, from.tiles[0].opacity) = (0, 1.0);
    (to.tiles[0].radius, to.tiles[0].opacity) = (40, 0.5);
    let placed = tween(&from, &to, 0.5)[0];
    assert_eq!((placed.radius, placed.opacity), (20, 0.75));
    to.tiles[0].copy = 1;
    assert_eq!(seen(&from, &to, 0.5), [("a", LEFT, 50), ("a", RIGHT, 25)], "another copy is another tile");
}

fn any_scene() -> impl Strategy<Value = Scene> {
    let rect = (0..600i32, 0..300i32, 1..300u32, 1..300u32);
    proptest::collection::hash_map(0..12u32, rect, 0..8).prop_map(|tiles| Scene {
        tiles: tiles
            .into_iter()
            .zip(0..)
            .map(|((id, (x, y, w, h)), z)| tile(&format!("p{id}"), z, (x * 2, y * 2, w * 2, h * 2)))
            .collect(),
        ..Scene::default()
    })
}

proptest! {
    #[test]
    fn nobody_is_doubled_or_lost_on_the_way(from in any_scene(), to in any_scene(), progress in 0.0..1.0f64) {
        let placed = tween(&from, &to, progress);
        let mut ids: Vec<_> = placed.iter().filter_map(Placed::tile).map(|tile| &tile.participant).collect();
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
            prop_assert!((0.0..=1.0).contains(&p.opacity));
        }
    }

    #[test]
    fn it_ends_at_the_target(from in any_scene(), to in any_scene()) {
        let end = tween(&from, &to, 1.0);
        prop_assert_eq!(end.len(), to.tiles.len());
        for (p, tile) in end.iter().zip(&to.tiles) {
            prop_assert_eq!(p.tile(), Some(tile));
            prop_assert_eq!((p.rect, p.z, p.radius, p.opacity), (tile.rect, tile.z, tile.radius, 1.0));
        }
    }
}
