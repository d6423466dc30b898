//! Decoder thread: decodes packet by packet, and chooses the pictures that are worth scaling.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::{
    Aside, FeedVideo,
    cadence::Cadence,
    codec::{Decoder, Frame},
    color::is_high,
    inbox::{Inbox, Work},
    loop_filter::LoopFilter,
    pictures,
    scale::{Scaler, Targets},
};
use crate::clock::Clock;
use tilecast_core::media::{Codec, Packet, Role, Size, Timestamp, VideoCodec};

/// Pause within a burst after which its newest picture is shown: longer than the front takes from one cached packet to
/// the next, shorter than a viewer notices.
const BURST_PAUSE: Duration = Duration::from_millis(15);

/// A decoder that is behind still shows a picture this often.
const MAX_UNSHOWN: Duration = Duration::from_millis(100);

/// Refusals in a row after which the decoder is opened again: one second at 30 fps.
const MAX_REFUSALS: u32 = 30;

/// One feed's decoder, and the state of its work.
pub struct Thread {
    inbox: Arc<Inbox>,
    video: Arc<FeedVideo>,
    /// The decoder's number within its feed.
    number: pictures::Decoder,
    clock: Clock,
    decoder: Option<(VideoCodec, Decoder)>,
    config: Option<Packet>,
    /// One scaler for each target.
    scalers: Vec<Scaler>,
    targets: Targets,
    refusals: u32,
    /// True if `unusable` may be noted in the feed, so that it must be cleared.
    unusable: bool,
    drift: LoopFilter,
    /// A picture that is decoded but not scaled, since a newer one is about to come.
    held: Option<Held>,
    /// The newest scaled picture, kept for a change of the tile's shape. The decoder holds it as a reference picture
    /// anyway.
    newest: Option<Frame>,
    published: Timestamp,
    /// The last picture was left out, so this one is not.
    spared: bool,
    cadence: Cadence,
}

struct Held {
    frame: Frame,
    replay: bool,
}

impl Thread {
    /// No decoder is open yet.
    pub fn new(inbox: Arc<Inbox>, video: Arc<FeedVideo>, number: pictures::Decoder, clock: Clock) -> Self {
        Self {
            inbox,
            video,
            number,
            clock,
            decoder: None,
            config: None,
            scalers: Vec::new(),
            targets: Targets::from([]),
            refusals: 0,
            // The decoder before may have noted it.
            unusable: true,
            drift: LoopFilter::default(),
            held: None,
            newest: None,
            published: Timestamp::ZERO,
            spared: false,
            cadence: Cadence::default(),
        }
    }

    /// Works until the inbox is closed.
    pub fn run(mut self) {
        loop {
            let patience = self.held.is_some().then_some(BURST_PAUSE);
            match self.inbox.next(patience) {
                Work::Packet { replay, aside, packet, next } => self.packet(replay, aside, packet, next),
                Work::Targets(targets) => self.retarget(targets),
                Work::Idle => self.publish_held(),
                Work::Closed => return,
            }
        }
    }

    fn packet(&mut self, replay: bool, aside: Aside, packet: Packet, next: Option<Packet>) {
        let Codec::Video(codec) = packet.codec else { return };
        if packet.role == Role::Config {
            if self.config.as_ref().is_none_or(|old| old.data != packet.data || old.codec != packet.codec) {
                self.config = Some(packet);
                self.decoder = None;
            }
            return;
        }
        if self.decoder.as_ref().is_some_and(|(open, _)| *open != codec) {
            self.decoder = None;
        }
        if packet.is_keyframe() && self.refusals >= MAX_REFUSALS {
            self.refusals = 0;
            self.decoder = None;
        }
        if self.decoder.is_none() && packet.is_keyframe() {
            self.open(codec);
        }
        self.drift.next(packet.is_keyframe());
        let light = self.drift.allows(self.is_small(), replay);
        let Some((_, decoder)) = &mut self.decoder else { return };
        decoder.set_light(light);
        if decoder.send(&packet).is_err() {
            self.refused();
        } else {
            self.refusals = 0;
        }
        while let Some((_, decoder)) = &mut self.decoder {
            match decoder.receive() {
                Ok(Some(mut frame)) => {
                    // A sender that rotates pictures sends them in presentation order, so this is the packet's own
                    // rotation.
                    frame.aside = aside;
                    self.decoded(frame, replay, next.as_ref());
                }
                Ok(None) => return,
                Err(_) => {
                    self.refused();
                    return;
                }
            }
        }
    }

    fn refused(&mut self) {
        self.refusals += 1;
        self.video.counters.corrupt.fetch_add(1, Ordering::Relaxed);
        if self.refusals == MAX_REFUSALS
            && let Some((codec, _)) = &self.decoder
        {
            self.set_unusable(format!(
                "its {codec:?} video cannot be decoded: {MAX_REFUSALS} packets in a row were refused; see that the encoder sends the \
                 codec's header before its pictures"
            ));
        }
    }

    fn set_unusable(&mut self, why: String) {
        self.unusable = true;
        self.video.set_unusable(Some(why));
    }

    fn is_small(&self) -> bool {
        let (width, height) = self.video.counters.size();
        self.targets.iter().all(|target| target.size.is_small_for(Size { width, height }))
    }

    fn open(&mut self, codec: VideoCodec) {
        let config = self.config.as_ref().filter(|config| config.codec == Codec::Video(codec));
        match Decoder::open(codec, config.map(|config| &config.data[..])) {
            Ok(decoder) => self.decoder = Some((codec, decoder)),
            Err(error) => {
                let why = format!("its {codec:?} video cannot be decoded here: {error}");
                self.set_unusable(why.clone());
                self.video.note(why);
                self.refused();
            }
        }
    }

    fn decoded(&mut self, mut frame: Frame, replay: bool, next: Option<&Packet>) {
        let counters = &self.video.counters;
        counters.decoded.fetch_add(1, Ordering::Relaxed);
        if frame.damaged() {
            counters.corrupt.fetch_add(1, Ordering::Relaxed);
        }
        if !frame.sane() {
            let size = frame.size();
            self.video.note(format!("its pictures of {}x{} px cannot be shown", size.width, size.height));
            return;
        }
        if std::mem::take(&mut self.unusable) {
            self.video.set_unusable(None);
        }
        let size = frame.aside.turn.size(frame.size());
        counters.size.store(u64::from(size.width) << 32 | u64::from(size.height), Ordering::Relaxed);
        frame.high = *self.video.high.get_or_init(|| is_high(size));
        let now = self.clock.now();
        let behind = next.is_some_and(|next| self.is_past(next.pts, now)) && now.since(self.published) < MAX_UNSHOWN;
        // The end of a replay: its newest picture is shown until this picture's time comes.
        if !replay && self.held.as_ref().is_some_and(|held| held.replay) {
            self.publish_held();
        }
        self.drop_held();
        let pts = frame.pts().map(Timestamp::from_nanos);
        if replay {
            self.held = Some(Held { frame, replay });
            return;
        }
        let placed = pts.map(|pts| self.cadence.place(pts));
        self.spared = !self.spared && self.cadence.is_quick() && self.video.halved.load(Ordering::Relaxed);
        if self.spared {
            self.video.counters.skipped.fetch_add(1, Ordering::Relaxed);
        } else if behind {
            self.held = Some(Held { frame, replay });
        } else {
            self.publish(frame, placed);
        }
    }

    fn is_past(&self, pts: Timestamp, now: Timestamp) -> bool {
        let playout = self.video.playout.lock().unwrap_or_else(PoisonError::into_inner);
        playout.due(pts).is_some_and(|due| due <= now)
    }

    fn drop_held(&mut self) {
        if self.held.take().is_some() {
            self.video.counters.skipped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn publish_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.publish(held.frame, None);
        }
    }

    fn retarget(&mut self, targets: Targets) {
        if self.targets == targets {
            return;
        }
        self.scalers.resize_with(targets.len(), Scaler::default);
        self.targets = targets;
        if let Some(frame) = self.newest.take() {
            self.publish(frame, None);
        }
    }

    fn publish(&mut self, frame: Frame, pts: Option<Timestamp>) {
        if self.targets.is_empty() {
            // Nobody sees it, and somebody may at any time.
            self.newest = Some(frame);
            return;
        }
        let scaled = self.scalers.iter_mut().zip(&*self.targets).map(|(scaler, target)| scaler.scale(&frame, *target));
        match scaled.collect::<Result<Vec<_>, _>>() {
            Ok(pictures) => {
                self.published = self.clock.now();
                let waits = || self.inbox.beat.beat();
                let passed =
                    self.video.pictures.push(self.number, (pts, pictures), &self.video.playout, self.clock, waits);
                self.video.counters.skipped.fetch_add(passed, Ordering::Relaxed);
                self.newest = Some(frame);
            }
            Err(error) => {
                self.video.note(format!("its pictures cannot be shown: {error}"));
                self.refused();
            }
        }
    }
}
