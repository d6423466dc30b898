//! What was heard of streams lately, so that callbacks and SRS's list, which cross on the way, do not contradict each other. PURE.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{Place, Stream};

/// How long a callback counts against a list. SRS asks before it lets publish, and lists the stream when its media come: the
/// longest `firstpkt_timeout` anybody sets.
const SETTLING: Duration = Duration::from_secs(20);

/// Most places kept: of forty full rooms, all of which move within 20 s. What is beyond is left to the next list.
const MAX_PLACES: usize = 4096;

/// The last callback about a place.
#[derive(Debug)]
struct Heard {
    published: bool,
    client: String,
    at: Instant,
}

/// What a list asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A stream that nobody brought in.
    Join(Place, Stream),
    /// A participant without a stream.
    Leave(Place),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Book(BTreeMap<Place, Heard>);

impl Book {
    /// A client is about to publish.
    pub fn published(&mut self, place: Place, client: &str, now: Instant) {
        self.note(place, true, client, now);
    }

    /// A client stopped. False when another has published in its place since, of which SRS told first.
    pub fn unpublished(&mut self, place: &Place, client: &str, now: Instant) -> bool {
        let overtaken = self.0.get(place).is_some_and(|heard| heard.published && heard.client != client);
        if !overtaken {
            self.note(place.clone(), false, client, now);
        }
        !overtaken
    }

    /// Nothing was heard of it: a publisher that was turned away.
    pub fn forget(&mut self, place: &Place) {
        self.0.remove(place);
    }

    /// What follows from a list that was asked for at `asked`. `brought` are the participants that SRS brought. Of a list that is
    /// not whole, nobody leaves.
    pub fn compare(
        &mut self,
        listed: &BTreeMap<Place, Stream>,
        whole: bool,
        brought: &BTreeSet<Place>,
        asked: Instant,
        now: Instant,
    ) -> Vec<Step> {
        self.0.retain(|_, heard| now.duration_since(heard.at) < SETTLING);
        let left_since = |place: &Place| self.0.get(place).is_some_and(|heard| !heard.published && heard.at >= asked);
        let just_came = |place: &Place| self.0.get(place).is_some_and(|heard| heard.published);
        let joins = listed.iter().filter(|(place, _)| !brought.contains(place) && !left_since(place));
        let joins = joins.map(|(place, stream)| Step::Join(place.clone(), stream.clone()));
        let leaves = brought.iter().filter(|place| whole && !listed.contains_key(place) && !just_came(place));
        joins.chain(leaves.map(|place| Step::Leave(place.clone()))).collect()
    }

    fn note(&mut self, place: Place, published: bool, client: &str, at: Instant) {
        self.0.retain(|_, heard| at.duration_since(heard.at) < SETTLING);
        if self.0.len() < MAX_PLACES || self.0.contains_key(&place) {
            self.0.insert(place, Heard { published, client: client.to_owned(), at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(participant: &str) -> Place {
        ("weekly".parse().expect("an id"), participant.parse().expect("an id"))
    }

    fn stream(name: &str) -> Stream {
        Stream { vhost: None, app: "live".to_owned(), name: name.to_owned() }
    }

    fn listed(names: &[&str]) -> BTreeMap<Place, Stream> {
        names.iter().map(|name| (place(name), stream(name))).collect()
    }

    fn brought(names: &[&str]) -> BTreeSet<Place> {
        names.iter().map(|name| place(name)).collect()
    }

    #[test]
    fn a_list_brings_in_and_takes_out() {
        let now = Instant::now();
        let mut book = Book::default();
        let steps = book.compare(&listed(&["a", "b"]), true, &brought(&["b", "c"]), now, now);
        assert_eq!(steps, [Step::Join(place("a"), stream("a")), Step::Leave(place("c"))]);
        let steps = book.compare(&listed(&["a"]), false, &brought(&["c"]), now, now);
        assert_eq!(steps, [Step::Join(place("a"), stream("a"))], "half a list is no reason to leave");
        assert_eq!(book.compare(&listed(&["a"]), true, &brought(&["a"]), now, now), []);
    }

    #[test]
    fn a_callback_counts_against_a_list_that_crossed_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut book = Book::default();
        // Asked before its media came.
        book.published(place("a"), "1", at(0));
        assert_eq!(book.compare(&listed(&[]), true, &brought(&["a"]), at(1), at(1)), []);
        assert_eq!(book.compare(&listed(&[]), true, &brought(&["a"]), at(21), at(21)), [Step::Leave(place("a"))]);
        // The list was made before the stream ended, and told after.
        book.published(place("b"), "2", at(30));
        assert!(book.unpublished(&place("b"), "2", at(32)));
        assert_eq!(book.compare(&listed(&["b"]), true, &brought(&[]), at(31), at(33)), []);
        // One that was made after tells of another publisher, whose callback got lost.
        let steps = book.compare(&listed(&["b"]), true, &brought(&[]), at(36), at(36));
        assert_eq!(steps, [Step::Join(place("b"), stream("b"))]);
    }

    #[test]
    fn who_came_back_is_not_taken_out_by_a_late_goodbye() {
        let now = Instant::now();
        let mut book = Book::default();
        book.published(place("a"), "1", now);
        book.published(place("a"), "2", now);
        assert!(!book.unpublished(&place("a"), "1", now));
        assert!(book.unpublished(&place("a"), "2", now));
        assert!(book.unpublished(&place("a"), "3", now), "after a restart nobody is known");
    }

    #[test]
    fn it_does_not_grow() {
        let start = Instant::now();
        let mut book = Book::default();
        for index in 0..MAX_PLACES + 10 {
            book.published(place(&format!("p{index}")), "1", start);
        }
        assert_eq!(book.0.len(), MAX_PLACES);
        book.published(place("late"), "1", start + SETTLING);
        assert_eq!(book.0.len(), 1);
    }
}
