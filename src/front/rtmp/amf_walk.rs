//! Reads the bytes of a command within bounds of depth and number, whichever AMF its values are in.

/// Deepest nesting taken. `connect` with `videoFourCcInfoMap` nests two deep.
pub(super) const MAX_DEPTH: u8 = 8;

/// Most values in one command, nested ones counted. The fullest `connect` has about 30; 48 objects of one property take 20 kB.
pub(super) const MAX_VALUES: usize = 96;

/// Why a command cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside a value.
    #[error("it ends inside a value")]
    Short,
    /// Nested deeper than any command needs.
    #[error("its values nest more than {MAX_DEPTH} deep")]
    Deep,
    /// More values than any command needs.
    #[error("it has more than {MAX_VALUES} values")]
    Many,
    /// A type whose length is not known.
    #[error("it has a value of AMF0 type {0}")]
    Marker(u8),
    /// The same within a value in AMF3.
    #[error("it has a value of AMF3 type {0}")]
    Marker3(u8),
    /// An object that does not end as one.
    #[error("an object in it has no end")]
    ObjectEnd,
    /// No name or no transaction id.
    #[error("it does not begin with a name and a number")]
    NoCommand,
}

impl Malformed {
    /// Whether it harms; what else cannot be read is of no use, and that is all.
    pub(super) fn harms(&self) -> bool {
        matches!(self, Self::Deep | Self::Many)
    }
}

/// What an object's class says of its length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// Properties without names.
    pub sealed: usize,
    /// Whether properties with names follow.
    pub dynamic: bool,
}

/// Bytes being read, and how much they have cost.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pub rest: &'a [u8],
    values: usize,
    traits: Vec<Traits>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, values: 0, traits: Vec::new() }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Counts a value before it is read.
    pub(super) fn count(&mut self, depth: u8) -> Result<(), Malformed> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Malformed::Many);
        }
        if depth > MAX_DEPTH { Err(Malformed::Deep) } else { Ok(()) }
    }

    /// Classes that objects in AMF3 have been of so far.
    pub(super) fn traits(&mut self) -> &mut Vec<Traits> {
        &mut self.traits
    }
}
