//! Everyone in a room while it runs: the order they joined in, their connections, and what their media did lately.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Door,
    document::{Participant, Source},
    status::{MediaState, ParticipantStatus},
};
use crate::{
    base::ParticipantId,
    front::pull::PullStatus,
    link::{
        Feed,
        message::{self, FeedStats},
    },
    media::{GopCache, Levels, Packet, Role},
};

/// A connection that brings nothing for this long is stalled: the time after which its tile shows a card.
const STALL: Duration = Duration::from_secs(2);

/// One participant while the room runs.
#[derive(Debug)]
pub(super) struct Person {
    /// What the document says.
    pub(super) wanted: Participant,
    /// Place in the order of joining.
    joined: u64,
    /// The present connection.
    pub(super) live: Option<Live>,
    /// What connects for it, if its source is pulled.
    pub(super) pull: Option<Pull>,
    /// How loud it is now.
    pub(super) levels: Option<Levels>,
    announced: MediaState,
}

/// A running pull; dropping it ends it.
#[derive(Debug)]
pub(super) struct Pull {
    pub(super) report: watch::Receiver<PullStatus>,
    pub(super) stop: CancellationToken,
}

impl Drop for Pull {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One connection of one participant; dropping it evicts whoever sits there.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) feed: Feed,
    door: Door,
    evicted: CancellationToken,
    /// Packets since the last keyframe, for the moment it is cast.
    pub(super) cache: GopCache,
    /// True while video goes to the worker.
    pub(super) forwarded: bool,
    /// True when the worker lost a packet of this feed: nothing decodes before the next keyframe.
    awaits_keyframe: bool,
    showing: bool,
    seen: bool,
    heard_at: Instant,
    window: (Instant, u64),
    received_kbps: u32,
    stats: Option<FeedStats>,
}

impl Live {
    fn new(feed: Feed, door: Door, evicted: CancellationToken, now: Instant) -> Self {
        Self {
            feed,
            door,
            evicted,
            cache: GopCache::new(),
            forwarded: false,
            awaits_keyframe: false,
            showing: false,
            seen: false,
            heard_at: now,
            window: (now, 0),
            received_kbps: 0,
            stats: None,
        }
    }

    /// Takes note of a packet.
    fn arrived(&mut self, packet: &Packet, now: Instant) {
        self.cache.push(packet);
        self.heard_at = now;
        self.seen |= packet.role != Role::Config;
        self.window.1 += packet.data.len() as u64;
    }

    /// True when a video packet is worth sending on, given that some before it may have been lost.
    pub(super) fn decodable(&mut self, packet: &Packet) -> bool {
        if packet.is_keyframe() {
            self.awaits_keyframe = false;
        }
        packet.role == Role::Config || !self.awaits_keyframe
    }

    /// A packet of this feed did not reach the worker.
    pub(super) fn lost(&mut self) {
        self.awaits_keyframe = true;
    }

    fn state(&self, now: Instant) -> MediaState {
        if !self.seen {
            MediaState::Joining
        } else if now.duration_since(self.heard_at) >= STALL {
            MediaState::Stalled
        } else {
            MediaState::Live
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.evicted.cancel();
    }
}

impl Person {
    fn state(&self, now: Instant) -> MediaState {
        self.live.as_ref().map_or(MediaState::Absent, |live| live.state(now))
    }
}

/// Everyone, by id.
#[derive(Debug, Default)]
pub(super) struct People {
    by_id: BTreeMap<ParticipantId, Person>,
    by_feed: BTreeMap<Feed, ParticipantId>,
    next_feed: u32,
    next_joined: u64,
}

impl People {
    /// Makes the people those of a document. Whoever stays with the same source keeps the connection.
    pub(super) fn apply(&mut self, wanted: &BTreeMap<ParticipantId, Participant>) {
        self.by_id.retain(|id, person| match wanted.get(id) {
            Some(participant) => {
                if participant.source != person.wanted.source {
                    person.live = None;
                    person.pull = None;
                }
                person.wanted = participant.clone();
                true
            }
            None => false,
        });
        for (id, participant) in wanted {
            if !self.by_id.contains_key(id) {
                let person = Person {
                    wanted: participant.clone(),
                    joined: self.next_joined,
                    live: None,
                    pull: None,
                    levels: None,
                    announced: MediaState::Absent,
                };
                self.next_joined += 1;
                self.by_id.insert(id.clone(), person);
            }
        }
        let by_id = &self.by_id;
        self.by_feed.retain(|feed, id| {
            by_id.get(id).and_then(|person| person.live.as_ref()).is_some_and(|live| live.feed == *feed)
        });
    }

    /// Seats a new connection; whoever sat there is evicted.
    pub(super) fn seat(&mut self, id: &ParticipantId, door: Door, now: Instant) -> Option<(Feed, CancellationToken)> {
        let person = self.by_id.get_mut(id)?;
        let feed = Feed(self.next_feed);
        self.next_feed += 1;
        let evicted = CancellationToken::new();
        if let Some(old) = person.live.replace(Live::new(feed, door, evicted.clone(), now)) {
            self.by_feed.remove(&old.feed);
        }
        self.by_feed.insert(feed, id.clone());
        Some((feed, evicted))
    }

    /// A connection ended. Returns whose it was, unless it had lost its seat before.
    pub(super) fn ended(&mut self, feed: Feed) -> Option<ParticipantId> {
        let id = self.by_feed.remove(&feed)?;
        if let Some(person) = self.by_id.get_mut(&id) {
            person.live = None;
            person.levels = None;
        }
        Some(id)
    }

    /// Takes note of a packet and returns its connection; `None` when its sender lost the seat.
    pub(super) fn arrived(&mut self, feed: Feed, packet: &Packet, now: Instant) -> Option<&mut Live> {
        let id = self.by_feed.get(&feed)?;
        let live = self.by_id.get_mut(id)?.live.as_mut()?;
        live.arrived(packet, now);
        Some(live)
    }

    /// The worker says whether the feed's picture is on the program.
    pub(super) fn showing(&mut self, feed: Feed, showing: bool) {
        if let Some(live) = self.by_feed.get(&feed).and_then(|id| self.by_id.get_mut(id)?.live.as_mut()) {
            live.showing = showing;
        }
    }

    /// The worker is gone, and every picture with it.
    pub(super) fn nothing_shows(&mut self) {
        for live in self.by_id.values_mut().filter_map(|person| person.live.as_mut()) {
            live.showing = false;
            live.forwarded = false;
            live.awaits_keyframe = false;
        }
    }

    /// The worker's counters.
    pub(super) fn stats(&mut self, feeds: &[FeedStats]) {
        for stats in feeds {
            if let Some(live) = self.by_feed.get(&stats.feed).and_then(|id| self.by_id.get_mut(id)?.live.as_mut()) {
                live.stats = Some(stats.clone());
            }
        }
    }

    /// Whose connection a feed is.
    pub(super) fn of(&self, feed: Feed) -> Option<&ParticipantId> {
        self.by_feed.get(&feed)
    }

    /// Everyone, by id.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&ParticipantId, &mut Person)> {
        self.by_id.iter_mut()
    }

    /// One participant.
    pub(super) fn get_mut(&mut self, id: &ParticipantId) -> Option<&mut Person> {
        self.by_id.get_mut(id)
    }

    /// Everyone who may be on the program, in the order they joined.
    pub(super) fn visible(&self) -> Vec<crate::layout::Person> {
        let mut people: Vec<_> = self.by_id.iter().filter(|(_, person)| !person.wanted.hidden).collect();
        people.sort_by_key(|(_, person)| person.joined);
        people
            .into_iter()
            .map(|(id, person)| crate::layout::Person { id: id.clone(), role: person.wanted.role.clone() })
            .collect()
    }

    /// Who may take the floor, with how loud they are.
    pub(super) fn candidates(&self) -> Vec<(ParticipantId, Levels)> {
        let heard = |person: &Person| !person.wanted.muted && !person.wanted.hidden;
        self.by_id.iter().filter(|(_, p)| heard(p)).filter_map(|(id, p)| Some((id.clone(), p.levels?))).collect()
    }

    /// As the worker needs them.
    pub(super) fn for_worker(&self) -> Vec<message::Participant> {
        let participant = |(id, person): (&ParticipantId, &Person)| message::Participant {
            id: id.clone(),
            name: person.wanted.name.clone().unwrap_or_else(|| id.to_string()),
            feed: person.live.as_ref().map(|live| live.feed),
            gain_db: person.wanted.gain_db,
            muted: person.wanted.muted,
        };
        self.by_id.iter().map(participant).collect()
    }

    /// Whose state changed since this was last asked.
    pub(super) fn changes(&mut self, now: Instant) -> Vec<(ParticipantId, MediaState)> {
        let mut changes = Vec::new();
        for (id, person) in &mut self.by_id {
            let state = person.state(now);
            if state != person.announced {
                person.announced = state;
                changes.push((id.clone(), state));
            }
            if let Some(live) = &mut person.live {
                let over = now.duration_since(live.window.0);
                if over >= Duration::from_secs(1) {
                    live.received_kbps = (live.window.1 as f64 * 8e-3 / over.as_secs_f64()) as u32;
                    live.window = (now, 0);
                }
            }
        }
        changes
    }

    /// As REST tells them.
    pub(super) fn status(&self, now: Instant) -> BTreeMap<ParticipantId, ParticipantStatus> {
        self.by_id.iter().map(|(id, person)| (id.clone(), status(person, now))).collect()
    }

    /// Where a participant's media are to come from; `None` when there is no such participant.
    pub(super) fn source(&self, id: &ParticipantId) -> Option<&Source> {
        self.by_id.get(id).map(|person| &person.wanted.source)
    }
}

fn status(person: &Person, now: Instant) -> ParticipantStatus {
    let mut status = ParticipantStatus { state: person.state(now), levels: person.levels, ..Default::default() };
    if let Some(live) = &person.live {
        status.door = Some(live.door);
        status.showing = live.showing;
        status.received_kbps = live.received_kbps;
        if let Some(stats) = &live.stats {
            (status.width, status.height) = (stats.width, stats.height);
            (status.decoded, status.corrupt, status.delay_ms) = (stats.decoded, stats.corrupt, stats.delay_ms);
        }
    }
    status.last_error = person.pull.as_ref().and_then(|pull| pull.report.borrow().last_error.clone());
    status
}
