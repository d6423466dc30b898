//! What the room's worker is told: who there is, what the scene is, and whose media it needs.

use std::time::Instant;

use super::Actor;
use crate::{
    front::{
        events::Event,
        room::{RoomDocument, status::TileStatus},
    },
    layout::{Tile, solve},
    link::{Control, Feed},
    media::{Packet, Role, Track},
};

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

    /// Starts a worker and tells it everything: it keeps nothing of the last one's.
    pub(super) fn start_worker(&mut self, now: Instant) {
        let settings = self.context.settings(&self.id, &self.document);
        self.production.start(settings, now);
        self.people.nothing_shows();
        self.production.control(Control::Participants(self.people.for_worker()));
        self.production.control(Control::Scene { scene: self.scene.clone(), transition_ms: 0 });
        for (_, person) in self.people.iter_mut() {
            let Some(live) = &person.live else { continue };
            for config in live.cache.configs().filter(|packet| packet.track() == Track::Audio) {
                self.production.media(live.feed, true, config.clone());
            }
        }
        self.forward_the_visible();
    }

    pub(super) fn tell_people(&mut self) {
        self.production.control(Control::Participants(self.people.for_worker()));
        self.forward_the_visible();
    }

    /// Works out the scene and, if it changed, puts it on air.
    pub(super) fn recast(&mut self) {
        let template = self.context.templates.resolve(&self.document.layout.template);
        let scene = solve(&template, &self.people.visible(), &self.document.canvas, self.floor.holder());
        if scene == self.scene {
            return;
        }
        self.scene = scene;
        let transition_ms = self.document.layout.transition_ms;
        self.production.control(Control::Scene { scene: self.scene.clone(), transition_ms });
        self.forward_the_visible();
        self.say(Event::Layout { scene: self.tiles() });
    }

    /// Forwards the video of those on the program and of nobody else. Who is newly seen begins with the cached GOP, so that
    /// there is a picture before the next keyframe.
    fn forward_the_visible(&mut self) {
        let replay = self.production.trusts_replay();
        for (id, person) in self.people.iter_mut() {
            let Some(live) = &mut person.live else { continue };
            let seen = self.scene.tiles.iter().any(|tile| tile.participant == *id);
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
            live.forwarded = seen;
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
        let Some(live) = self.people.arrived(feed, &packet, Instant::now()) else { return };
        let video = packet.track() == Track::Video;
        if video && !(live.forwarded && live.decodable(&packet)) {
            return;
        }
        if !self.production.media(feed, false, packet) && video {
            live.lost();
        }
    }
}
