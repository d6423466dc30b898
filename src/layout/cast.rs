//! Who fills which place.

use std::collections::HashMap;

use super::{
    MAX_TILES, Person,
    plan::{Rule, Slot},
    solve::Meeting,
};
use crate::base::ParticipantId;

/// Some of a meeting's people, a bit each in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Crowd(u64);

const _: () = assert!(MAX_TILES == u64::BITS as usize, "a crowd has a bit for every tile");

impl Crowd {
    const NOBODY: Self = Self(0);

    /// The first `count`.
    fn first(count: usize) -> Self {
        Self(if count >= MAX_TILES { u64::MAX } else { (1 << count) - 1 })
    }

    fn has(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }

    fn add(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    fn both(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Ascending.
    fn members(mut self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(move || {
            let index = self.0.trailing_zeros() as usize;
            self.0 &= self.0.wrapping_sub(1);
            (index < MAX_TILES).then_some(index)
        })
    }
}

/// Who sat where in the scene before, so that they may stay: for each place, its people in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seating(pub Vec<Vec<ParticipantId>>);

/// The meeting by numbers: a person is an index of `people`.
pub(super) struct Company<'a> {
    pub people: &'a [&'a Person],
    by_id: HashMap<&'a ParticipantId, usize>,
    floor: Option<usize>,
    pinned: Vec<usize>,
    recent: Vec<usize>,
    /// Who has which of the layout's roles, by its number, ascending.
    roles: Vec<(usize, Crowd)>,
}

impl<'a> Company<'a> {
    /// At most [`MAX_TILES`] people.
    pub fn new(people: &'a [&'a Person], meeting: &Meeting<'a>, roles: &HashMap<String, usize>) -> Self {
        let by_id: HashMap<&ParticipantId, usize> =
            people.iter().zip(0..).map(|(person, at)| (&person.id, at)).collect();
        let find = |id: &ParticipantId| by_id.get(id).copied();
        let mut having: Vec<(usize, Crowd)> = Vec::new();
        for (person, at) in people.iter().zip(0..) {
            let Some(role) = person.role.as_ref().and_then(|role| roles.get(role)) else { continue };
            match having.binary_search_by_key(role, |(role, _)| *role) {
                Ok(found) => having[found].1.add(at),
                Err(place) => having.insert(place, (*role, Crowd(1 << at))),
            }
        }
        Self {
            floor: meeting.floor.and_then(find),
            pinned: meeting.pinned.iter().filter_map(find).collect(),
            recent: meeting.recent.iter().filter_map(find).collect(),
            roles: having,
            people,
            by_id,
        }
    }

    fn having(&self, role: usize) -> Crowd {
        let found = self.roles.binary_search_by_key(&role, |(role, _)| *role);
        found.map_or(Crowd::NOBODY, |found| self.roles[found].1)
    }

    pub fn has_role(&self, role: usize) -> bool {
        self.having(role) != Crowd::NOBODY
    }

    pub fn has_floor(&self) -> bool {
        self.floor.is_some()
    }

    pub fn has_pinned(&self) -> bool {
        !self.pinned.is_empty()
    }

    /// Everyone for whom the rule speaks, most wanted first. Where it does not matter to the rule, that is who sat here, then
    /// who lost their place to somebody, then who had none, then who can stay elsewhere.
    fn wanted(&self, rule: &Rule, free: Crowd, stay: &Stay, recents: usize, wanted: &mut Vec<usize>) {
        wanted.clear();
        let is_free = |index: &usize| free.has(*index);
        match rule {
            Rule::Floor => wanted.extend(self.floor.filter(is_free)),
            Rule::Participant(id) => wanted.extend(self.by_id.get(id).copied().filter(is_free)),
            Rule::Pinned => wanted.extend(self.pinned.iter().copied().filter(is_free)),
            Rule::Recent => {
                wanted.extend(self.recent.iter().copied().filter(is_free));
                // Any of those who will be shown by places like this one may stay here.
                if let Some(at) = wanted.iter().take(recents).position(|index| stay.here.has(*index)) {
                    wanted[..=at].rotate_right(1);
                }
            }
            Rule::Joined | Rule::Rest => wanted.extend(stay.order(free)),
            Rule::Role(role) => wanted.extend(stay.order(free.both(self.having(*role)))),
        }
    }

    /// The first of whom the rules speak.
    pub fn first(&self, rules: &[Rule]) -> Option<&'a Person> {
        let everyone = Crowd::first(self.people.len());
        let mut wanted = Vec::new();
        rules.iter().find_map(|rule| {
            self.wanted(rule, everyone, &Stay::default(), 1, &mut wanted);
            wanted.first().map(|index| self.people[*index])
        })
    }

    /// Who fills each of `slots`, in line. Rules other than `rest` are tried slot by slot; `rest` shares out who is left then.
    pub fn seat(&self, slots: &[Slot], before: &Seating) -> Vec<Vec<usize>> {
        let sat: Vec<Vec<Option<usize>>> = (0..slots.len())
            .map(|slot| {
                let ids = before.0.get(slot).map_or(&[][..], Vec::as_slice);
                ids.iter().map(|id| self.by_id.get(id).copied()).collect()
            })
            .collect();
        let mut free = Crowd::first(self.people.len());
        let mut seated: Vec<Vec<usize>> = vec![Vec::new(); slots.len()];
        let mut wanted = Vec::with_capacity(self.people.len());
        for last_call in [false, true] {
            let mut stay = Stay::default();
            sat.iter().flatten().flatten().for_each(|index| stay.elsewhere.add(*index));
            if last_call {
                let done = slots.iter().zip(&sat).filter(|(slot, _)| !slot.rules.contains(&Rule::Rest));
                done.for_each(|(_, sat)| stay.lose(sat));
            }
            for (index, slot) in slots.iter().enumerate() {
                stay.here = Crowd::NOBODY;
                sat[index].iter().flatten().for_each(|person| stay.here.add(*person));
                let of_this_call = |rule: &&Rule| (**rule == Rule::Rest) == last_call;
                for rule in slot.rules.iter().filter(of_this_call) {
                    let mut allowed = if slot.twice { Crowd::first(self.people.len()) } else { free };
                    seated[index].iter().for_each(|person| allowed = allowed.without(Crowd(1 << person)));
                    let room = slot.capacity.saturating_sub(seated[index].len());
                    if room == 0 {
                        break;
                    }
                    self.wanted(rule, allowed, &stay, slot.recents, &mut wanted);
                    for person in wanted.drain(..).take(room) {
                        seated[index].push(person);
                        if !slot.twice {
                            free = free.without(Crowd(1 << person));
                        }
                    }
                }
                if !slot.twice {
                    stay.lose(&sat[index]);
                }
            }
        }
        for ((seated, sat), slot) in seated.iter_mut().zip(&sat).zip(slots) {
            if !slot.rules.iter().any(|rule| matches!(rule, Rule::Pinned | Rule::Recent)) {
                seated.sort_unstable();
            }
            *seated = in_line(std::mem::take(seated), sat);
        }
        seated
    }
}

/// Who would rather be where.
#[derive(Debug, Default)]
struct Stay {
    /// Sat here before.
    here: Crowd,
    /// Sat in a place that is filled without them.
    lost: Crowd,
    /// Sat in a place that is yet to be filled.
    elsewhere: Crowd,
}

impl Stay {
    fn lose(&mut self, sat: &[Option<usize>]) {
        for person in sat.iter().flatten() {
            self.lost.add(*person);
            self.elsewhere = self.elsewhere.without(Crowd(1 << person));
        }
    }

    fn order(&self, free: Crowd) -> impl Iterator<Item = usize> {
        let here = free.both(self.here);
        let lost = free.both(self.lost).without(self.here);
        let elsewhere = free.both(self.elsewhere).without(self.here);
        let new = free.without(here).without(lost).without(elsewhere);
        here.members().chain(lost.members()).chain(new.members()).chain(elsewhere.members())
    }
}

/// People in the line they were in before, newcomers where somebody left it, then at its end.
fn in_line(people: Vec<usize>, before: &[Option<usize>]) -> Vec<usize> {
    if before.is_empty() {
        return people;
    }
    let mut newcomers = people.iter().copied().filter(|person| !before.contains(&Some(*person)));
    let stays = before.iter().map(|person| person.filter(|person| people.contains(person)));
    let mut line: Vec<usize> = stays.filter_map(|person| person.or_else(|| newcomers.next())).collect();
    line.extend(newcomers);
    line
}
