//! What a room would cost, before there is one.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Context, load};
use crate::{
    base::RoomId,
    cost::{Budget, Capacity, Shortage},
    front::model::RoomDocument,
    layout::Layout,
};

/// What a room would cost here, and whether there is room for it now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Quote {
    /// CPU that the room's worker takes with everyone there, cores.
    pub cores: f64,
    /// Memory that it takes with everyone there, MiB.
    pub mib: u32,
    /// What must be free for the room to be made: everyone it pulls is there, and four of those who may publish.
    pub opening: Share,
    /// What is left here now, or on the cluster's emptiest machine; null when that is not known.
    pub free: Option<Share>,
    /// Whether the room would be made now.
    pub fits: bool,
    /// The same in words.
    pub why: String,
}

/// A part of a machine or a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Share {
    /// CPU, cores.
    pub cores: f64,
    /// Memory, MiB.
    pub mib: u32,
}

impl From<Budget> for Share {
    fn from(budget: Budget) -> Self {
        Self { cores: budget.cores(), mib: budget.mib }
    }
}

impl Quote {
    fn new(whole: Budget, opening: Budget, capacity: Option<Capacity>) -> Self {
        let shortage = |needed| capacity.and_then(|capacity| capacity.admits(needed).err());
        let why = match (shortage(opening), shortage(whole)) {
            (Some(shortage), _) => format!("the room does not fit: {shortage}"),
            (None, Some(shortage)) => format!("the room fits until everyone comes: then {shortage}"),
            (None, None) if capacity.is_none() => "the cluster starts it as soon as a machine has room".to_owned(),
            (None, None) => "the room fits with everyone there".to_owned(),
        };
        Self {
            cores: whole.cores(),
            mib: whole.mib,
            opening: opening.into(),
            free: capacity.map(|capacity| capacity.free().into()),
            fits: shortage(opening).is_none(),
            why,
        }
    }
}

impl Context {
    /// What a room that is not there yet must find free.
    pub(super) fn opening(&self, document: &RoomDocument) -> Budget {
        load::opening(document, &self.layout(document)).budget(&self.ledger.prices())
    }

    /// Lets a room in that is not there yet.
    pub(super) async fn admit(&self, room: &RoomId, document: &RoomDocument) -> Result<(), Shortage> {
        let opening = self.opening(document);
        if let Some(machine) = self.engine.emptiest().await {
            machine.admits(opening)?;
        }
        self.ledger.admit(self.engine.capacity(), room, opening)
    }

    /// What a room would cost here.
    pub(super) async fn quote(&self, room: Option<&RoomId>, document: &RoomDocument) -> Quote {
        let whole = load::everyone(document, &self.layout(document)).budget(&self.ledger.prices());
        let capacity = match self.engine.capacity() {
            Some(total) => Some(self.ledger.capacity(total, room)),
            None => self.engine.emptiest().await,
        };
        Quote::new(whole, self.opening(document), capacity)
    }

    fn layout(&self, document: &RoomDocument) -> Layout {
        let choice = &document.layout;
        Layout::new(&self.templates.resolve(&choice.template), &choice.parameters, |name| self.assets.hash(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(millicores: u32) -> Budget {
        Budget { millicores, mib: 100 }
    }

    #[test]
    fn a_quote_says_what_fits_and_what_does_not() {
        let total = Budget { millicores: 2000, mib: 1000 };
        let quote = |whole, opening, taken| {
            Quote::new(budget(whole), budget(opening), Some(Capacity { total, taken: budget(taken) }))
        };
        let all = quote(800, 500, 1000);
        assert!(all.fits && all.why.contains("everyone there"), "{}", all.why);
        let some = quote(1200, 500, 1000);
        assert!(some.fits && some.why.contains("until everyone comes"), "{}", some.why);
        let none = quote(1200, 500, 1600);
        assert!(!none.fits && none.why.contains("0.50 cores"), "{}", none.why);
        assert_eq!(none.free, Some(Share { cores: 0.4, mib: 900 }));
        let cluster = Quote::new(budget(9000), budget(9000), None);
        assert!(cluster.fits && cluster.free.is_none(), "{}", cluster.why);
    }
}
