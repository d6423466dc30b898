//! One connection of one participant: its playout clock, its decoder while it is visible, its faults.

use std::{
    io,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use crate::{
    clock::Clock,
    decode::{Aside, Decoding, FeedVideo, Lost, Rotation, Targets, pace::Pace},
    leavers::Leavers,
    sound::Sound,
};
use tilecast_core::{
    link::{Feed, message::FeedStats},
    media::{ColorSpace, Packet, Role, Timestamp},
};

/// Time between two faults of one feed: often enough for an operator who watches, rarely enough for the log.
const FAULT_EVERY: Duration = Duration::from_secs(10);

/// One connection of one participant.
pub struct Connection {
    video: Arc<FeedVideo>,
    /// The decoder, while the feed is visible.
    decoding: Option<Decoding>,
    /// The targets of its decoder, for a replacement.
    targets: Option<Targets>,
    /// Decoders of this connection that were lost.
    lost: u32,
    /// The latest configuration, for a decoder that starts later.
    config: Option<Packet>,
    /// What the sender says of its next pictures.
    aside: Aside,
    pace: Pace,
    corrupt_told: u64,
    told: Option<Timestamp>,
}

impl Connection {
    /// A connection that has sent nothing yet.
    pub fn new(feed: Feed) -> Self {
        let video = Arc::new(FeedVideo::new(feed));
        Self {
            video,
            decoding: None,
            targets: None,
            lost: 0,
            config: None,
            aside: Aside::default(),
            pace: Pace::default(),
            corrupt_told: 0,
            told: None,
        }
    }

    /// Sets the targets; `None` when it is not visible. It has a decoder exactly while it is visible.
    pub fn set_targets(&mut self, targets: Option<Targets>, clock: Clock, leavers: &mut Leavers) -> io::Result<()> {
        self.targets.clone_from(&targets);
        match (targets, &self.decoding) {
            (None, _) => self.end_decoding(leavers, false),
            (Some(targets), Some(decoding)) => decoding.set_targets(targets),
            (Some(_), None) => self.start_decoding(clock)?,
        }
        Ok(())
    }

    fn start_decoding(&mut self, clock: Clock) -> io::Result<()> {
        let Some(targets) = &self.targets else { return Ok(()) };
        let decoding = Decoding::start(Arc::clone(&self.video), targets.clone(), clock)?;
        if let Some(config) = &self.config {
            decoding.push(false, self.aside, config.clone());
        }
        self.decoding = Some(decoding);
        Ok(())
    }

    fn end_decoding(&mut self, leavers: &mut Leavers, hung: bool) {
        if let Some(decoding) = self.decoding.take() {
            decoding.leave(leavers, hung);
        }
    }

    /// Ends the connection.
    pub fn end(mut self, leavers: &mut Leavers) {
        self.end_decoding(leavers, false);
    }

    /// Checks its decoder and replaces a lost one. Returns what to tell the operator, and whether the packets since the
    /// last keyframe are worth another try: they may be the cause of the loss.
    pub fn look(&mut self, clock: Clock, leavers: &mut Leavers) -> io::Result<Option<(String, bool)>> {
        let Some(lost) = self.decoding.as_mut().and_then(|decoding| decoding.look(clock.now())) else {
            return Ok(None);
        };
        self.end_decoding(leavers, lost == Lost::Hung);
        self.lost += 1;
        self.start_decoding(clock)?;
        let what = match lost {
            Lost::Hung => "hung",
            Lost::Panicked => "failed",
        };
        Ok(Some((format!("its video decoder {what}, and another one takes over"), self.lost == 1)))
    }

    /// True when packets came since the last call, and none of them can be shown before the next keyframe.
    pub fn starves(&self) -> bool {
        self.decoding.as_ref().is_some_and(Decoding::starves)
    }

    /// The state of its video.
    pub fn video(&self) -> &Arc<FeedVideo> {
        &self.video
    }

    /// Tells the playout clock of a packet that has just arrived.
    pub fn arrived(&self, replay: bool, packet: &Packet, now: Timestamp) {
        if !replay && packet.role != Role::Config {
            let mut playout = self.video.playout.lock().unwrap_or_else(PoisonError::into_inner);
            playout.arrived(packet.track(), packet.pts, now);
        }
    }

    /// Sets the display rotation of later packets.
    pub fn turn(&mut self, turn: Rotation) {
        self.aside.turn = turn;
    }

    /// Sets the colour description of later packets.
    pub fn color(&mut self, space: ColorSpace) {
        self.aside.color = space;
    }

    /// Takes in a video packet. False when packets were dropped: then nothing can be decoded before the next keyframe.
    pub fn picture(&mut self, replay: bool, packet: Packet) -> bool {
        if packet.role == Role::Config {
            // A copy: the slice would keep the whole read buffer alive.
            self.config = Some(Packet { data: Bytes::copy_from_slice(&packet.data), ..packet.clone() });
        } else {
            self.pace.came(packet.dts);
            self.video.steady.store(self.pace.is_steady(), Ordering::Relaxed);
        }
        self.decoding.as_ref().is_none_or(|decoding| decoding.push(replay, self.aside, packet))
    }

    /// The connection's fault, if it is time to tell the operator again.
    pub fn fault(&mut self, corrupt: u64, now: Timestamp) -> Option<String> {
        let new = corrupt.saturating_sub(self.corrupt_told);
        if new == 0 || self.told.is_some_and(|told| now.since(told) < FAULT_EVERY) {
            return None;
        }
        self.corrupt_told = corrupt;
        self.told = Some(now);
        let patched = || format!("{new} of its packets were damaged; picture and sound are patched where they can be");
        Some(self.video.take_trouble().unwrap_or_else(patched))
    }

    pub fn stats(&self, feed: Feed, sound: &Sound) -> FeedStats {
        let counters = &self.video.counters;
        let (width, height) = counters.size();
        let heard = sound.stats(feed);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let delay = self.video.playout.lock().unwrap_or_else(PoisonError::into_inner).delay();
        FeedStats {
            feed,
            width,
            height,
            decoded: count(&counters.decoded),
            corrupt: count(&counters.corrupt) + heard.corrupt,
            skipped: count(&counters.skipped),
            delay_ms: delay.as_secs_f32() * 1000.0,
            underruns: heard.underruns,
            video_trouble: self.video.unusable(),
            audio_trouble: sound.trouble(feed),
        }
    }
}
