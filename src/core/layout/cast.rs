//! Casting (slot assignment): which participant is in which place.

use foldhash::{HashMap, HashMapExt};

use super::{
    MAX_TILES, Person,
    crowd::{Crowd, Groups, Line},
    meeting::Meeting,
    plan::{Named, Rule, Slot},
};
use crate::base::ParticipantId;

/// The seats of the scene before, so that people may keep their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seating {
    people: Vec<ParticipantId>,
    /// For each place, its people in order, as indices of `people`.
    pub seats: Vec<Line>,
}

/// The meeting by numbers: a person is an index of `people`.
pub(super) struct Company<'a> {
    pub people: &'a [&'a Person],
    by_id: HashMap<&'a ParticipantId, usize>,
    floor: Option<usize>,
    pinned: Line,
    recent: Line,
    /// For each role of the layout, by number: the people who have it.
    roles: Groups,
    /// For each person whom the layout names, by number: the person.
    named: Groups,
}

impl<'a> Company<'a> {
    /// `people` has at most [`MAX_TILES`] entries.
    pub fn new(people: &'a [&'a Person], meeting: &Meeting<'a>, named: &Named) -> Self {
        let mut by_id = HashMap::with_capacity(people.len());
        by_id.extend(people.iter().zip(0..).map(|(person, at)| (&person.id, at)));
        let find = |id: &ParticipantId| by_id.get(id).copied();
        let (mut roles, mut persons) = (Groups::default(), Groups::default());
        for (person, at) in people.iter().zip(0..) {
            if let Some(role) = person.role.as_ref().and_then(|role| named.roles.get(role)) {
                roles.add(*role, at, named.roles.len());
            }
            // Most layouts name nobody.
            if let Some(number) = Some(&named.people).filter(|named| !named.is_empty()).and_then(|n| n.get(&person.id))
            {
                persons.add(*number, at, named.people.len());
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
        self.pinned.crowd() != Crowd::NOBODY
    }

    /// Adds the people whom the rule selects to a line, most wanted first, at most `room` of them. Where the rule has
    /// no preference, the order is: people who sat here, people who lost their place to somebody, people who had none,
    /// people who can stay elsewhere.
    fn invite(&self, rule: &Rule, free: Crowd, stay: &Stay, recents: usize, room: usize, line: &mut Line) {
        let is_free = |person: &usize| free.has(*person);
        let one_of = |line: &Line| free.both(line.crowd()) != Crowd::NOBODY;
        let mut add = |people: &mut dyn Iterator<Item = usize>| people.take(room).for_each(|person| line.push(person));
        match rule {
            Rule::Floor => add(&mut self.floor.filter(is_free).into_iter()),
            Rule::Pinned if one_of(&self.pinned) => add(&mut self.pinned.iter().filter(is_free)),
            Rule::Recent if one_of(&self.recent) => {
                let spoke = || self.recent.iter().filter(is_free);
                // Everyone whom places like this one will show may stay here.
                let can_stay = free.both(self.recent.crowd()).both(stay.here) != Crowd::NOBODY;
                let stays = spoke().take(recents).find(|person| can_stay && stay.here.has(*person));
                add(&mut stays.into_iter().chain(spoke().filter(|person| Some(*person) != stays)));
            }
            Rule::Pinned | Rule::Recent => {}
            Rule::Joined | Rule::Rest => add(&mut stay.order(free)),
            Rule::Participant(number) => add(&mut free.both(self.named.get(*number)).members()),
            Rule::Role(role) => add(&mut stay.order(free.both(self.roles.get(*role)))),
        }
    }

    /// The first person whom the rules select.
    pub fn first(&self, rules: &[Rule]) -> Option<&'a Person> {
        let everyone = Crowd::first(self.people.len());
        let mut line = Line::default();
        rules.iter().find_map(|rule| {
            self.invite(rule, everyone, &Stay::default(), 1, 1, &mut line);
            line.iter().next().map(|person| self.people[person])
        })
    }

    /// The people of each of `slots`, in order. All rules except `rest` are tried slot by slot; then `rest` distributes
    /// everyone who is left.
    pub fn seat(&self, slots: &[Slot], before: Seating) -> Seating {
        let moved = Moved::new(&before, self);
        let seats = self.fill(slots, &before.seats, &moved);
        let same = moved.nobody && before.people.len() == self.people.len();
        let ids = || self.people.iter().map(|person| person.id.clone()).collect();
        Seating { people: if same { before.people } else { ids() }, seats }
    }

    fn fill(&self, slots: &[Slot], before: &[Line], moved: &Moved) -> Vec<Line> {
        let mut sat: Vec<Crowd> = before.iter().take(slots.len()).map(|line| moved.crowd(line)).collect();
        sat.resize(slots.len(), Crowd::NOBODY);
        let everyone = Crowd::first(self.people.len());
        let mut free = everyone;
        let mut seated = vec![Line::default(); slots.len()];
        for last_call in [false, true] {
            let mut stay = Stay::default();
            sat.iter().for_each(|sat| stay.elsewhere = stay.elsewhere.or(*sat));
            if last_call {
                let done = slots.iter().zip(&sat).filter(|(slot, _)| !slot.rules.contains(&Rule::Rest));
                done.for_each(|(_, sat)| stay.lose(*sat));
            }
            for ((slot, seated), sat) in slots.iter().zip(&mut seated).zip(&sat) {
                stay.here = *sat;
                let of_this_call = |rule: &&Rule| (**rule == Rule::Rest) == last_call;
                for rule in slot.rules.iter().filter(of_this_call) {
                    let allowed = if slot.twice { everyone } else { free }.without(seated.crowd());
                    let room = slot.capacity.saturating_sub(seated.crowd().count());
                    if room == 0 || allowed == Crowd::NOBODY {
                        break;
                    }
                    self.invite(rule, allowed, &stay, slot.recents, room, seated);
                }
                if !slot.twice {
                    free = free.without(seated.crowd());
                    stay.lose(*sat);
                }
            }
        }
        for (index, (seated, slot)) in seated.iter_mut().zip(slots).enumerate() {
            let ordered = || slot.rules.iter().any(|rule| matches!(rule, Rule::Pinned | Rule::Recent));
            if seated.people().len() > 1 && !ordered() {
                *seated = Line::of(seated.crowd().members());
            }
            if let Some(before) = before.get(index) {
                *seated = moved.in_line(seated, before);
            }
        }
        seated
    }
}

/// The people of the scene before, as indices of this one.
struct Moved {
    /// The present index for each former index.
    now: [Option<u8>; MAX_TILES],
    /// True when every index is the same as before.
    nobody: bool,
}

impl Moved {
    fn new(before: &Seating, company: &Company<'_>) -> Self {
        let mut now = [None; MAX_TILES];
        for (at, (now, id)) in now.iter_mut().zip(&before.people).enumerate() {
            let same = company.people.get(at).is_some_and(|person| person.id == *id);
            *now = if same { Some(at as u8) } else { company.by_id.get(id).map(|at| *at as u8) };
        }
        let nobody = (0..).zip(&now).take(before.people.len()).all(|(at, now)| *now == Some(at));
        Self { now, nobody }
    }

    /// The people of a former line, in their order; `None` for a person who is gone.
    fn places(&self, line: &Line) -> impl Iterator<Item = Option<usize>> {
        line.iter().map(|person| self.now[person].map(usize::from))
    }

    /// The people of a former line who are here now.
    fn crowd(&self, line: &Line) -> Crowd {
        if self.nobody { line.crowd() } else { Crowd::of(self.places(line).flatten()) }
    }

    /// People in their former order; newcomers first take the seats that became free, then the end.
    fn in_line(&self, people: &Line, before: &Line) -> Line {
        if self.nobody && people.crowd() == before.crowd() {
            return *before;
        }
        let here = people.crowd();
        let known = self.crowd(before);
        let mut newcomers = people.iter().filter(|person| !known.has(*person));
        let mut line = Line::default();
        for place in self.places(before) {
            let stays = place.filter(|person| here.has(*person));
            stays.or_else(|| newcomers.next()).into_iter().for_each(|person| line.push(person));
        }
        newcomers.for_each(|person| line.push(person));
        line
    }
}

/// People who would rather sit elsewhere.
#[derive(Debug, Default)]
struct Stay {
    here: Crowd,
    /// People whose place was filled without them.
    lost: Crowd,
    /// People whose place is yet to be filled.
    elsewhere: Crowd,
}

impl Stay {
    fn lose(&mut self, sat: Crowd) {
        self.lost = self.lost.or(sat);
        self.elsewhere = self.elsewhere.without(sat);
    }

    fn order(&self, free: Crowd) -> impl Iterator<Item = usize> {
        let here = free.both(self.here);
        let lost = free.both(self.lost).without(self.here);
        let elsewhere = free.both(self.elsewhere).without(self.here);
        let new = free.without(here).without(lost).without(elsewhere);
        here.members().chain(lost.members()).chain(new.members()).chain(elsewhere.members())
    }
}
