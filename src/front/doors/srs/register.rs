//! Who publishes on SRS, with which key, and who was put out of a room by hand. PURE.
//!
//! A key is asked for once, when a stream is published; that it was asked for is known only here. So the register, not SRS's list,
//! says who may be in a room: the list proves nothing about a connection that is not in the register. Keys are compared with the
//! room's document each time a stream joins, so one that was changed since opens nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Place, Stream};
use crate::base::Secret;

/// Most places with somebody in them: of forty full rooms. Beyond it those whose keys opened nothing make way.
const MAX_PLACES: usize = 4096;

/// Most connections of one place: one that publishes and those that SRS turns away as long as it does, of whose end SRS does not
/// tell.
const MAX_CONNECTIONS: usize = 8;

/// A connection that publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// SRS's name for the connection.
    pub client: String,
    /// What it publishes.
    pub stream: Stream,
    /// The key that it brought.
    pub key: Secret,
}

/// A connection and whether its key opened its place.
#[derive(Debug, Clone)]
struct Entry {
    publication: Publication,
    opened: bool,
}

/// What a restart must not forget.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Those whose keys opened their places.
    pub published: Vec<(Place, Publication)>,
    /// See [`Register::put_out`].
    pub put_out: Vec<(Place, Option<String>)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Register {
    places: BTreeMap<Place, Vec<Entry>>,
    /// Who was put out, with the connection, if it was known.
    out: BTreeMap<Place, Option<String>>,
    /// The connection that was last heard of, for those who need no key.
    last: BTreeMap<Place, String>,
    /// Whose connections, of which nothing is known, were told to come again.
    told: BTreeSet<Place>,
    changed: bool,
}

impl Register {
    /// As it was kept.
    pub fn of(kept: Kept) -> Self {
        let mut register = Self::default();
        for (place, publication) in kept.published.into_iter().take(MAX_PLACES) {
            register.places.entry(place).or_default().push(Entry { publication, opened: true });
        }
        register.out = kept.put_out.into_iter().take(MAX_PLACES).collect();
        register
    }

    /// What to keep; it counts as unchanged from now on.
    pub fn kept(&mut self) -> Kept {
        self.changed = false;
        let opened = |(place, entries): (&Place, &Vec<Entry>)| {
            let opened = entries.iter().filter(|entry| entry.opened).map(|entry| entry.publication.clone());
            opened.map(|publication| (place.clone(), publication)).collect::<Vec<_>>()
        };
        let put_out = self.out.iter().map(|(place, client)| (place.clone(), client.clone())).collect();
        Kept { published: self.places.iter().flat_map(opened).collect(), put_out }
    }

    /// Whether there is something new to keep.
    pub fn has_changed(&self) -> bool {
        self.changed
    }

    /// A connection is about to publish; `opened` says whether its key opened the place. False when there is no space for it.
    pub fn add(&mut self, place: &Place, publication: Publication, opened: bool) -> bool {
        self.told.remove(place);
        if !self.places.contains_key(place) && self.places.len() >= MAX_PLACES {
            let strange = |(_, entries): &(&Place, &Vec<Entry>)| !entries.iter().any(|entry| entry.opened);
            let Some(strange) = self.places.iter().find(strange).map(|(place, _)| place.clone()) else { return false };
            self.places.remove(&strange);
        }
        let entries = self.places.entry(place.clone()).or_default();
        entries.retain(|entry| entry.publication.client != publication.client);
        if entries.len() >= MAX_CONNECTIONS {
            let strange = entries.iter().position(|entry| !entry.opened).unwrap_or(0);
            entries.remove(strange);
        }
        entries.push(Entry { publication, opened });
        self.changed |= opened;
        true
    }

    /// A connection ended, or is to. True when nobody is left in the place.
    pub fn remove(&mut self, place: &Place, client: &str) -> bool {
        let Some(entries) = self.places.get_mut(place) else { return true };
        self.changed |= entries.iter().any(|entry| entry.opened && entry.publication.client == client);
        entries.retain(|entry| entry.publication.client != client);
        let empty = entries.is_empty();
        if empty {
            self.places.remove(place);
        }
        empty
    }

    /// SRS has no stream of this place. What was published there.
    pub fn clear(&mut self, place: &Place) -> Vec<Stream> {
        let entries = self.places.remove(place).unwrap_or_default();
        self.changed |= entries.iter().any(|entry| entry.opened);
        entries.into_iter().map(|entry| entry.publication.stream).collect()
    }

    /// The connection that SRS says publishes this stream, if it brought a key.
    pub fn find(&self, place: &Place, stream: &Stream, client: &str) -> Option<&Publication> {
        let found = self.places.get(place)?.iter().map(|entry| &entry.publication);
        found.into_iter().find(|found| !client.is_empty() && found.client == client && found.stream == *stream)
    }

    /// The key of a connection opened its place. Others of the same stream, which SRS has turned away, are forgotten if `settled`.
    pub fn opened(&mut self, place: &Place, client: &str, settled: bool) {
        let Some(entries) = self.places.get_mut(place) else { return };
        let Some(found) = entries.iter_mut().find(|entry| entry.publication.client == client) else { return };
        self.changed |= !std::mem::replace(&mut found.opened, true);
        let stream = found.publication.stream.clone();
        if settled && entries.len() > 1 {
            entries.retain(|entry| entry.publication.client == client || entry.publication.stream != stream);
            self.changed = true;
        }
    }

    /// Whether somebody whose key opened nothing may be publishing the stream of this connection, which SRS then turns away.
    pub fn is_contested(&self, place: &Place, stream: &Stream) -> bool {
        let mut entries = self.places.get(place).into_iter().flatten();
        entries.any(|entry| !entry.opened && entry.publication.stream == *stream)
    }

    /// Whether a connection of this place is known.
    pub fn has(&self, place: &Place) -> bool {
        self.places.contains_key(place)
    }

    /// What is published in a place.
    pub fn streams(&self, place: &Place) -> Vec<Stream> {
        self.places.get(place).into_iter().flatten().map(|entry| entry.publication.stream.clone()).collect()
    }

    /// Everyone.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.places.keys()
    }

    /// True once for each place until somebody brings a key there: a connection of which nothing is known is to come again.
    pub fn tell(&mut self, place: &Place) -> bool {
        self.told.len() < MAX_PLACES && self.told.insert(place.clone())
    }

    /// Somebody was put out of a room by hand, and stays out until they publish anew.
    pub fn put_out(&mut self, place: Place) {
        if self.out.len() < MAX_PLACES {
            let client = self.last.get(&place).cloned();
            self.out.insert(place, client);
            self.changed = true;
        }
    }

    /// A connection is about to publish without a key. False when it is the one that was put out.
    pub fn came(&mut self, place: &Place, client: &str) -> bool {
        if self.last.len() < MAX_PLACES {
            self.last.insert(place.clone(), client.to_owned());
        }
        if self.out.get(place).is_some_and(|out| out.as_deref() == Some(client)) {
            return false;
        }
        self.changed |= self.out.remove(place).is_some();
        true
    }

    /// A stream without a key ended.
    pub fn left(&mut self, place: &Place) {
        self.last.remove(place);
        self.changed |= self.out.remove(place).is_some();
    }

    /// A list has these connections; of a place that is `recent` it need not know yet. Who is on it and out.
    pub fn listed(
        &mut self,
        clients: BTreeMap<Place, String>,
        whole: bool,
        recent: impl Fn(&Place) -> bool,
    ) -> BTreeSet<Place> {
        let before = self.out.len();
        self.out.retain(|place, out| match (clients.get(place), out.as_deref()) {
            (None, _) => !whole || recent(place),
            (Some(client), Some(out)) => client.is_empty() || client == out,
            (Some(_), None) => true,
        });
        for (place, out) in &mut self.out {
            // Whoever it was that was put out is the one that the first list has.
            if out.is_none() && clients.get(place).is_some_and(|client| !client.is_empty()) {
                *out = clients.get(place).cloned();
                self.changed = true;
            }
        }
        self.changed |= before != self.out.len();
        let out = self.out.keys().filter(|place| clients.contains_key(*place)).cloned().collect();
        if whole {
            self.last.retain(|place, _| recent(place));
        }
        self.last.extend(clients);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(participant: &str) -> Place {
        ("weekly".parse().expect("an id"), participant.parse().expect("an id"))
    }

    fn publication(client: &str) -> Publication {
        let stream = Stream { vhost: None, app: "live".to_owned(), name: "weekly-alice".to_owned() };
        Publication { client: client.to_owned(), stream, key: Secret::new(format!("key of {client}")) }
    }

    fn clients<const N: usize>(listed: [(&str, &str); N]) -> BTreeMap<Place, String> {
        listed.into_iter().map(|(participant, client)| (place(participant), client.to_owned())).collect()
    }

    #[test]
    fn a_connection_is_known_by_its_stream_and_its_name() {
        let (alice, mut register) = (place("alice"), Register::default());
        let stream = publication("1").stream;
        assert!(register.add(&alice, publication("1"), true));
        assert_eq!(register.find(&alice, &stream, "1"), Some(&publication("1")));
        let elsewhere = Stream { vhost: Some("b.example".to_owned()), ..stream.clone() };
        for (stream, client) in [(&stream, "2"), (&stream, ""), (&elsewhere, "1")] {
            assert_eq!(register.find(&alice, stream, client), None, "{stream:?} {client}");
        }
        assert_eq!(register.find(&place("bob"), &stream, "1"), None);
        assert!(register.remove(&alice, "1") && register.find(&alice, &stream, "1").is_none());
    }

    #[test]
    fn who_came_back_is_not_taken_out_by_a_late_goodbye() {
        let (alice, mut register) = (place("alice"), Register::default());
        register.add(&alice, publication("1"), true);
        register.add(&alice, publication("2"), true);
        assert!(!register.remove(&alice, "1"));
        assert!(!register.remove(&alice, "3"), "nobody knows it");
        assert!(register.remove(&alice, "2"));
        assert!(register.remove(&alice, "2"), "told twice");
    }

    #[test]
    fn those_whom_srs_turned_away_are_forgotten_once_it_lists_another() {
        let (alice, mut register) = (place("alice"), Register::default());
        for client in ["1", "2", "3"] {
            register.add(&alice, publication(client), true);
        }
        register.opened(&alice, "2", false);
        assert_eq!(register.kept().published.len(), 3, "the list may be older than the callbacks");
        register.opened(&alice, "2", true);
        assert_eq!(register.kept().published, [(alice.clone(), publication("2"))]);
        assert_eq!(register.clear(&alice), [publication("2").stream]);
        assert!(!register.has(&alice));
    }

    #[test]
    fn a_stream_is_contested_by_those_without_the_right_key() {
        let (alice, mut register) = (place("alice"), Register::default());
        let stream = publication("1").stream;
        register.add(&alice, publication("1"), false);
        assert!(register.is_contested(&alice, &stream));
        register.opened(&alice, "1", true);
        assert!(!register.is_contested(&alice, &stream), "the room has come, and its key fits");
    }

    #[test]
    fn only_whose_key_opened_a_place_is_kept() {
        let mut register = Register::default();
        register.add(&place("bob"), publication("1"), false);
        assert!(!register.has_changed());
        register.add(&place("alice"), publication("2"), true);
        assert!(register.has_changed());
        let text = serde_json::to_string(&register.kept()).expect("JSON");
        assert!(!register.has_changed());
        let mut again = Register::of(serde_json::from_str(&text).expect("the same"));
        assert_eq!(again.find(&place("alice"), &publication("2").stream, "2"), Some(&publication("2")));
        assert!(!again.has(&place("bob")) && !again.is_contested(&place("alice"), &publication("2").stream));
        assert_eq!(serde_json::to_string(&again.kept()).expect("JSON"), text);
    }

    #[test]
    fn it_does_not_grow() {
        let mut register = Register::default();
        for number in 0..MAX_PLACES {
            assert!(register.add(&place(&format!("p{number}")), publication("1"), number > 0));
        }
        assert!(register.add(&place("late"), publication("1"), true), "in place of the one whose key opened nothing");
        assert!(!register.has(&place("p0")));
        assert!(!register.add(&place("later"), publication("1"), true));
        for client in 0..MAX_CONNECTIONS * 2 {
            register.add(&place("late"), publication(&client.to_string()), true);
        }
        assert_eq!(register.places[&place("late")].len(), MAX_CONNECTIONS);
        for number in 0..MAX_PLACES * 2 {
            register.put_out(place(&format!("p{number}")));
            register.tell(&place(&format!("p{number}")));
        }
        assert_eq!((register.out.len(), register.told.len()), (MAX_PLACES, MAX_PLACES));
    }

    #[test]
    fn a_connection_of_which_nothing_is_known_is_told_once() {
        let (alice, mut register) = (place("alice"), Register::default());
        assert!(register.tell(&alice) && !register.tell(&alice));
        register.add(&alice, publication("1"), true);
        assert!(register.tell(&alice));
    }

    #[test]
    fn who_was_put_out_stays_out_until_it_publishes_anew() {
        let never = |_: &Place| false;
        let out =
            |register: &mut Register, client| !register.listed(clients([("alice", client)]), true, never).is_empty();
        let alice = place("alice");
        // By a callback.
        let mut register = Register::default();
        assert!(register.came(&alice, "1"));
        register.put_out(alice.clone());
        assert!(!register.came(&alice, "1"), "the callback again");
        assert!(out(&mut register, "1"));
        assert!(out(&mut Register::of(register.kept()), "1"), "over a restart");
        assert!(register.came(&alice, "2"));
        assert!(!out(&mut register, "2"));
        // By the list: another connection, or none.
        for anew in [clients([("alice", "2")]), clients([])] {
            let mut register = Register::default();
            register.listed(clients([("alice", "1")]), true, never);
            register.put_out(alice.clone());
            assert!(out(&mut register, "1"));
            register.listed(anew, true, never);
            assert!(!out(&mut register, "2"));
        }
        // Neither had told of the connection before.
        let mut register = Register::default();
        register.put_out(alice.clone());
        assert!(out(&mut register, "1"), "it is the one that the first list has");
        assert!(!out(&mut register, "2"));
        // A list that is not whole, or older than the callback, says nothing.
        register.came(&alice, "3");
        register.put_out(alice.clone());
        register.listed(clients([]), false, never);
        register.listed(clients([]), true, |_| true);
        assert!(out(&mut register, "3"));
        register.left(&alice);
        assert!(!out(&mut register, "3"));
    }
}
