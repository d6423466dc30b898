//! Goes through a file box by box.

use std::ops::Range;

use super::{Index, Init, MAX_INITS, Stored, Tail, fragment, init};
use crate::mux::boxes::{self, Header};

/// Largest `moov` and `moof`. A fragment of 4096 frames has 64 KB of tables.
const MAX_TABLES: u64 = 1 << 20;

/// Bytes that are asked for at once: the tables of a part, and of most segments.
const READ: u64 = 4096;

/// Boxes that say nothing an index needs.
const PASSED: [&boxes::Kind; 6] = [b"styp", b"free", b"skip", b"sidx", b"prft", b"emsg"];

/// Reads a file through its caller: [`Scanner::wants`] says which bytes to read, [`Scanner::give`] takes them. It asks in rising order
/// and ends by itself.
#[derive(Debug)]
pub struct Scanner {
    index: Index,
    len: u64,
    /// Bytes from the end of what is known that the next step needs.
    need: u64,
    done: bool,
}

impl Scanner {
    /// Of a file of `len` bytes.
    pub fn new(len: u64) -> Self {
        Self { index: Index::new(), len, need: READ.min(len), done: len == 0 }
    }

    /// The bytes to read next; `None` when the file is known.
    pub fn wants(&self) -> Option<Range<u64>> {
        (!self.done).then(|| self.index.end..self.index.end + self.need)
    }

    /// Takes the bytes that were asked for. Fewer say that the file ends there.
    pub fn give(&mut self, bytes: &[u8]) {
        let Some(wanted) = self.wants() else { return };
        let given = bytes.len() as u64;
        if given < wanted.end - wanted.start {
            self.len = self.len.min(wanted.start + given);
        }
        let from = self.index.end;
        loop {
            let left = self.len.saturating_sub(self.index.end);
            if left == 0 {
                self.done = true;
                return;
            }
            let Some(rest) = usize::try_from(self.index.end - from).ok().and_then(|passed| bytes.get(passed..)) else {
                break;
            };
            match step(&mut self.index, rest, left) {
                Ok(Step::Passed(_)) => {}
                Ok(Step::Needs(need)) if need > rest.len() as u64 && need <= left => {
                    self.need = need.max(READ).min(left);
                    return;
                }
                Ok(Step::Needs(_) | Step::Torn) => return self.end(Tail::Torn),
                Err(why) => return self.end(Tail::Broken(why)),
            }
        }
        self.need = READ.min(self.len.saturating_sub(self.index.end));
    }

    fn end(&mut self, tail: Tail) {
        self.index.tail = tail;
        self.done = true;
    }

    /// What was found.
    pub fn finish(self) -> Index {
        self.index
    }
}

/// What became of the bytes at the end of what is known.
pub(super) enum Step {
    /// They are so many bytes of the index now.
    Passed(u64),
    /// So many are needed to tell.
    Needs(u64),
    /// They end within a box.
    Torn,
}

/// Reads one box, or a fragment's two. `left` is how much of the file there is.
pub(super) fn step(index: &mut Index, data: &[u8], left: u64) -> Result<Step, &'static str> {
    if (data.len() as u64) < left && data.len() < 16 {
        return Ok(Step::Needs(16));
    }
    let head = match boxes::header(data) {
        Some(head) => head,
        // Zeros are what a file system leaves that knew the size and not the bytes.
        None if data.iter().take(8).all(|byte| *byte == 0) || data.len() < 8 => return Ok(Step::Torn),
        None => return Err("a box has an impossible size"),
    };
    match &head.kind {
        b"ftyp" => initialization(index, &head, data, left),
        b"moof" => media(index, &head, data, left),
        kind if PASSED.contains(&kind) => {
            if head.size > left {
                return Ok(Step::Torn);
            }
            index.end += head.size;
            Ok(Step::Passed(head.size))
        }
        b"mdat" => Err("media without their tables"),
        _ => Err("an unknown box"),
    }
}

/// An `ftyp` and its `moov`.
fn initialization(index: &mut Index, ftyp: &Header, data: &[u8], left: u64) -> Result<Step, &'static str> {
    let second = match second(ftyp, data, left)? {
        Ok(second) => second,
        Err(step) => return Ok(step),
    };
    if second.kind != *b"moov" || second.size > MAX_TABLES {
        return Err("an initialization segment has no tables, or too large ones");
    }
    let whole = ftyp.size + second.size;
    if whole > left {
        return Ok(Step::Torn);
    }
    let (Some(body), true) = (slice(data, ftyp.size + second.header as u64, whole), index.inits.len() < MAX_INITS)
    else {
        return if index.inits.len() < MAX_INITS {
            Ok(Step::Needs(whole))
        } else {
            Err("too many initialization segments")
        };
    };
    let tracks = init::tracks(body)?;
    index.inits.push(Init { offset: index.end, len: whole, tracks });
    index.end += whole;
    Ok(Step::Passed(whole))
}

/// A `moof` and its `mdat`.
fn media(index: &mut Index, moof: &Header, data: &[u8], left: u64) -> Result<Step, &'static str> {
    let second = match second(moof, data, left)? {
        Ok(second) => second,
        Err(step) => return Ok(step),
    };
    if second.kind != *b"mdat" {
        return Err("a fragment has no media");
    }
    let Some(whole) = moof.size.checked_add(second.size).filter(|whole| *whole <= left) else { return Ok(Step::Torn) };
    let body = slice(data, moof.header as u64, moof.size).ok_or("a fragment's tables are not whole")?;
    let start = index.end + moof.size + second.header as u64;
    let read = fragment::read(index, body, index.end, &(start..index.end + whole))?;
    let first_run = u32::try_from(index.runs.len()).map_err(|_| "too many fragments")?;
    let init = (index.inits.len() - 1) as u32;
    if !read.runs.is_empty() {
        index.fragments.push(Stored { offset: index.end, len: whole, init, first_run });
    }
    index.runs.extend(read.runs);
    for (samples, read) in index.samples.iter_mut().zip(read.samples) {
        samples.extend(read);
    }
    index.sequence = read.sequence.wrapping_add(1);
    index.end += whole;
    Ok(Step::Passed(whole))
}

/// The header of the box behind the first one, which has to be there with the whole first.
fn second(first: &Header, data: &[u8], left: u64) -> Result<Result<Header, Step>, &'static str> {
    if first.size > MAX_TABLES {
        return Err("a box of tables is too large");
    }
    let need = first.size + 16;
    if first.size + 8 > left {
        return Ok(Err(Step::Torn));
    }
    if (data.len() as u64) < need.min(left) {
        return Ok(Err(Step::Needs(need.min(left))));
    }
    let rest = data.get(first.size as usize..).unwrap_or_default();
    match boxes::header(rest) {
        Some(head) => Ok(Ok(head)),
        None if rest.iter().take(8).all(|byte| *byte == 0) => Ok(Err(Step::Torn)),
        None => Err("a box has an impossible size"),
    }
}

fn slice(data: &[u8], from: u64, to: u64) -> Option<&[u8]> {
    data.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
}
