//! PURE. Admission control: whether a machine has capacity for one more room.

use std::fmt;

use super::Budget;

/// The capacity of a machine, and the part of it that rooms have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub total: Budget,
    /// The sum over all rooms; each room counts with at least the budget it was admitted with.
    pub taken: Budget,
}

/// Why a room does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortage {
    needed: Budget,
    capacity: Capacity,
}

impl Capacity {
    pub fn free(&self) -> Budget {
        Budget {
            millicores: self.total.millicores.saturating_sub(self.taken.millicores),
            mib: self.total.mib.saturating_sub(self.taken.mib),
        }
    }

    /// Admits a room if `needed` fits beside everything that is taken.
    ///
    /// # Errors
    /// The resource that is missing.
    pub fn admits(&self, needed: Budget) -> Result<(), Shortage> {
        let free = self.free();
        let fits = needed.millicores <= free.millicores && needed.mib <= free.mib;
        if fits { Ok(()) } else { Err(Shortage { needed, capacity: *self }) }
    }
}

impl Shortage {
    /// True if `needed` would not fit on the empty machine either.
    pub fn is_hopeless(&self) -> bool {
        let (needed, total) = (self.needed, self.capacity.total);
        needed.millicores > total.millicores || needed.mib > total.mib
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, capacity } = self;
        let free = capacity.free();
        if needed.millicores > free.millicores {
            let [needed, free, total] = [*needed, free, capacity.total].map(Budget::cores);
            write!(f, "it takes {needed:.2} cores, and of {total:.2} there are {free:.2} left")
        } else {
            let (needed, free, total) = (needed.mib, free.mib, capacity.total.mib);
            write!(f, "it takes {needed} MiB of memory, and of {total} there are {free} left")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(millicores: u32, mib: u32) -> Budget {
        Budget { millicores, mib }
    }

    #[test]
    fn what_is_left_decides_of_both() {
        let capacity = Capacity { total: budget(2000, 1000), taken: budget(1500, 200) };
        assert_eq!(capacity.admits(budget(500, 800)), Ok(()));
        let cores = capacity.admits(budget(501, 10)).expect_err("too many cores");
        assert_eq!(cores.to_string(), "it takes 0.50 cores, and of 2.00 there are 0.50 left");
        assert!(!cores.is_hopeless());
        let memory = capacity.admits(budget(1, 801)).expect_err("too much memory");
        assert_eq!(memory.to_string(), "it takes 801 MiB of memory, and of 1000 there are 800 left");
        assert!(capacity.admits(budget(2001, 1)).expect_err("more than all").is_hopeless());
    }

    #[test]
    fn what_is_overdrawn_has_nothing_left() {
        let capacity = Capacity { total: budget(2000, 1000), taken: budget(2500, 200) };
        assert_eq!(capacity.free(), budget(0, 800));
        assert!(capacity.admits(budget(1, 1)).is_err());
    }
}
