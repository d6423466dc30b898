//! What the room's worker is told: who there is, what the scene is, and whose media it needs.

use std::time::{Duration, Instant};

use super::Actor;
use crate::{
    front::model::{RoomDocument, event::Event, status::TileStatus},
    layout::{Layout, Meeting, Tile, Transition},
    link::{Control, Feed},
    media::{ColorSpace, Packet, Role, Track},
};

/// How long before its moment a scene is told to the worker at most.
const AHEAD: Duration = Duration::from_millis(500);

impl Actor {
    /// The rate changes on a running encoder; everything else that the encoders are made with takes a new worker.
    pub(super) fn change_settings(&mut self, old: &RoomDocument, now: Instant) {
        let rate_aside = |document: &RoomDocument| {
            let mut video = document.video.clone();
            video.bitrate_kbps = 0;
            (document.canvas.clone(), video, document.audio.clone())
        };
        if rate_aside(old) != rate_aside(&self.document) {
            self.production.replace(now);
        } else if old.video.bitrate_kbps != self.document.video.bitrate_kbps {
            self.production.control(Control::VideoBitrate(self.document.video.bitrate_kbps));
        }
    }

    /// Tells a worker that has just come everything: it knows nothing of the last one.
    pub(super) fn greet_worker(&mut self, now: Instant) {
        self.tell_failure();
        let settings = self.context.settings(&self.id, &self.document);
        self.production.greet(settings, now);
        self.people.nothing_shows();
        self.production.control(Control::Participants(self.people.for_worker()));
        self.told_states.clear();
        self.send_images();
        self.production.control(Control::Scene { scene: self.scene.clone(), transition: Transition::CUT, at: None });
        for (_, person) in self.people.iter_mut() {
            let Some(live) = &person.live else { continue };
            if live.turned != 0 {
                let (feed, quarter_turns) = (live.feed, live.turned);
                self.production.control(Control::Rotation { feed, quarter_turns });
            }
            if live.color != ColorSpace::default() {
                let (feed, space) = (live.feed, live.color);
                self.production.control(Control::Color { feed, space });
            }
            for config in live.cache.configs().filter(|packet| packet.track() == Track::Audio) {
                self.production.media(live.feed, true, config.clone());
            }
        }
        self.forward_the_visible();
    }

    /// Takes up the room's layout as it is now; people begin anew on the stage if it is another one.
    pub(super) fn take_up_layout(&mut self) {
        let choice = &self.document.layout;
        let template = self.context.templates.resolve(&choice.template);
        let layout = Layout::new(&template, &choice.parameters, |name| self.context.assets.hash(name));
        let layout = layout.with_people(choice.people);
        if layout != self.layout {
            self.layout = layout;
            self.layout_changed = true;
            self.director.forget();
        }
    }

    /// Sees that the worker has every image of the layout; the rest it may forget.
    pub(super) fn send_images(&mut self) {
        self.production.images(&self.layout.images(), &self.context.assets);
    }

    /// Tells the worker who is heard and whose connection is bad, if that changed.
    pub(super) fn tell_states(&mut self) {
        let states = self.people.states(|id| self.floor.is_speaking(id));
        if states != self.told_states {
            self.told_states = states.clone();
            self.production.control(Control::States(states));
        }
    }

    pub(super) fn tell_people(&mut self) {
        self.production.control(Control::Participants(self.people.for_worker()));
        self.forward_the_visible();
    }

    /// Works out the scene and, if it changed, puts it on air.
    pub(super) fn recast(&mut self) {
        let people = self.people.for_layout(Instant::now());
        let now = self.began.elapsed();
        let recent: Vec<_> = self.floor.recent().cloned().collect();
        let meeting = Meeting {
            people: &people,
            canvas: &self.document.canvas,
            floor: self.floor.holder(),
            pinned: &self.document.pins,
            recent: &recent,
            silence: self.floor.silence(now),
            room: self.id.as_str(),
        };
        let scene = self.director.direct(&self.layout, &meeting, now);
        let layout_changed = std::mem::take(&mut self.layout_changed);
        if scene == self.scene {
            // Another layout may show the same, as while nobody is there.
            if layout_changed {
                self.say(Event::Layout { scene: self.tiles() });
            }
            return;
        }
        self.scene = scene;
        let transition = self.document.layout.transition(self.director.transition(&self.layout));
        self.send_images();
        let at = self.moment.and_then(|moment| self.production.worker_time(moment));
        let ahead = if at.is_some() { AHEAD } else { Duration::ZERO };
        self.fades_until = Instant::now() + Duration::from_millis(transition.ms.into()) + ahead;
        self.production.control(Control::Scene { scene: self.scene.clone(), transition, at });
        self.forward_the_visible();
        self.say(Event::Layout { scene: self.tiles() });
    }

    /// The worker lost packets of a feed: nothing decodes before its next keyframe, unless a new decoder begins with the cache.
    pub(super) fn lost(&mut self, feed: Feed, replay: bool) {
        let Some(live) = self.people.live(feed) else { return };
        if replay && live.replays_again(Instant::now()) {
            live.forwarded = false;
            self.forward_the_visible();
        } else {
            // A keyframe may be on its way already, so that what follows is sent on all the same.
            live.want_keyframe();
        }
    }

    /// Forwards the video of those on the program, of those who are leaving it as long as they are seen, and of those whom a newcomer's
    /// sight would find without a keyframe. Who is newly seen begins with the cached GOP, so that there is a picture before the next
    /// keyframe.
    pub(super) fn forward_the_visible(&mut self) {
        let now = Instant::now();
        let (replay, fades) = (self.production.trusts_replay(now), now < self.fades_until);
        let (mut changed, mut warm) = (false, Vec::new());
        for (_, person) in self.people.iter_mut() {
            let Some(live) = &mut person.live else { continue };
            changed |= live.keeps_warm() != live.warm;
            live.warm = live.keeps_warm();
            if live.warm {
                warm.push(live.feed);
            }
        }
        if changed {
            self.production.control(Control::Warm(warm));
        }
        for (id, person) in self.people.iter_mut() {
            let Some(live) = &mut person.live else { continue };
            let tiles = self
                .scene
                .tiles
                .iter()
                .filter(|tile| tile.participant == *id && !tile.card)
                .map(|tile| tile.rect.size());
            let largest = tiles.max_by_key(|size| u64::from(size.width) * u64::from(size.height));
            live.show_in(largest);
            let seen = largest.is_some() || live.warm;
            if seen && !live.forwarded {
                let cached = live.cache.replay().filter(|packet| packet.track() == Track::Video);
                let cached: Vec<Packet> = if replay {
                    cached.cloned().collect()
                } else {
                    cached.filter(|packet| packet.role == Role::Config).cloned().collect()
                };
                let whole = cached.into_iter().all(|packet| self.production.media(live.feed, true, packet));
                if !whole || !replay || !live.cache.has_picture() {
                    live.lost();
                }
            }
            if !seen {
                live.blind = None;
            }
            live.forwarded = seen || (live.forwarded && fades);
        }
    }

    pub(super) fn tiles(&self) -> Vec<TileStatus> {
        let tile = |tile: &Tile| TileStatus {
            participant: tile.participant.clone(),
            x: tile.rect.x,
            y: tile.rect.y,
            width: tile.rect.width,
            height: tile.rect.height,
        };
        self.scene.tiles.iter().map(tile).collect()
    }

    /// Sound always goes to the worker, video only while its participant is on the program.
    pub(super) fn forward(&mut self, feed: Feed, packet: Packet) {
        let now = Instant::now();
        let Some((live, packets)) = self.people.arrived(feed, packet, now) else { return };
        for packet in packets.into_iter().flatten() {
            let video = packet.track() == Track::Video;
            if video && !(live.forwarded && live.decodable(&packet)) {
                continue;
            }
            if video && packet.role != Role::Config {
                live.sent_on(now);
            }
            if !self.production.media(feed, false, packet) && video {
                live.lost();
            }
        }
        if live.keeps_warm() != live.warm {
            self.forward_the_visible();
        }
    }
}
