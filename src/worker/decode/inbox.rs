//! Decoder queue: the packets that wait for one decoder. It is bounded; when the decoder falls behind, the queue is cut
//! to the next keyframe.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{Aside, scale::Targets};
use crate::watch::Beat;
use tilecast_core::media::{Packet, Role};

/// Most bytes that wait: the largest GOP cache that the front replays.
const MAX_BYTES: usize = tilecast_core::media::gop::MAX_BYTES + (1 << 20);

/// Most waiting packets that are not from a replay: the longest playout delay, 1 s at 60 fps, and the same amount again
/// while a long replay is decoded. A decoder that is further behind is too slow for its stream.
const MAX_LIVE: usize = 150;

/// Most packets that wait: the longest GOP cache, and the live packets behind it.
const MAX_PACKETS: usize = tilecast_core::media::gop::MAX_PACKETS + MAX_LIVE;

/// The next work of a decoder.
#[derive(Debug)]
pub enum Work {
    Packet {
        /// The packet is from a GOP cache and late by design.
        replay: bool,
        /// What the sender says of its picture.
        aside: Aside,
        packet: Packet,
        /// The packet after it, if it waits already.
        next: Option<Packet>,
    },
    /// The tiles have new shapes: the newest picture is to be shown in them.
    Targets(Targets),
    /// Nothing came within the given time.
    Idle,
    /// The queue is closed.
    Closed,
}

/// The queue. The link's reader puts packets in, the decoder's thread takes them out.
#[derive(Debug)]
pub struct Inbox {
    state: Mutex<State>,
    wake: Condvar,
    /// What waits, and the progress of the decoder.
    pub beat: Beat,
}

#[derive(Debug, Clone)]
struct Waiting {
    replay: bool,
    aside: Aside,
    packet: Packet,
}

#[derive(Debug)]
pub(super) struct State {
    packets: VecDeque<Waiting>,
    bytes: usize,
    live: usize,
    awaits_keyframe: bool,
    /// True if something was dropped for want of a keyframe since the last call of `starves`.
    starved: bool,
    targets: Option<Targets>,
    closed: bool,
}

impl Inbox {
    /// An empty queue; the first work is the targets.
    pub fn new(targets: Targets) -> Self {
        let state = State {
            packets: VecDeque::new(),
            bytes: 0,
            live: 0,
            awaits_keyframe: true,
            starved: false,
            targets: Some(targets),
            closed: false,
        };
        Self { state: Mutex::new(state), wake: Condvar::new(), beat: Beat::idle() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Every update leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a packet; never waits. When the queue is full, everything in it is dropped, and every packet up to the next
    /// keyframe. Then the result is false, so that the caller requests a keyframe.
    pub fn push(&self, replay: bool, aside: Aside, packet: Packet) -> bool {
        let mut state = self.lock();
        let whole = state.push(Waiting { replay, aside, packet });
        self.beat.waits(state.packets.len());
        drop(state);
        self.wake.notify_one();
        whole
    }

    /// True when packets were dropped for want of a keyframe since the last call.
    pub fn starves(&self) -> bool {
        std::mem::take(&mut self.lock().starved)
    }

    /// Gives the tile a new shape.
    pub fn set_targets(&self, targets: Targets) {
        self.lock().targets = Some(targets);
        self.wake.notify_one();
    }

    /// Ends the decoder after its current work.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// The next work. Waits for it, at most `patience` if that is given.
    pub fn next(&self, patience: Option<Duration>) -> Work {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Work::Closed;
            }
            if let Some(targets) = state.targets.take() {
                return Work::Targets(targets);
            }
            if let Some(Waiting { replay, aside, packet }) = state.packets.pop_front() {
                state.bytes -= packet.data.len();
                state.live -= usize::from(!replay);
                self.beat.beat();
                self.beat.waits(state.packets.len());
                let next = state.packets.front().map(|next| next.packet.clone());
                return Work::Packet { replay, aside, packet, next };
            }
            state = match patience {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (state, waited) =
                        self.wake.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && state.is_idle() {
                        return Work::Idle;
                    }
                    state
                }
            };
        }
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.packets.is_empty() && self.targets.is_none() && !self.closed
    }

    /// False when the waiting packets were dropped.
    fn push(&mut self, waiting: Waiting) -> bool {
        let packet = &waiting.packet;
        if packet.role == Role::Config {
            // If several configs come without a picture between them, only the latest matters.
            if let Some(last) = self.packets.back_mut().filter(|last| last.packet.role == Role::Config) {
                self.bytes = self.bytes - last.packet.data.len() + packet.data.len();
                last.packet = waiting.packet;
                return true;
            }
        } else if packet.is_keyframe() {
            self.awaits_keyframe = false;
        } else if self.awaits_keyframe {
            self.starved = true;
            return true;
        }
        let full = self.bytes + packet.data.len() > MAX_BYTES || self.packets.len() >= MAX_PACKETS;
        let overrun = full || self.live >= MAX_LIVE;
        if overrun {
            self.drop_waiting();
            self.awaits_keyframe = !packet.is_keyframe();
            if packet.role == Role::Delta {
                return false;
            }
        }
        self.bytes += packet.data.len();
        self.live += usize::from(!waiting.replay);
        self.packets.push_back(waiting);
        !(overrun && self.awaits_keyframe)
    }

    fn drop_waiting(&mut self) {
        let config = self.packets.iter().rfind(|last| last.packet.role == Role::Config).cloned();
        self.packets.clear();
        self.bytes = 0;
        self.live = 0;
        if let Some(config) = config {
            self.bytes = config.packet.data.len();
            self.live = usize::from(!config.replay);
            self.packets.push_back(config);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::decode::scale::Target;
    use tilecast_core::{
        layout::{Color, fit::Wish},
        media::{Codec, Size, Timestamp, VideoCodec},
    };

    fn targets() -> Targets {
        let background = Color { red: 0, green: 0, blue: 0 };
        [Target { size: Size { width: 2, height: 2 }, wish: Wish::default(), background }].into()
    }

    fn packet(role: Role, bytes: usize) -> Packet {
        let codec = Codec::Video(VideoCodec::H264);
        Packet { codec, role, pts: Timestamp::ZERO, dts: Timestamp::ZERO, data: Bytes::from(vec![0; bytes]) }
    }

    fn drain(inbox: &Inbox) -> Vec<Role> {
        let mut roles = Vec::new();
        loop {
            match inbox.next(Some(Duration::ZERO)) {
                Work::Packet { packet, .. } => roles.push(packet.role),
                Work::Targets(_) => {}
                Work::Idle | Work::Closed => return roles,
            }
        }
    }

    #[test]
    fn begins_at_a_keyframe_and_keeps_the_latest_config() {
        let inbox = Inbox::new(targets());
        for role in [Role::Config, Role::Config, Role::Delta, Role::Key, Role::Delta] {
            inbox.push(false, Aside::default(), packet(role, 1));
        }
        assert_eq!(drain(&inbox), [Role::Config, Role::Key, Role::Delta]);
    }

    #[test]
    fn a_slow_decoder_goes_on_at_the_next_keyframe() {
        let inbox = Inbox::new(targets());
        inbox.push(false, Aside::default(), packet(Role::Config, 1));
        inbox.push(false, Aside::default(), packet(Role::Key, 1));
        let whole = (0..MAX_LIVE).filter(|_| inbox.push(false, Aside::default(), packet(Role::Delta, 1))).count();
        assert_eq!(whole, MAX_LIVE - 1, "what was lost is told once");
        assert!(inbox.starves() && !inbox.starves(), "and again while packets come in vain");
        inbox.push(false, Aside::default(), packet(Role::Key, 1));
        inbox.push(false, Aside::default(), packet(Role::Delta, 1));
        assert_eq!(drain(&inbox), [Role::Config, Role::Key, Role::Delta]);
        let state = inbox.lock();
        assert_eq!((state.bytes, state.live), (0, 0));
    }

    #[test]
    fn a_long_replay_is_kept_whole() {
        let inbox = Inbox::new(targets());
        inbox.push(true, Aside::default(), packet(Role::Key, 1));
        for _ in 0..tilecast_core::media::gop::MAX_PACKETS {
            inbox.push(true, Aside::default(), packet(Role::Delta, 1));
        }
        inbox.push(false, Aside::default(), packet(Role::Delta, 1));
        assert_eq!(drain(&inbox).len(), tilecast_core::media::gop::MAX_PACKETS + 2);
    }
}
