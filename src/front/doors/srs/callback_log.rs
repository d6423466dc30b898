//! What was heard of streams lately, so that callbacks and SRS's list, which cross on the way, do not contradict each other. PURE.
//!
//! A list tells of the moment it was asked for, however long it takes to come. So its age is counted from that moment, and what was
//! heard since then is kept until the list has come.

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
pub struct Book {
    heard: BTreeMap<Place, Heard>,
    /// When the list on its way was asked for.
    asked: Option<Instant>,
    /// When something was heard for which there was no space.
    missed: Option<Instant>,
}

impl Book {
    /// A list is asked for now: what is heard from now on counts against it, whenever it comes.
    pub fn ask(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// A client is about to publish.
    pub fn published(&mut self, place: Place, client: &str, now: Instant) {
        self.note(place, true, client, now);
    }

    /// A client stopped. False when another has published in its place since, of which SRS told first.
    pub fn unpublished(&mut self, place: &Place, client: &str, now: Instant) -> bool {
        let overtaken = self.heard.get(place).is_some_and(|heard| heard.published && heard.client != client);
        if !overtaken {
            self.note(place.clone(), false, client, now);
        }
        !overtaken
    }

    /// Nothing was heard of it: a publisher that was turned away.
    pub fn forget(&mut self, place: &Place) {
        self.heard.remove(place);
    }

    /// What follows from a list that was asked for at `asked`. `brought` are the participants that SRS brought. Of a list that is
    /// not whole, nobody leaves.
    pub fn compare(
        &mut self,
        listed: &BTreeMap<Place, Stream>,
        whole: bool,
        brought: &BTreeSet<Place>,
        asked: Instant,
    ) -> Vec<Step> {
        self.asked = None;
        self.forget_before(asked);
        if self.missed.is_some_and(|missed| missed >= asked) {
            // Nobody knows what it would contradict; the next one will do.
            return Vec::new();
        }
        let joins = listed.iter().filter(|(place, _)| !brought.contains(place) && !self.left_since(place, asked));
        let joins = joins.map(|(place, stream)| Step::Join(place.clone(), stream.clone()));
        let leaves =
            brought.iter().filter(|place| whole && !listed.contains_key(place) && !self.just_came(place, asked));
        joins.chain(leaves.map(|place| Step::Leave(place.clone()))).collect()
    }

    /// A callback says that the place was left after the list of this moment was asked for.
    pub fn left_since(&self, place: &Place, asked: Instant) -> bool {
        self.heard.get(place).is_some_and(|heard| !heard.published && heard.at >= asked)
    }

    /// A callback says that the place was taken after this moment.
    pub fn came_since(&self, place: &Place, moment: Instant) -> bool {
        self.heard.get(place).is_some_and(|heard| heard.published && heard.at > moment)
    }

    /// A callback says that the place was taken so late that a list of this moment need not have it.
    pub fn just_came(&self, place: &Place, asked: Instant) -> bool {
        self.heard.get(place).is_some_and(|heard| heard.published && heard.at + SETTLING > asked)
    }

    fn note(&mut self, place: Place, published: bool, client: &str, at: Instant) {
        self.forget_before(self.asked.map_or(at, |asked| asked.min(at)));
        if self.heard.len() < MAX_PLACES || self.heard.contains_key(&place) {
            self.heard.insert(place, Heard { published, client: client.to_owned(), at });
        } else {
            self.missed = Some(at);
        }
    }

    /// Forgets what counts against no list of this moment or a later one.
    fn forget_before(&mut self, moment: Instant) {
        self.heard.retain(|_, heard| heard.at + SETTLING > moment);
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
        let steps = book.compare(&listed(&["a", "b"]), true, &brought(&["b", "c"]), now);
        assert_eq!(steps, [Step::Join(place("a"), stream("a")), Step::Leave(place("c"))]);
        let steps = book.compare(&listed(&["a"]), false, &brought(&["c"]), now);
        assert_eq!(steps, [Step::Join(place("a"), stream("a"))], "half a list is no reason to leave");
        assert_eq!(book.compare(&listed(&["a"]), true, &brought(&["a"]), now), []);
    }

    #[test]
    fn a_callback_counts_against_a_list_that_crossed_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut book = Book::default();
        // Asked before its media came.
        book.published(place("a"), "1", at(0));
        assert_eq!(book.compare(&listed(&[]), true, &brought(&["a"]), at(1)), []);
        assert_eq!(book.compare(&listed(&[]), true, &brought(&["a"]), at(21)), [Step::Leave(place("a"))]);
        // The list was made before the stream ended, and told after.
        book.published(place("b"), "2", at(30));
        assert!(book.unpublished(&place("b"), "2", at(32)));
        assert_eq!(book.compare(&listed(&["b"]), true, &brought(&[]), at(31)), []);
        // One that was made after tells of another publisher, whose callback got lost.
        let steps = book.compare(&listed(&["b"]), true, &brought(&[]), at(36));
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
        assert_eq!(book.heard.len(), MAX_PLACES);
        book.published(place("late"), "1", start + SETTLING);
        assert_eq!(book.heard.len(), 1);
    }

    #[test]
    fn a_list_that_took_long_is_as_old_as_its_question() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut book = Book::default();
        book.ask(at(0));
        book.published(place("a"), "1", at(1));
        book.published(place("b"), "2", at(1));
        assert!(book.unpublished(&place("b"), "2", at(2)));
        // Others come and go meanwhile.
        book.published(place("c"), "3", at(29));
        // It is 30 s past now. The list knows nothing of a, and still has b.
        assert_eq!(book.compare(&listed(&["b"]), true, &brought(&["a", "c"]), at(0)), []);
        // The next one is quick.
        let steps = book.compare(&listed(&["b"]), true, &brought(&["a", "c"]), at(30));
        assert_eq!(steps, [Step::Join(place("b"), stream("b")), Step::Leave(place("a"))]);
    }

    #[test]
    fn a_list_that_crossed_more_than_is_kept_means_nothing() {
        let now = Instant::now();
        let mut book = Book::default();
        book.ask(now);
        for index in 0..=MAX_PLACES {
            book.published(place(&format!("p{index}")), "1", now);
        }
        let last = format!("p{MAX_PLACES}");
        assert_eq!(book.compare(&listed(&[]), true, &brought(&[&last]), now), []);
    }
}
