//! One run of the bench: participants, subject, player, meters.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    FPS, SIZE,
    figures::{Figures, Spread},
    shared::Bench,
    subject::{Kind, Running},
};
use crate::{
    cadence::Cadence,
    clock,
    meter::Usage,
    picture::Frame,
    sender::{SendLog, Sender},
    watch::{Look, Player, Seen},
};
use tilecast::media::{Rect, Track};

/// Longest time from the start of a subject to the first readable clock in its program. FFmpeg opens sixteen inputs one
/// by one.
const FIRST_CLOCK: Duration = Duration::from_secs(60);

/// A subject has settled when its latency no longer falls from one period of this length to the next by as much as a
/// dropped frame. There is a limit, because a subject that cannot keep up may never settle.
const SETTLE: Duration = Duration::from_secs(5);
const SETTLED: Duration = Duration::from_millis(33);
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

impl Bench {
    /// The relay's own latency: one participant, played from the relay, nothing between.
    ///
    /// # Errors
    /// When it does not play.
    pub async fn relay_alone(&self) -> Result<Spread> {
        let url = self.relay.url("alone");
        let sender = self.sender(&url, 0).await?;
        let whole = Rect { x: 0, y: 0, width: SIZE.width, height: SIZE.height };
        let mut watcher = Watcher::open(&url, vec![(whole, sender.log())]).await?;
        watcher.settle(|| Ok(())).await?;
        let figures = watcher.watch(self.seconds, || Ok(())).await?;
        Spread::of(figures.ages).context("no clock in the relayed picture")
    }

    /// One round of one subject with this many participants, all of them started anew.
    ///
    /// # Errors
    /// When the subject fails or shows nothing.
    pub async fn round(&self, kind: Kind, count: u32) -> Result<Figures> {
        let mut running = Running::start(self, kind, count).await?;
        let clocks = running.tiles.iter().copied().zip(running.senders.iter().map(Sender::log)).collect();
        let mut watcher = Watcher::open(&running.program, clocks).await?;
        watcher.settle(|| running.check()).await?;
        let (before, worker_before) = (Usage::of(&running.roots), running.worker().await);
        let begun = Instant::now();
        let mut figures = watcher.watch(self.seconds, || running.check()).await?;
        let after = Usage::of(&running.roots);
        if let (Some(before), Some(after)) = (worker_before, running.worker().await) {
            figures.worker_cores = Some((after.0 - before.0) / begun.elapsed().as_secs_f64());
            figures.worker_mib = Some(after.1);
        }
        figures.quoted = running.quoted().await;
        if after.processes > 0 {
            figures.cores = Some(after.cores_since(&before, begun.elapsed()));
            figures.peak_mib = Some(after.peak_kib as f64 / 1024.0);
        }
        drop(watcher);
        running.end().await?;
        Ok(figures)
    }
}

/// A player that reads the clocks in a program's tiles.
#[derive(Debug)]
pub struct Watcher {
    player: Player,
    clocks: Vec<Clock>,
}

/// Rectangle of a participant's clock in the program, and the log of the sent frames.
type Clock = (Rect, Arc<SendLog>);

impl Watcher {
    /// # Errors
    /// When the player cannot be started.
    pub async fn open(url: &str, tiles: Vec<Clock>) -> Result<Self> {
        let look = Look::part(Rect { x: 0, y: 0, width: SIZE.width, height: SIZE.height }).with_packets();
        let clocks = tiles.into_iter().map(|(tile, log)| (clock::strip(tile), log)).collect();
        Ok(Self { player: Player::open(url, &look).await?, clocks })
    }

    /// The player itself, for a closer look than [`Watcher::watch`].
    pub fn player(&mut self) -> &mut Player {
        &mut self.player
    }

    fn ages(&self, frame: &Frame) -> impl Iterator<Item = Duration> {
        self.clocks.iter().filter_map(|(strip, log)| log.age(clock::read(frame, *strip)?, frame.at))
    }

    /// Waits for a readable clock in every tile, then until the latency no longer falls. `check` fails when the subject
    /// has ended.
    ///
    /// # Errors
    /// When not every clock shows within a minute, or the subject ended.
    pub async fn settle(&mut self, mut check: impl FnMut() -> Result<()>) -> Result<()> {
        let deadline = Instant::now() + FIRST_CLOCK;
        loop {
            check()?;
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = self.player.picture(left).await?;
            let seen = self.ages(&frame).count();
            if seen == self.clocks.len() {
                break;
            }
            if left.is_zero() {
                bail!("only {seen} of {} participants were seen within {FIRST_CLOCK:?}", self.clocks.len());
            }
        }
        let mut before = Duration::MAX;
        let deadline = Instant::now() + SETTLE_LIMIT;
        while Instant::now() < deadline {
            let stretch = self.watch(SETTLE, &mut check).await?;
            let now = Spread::of(stretch.ages).context("the clocks cannot be read any more")?.median;
            if before < Duration::MAX && now + SETTLED > before {
                break;
            }
            before = now;
        }
        Ok(())
    }

    /// Watches for `span`; the caller adds CPU and memory.
    ///
    /// # Errors
    /// When the program or the subject ends.
    pub async fn watch(&mut self, span: Duration, mut check: impl FnMut() -> Result<()>) -> Result<Figures> {
        let (mut pts, mut figures) = (Vec::new(), Figures::default());
        let (begun, mut frames) = (Instant::now(), 0u32);
        while begun.elapsed() < span {
            let left = span.saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, self.player.next()).await {
                Ok(Some(Seen::Picture(frame))) => {
                    frames += 1;
                    figures.ages.extend(self.ages(&frame));
                }
                Ok(Some(Seen::Packet { track: Track::Video, pts_ms })) => pts.push(pts_ms),
                Ok(Some(_)) => {}
                Ok(None) => {
                    check()?;
                    bail!("the program ended");
                }
                Err(_) => break,
            }
        }
        check()?;
        figures.fps = f64::from(frames) / begun.elapsed().as_secs_f64();
        figures.missing = Cadence::of(&pts, FPS).missing;
        Ok(figures)
    }
}
