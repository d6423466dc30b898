//! Everyone in a room while it runs: the order they joined in, their connections, and what their media did lately.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    base::ParticipantId,
    cost::{EXPECTED, Moving},
    front::{
        model::{
            Demand, Door, Parting,
            document::{BroughtBy, Participant, Source},
            status::{MediaState, ParticipantStatus},
            tracks::Tracks,
        },
        sources::PullStatus,
    },
    layout::{self, Face, SCREEN},
    link::{
        Feed,
        message::{self, FeedStats},
    },
    media::{
        Codec, ColorSpace, GopCache, Heard, Packet, Role, Size, Track, VideoCodec, gop::MAX_PACKETS_ON_REQUEST, nal,
    },
};

/// A connection that brings nothing for this long is stalled: the time after which its tile shows a card.
const STALL: Duration = Duration::from_secs(2);

/// A stream whose pictures reach the worker for this long and never decode has something wrong: encoders send a keyframe every 2 to 4 s, and
/// some every 10.
const BLIND: Duration = Duration::from_secs(12);

/// How often a feed's cache is replayed because a worker asks for it, at most: decoders hang seldom, and a cache is large.
const REPLAY_EVERY: Duration = Duration::from_secs(2);
/// How long a card keeps the place of somebody whose connection broke: encoders and browsers try again within this time.
const KEPT: Duration = Duration::from_secs(5);

/// How long an encoder that lost its place to somebody is kept out while they are live: encoders connect again by themselves, and two
/// with one key would throw each other out for ever. Whoever started both has noticed by then.
const KEPT_OUT: Duration = Duration::from_secs(30);

/// A connection that brought something so lately is no broken one. What comes from its address by the same door is somebody else
/// then: an encoder that connects again after its own connection broke was silent for longer.
const FLOWING: Duration = Duration::from_secs(1);

/// Why somebody is not connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Away {
    /// They never were, or they said goodbye.
    #[default]
    Absent,
    /// Their connection broke at this moment.
    Lost(Instant),
}

/// One participant while the room runs.
#[derive(Debug)]
pub(super) struct Person {
    /// What the document says.
    pub(super) wanted: Participant,
    /// Place in the order of joining.
    joined: u64,
    /// The present connection.
    pub(super) live: Option<Live>,
    /// Where its media are fetched although it publishes: another server that it publishes to instead of here.
    elsewhere: Option<Source>,
    /// Why there is none.
    away: Away,
    /// An encoder that lost the place to somebody: its address, and when.
    thrown_out: Option<(IpAddr, Instant)>,
    /// What connects for it, if its media are pulled.
    pub(super) pull: Option<Pull>,
    /// What is heard of it now.
    pub(super) heard: Option<Heard>,
    announced: MediaState,
    /// Why a connection of it was refused or cut off, until media come again.
    refused: Option<String>,
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

/// What a new connection is given.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) feed: Feed,
    pub(super) evicted: CancellationToken,
    pub(super) demand: watch::Receiver<Demand>,
}

/// One connection of one participant; dropping it evicts whoever sits there.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) feed: Feed,
    door: Door,
    /// Where it comes from; none for what this server fetches.
    from: Option<IpAddr>,
    evicted: CancellationToken,
    /// Packets since the last keyframe, for the moment it is cast.
    pub(super) cache: GopCache,
    /// True while video goes to the worker.
    pub(super) forwarded: bool,
    /// True when the worker lost a packet of this feed: nothing decodes before the next keyframe.
    awaits_keyframe: bool,
    /// Its pictures are decoded though nobody sees them.
    pub(super) warm: bool,
    /// Video has gone to the worker since then, without a picture of it ever.
    pub(super) blind: Option<Instant>,
    /// When a worker last asked for the cache.
    replayed: Option<Instant>,
    showing: bool,
    seen: bool,
    /// True once there was anything of a picture.
    pictured: bool,
    heard_at: Instant,
    window: (Instant, u64),
    received_kbps: u32,
    stats: Option<FeedStats>,
    demand: watch::Sender<Demand>,
    /// Quarters by which its pictures are to be turned clockwise.
    pub(super) turned: u8,
    /// How its pictures are coloured where their bitstream does not say.
    pub(super) color: ColorSpace,
    /// True while media arrive damaged.
    weak: bool,
    tracks: Tracks,
}

impl Live {
    fn new(feed: Feed, door: Door, from: Option<IpAddr>, evicted: CancellationToken, now: Instant) -> Self {
        Self {
            feed,
            door,
            from,
            evicted,
            cache: match door {
                Door::Rtmp | Door::Pull => GopCache::new(),
                Door::Whip | Door::Whep => GopCache::of(MAX_PACKETS_ON_REQUEST),
            },
            forwarded: false,
            awaits_keyframe: false,
            warm: false,
            blind: None,
            replayed: None,
            showing: false,
            seen: false,
            pictured: false,
            heard_at: now,
            window: (now, 0),
            received_kbps: 0,
            stats: None,
            demand: watch::Sender::default(),
            turned: 0,
            color: ColorSpace::default(),
            weak: false,
            tracks: Tracks::default(),
        }
    }

    /// Takes note of a packet.
    fn arrived(&mut self, packet: &Packet, now: Instant) {
        self.cache.push(packet);
        self.tracks.arrived(packet, now);
        self.heard_at = now;
        self.seen |= packet.role != Role::Config;
        self.pictured |= packet.track() == Track::Video;
        self.window.1 += packet.data.len() as u64;
    }

    /// True when one who comes by `door` from `from` would throw out somebody else, and not a connection of its own that broke.
    fn is_another(&self, door: Door, from: Option<IpAddr>, now: Instant) -> bool {
        let patience = if (self.door, self.from) == (door, from) { FLOWING } else { STALL };
        now.duration_since(self.heard_at) < patience
    }

    /// A packet as it really is: what a picture is to a decoder stands in its bytes, whatever its sender marks. With it the parameters
    /// that belong before it, where a sender of H.264 has them in its pictures alone.
    fn judged(&self, mut packet: Packet) -> (Option<Packet>, Packet) {
        let Codec::Video(codec) = packet.codec else { return (None, packet) };
        if packet.role == Role::Config || !matches!(self.door, Door::Rtmp | Door::Pull) {
            return (None, packet);
        }
        let known = self.cache.video_config().filter(|config| config.codec == packet.codec);
        let record = known.map(|config| &config.data[..]);
        packet.role = match nal::begins(codec, record, &packet.data) {
            Some(true) => Role::Key,
            Some(false) => Role::Delta,
            None => packet.role,
        };
        let missing = codec == VideoCodec::H264 && known.is_none() && packet.role == Role::Key;
        let config = missing.then(|| nal::record_within(&packet.data)).flatten();
        (config.map(|data| Packet { role: Role::Config, data, ..packet.clone() }), packet)
    }

    /// Video goes to the worker.
    pub(super) fn sent_on(&mut self, now: Instant) {
        let decoded = self.stats.as_ref().is_some_and(|stats| stats.decoded > 0);
        if !decoded {
            self.blind.get_or_insert(now);
        }
    }

    /// True when its pictures are to be decoded though nobody sees them: whoever sees them later would wait for a keyframe that may never
    /// come, and its sender cannot be asked for one.
    pub(super) fn keeps_warm(&self) -> bool {
        matches!(self.door, Door::Rtmp | Door::Pull) && self.cache.is_long()
    }

    /// What is wrong with its picture, if its stream runs and nothing of it was ever decoded.
    fn fault(&self, now: Instant) -> Option<&'static str> {
        let blind = self.blind.is_some_and(|since| now.duration_since(since) >= BLIND);
        blind.then_some("its picture cannot be decoded: none came that decoding can begin with; set the encoder's keyframe interval to 2 s")
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
        self.want_keyframe();
    }

    /// A worker asks for the cache: true when that may be replayed now.
    pub(super) fn replays_again(&mut self, now: Instant) -> bool {
        let due = self.replayed.is_none_or(|at| now.duration_since(at) >= REPLAY_EVERY);
        if due {
            self.replayed = Some(now);
        }
        due
    }

    /// The tile it is shown in now, if any.
    pub(super) fn show_in(&self, tile: Option<Size>) {
        self.demand.send_if_modified(|demand| std::mem::replace(&mut demand.tile, tile) != tile);
    }

    /// Nothing of it is shown before the next keyframe.
    pub(super) fn want_keyframe(&self) {
        self.demand.send_modify(|demand| demand.keyframes += 1);
    }

    fn state(&self, now: Instant) -> MediaState {
        if !self.seen || !self.tracks.are_usable() || self.fault(now).is_some() {
            MediaState::Joining
        } else if now.duration_since(self.heard_at) >= STALL && !self.showing {
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
    fn display_name(&self, id: &ParticipantId) -> String {
        self.wanted.name.clone().unwrap_or_else(|| id.to_string())
    }

    /// Where its media are fetched, or that it publishes here.
    pub(super) fn fetched_from(&self) -> &Source {
        self.elsewhere.as_ref().unwrap_or(&self.wanted.source)
    }

    fn face(&self, now: Instant) -> Face {
        match &self.live {
            _ if self.wanted.hidden => Face::Hidden,
            None if self.is_lost(now) => Face::Lost,
            None => Face::Absent,
            Some(live) if live.seen && !live.pictured => Face::AudioOnly,
            Some(_) => Face::Picture,
        }
    }

    fn state(&self, now: Instant) -> MediaState {
        match &self.live {
            Some(live) => live.state(now),
            None if self.is_lost(now) => MediaState::Lost,
            None => MediaState::Absent,
        }
    }

    fn fault(&self, now: Instant) -> Option<&'static str> {
        self.live.as_ref()?.fault(now)
    }

    fn is_lost(&self, now: Instant) -> bool {
        matches!(self.away, Away::Lost(since) if now.duration_since(since) < KEPT)
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
                    person.away = Away::Absent;
                    person.pull = None;
                    person.elsewhere = None;
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
                    elsewhere: None,
                    away: Away::Absent,
                    thrown_out: None,
                    pull: None,
                    heard: None,
                    announced: MediaState::Absent,
                    refused: None,
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

    /// Who is live at a place that one who comes from `from` by `door` would take over, and for how long it is kept out, if it is.
    pub(super) fn holder(
        &self,
        id: &ParticipantId,
        door: Door,
        from: Option<IpAddr>,
        now: Instant,
    ) -> Option<(Door, Option<Duration>)> {
        let person = self.by_id.get(id)?;
        let live = person.live.as_ref().filter(|live| live.is_another(door, from, now))?;
        let lost = person.thrown_out.filter(|(who, _)| door == Door::Rtmp && Some(*who) == from);
        let left = lost.and_then(|(_, at)| KEPT_OUT.checked_sub(now.duration_since(at))).filter(|left| !left.is_zero());
        Some((live.door, left))
    }

    /// Seats a new connection; whoever sat there is evicted.
    pub(super) fn seat(
        &mut self,
        id: &ParticipantId,
        door: Door,
        from: Option<IpAddr>,
        now: Instant,
    ) -> Option<Admission> {
        let person = self.by_id.get_mut(id)?;
        if matches!(door, Door::Rtmp | Door::Whip) && person.elsewhere.take().is_some() {
            // It publishes here from now on.
            person.pull = None;
        }
        let feed = Feed(self.next_feed);
        self.next_feed += 1;
        let evicted = CancellationToken::new();
        let live = Live::new(feed, door, from, evicted.clone(), now);
        let demand = live.demand.subscribe();
        if let Some(old) = person.live.replace(live) {
            if old.door == Door::Rtmp && old.is_another(door, from, now) {
                person.thrown_out = old.from.map(|who| (who, now));
            }
            self.by_feed.remove(&old.feed);
        }
        self.by_feed.insert(feed, id.clone());
        Some(Admission { feed, evicted, demand })
    }

    /// Somebody who publishes elsewhere is to be fetched from there; a newcomer evicts whoever has the seat, once media come. True
    /// when a pull is to begin.
    pub(super) fn fetch(&mut self, id: &ParticipantId, from: Source, newcomer: bool) -> bool {
        let Some(person) = self.by_id.get_mut(id) else { return false };
        if person.elsewhere.as_ref() == Some(&from) || (person.live.is_some() && !newcomer) {
            return false;
        }
        person.pull = None;
        person.elsewhere = Some(from);
        true
    }

    /// It is not to be fetched from there any more.
    pub(super) fn stop_fetching(&mut self, id: &ParticipantId, from: &Source) {
        if let Some(person) = self.by_id.get_mut(id).filter(|person| person.elsewhere.as_ref() == Some(from)) {
            person.elsewhere = None;
            person.pull = None;
        }
    }

    /// A connection ended, cut off where there is a reason. Returns whose it was, unless it had lost its seat before.
    pub(super) fn ended(
        &mut self,
        feed: Feed,
        parting: Parting,
        why: Option<String>,
        now: Instant,
    ) -> Option<ParticipantId> {
        let id = self.by_feed.remove(&feed)?;
        if let Some(person) = self.by_id.get_mut(&id) {
            let came = person.live.take().is_some_and(|live| live.seen);
            // Who sent nothing yet had no place to keep.
            person.away = if parting == Parting::Lost && came { Away::Lost(now) } else { Away::Absent };
            person.heard = None;
            person.refused = why.or(person.refused.take());
        }
        Some(id)
    }

    /// Takes note of a packet and returns its connection with what is to be sent on: the packet as it really is, and parameters that belong
    /// before it. `None` when its sender lost the seat.
    pub(super) fn arrived(
        &mut self,
        feed: Feed,
        packet: Packet,
        now: Instant,
    ) -> Option<(&mut Live, [Option<Packet>; 2])> {
        let id = self.by_feed.get(&feed)?;
        let person = self.by_id.get_mut(id)?;
        let live = person.live.as_mut()?;
        let (config, packet) = live.judged(packet);
        let packets = [config, Some(packet)];
        let seen = live.seen;
        packets.iter().flatten().for_each(|packet| live.arrived(packet, now));
        if !seen && live.seen {
            person.refused = None;
        }
        Some((live, packets))
    }

    /// Something of a track of a connection is left out; whom to tell it of, if that is news.
    pub(super) fn left_out(&mut self, feed: Feed, track: Track, reason: String, now: Instant) -> Option<ParticipantId> {
        let news = self.live(feed)?.tracks.left_out(track, reason, now);
        self.of(feed).filter(|_| news).cloned()
    }

    /// A connection of somebody who showed the right key was refused.
    pub(super) fn refused(&mut self, id: &ParticipantId, reason: String) {
        if let Some(person) = self.by_id.get_mut(id) {
            person.refused = Some(reason);
        }
    }

    /// Takes note of how a connection's pictures are to be turned; false when its sender lost the seat.
    pub(super) fn turned(&mut self, feed: Feed, quarters: u8) -> bool {
        self.live(feed).is_some_and(|live| {
            live.turned = quarters;
            true
        })
    }

    /// Takes note of how a connection's pictures are coloured; false when its sender lost the seat.
    pub(super) fn colored(&mut self, feed: Feed, space: ColorSpace) -> bool {
        self.live(feed).is_some_and(|live| {
            live.color = space;
            true
        })
    }

    /// A connection, unless it has ended.
    pub(super) fn live(&mut self, feed: Feed) -> Option<&mut Live> {
        self.by_id.get_mut(self.by_feed.get(&feed)?)?.live.as_mut()
    }

    /// The worker says whether the feed's picture is on the program.
    pub(super) fn showing(&mut self, feed: Feed, showing: bool) {
        if let Some(live) = self.live(feed) {
            live.showing = showing;
        }
    }

    /// The worker is gone, and every picture with it.
    pub(super) fn nothing_shows(&mut self) {
        for live in self.by_id.values_mut().filter_map(|person| person.live.as_mut()) {
            live.showing = false;
            live.forwarded = false;
            live.warm = false;
            live.blind = None;
            live.awaits_keyframe = false;
        }
    }

    /// The worker's counters; whose media it turned out not to decode, and why.
    pub(super) fn stats(&mut self, feeds: &[FeedStats], now: Instant) -> Vec<(ParticipantId, String)> {
        let mut news = Vec::new();
        for stats in feeds {
            let id = self.of(stats.feed).cloned();
            if let Some((live, id)) = self.live(stats.feed).zip(id) {
                for (track, trouble) in [(Track::Video, &stats.video_trouble), (Track::Audio, &stats.audio_trouble)] {
                    if live.tracks.decoder(track, trouble.as_deref(), now) {
                        news.extend(trouble.clone().map(|trouble| (id.clone(), trouble)));
                    }
                }
                // What the decoder refused, what follows it shows broken until the next keyframe.
                let corrupt = live.stats.as_ref().map(|before| before.corrupt);
                if corrupt.is_some_and(|before| before < stats.corrupt) {
                    live.want_keyframe();
                }
                live.weak = stats.corrupt > corrupt.unwrap_or(0);
                if stats.decoded > 0 {
                    live.blind = None;
                }
                live.stats = Some(stats.clone());
            }
        }
        news
    }

    /// What somebody sends, if they are connected and that is known.
    pub(super) fn sends(&self, id: &ParticipantId) -> Option<(Moving, VideoCodec)> {
        let live = self.by_id.get(id)?.live.as_ref()?;
        let stats = live.stats.as_ref().filter(|stats| stats.width > 0)?;
        let codec = live.cache.replay().find_map(|packet| match packet.codec {
            Codec::Video(codec) => Some(codec),
            Codec::Audio(_) => None,
        });
        Some((Moving { width: stats.width, height: stats.height, ..EXPECTED }, codec.unwrap_or(VideoCodec::H264)))
    }

    /// True while somebody is connected.
    pub(super) fn is_connected(&self, id: &ParticipantId) -> bool {
        self.by_id.get(id).is_some_and(|person| person.live.is_some())
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

    /// Everyone, as layouts see them: by the operator's order, then in the order they joined.
    pub(super) fn for_layout(&self, now: Instant) -> Vec<layout::Person> {
        let mut people: Vec<_> = self.by_id.iter().collect();
        people.sort_by_key(|(_, person)| (person.wanted.order, person.joined));
        let person = |(id, person): (&ParticipantId, &Person)| layout::Person {
            id: id.clone(),
            name: person.display_name(id),
            role: person.wanted.role.clone(),
            face: person.face(now),
        };
        people.into_iter().map(person).collect()
    }

    /// Who may take the floor, with what is heard of them as loud as the program has it. A shared screen's sound is no voice of
    /// the meeting, unless there is no other.
    pub(super) fn candidates(&self) -> Vec<(ParticipantId, Heard)> {
        let candidate = |(id, person): (&ParticipantId, &Person)| {
            let mut heard = person.heard.filter(|_| !person.wanted.muted && !person.wanted.hidden)?;
            heard.levels.rms_dbfs += person.wanted.gain_db;
            Some((person.wanted.role.as_deref() == Some(SCREEN), (id.clone(), heard)))
        };
        let (screens, people): (Vec<_>, Vec<_>) =
            self.by_id.iter().filter_map(candidate).partition(|(screen, _)| *screen);
        let candidates = if people.is_empty() { screens } else { people };
        candidates.into_iter().map(|(_, candidate)| candidate).collect()
    }

    /// Those of whom a tile may tell more than the worker knows, by id.
    pub(super) fn states(&self, heard: impl Fn(&ParticipantId) -> bool) -> Vec<(ParticipantId, message::State)> {
        let state = |(id, person): (&ParticipantId, &Person)| {
            let speaking = heard(id);
            let weak = person.live.as_ref().is_some_and(|live| live.weak);
            (speaking || weak).then(|| (id.clone(), message::State { speaking, weak }))
        };
        self.by_id.iter().filter_map(state).collect()
    }

    /// As the worker needs them.
    pub(super) fn for_worker(&self) -> Vec<message::Participant> {
        let participant = |(id, person): (&ParticipantId, &Person)| message::Participant {
            id: id.clone(),
            name: person.display_name(id),
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

    /// Why somebody's media are in this state, where there is a reason to tell: what brought whom nobody added by hand, why a
    /// pull is not connected, why a connection was cut off, or what of it cannot be used.
    pub(super) fn why(&self, id: &ParticipantId, state: MediaState, now: Instant) -> Option<String> {
        let person = self.by_id.get(id)?;
        let by_srs = person.elsewhere.is_some() || person.wanted.brought_by == Some(BroughtBy::Srs);
        match state {
            _ if person.fault(now).is_some() => person.fault(now).map(str::to_owned),
            MediaState::Joining | MediaState::Live if by_srs => Some("its stream is published to SRS".to_owned()),
            MediaState::Absent | MediaState::Lost if person.refused.is_some() => person.refused.clone(),
            _ => {
                let pulled = person.pull.as_ref().and_then(|pull| pull.report.borrow().last_error.clone());
                pulled.or_else(|| person.live.as_ref()?.tracks.trouble())
            }
        }
    }

    /// As REST tells them.
    pub(super) fn status(&self, now: Instant) -> BTreeMap<ParticipantId, ParticipantStatus> {
        self.by_id.iter().map(|(id, person)| (id.clone(), status(person, now))).collect()
    }

    /// Where a participant's media are fetched, or that it publishes here; `None` when there is no such participant.
    pub(super) fn fetched_from(&self, id: &ParticipantId) -> Option<&Source> {
        self.by_id.get(id).map(Person::fetched_from)
    }

    /// Where a participant's media are to come from; `None` when there is no such participant.
    pub(super) fn source(&self, id: &ParticipantId) -> Option<&Source> {
        self.by_id.get(id).map(|person| &person.wanted.source)
    }
}

fn status(person: &Person, now: Instant) -> ParticipantStatus {
    let mut status = ParticipantStatus { state: person.state(now), levels: person.heard, ..Default::default() };
    if let Some(live) = &person.live {
        status.door = Some(live.door);
        status.showing = live.showing;
        (status.video, status.audio) = live.tracks.status();
        status.received_kbps = live.received_kbps;
        if let Some(stats) = &live.stats {
            (status.width, status.height) = (stats.width, stats.height);
            (status.decoded, status.corrupt, status.delay_ms) = (stats.decoded, stats.corrupt, stats.delay_ms);
        }
    }
    status.last_refusal.clone_from(&person.refused);
    let pulled = person.pull.as_ref().and_then(|pull| pull.report.borrow().last_error.clone());
    status.last_error = pulled.or_else(|| person.fault(now).map(str::to_owned));
    status
}
