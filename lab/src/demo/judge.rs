//! Judgement of the demo's program: every tile must move, every tone must be heard, no frame may be missing.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    cadence::Cadence,
    people::FOUR,
    picture::{Frame, difference},
    tone::{self, level_dbfs},
    watch::{Look, Seen},
};
use tilecast::media::{Rect, Size, Track};

/// The program's frame rate and size, which are the API's defaults.
const FPS: u32 = 30;
const CANVAS: Size = Size { width: 1280, height: 720 };

/// Size of the analysed program, px.
const LOOK: Size = Size { width: 640, height: 360 };

/// After a change of layout, frames of the old one still arrive for a while.
const SETTLE: Duration = Duration::from_secs(1);

/// Change from one frame to the next above which a tile counts as moving. People change by several times this; an
/// encoder's noise on a still card is less.
const MOVES: f32 = 0.1;

/// Share of frames in which a tile must move. A busy machine may show a picture twice now and then.
const SHARE: f64 = 0.5;

/// Level above which a tone counts as heard, dBFS. People hum at about −18; a missing tone is below −80.
const HEARD_DBFS: f32 = -40.0;

/// Period in which every tone must be heard, samples: half a second.
const LISTEN: usize = tone::RATE as usize / 2;

/// Observations so far.
#[derive(Debug, Default)]
pub struct Judge {
    scene: Option<Scene>,
    last: Option<Frame>,
    tiles: Vec<Tile>,
    pts_ms: Vec<i64>,
    pictures: u64,
    block: Vec<f32>,
    blocks: u32,
    heard: [u32; FOUR.len()],
    quietest: [f32; FOUR.len()],
}

/// The present layout.
#[derive(Debug)]
struct Scene {
    from: Instant,
    first_tile: usize,
}

/// One person in one layout.
#[derive(Debug)]
struct Tile {
    template: &'static str,
    participant: String,
    rect: Rect,
    frames: u32,
    moved: u32,
}

impl Tile {
    fn moves(&self) -> bool {
        self.frames > 0 && f64::from(self.moved) >= f64::from(self.frames) * SHARE
    }
}

impl Judge {
    pub fn new() -> Self {
        Self { quietest: [0.0; FOUR.len()], ..Self::default() }
    }

    /// What the judge needs to see of the program.
    pub fn look() -> Look {
        Look::whole(LOOK).with_sound().with_packets()
    }

    /// Sets the program's layout from now on, by the room's status.
    ///
    /// # Errors
    /// When the status has no tiles.
    pub fn scene(&mut self, template: &'static str, view: &Value, now: Instant) -> Result<()> {
        let first_tile = self.tiles.len();
        for tile in view["status"]["scene"].as_array().into_iter().flatten() {
            let participant = tile["participant"].as_str().context("a tile without a participant")?.to_owned();
            let rect = serde_json::from_value(serde_json::json!({
                "x": tile["x"], "y": tile["y"], "width": tile["width"], "height": tile["height"]
            }));
            let rect = rect.context("a tile without a place")?;
            self.tiles.push(Tile { template, participant, rect, frames: 0, moved: 0 });
        }
        anyhow::ensure!(self.tiles.len() > first_tile, "layout {template} shows nobody: {}", view["status"]);
        self.scene = Some(Scene { from: now + SETTLE, first_tile });
        Ok(())
    }

    /// Takes in one observation.
    pub fn take(&mut self, seen: Seen) {
        match seen {
            Seen::Picture(frame) => self.picture(frame),
            Seen::Sound(samples) => self.sound(&samples),
            Seen::Packet { track: Track::Video, pts_ms } => self.pts_ms.push(pts_ms),
            Seen::Packet { track: Track::Audio, .. } => {}
        }
    }

    fn picture(&mut self, frame: Frame) {
        self.pictures += 1;
        if let (Some(last), Some(scene)) = (&self.last, &self.scene)
            && last.at > scene.from
        {
            for tile in &mut self.tiles[scene.first_tile..] {
                tile.frames += 1;
                tile.moved += u32::from(difference(last, &frame, frame.part(tile.rect, CANVAS)) > MOVES);
            }
        }
        self.last = Some(frame);
    }

    fn sound(&mut self, samples: &[f32]) {
        self.block.extend_from_slice(samples);
        if self.block.len() < LISTEN {
            return;
        }
        // Sound before the first layout may lack the people who joined last.
        if self.scene.as_ref().is_some_and(|scene| scene.first_tile > 0 || scene.from < Instant::now()) {
            self.blocks += 1;
            for (n, person) in FOUR.iter().enumerate() {
                let level = level_dbfs(&self.block, person.tone_hz);
                self.heard[n] += u32::from(level > HEARD_DBFS);
                self.quietest[n] = self.quietest[n].min(level);
            }
        }
        self.block.clear();
    }

    fn cadence(&self) -> Cadence {
        Cadence::of(&self.pts_ms, FPS)
    }

    /// Faults, one sentence each; empty when all is well.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for tile in self.tiles.iter().filter(|tile| !tile.moves()) {
            let Tile { template, participant, frames, moved, .. } = tile;
            faults.push(format!("{participant}'s tile in {template} moved in only {moved} of {frames} frames"));
        }
        for (n, person) in FOUR.iter().enumerate() {
            if self.heard[n] < self.blocks || self.blocks == 0 {
                let silent = self.blocks - self.heard[n];
                faults
                    .push(format!("{}'s tone was not heard in {silent} of {} half seconds", person.name, self.blocks));
            }
            if !self.tiles.iter().any(|tile| tile.participant == person.id) {
                faults.push(format!("{} was never seen", person.name));
            }
        }
        let cadence = self.cadence();
        if !cadence.is_whole() {
            let Cadence { frames, missing, uneven } = cadence;
            faults.push(format!("of {frames} frames {missing} were missing and {uneven} out of place"));
        }
        faults
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cadence { frames, missing, uneven } = self.cadence();
        writeln!(
            f,
            "The program: {frames} frames, {missing} missing, {uneven} out of place; {} decoded.",
            self.pictures
        )?;
        let mut template = "";
        for tile in &self.tiles {
            if template != tile.template {
                template = tile.template;
                write!(f, "\n  {template:<14}")?;
            }
            write!(f, "{} moved in {}/{}  ", tile.participant, tile.moved, tile.frames)?;
        }
        writeln!(f, "\n")?;
        for (n, person) in FOUR.iter().enumerate() {
            let (heard, blocks, level) = (self.heard[n], self.blocks, self.quietest[n]);
            writeln!(
                f,
                "  {}'s tone, {} Hz: heard in {heard}/{blocks} half seconds, {level:.0} dBFS at least",
                person.name, person.tone_hz
            )?;
        }
        for fault in self.faults() {
            writeln!(f, "  WRONG: {fault}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::TAU;

    use serde_json::json;

    use super::*;

    /// A program of four tiles in which each person moves, hums and has 30 frames a second, with the test's exceptions.
    fn judge(frozen: Option<usize>, silent: Option<usize>, lost: Option<i64>) -> Judge {
        let start = Instant::now() - Duration::from_secs(60);
        let mut judge = Judge::new();
        let tile = |n: usize| json!({"participant": FOUR[n].id, "x": 640 * (n % 2), "y": 360 * (n / 2), "width": 640, "height": 360});
        let view = json!({"status": {"scene": (0..4).map(tile).collect::<Vec<_>>()}});
        judge.scene("grid", &view, start).expect("four tiles");
        for n in 0..90i64 {
            if lost != Some(n) {
                judge.take(Seen::Packet { track: Track::Video, pts_ms: n * 1000 / 30 });
            }
            let shade = |x: u32, y: u32| {
                let who = (x / 320 + y / 180 * 2) as usize;
                if frozen == Some(who) { 50 } else { (n % 3 * 40) as u8 }
            };
            let data = (0..360).flat_map(|y| (0..640).map(move |x| shade(x, y))).collect();
            let at = start + Duration::from_millis(33 * n as u64);
            judge.take(Seen::Picture(Frame { at, index: n as u64, size: LOOK, depth: 1, data }));
        }
        let tones = || (0..4).filter(|n| silent != Some(*n)).map(|n| FOUR[n].tone_hz);
        let sample = |n: usize| tones().map(|hz| 0.1 * (TAU * hz * n as f32 / tone::RATE as f32).sin()).sum();
        for block in 0..50 {
            judge.take(Seen::Sound((block * 960..(block + 1) * 960).map(sample).collect()));
        }
        judge
    }

    #[test]
    fn a_good_program_has_no_faults() {
        assert_eq!(judge(None, None, None).faults(), [""; 0]);
    }

    #[test]
    fn a_frozen_tile_a_lost_tone_and_a_lost_frame_are_each_told() {
        let faults = judge(Some(2), Some(1), Some(40)).faults();
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(
            faults[0].contains("chen") && faults[1].contains("Bob") && faults[2].contains("1 were missing"),
            "{faults:?}"
        );
    }
}
