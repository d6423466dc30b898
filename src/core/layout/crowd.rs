//! Sets of a meeting's people, by their numbers.

use super::MAX_TILES;

/// Some of a meeting's people, a bit each in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crowd(u64);

const _: () = assert!(MAX_TILES == u64::BITS as usize, "a crowd has a bit for every tile");

impl Crowd {
    pub const NOBODY: Self = Self(0);

    pub fn first(count: usize) -> Self {
        Self(if count >= MAX_TILES { u64::MAX } else { (1 << count) - 1 })
    }

    pub fn of(members: impl IntoIterator<Item = usize>) -> Self {
        let mut crowd = Self::NOBODY;
        members.into_iter().for_each(|index| crowd.add(index));
        crowd
    }

    /// True if one of them has this number.
    pub fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

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

    pub fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
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

/// Groups of people by number, of which there are many and few have anybody in them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// For each number, where in `crowds` its group is, counted from 1; 0 for nobody. Empty while all are.
    at: Vec<u8>,
    crowds: Vec<Crowd>,
}

const _: () = assert!(MAX_TILES <= u8::MAX as usize, "a byte says which of the groups that have anybody in them");

impl Groups {
    /// One more of a group, of `count` that there are. Nobody is in two.
    pub fn add(&mut self, group: usize, person: usize, count: usize) {
        if self.at.is_empty() {
            self.at = vec![0; count];
        }
        if self.at[group] == 0 {
            self.crowds.push(Crowd::NOBODY);
            self.at[group] = self.crowds.len() as u8;
        }
        self.crowds[usize::from(self.at[group]) - 1].add(person);
    }

    /// All of a group.
    pub fn get(&self, group: usize) -> Crowd {
        let at = self.at.get(group).and_then(|at| usize::from(*at).checked_sub(1));
        at.map_or(Crowd::NOBODY, |at| self.crowds[at])
    }
}

/// People in an order of their own, each once. Copied whole: there are many in a scene, and none is worth an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// As many as `crowd` has, then zeros.
    order: [u8; MAX_TILES],
    crowd: Crowd,
}

impl Default for Line {
    fn default() -> Self {
        Self { order: [0; MAX_TILES], crowd: Crowd::NOBODY }
    }
}

impl Line {
    /// In this order; who comes again counts once.
    pub fn of(order: impl IntoIterator<Item = usize>) -> Self {
        let mut line = Self::default();
        order.into_iter().for_each(|person| line.push(person));
        line
    }

    /// One more at the end; nothing, if they are in it.
    pub fn push(&mut self, person: usize) {
        if !self.crowd.has(person) {
            self.order[self.crowd.count()] = person as u8;
            self.crowd.add(person);
        }
    }

    pub fn people(&self) -> &[u8] {
        &self.order[..self.crowd.count()]
    }

    /// In their order, by number.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.people().iter().copied().map(usize::from)
    }

    /// The same without their order.
    pub fn crowd(&self) -> Crowd {
        self.crowd
    }
}
