//! Who fills which place.

use std::collections::HashMap;

use super::{
    Person,
    crowd::{Crowd, Groups, Line},
    plan::{Rule, Slot},
    solve::Meeting,
};
use crate::base::ParticipantId;

/// Who sat where in the scene before, so that they may stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seating {
    /// Everyone there was.
    people: Vec<ParticipantId>,
    /// For each place, its people in their order, by their number in `people`.
    seats: Vec<Vec<usize>>,
}

/// What a layout's rules name, numbered: rules compare numbers, not texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Named {
    pub roles: HashMap<String, usize>,
    pub people: HashMap<ParticipantId, usize>,
}

/// The meeting by numbers: a person is an index of `people`.
pub(super) struct Company<'a> {
    pub people: &'a [&'a Person],
    by_id: HashMap<&'a ParticipantId, usize>,
    floor: Option<usize>,
    pinned: Line,
    recent: Line,
    /// Who has which of the layout's roles, by its number.
    roles: Groups,
    /// Who is which of those whom the layout names.
    named: Groups,
}

impl<'a> Company<'a> {
    /// At most [`MAX_TILES`](super::MAX_TILES) people.
    pub fn new(people: &'a [&'a Person], meeting: &Meeting<'a>, named: &Named) -> Self {
        let by_id: HashMap<&ParticipantId, usize> =
            people.iter().zip(0..).map(|(person, at)| (&person.id, at)).collect();
        let find = |id: &ParticipantId| by_id.get(id).copied();
        let (mut roles, mut persons) = (Groups::default(), Groups::default());
        for (person, at) in people.iter().zip(0..) {
            if let Some(role) = person.role.as_ref().and_then(|role| named.roles.get(role)) {
                roles.add(*role, at);
            }
            // Most layouts name nobody.
            if let Some(number) = Some(&named.people).filter(|named| !named.is_empty()).and_then(|n| n.get(&person.id))
            {
                persons.add(*number, at);
            }
        }
        Self {
            floor: meeting.floor.and_then(find),
            pinned: Line::of(meeting.pinned.iter().filter_map(find)),
            recent: Line::of(meeting.recent.iter().filter_map(find)),
            roles,
            named: persons,
            people,
            by_id,
        }
    }

    pub fn has_role(&self, role: usize) -> bool {
        self.roles.get(role) != Crowd::NOBODY
    }

    pub fn has_floor(&self) -> bool {
        self.floor.is_some()
    }

    pub fn has_pinned(&self) -> bool {
        !self.pinned.order.is_empty()
    }

    /// For whom the rule speaks, most wanted first, at most as many as there is `room` for. Where it does not matter to the
    /// rule, that is who sat here, then who lost their place to somebody, then who had none, then who can stay elsewhere.
    fn wanted(&self, rule: &Rule, free: Crowd, stay: &Stay, recents: usize, room: usize, wanted: &mut Vec<usize>) {
        wanted.clear();
        let is_free = |index: &usize| free.has(*index);
        match rule {
            Rule::Floor => wanted.extend(self.floor.filter(is_free)),
            Rule::Pinned if free.both(self.pinned.crowd) == Crowd::NOBODY => {}
            Rule::Pinned => wanted.extend(self.pinned.order.iter().copied().filter(is_free)),
            Rule::Recent if free.both(self.recent.crowd) == Crowd::NOBODY => {}
            Rule::Recent => {
                wanted.extend(self.recent.order.iter().copied().filter(is_free).take(room.max(recents)));
                // Any of those who will be shown by places like this one may stay here.
                if let Some(at) = wanted.iter().take(recents).position(|index| stay.here.has(*index)) {
                    wanted[..=at].rotate_right(1);
                }
            }
            Rule::Joined | Rule::Rest => wanted.extend(stay.order(free).take(room)),
            Rule::Participant(number) => wanted.extend(free.both(self.named.get(*number)).members()),
            Rule::Role(role) => wanted.extend(stay.order(free.both(self.roles.get(*role))).take(room)),
        }
        wanted.truncate(room);
    }

    /// The first of whom the rules speak.
    pub fn first(&self, rules: &[Rule]) -> Option<&'a Person> {
        let everyone = Crowd::first(self.people.len());
        let mut wanted = Vec::new();
        rules.iter().find_map(|rule| {
            self.wanted(rule, everyone, &Stay::default(), 1, 1, &mut wanted);
            wanted.first().map(|index| self.people[*index])
        })
    }

    /// Where everybody who sat somewhere before is now: for each place, its people in their order, `None` for who is gone.
    fn sat(&self, before: &Seating, places: usize) -> Vec<Vec<Option<usize>>> {
        let now: Vec<Option<usize>> = before.people.iter().map(|id| self.by_id.get(id).copied()).collect();
        let of = |seats: &Vec<usize>| seats.iter().map(|person| now.get(*person).copied().flatten()).collect();
        let mut sat: Vec<_> = before.seats.iter().take(places).map(of).collect();
        sat.resize(places, Vec::new());
        sat
    }

    /// To be remembered for the next scene.
    pub fn seating(&self, seats: Vec<Vec<usize>>) -> Seating {
        Seating { people: self.people.iter().map(|person| person.id.clone()).collect(), seats }
    }

    /// Who fills each of `slots`, in line. Rules other than `rest` are tried slot by slot; `rest` shares out who is left then.
    pub fn seat(&self, slots: &[Slot], before: &Seating) -> Vec<Vec<usize>> {
        let sat = self.sat(before, slots.len());
        let everyone = Crowd::first(self.people.len());
        let mut free = everyone;
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
                stay.here = Crowd::of(sat[index].iter().flatten().copied());
                let of_this_call = |rule: &&Rule| (**rule == Rule::Rest) == last_call;
                for rule in slot.rules.iter().filter(of_this_call) {
                    let allowed = if slot.twice { everyone } else { free };
                    let allowed = allowed.without(Crowd::of(seated[index].iter().copied()));
                    let room = slot.capacity.saturating_sub(seated[index].len());
                    if room == 0 || allowed == Crowd::NOBODY {
                        break;
                    }
                    self.wanted(rule, allowed, &stay, slot.recents, room, &mut wanted);
                    for person in wanted.drain(..) {
                        seated[index].push(person);
                        if !slot.twice {
                            free = free.without(Crowd::of([person]));
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
            if !sat.is_empty() {
                *seated = in_line(seated, sat);
            }
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
            self.elsewhere = self.elsewhere.without(Crowd::of([*person]));
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
fn in_line(people: &[usize], before: &[Option<usize>]) -> Vec<usize> {
    let (here, known) = (Crowd::of(people.iter().copied()), Crowd::of(before.iter().flatten().copied()));
    let mut newcomers = people.iter().copied().filter(|person| !known.has(*person));
    let stays = before.iter().map(|person| person.filter(|person| here.has(*person)));
    let mut line: Vec<usize> = stays.filter_map(|person| person.or_else(|| newcomers.next())).collect();
    line.extend(newcomers);
    line
}
