//! Stream recognition: picture and sound of a stream in half-second pieces, and the person they belong to.

use std::{collections::VecDeque, fmt};

use tilecast::media::{Rect, Size};
use tilecast_lab::{
    people::{FOUR, Person},
    picture::{Frame, difference},
    tone::{self, level_dbfs},
    watch::{Look, Player, Seen},
};

use super::LIMIT;

/// The program as it is looked at.
pub const SEEN: Size = Size { width: 160, height: 90 };
/// A moment is this many pictures and this much sound, half a second of each.
const PICTURES: usize = 15;
const SAMPLES: usize = tone::RATE as usize / 2;
/// A tone that is there is a few dB below what its publisher hums, -18 dBFS; one that is not lies in the coding noise.
const HEARD_DBFS: f32 = -35.0;
const SILENT_DBFS: f32 = -60.0;

/// The last half second of a stream.
#[derive(Default)]
pub struct Moment {
    pictures: VecDeque<Frame>,
    sound: VecDeque<f32>,
}

impl Moment {
    fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Picture(frame) => self.pictures.push_back(frame),
            Seen::Sound(block) => self.sound.extend(block),
            Seen::Packet { .. } => {}
        }
        self.pictures.drain(..self.pictures.len().saturating_sub(PICTURES));
        self.sound.drain(..self.sound.len().saturating_sub(SAMPLES));
    }

    fn is_whole(&self) -> bool {
        self.pictures.len() == PICTURES && self.sound.len() == SAMPLES
    }

    fn level(&self, person: &Person) -> f32 {
        level_dbfs(&self.sound.iter().copied().collect::<Vec<_>>(), person.tone_hz)
    }

    fn mean(&self, part: Rect) -> [f32; 3] {
        self.pictures.back().map_or([0.0; 3], |frame| frame.mean(part))
    }

    /// Pictures that differ from the one before by more than an encoder's noise.
    fn moving(&self, part: Rect) -> usize {
        let pairs = self.pictures.iter().zip(self.pictures.iter().skip(1));
        pairs.filter(|(before, after)| difference(before, after, part) > 0.02).count()
    }

    fn hums(&self, person: &Person) -> bool {
        self.level(person) > HEARD_DBFS
    }

    fn is_silent_of(&self, person: &Person) -> bool {
        self.level(person) < SILENT_DBFS
    }

    /// A part of the picture is this person's, in colour, and moves in more than half of the pictures.
    fn has(&self, person: &Person, part: Rect) -> bool {
        hue(self.mean(part)) == Some(person.id) && self.moving(part) > PICTURES / 2
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, part) in [("left", LEFT), ("right", RIGHT)] {
            write!(f, "{name} {:.0?}, moves in {} of {}; ", self.mean(part), self.moving(part), PICTURES - 1)?;
        }
        let [alice, bob, ..] = FOUR.map(|person| self.level(&person));
        write!(f, "Alice {alice:.0} dBFS, Bob {bob:.0} dBFS")
    }
}

/// Where two people are.
const LEFT: Rect = Rect { x: 0, y: 0, width: SEEN.width / 2, height: SEEN.height };
const RIGHT: Rect = Rect { x: SEEN.width as i32 / 2, y: 0, width: SEEN.width / 2, height: SEEN.height };

/// Alice is violet, Bob is teal.
fn hue([red, green, blue]: [f32; 3]) -> Option<&'static str> {
    if blue > green + 15.0 && red > green + 5.0 {
        Some(FOUR[0].id)
    } else if green > red + 30.0 && blue > red + 20.0 {
        Some(FOUR[1].id)
    } else {
        None
    }
}

/// Plays `url` until the last half second is as `wanted`, and says what it was like.
pub async fn sees(url: &str, what: &str, wanted: impl Fn(&Moment) -> bool) {
    let look = Look::whole(SEEN).in_colour().with_sound();
    let mut player = Player::open(url, &look).await.expect("FFmpeg");
    let mut moment = Moment::default();
    let watched = tokio::time::timeout(LIMIT, async {
        while !(moment.is_whole() && wanted(&moment)) {
            let Some(seen) = player.next().await else { return false };
            moment.take(seen);
        }
        true
    });
    match watched.await {
        Ok(true) => println!("{what}: {moment:?}"),
        Ok(false) => panic!("{what}: the stream ended: {:?}", player.picture(LIMIT).await.err()),
        Err(_) => panic!("{what}: not within {LIMIT:?}; the last is {moment:?}"),
    }
}

/// Both are there, whoever joined first.
pub fn both(moment: &Moment) -> bool {
    let [alice, bob, ..] = &FOUR;
    let sides = |left, right| moment.has(left, LEFT) && moment.has(right, RIGHT);
    (sides(alice, bob) || sides(bob, alice)) && moment.hums(alice) && moment.hums(bob)
}

pub fn only(person: &'static Person, other: &'static Person) -> impl Fn(&Moment) -> bool {
    move |moment| {
        [LEFT, RIGHT].into_iter().all(|part| moment.has(person, part))
            && moment.hums(person)
            && moment.is_silent_of(other)
    }
}

pub fn only_alice() -> impl Fn(&Moment) -> bool {
    only(&FOUR[0], &FOUR[1])
}
