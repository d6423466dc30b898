//! Streams that bring their participants' keys: each is fetched into that participant's seat, for as long as it is published.
//!
//! What is believed, and why. SRS lets nobody publish whom the callback did not let in, and takes no answer for a refusal; so a
//! connection of which the register knows has brought its key, whatever was lost since. A connection of which it does not know was
//! never asked: SRS has no callback, or had none for that virtual host, or another front was told, or the register was lost. SRS's
//! list cannot tell these apart, so such a stream joins nothing. Where a participant waits for it, SRS is told once to disconnect
//! it: an encoder connects again by itself, and is then asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use super::{
    ApiUrl, Hook, Place, Srs, Stream, UnknownRoom, Verdict, is_of,
    listing::Listed,
    query,
    register::{Kept, Publication, Register},
};
use crate::{
    base::{RoomId, Secret},
    front::{
        model::{
            RoomError,
            document::{Output, Source},
            status::{MediaState, RoomView},
        },
        net::guess::Scope,
    },
};

/// What SRS is told, and a person reads in its log: the same whatever does not fit, so that nobody learns who is there.
const REFUSED: &str =
    "publish it with its participant's key, as stream key NAME?key=KEY: the name or the key does not fit";

impl Srs {
    /// Judges a stream that brings a key, unless whoever publishes it was wrong too often.
    pub(super) async fn guarded(&self, place: &Place, stream: Stream, hook: &Hook, now: Instant) -> Verdict {
        let (room, participant) = place;
        // Those whose address SRS does not tell are one.
        let address = hook.ip().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let attempt = match self.0.guesses.begin(address, Scope::Publish(room, participant), now) {
            Ok(attempt) => attempt,
            Err(limited) => return Verdict::Refuse(limited.to_string()),
        };
        let verdict = self.published_with_key(place, stream, hook, now).await;
        match &verdict {
            Verdict::Refuse(reason) if reason == REFUSED => attempt.wrong().await,
            _ => attempt.forgive(),
        }
        verdict
    }

    async fn published_with_key(&self, place: &Place, stream: Stream, hook: &Hook, now: Instant) -> Verdict {
        let (room, participant) = place;
        let key = hook.key().unwrap_or_else(|| Secret::new(""));
        if let Some(verdict) = self.program(room, &stream, &key).await {
            return verdict;
        }
        let opened = match self.0.rooms.may_publish(room, participant, &key).await {
            Ok(()) => true,
            // Whoever has no key is not told which rooms there are; this server knows.
            Err(RoomError::WrongKey) if self.waits_for(room).await => false,
            // What is true only now is no reason to turn a publisher away; the next look asks the room again.
            Err(
                error @ (RoomError::Stopping | RoomError::Store(_) | RoomError::Unwritable(_) | RoomError::Moving(..)),
            ) => {
                tracing::warn!(%room, %participant, "a stream on SRS did not join: {error}");
                false
            }
            Err(error) => {
                tracing::info!(%room, %participant, "the stream does not join: {error}");
                return Verdict::Refuse(REFUSED.to_owned());
            }
        };
        let source = self.source(&stream);
        if let Some(fault) = self.0.rooms.check_source(&source).into_iter().next() {
            return Verdict::Refuse(fault.detail);
        }
        let client = hook.client_id.clone();
        let publication = Publication { client: client.clone(), stream: stream.clone(), key: key.clone() };
        let contested = self.register(|register| {
            let contested = register.is_contested(place, &stream);
            register.add(place, publication, opened).then_some(contested)
        });
        let Some(contested) = contested else {
            return Verdict::Refuse("more streams are published than this server looks after".to_owned());
        };
        self.book(|book| book.published(place.clone(), &client, now));
        if opened && contested {
            // SRS turns this one away, and it comes again when the other has been disconnected.
            tracing::warn!(%room, %participant, "somebody without the key publishes this stream on SRS, and is disconnected");
            self.0.poke.notify_one();
        } else if opened && let Err(error) = self.0.rooms.fetch(room, participant, &key, source, true).await {
            tracing::warn!(%room, %participant, "a stream on SRS did not join: {error}");
        }
        Verdict::Pass
    }

    /// Whether a stream may wait for a room that is not there yet.
    async fn waits_for(&self, room: &RoomId) -> bool {
        let ignored = self.0.settings.unknown_room == UnknownRoom::Ignore;
        ignored && matches!(self.0.rooms.view(room).await, Err(RoomError::NoRoom(_)))
    }

    pub(super) async fn unpublished_with_key(&self, place: &Place, client: &str, now: Instant) -> Verdict {
        let stream = self.register(|register| {
            let streams = register.streams(place);
            register.remove(place, client).then_some(streams)
        });
        if let Some(streams) = stream {
            self.book(|book| book.unpublished(place, client, now));
            self.stop_fetching(place, streams).await;
        }
        Verdict::Pass
    }

    /// What people publish, nobody else plays; a room's program is for everyone.
    pub(super) async fn plays_with_key(&self, place: &Place, stream: &Stream, hook: &Hook) -> Verdict {
        let is_program = |view: RoomView| view.document.outputs.values().any(|output| is_of(output, stream));
        if hook.key().is_some_and(|key| key == self.0.pull_key)
            || self.0.rooms.view(&place.0).await.is_ok_and(is_program)
        {
            return Verdict::Pass;
        }
        tracing::info!(room = %place.0, participant = %place.1, ip = ?hook.ip(), "somebody may not play a stream on SRS");
        Verdict::Refuse("what a participant publishes is played by this server alone".to_owned())
    }

    /// What becomes of a room's own program, if the stream is that: whoever pushes it brings the key that the output's address has.
    async fn program(&self, room: &RoomId, stream: &Stream, key: &Secret) -> Option<Verdict> {
        let view = self.0.rooms.view(room).await.ok()?;
        let mut wanted =
            view.document.outputs.values().filter(|output| is_of(output, stream)).map(output_key).peekable();
        wanted.peek()?;
        let fits = wanted.any(|wanted| wanted.is_none_or(|wanted| wanted == *key));
        Some(if fits { Verdict::Pass } else { Verdict::Refuse(REFUSED.to_owned()) })
    }

    /// Makes true what a list says that was asked for at `asked`; each stream comes with the API that lists it.
    pub(super) async fn look_by_key(&self, listed: Vec<(&ApiUrl, Listed)>, whole: bool, asked: Instant) {
        // What joined by its name alone, when that was enough.
        for place in self.brought().await {
            tracing::info!(room = %place.0, participant = %place.1, "SRS brought it without a key, so it leaves");
            self.leave(&place, asked).await;
        }
        let views: BTreeMap<RoomId, RoomView> =
            self.0.rooms.list().await.into_iter().map(|view| (view.id.clone(), view)).collect();
        let mut there = BTreeSet::new();
        for (api, Listed { stream, client }) in listed {
            let Some((place, stream)) = self.whose(stream) else { continue };
            there.insert(place.clone());
            let left = self.book(|book| book.left_since(&place, asked));
            if !left && let Some(view) = views.get(&place.0) {
                self.look_at(api, view, &place, &stream, &client, asked).await;
            }
        }
        if whole {
            self.let_go(&there, asked).await;
        }
    }

    /// Looks at one stream of a list, whose room is here.
    async fn look_at(
        &self,
        api: &ApiUrl,
        view: &RoomView,
        place: &Place,
        stream: &Stream,
        client: &str,
        asked: Instant,
    ) {
        if view.document.outputs.values().any(|output| is_of(output, stream)) {
            return;
        }
        let (room, participant) = place;
        let connected = view.status.participants.get(participant).is_some_and(|is| is.state != MediaState::Absent);
        let Some(key) = self.register(|register| Some(register.find(place, stream, client)?.key.clone())) else {
            let publishes = view.document.participants.get(participant).map(|found| &found.source);
            let waits = matches!(publishes, Some(Source::Publish { .. })) && !connected;
            if waits && self.register(|register| !register.has(place) && register.tell(place)) {
                tracing::warn!(
                    %room, %participant,
                    "a stream on SRS has shown no key here, and is to be published anew; does SRS send on_publish? See docs/srs.md"
                );
                self.disconnect(api, place, client).await;
            }
            return;
        };
        let settled = !self.book(|book| book.just_came(place, asked));
        let source = self.source(stream);
        let fetched = match connected {
            true => self.0.rooms.may_publish(room, participant, &key).await,
            false => self.0.rooms.fetch(room, participant, &key, source, false).await,
        };
        match fetched {
            Ok(()) => self.register(|register| register.opened(place, client, settled)),
            Err(RoomError::WrongKey) => {
                tracing::warn!(%room, %participant, "the key of a stream on SRS does not fit any more, so it is disconnected");
                self.register(|register| register.remove(place, client));
                self.disconnect(api, place, client).await;
            }
            Err(error) => tracing::debug!(%room, %participant, "a stream on SRS did not join: {error}"),
        }
    }

    /// Lets go of everyone whose stream a whole list does not have.
    async fn let_go(&self, there: &BTreeSet<Place>, asked: Instant) {
        let gone =
            |register: &mut Register| register.places().filter(|place| !there.contains(*place)).cloned().collect();
        let places: Vec<Place> = self.register(gone);
        for place in places {
            if !self.book(|book| book.just_came(&place, asked)) {
                tracing::info!(room = %place.0, participant = %place.1, "SRS has its stream no more");
                let streams = self.register(|register| register.clear(&place));
                self.stop_fetching(&place, streams).await;
            }
        }
    }

    async fn stop_fetching(&self, place: &Place, streams: Vec<Stream>) {
        for stream in streams {
            self.0.rooms.stop_fetching(&place.0, &place.1, self.source(&stream)).await;
        }
    }

    async fn disconnect(&self, api: &ApiUrl, place: &Place, client: &str) {
        if let Err(error) = api.disconnect(client, &self.0.connector).await {
            tracing::warn!(%api, room = %place.0, participant = %place.1, "SRS did not disconnect a stream: {error}");
        }
    }

    pub(super) fn kept(&self) -> Kept {
        self.register(|register| register.kept())
    }
}

/// The key that an output's address has.
fn output_key(output: &Output) -> Option<Secret> {
    let (Output::Rtmp { url } | Output::Whip { url, .. }) = output;
    Some(Secret::new(query::value(url.split_once('?')?.1, "key")?))
}
