//! Sets of a meeting's people, by their numbers.

use super::MAX_TILES;

/// Some of a meeting's people, a bit each in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crowd(u64);

const _: () = assert!(MAX_TILES == u64::BITS as usize, "a crowd has a bit for every tile");

impl Crowd {
    /// None.
    pub const NOBODY: Self = Self(0);

    /// The first `count`.
    pub fn first(count: usize) -> Self {
        Self(if count >= MAX_TILES { u64::MAX } else { (1 << count) - 1 })
    }

    /// These.
    pub fn of(members: impl IntoIterator<Item = usize>) -> Self {
        let mut crowd = Self::NOBODY;
        members.into_iter().for_each(|index| crowd.add(index));
        crowd
    }

    /// True if one of them has this number.
    pub fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    /// One more.
    pub fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Those who are not among others.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Those who are among others too.
    pub fn both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Ascending.
    pub fn members(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let index = self.0.trailing_zeros() as usize;
            self.0 &= self.0.wrapping_sub(1);
            (index < MAX_TILES).then_some(index)
        })
    }
}

/// Groups of people by number, ascending.
#[derive(Debug, Default)]
pub(super) struct Groups(Vec<(usize, Crowd)>);

impl Groups {
    /// One more of a group.
    pub fn add(&mut self, group: usize, person: usize) {
        match self.0.binary_search_by_key(&group, |(group, _)| *group) {
            Ok(found) => self.0[found].1.add(person),
            Err(place) => self.0.insert(place, (group, Crowd(1 << person))),
        }
    }

    /// All of a group.
    pub fn get(&self, group: usize) -> Crowd {
        let found = self.0.binary_search_by_key(&group, |(group, _)| *group);
        found.map_or(Crowd::NOBODY, |found| self.0[found].1)
    }
}

/// People in an order of their own, and the same without it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub order: Vec<usize>,
    pub crowd: Crowd,
}

impl Line {
    /// In this order; who comes again counts once.
    pub fn of(order: impl Iterator<Item = usize>) -> Self {
        let mut line = Self::default();
        for person in order.filter(|person| *person < MAX_TILES) {
            if !line.crowd.has(person) {
                line.crowd.add(person);
                line.order.push(person);
            }
        }
        line
    }
}
