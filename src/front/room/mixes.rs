//! The Opus mixes that someone listens to: the program's sound, and for who is in the room the same without their own.
//!
//! A mix is made while it has listeners and a moment longer, so that who reconnects finds it; then the worker is told to stop.

use std::time::{Duration, Instant};

use crate::{
    base::ParticipantId,
    front::model::document::MAX_PARTICIPANTS,
    link::{Listener, message::MAX_LISTENERS},
    media::{Packet, Timestamp, fanout::Fanout},
};

/// Every participant's own mix and everyone's.
const _: () = assert!(MAX_PARTICIPANTS < MAX_LISTENERS);

/// How long a mix outlives its last listener.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Mix {
    id: u32,
    without: Option<ParticipantId>,
    sound: Fanout,
    idle: Option<Instant>,
    last: Option<Timestamp>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Mixes {
    mixes: Vec<Mix>,
    next: u32,
}

impl Mixes {
    /// The mix without `without`, which is made from now on; `None` when there are as many as the worker makes. The flag is
    /// true when the worker must be told.
    pub(super) fn listen(&mut self, without: Option<&ParticipantId>, now: Instant) -> Option<(Fanout, bool)> {
        if let Some(mix) = self.mixes.iter_mut().find(|mix| mix.without.as_ref() == without) {
            // The one who asked is about to listen.
            mix.idle = Some(now);
            return Some((mix.sound.clone(), false));
        }
        if self.mixes.len() >= MAX_LISTENERS {
            return None;
        }
        let sound = Fanout::new();
        let (id, without) = (self.next, without.cloned());
        self.next += 1;
        self.mixes.push(Mix { id, without, sound: sound.clone(), idle: Some(now), last: None });
        Some((sound, true))
    }

    /// What the worker is to make.
    pub(super) fn wanted(&self) -> Vec<Listener> {
        self.mixes.iter().map(|mix| Listener { id: mix.id, without: mix.without.clone() }).collect()
    }

    /// A packet of a mix, on the program's time line.
    pub(super) fn take(&mut self, id: u32, packet: Packet) {
        let Some(mix) = self.mixes.iter_mut().find(|mix| mix.id == id) else { return };
        // Sound of a new worker that belongs before the seam.
        if mix.last.is_some_and(|last| packet.dts < last) {
            return;
        }
        mix.last = Some(packet.dts);
        mix.sound.push(&packet);
    }

    /// Forgets mixes that nobody listens to; true when the worker must be told.
    pub(super) fn tidy(&mut self, now: Instant) -> bool {
        let before = self.mixes.len();
        self.mixes.retain_mut(|mix| {
            if mix.sound.readers() > 0 {
                mix.idle = None;
                return true;
            }
            now.saturating_duration_since(*mix.idle.get_or_insert(now)) < LINGER
        });
        self.mixes.len() != before
    }

    /// Ends every mix.
    pub(super) fn end(&self) {
        self.mixes.iter().for_each(|mix| mix.sound.end());
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::{AudioCodec, Codec, Role};

    #[test]
    fn a_mix_is_made_while_someone_listens_and_shared_by_all_who_do() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let alice: ParticipantId = "alice".parse().expect("an id");
        let mut mixes = Mixes::default();
        let (all, fresh) = mixes.listen(None, begin).expect("a place");
        let mut listener = all.subscribe();
        assert!(fresh);
        assert!(!mixes.listen(None, begin).expect("a place").1, "there already");
        assert!(mixes.listen(Some(&alice), begin).expect("a place").1);
        assert_eq!(mixes.wanted().len(), 2);
        let packet = |millis| {
            let at = Timestamp::from_millis(millis);
            let codec = Codec::Audio(AudioCodec::Opus);
            Packet { codec, role: Role::Key, pts: at, dts: at, data: Bytes::from_static(b"opus") }
        };
        mixes.take(0, packet(20));
        mixes.take(0, packet(10));
        mixes.take(7, packet(30));
        assert_eq!(listener.try_next().map(|packet| packet.pts.millis()), Some(20));
        assert!(listener.try_next().is_none());
        assert!(!mixes.tidy(at(1999)));
        assert!(mixes.tidy(at(2000)), "nobody came for alice's");
        assert_eq!(mixes.wanted(), [Listener { id: 0, without: None }]);
        drop(listener);
        assert!(!mixes.tidy(at(3000)) && mixes.tidy(at(5000)));
        assert!(mixes.wanted().is_empty());
    }

    #[test]
    fn every_participant_of_a_full_room_may_listen_and_so_may_viewers() {
        let now = Instant::now();
        let mut mixes = Mixes::default();
        for number in 0..MAX_PARTICIPANTS {
            let participant = format!("p{number}").parse().expect("an id");
            assert!(mixes.listen(Some(&participant), now).is_some(), "{participant}");
        }
        assert!(mixes.listen(None, now).is_some(), "everyone's");
        assert_eq!(mixes.wanted().len(), MAX_PARTICIPANTS + 1);
    }
}
