//! Who fills which place.

use super::{
    MAX_TILES, Person,
    template::{Cast, Place},
};
use crate::base::ParticipantId;

/// Some of a meeting's people, a bit each in the room's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowd(u64);

const _: () = assert!(MAX_TILES == u64::BITS as usize, "a crowd has a bit for every tile");

impl Crowd {
    const NOBODY: Self = Self(0);

    /// The first `count`.
    fn first(count: usize) -> Self {
        Self(if count >= MAX_TILES { u64::MAX } else { (1 << count) - 1 })
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Their places in the room's order, ascending.
    pub(super) fn members(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let index = self.0.trailing_zeros() as usize;
            self.0 &= self.0.wrapping_sub(1);
            (index < MAX_TILES).then_some(index)
        })
    }

    fn only(self, keep: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
        self.members().filter(move |&index| keep(index))
    }
}

/// Who fills each of `places`. Rules other than `rest` are tried place by place; `rest` shares out who is left then.
pub(super) fn cast(places: &[Place], people: &[Person], floor: Option<&ParticipantId>) -> Vec<Crowd> {
    let mut free = Crowd::first(people.len());
    let mut crowds = vec![Crowd::NOBODY; places.len()];
    for last_call in [false, true] {
        for (place, crowd) in places.iter().zip(&mut crowds) {
            for rule in place.cast.iter().filter(|rule| (**rule == Cast::Rest) == last_call) {
                let room = place.capacity().saturating_sub(crowd.len());
                let found = free.only(|index| match rule {
                    Cast::Floor => floor == Some(&people[index].id),
                    Cast::Role(role) => people[index].role.as_ref() == Some(role),
                    Cast::Joined | Cast::Rest => true,
                });
                let taken = found.take(room).fold(0, |taken, index| taken | 1 << index);
                crowd.0 |= taken;
                free.0 &= !taken;
            }
        }
    }
    crowds
}

impl Place {
    /// Most people it holds.
    fn capacity(&self) -> usize {
        self.flow.as_ref().map_or(1, |flow| flow.max.map_or(MAX_TILES, |max| max as usize))
    }
}
