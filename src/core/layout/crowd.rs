//! Bit sets of a meeting's people, by index.

use super::MAX_TILES;

/// A set of people, one bit for each index.
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

    /// True if the person with this index is in the set.
    pub fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    pub fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    /// Set difference.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Set intersection.
    pub fn both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    pub fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Number of people in the set.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The indices, ascending.
    pub fn members(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let index = self.0.trailing_zeros() as usize;
            self.0 &= self.0.wrapping_sub(1);
            (index < MAX_TILES).then_some(index)
        })
    }
}

/// Numbered groups of people: many groups, of which few have members.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// For each group number, the group's position in `crowds`, counted from 1; 0 for an empty group. The vector is
    /// empty while all groups are.
    at: Vec<u8>,
    crowds: Vec<Crowd>,
}

const _: () = assert!(MAX_TILES <= u8::MAX as usize, "a byte says which of the groups that have anybody in them");

impl Groups {
    /// Adds a person to one of `count` groups. Nobody is in two.
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

    /// All members of a group.
    pub fn get(&self, group: usize) -> Crowd {
        let at = self.at.get(group).and_then(|at| usize::from(*at).checked_sub(1));
        at.map_or(Crowd::NOBODY, |at| self.crowds[at])
    }
}

/// People in an order, each once. It is copied whole: a scene has many of these, and none is worth an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    /// The members in order, then zeros.
    order: [u8; MAX_TILES],
    crowd: Crowd,
}

impl Default for Line {
    fn default() -> Self {
        Self { order: [0; MAX_TILES], crowd: Crowd::NOBODY }
    }
}

impl Line {
    /// A line in this order; a repeated person counts once.
    pub fn of(order: impl IntoIterator<Item = usize>) -> Self {
        let mut line = Self::default();
        order.into_iter().for_each(|person| line.push(person));
        line
    }

    /// Adds a person at the end, unless the person is in the line already.
    pub fn push(&mut self, person: usize) {
        if !self.crowd.has(person) {
            self.order[self.crowd.count()] = person as u8;
            self.crowd.add(person);
        }
    }

    pub fn people(&self) -> &[u8] {
        &self.order[..self.crowd.count()]
    }

    /// The indices in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.people().iter().copied().map(usize::from)
    }

    /// The set of these people.
    pub fn crowd(&self) -> Crowd {
        self.crowd
    }
}
