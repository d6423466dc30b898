//! Steps over values in AMF3 (Adobe 2013 §3), of which commands here need none: to know what comes behind them.

use super::amf_walk::{Malformed, Traits, Walk};

/// Most classes of one command that are remembered.
const MAX_TRAITS: usize = 16;

/// Steps over one value with its marker.
pub(super) fn skip(walk: &mut Walk<'_>, depth: u8) -> Result<(), Malformed> {
    walk.count(depth)?;
    match walk.take(1)?[0] {
        // Undefined, null, false and true.
        0..=3 => Ok(()),
        4 => number(walk).map(drop),
        5 => walk.take(8).map(drop),
        // Text, XML of two kinds, bytes.
        6 | 7 | 11 | 12 => text(walk).map(drop),
        8 => match inline(walk)? {
            Some(_) => walk.take(8).map(drop),
            None => Ok(()),
        },
        9 => {
            let Some(dense) = inline(walk)? else { return Ok(()) };
            named(walk, depth)?;
            (0..dense).try_for_each(|_| skip(walk, depth + 1))
        }
        10 => object(walk, depth),
        // Vectors: of integers of both kinds, of doubles, of objects.
        kind @ 13..=15 => {
            let Some(count) = inline(walk)? else { return Ok(()) };
            let each = if kind == 15 { 8 } else { 4 };
            walk.take(1)?;
            walk.take(count.saturating_mul(each)).map(drop)
        }
        16 => {
            let Some(count) = inline(walk)? else { return Ok(()) };
            walk.take(1)?;
            text(walk)?;
            (0..count).try_for_each(|_| skip(walk, depth + 1))
        }
        17 => {
            let Some(count) = inline(walk)? else { return Ok(()) };
            walk.take(1)?;
            (0..count).try_for_each(|_| skip(walk, depth + 1).and_then(|()| skip(walk, depth + 1)))
        }
        marker => Err(Malformed::Marker3(marker)),
    }
}

fn object(walk: &mut Walk<'_>, depth: u8) -> Result<(), Malformed> {
    let Some(head) = inline(walk)? else { return Ok(()) };
    let traits = if head & 1 == 0 {
        // A class that came before.
        *walk.traits().get(head >> 1).ok_or(Malformed::Marker3(10))?
    } else if head & 2 != 0 {
        // Only its class knows how long it is.
        return Err(Malformed::Marker3(10));
    } else {
        let traits = Traits { sealed: head >> 3, dynamic: head & 4 != 0 };
        text(walk)?;
        for _ in 0..traits.sealed {
            walk.count(depth)?;
            text(walk)?;
        }
        if walk.traits().len() < MAX_TRAITS {
            walk.traits().push(traits);
        }
        traits
    };
    (0..traits.sealed).try_for_each(|_| skip(walk, depth + 1))?;
    if traits.dynamic { named(walk, depth) } else { Ok(()) }
}

/// Names and values up to the empty name.
fn named(walk: &mut Walk<'_>, depth: u8) -> Result<(), Malformed> {
    while text(walk)? {
        skip(walk, depth + 1)?;
    }
    Ok(())
}

/// Text or bytes; false when it is empty.
fn text(walk: &mut Walk<'_>) -> Result<bool, Malformed> {
    match inline(walk)? {
        Some(length) => walk.take(length).map(|text| !text.is_empty()),
        // One that came before; empty ones are never referred to.
        None => Ok(true),
    }
}

/// The number of a value that is here; `None` for a reference to one before.
fn inline(walk: &mut Walk<'_>) -> Result<Option<usize>, Malformed> {
    let number = number(walk)?;
    Ok((number & 1 == 1).then_some(number >> 1))
}

/// An integer of 29 bits in one to four bytes (§1.3.1).
fn number(walk: &mut Walk<'_>) -> Result<usize, Malformed> {
    let mut number = 0;
    for _ in 0..3 {
        let byte = walk.take(1)?[0];
        number = number << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Ok(number << 8 | usize::from(walk.take(1)?[0]))
}
