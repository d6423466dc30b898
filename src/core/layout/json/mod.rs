//! From JSON text to a document, with every fault found, not just the first.

mod node;
mod unique;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

use self::{
    node::{Node, Refusal},
    unique::Unique,
};
use super::Fault;

/// Most faults told at once: enough for any honest mistake, and a bound on the work a hostile document makes, as each fault
/// costs one pass over it.
pub const MAX_FAULTS: usize = 32;

/// Reads JSON text; a field given twice is refused, as nobody can tell which one was meant.
///
/// # Errors
/// Where the text is not JSON.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unique>(text).map(|Unique(value)| value)
}

/// What a value decodes to: the document without its faulty parts, where that leaves one, and the faults.
#[derive(Debug)]
pub struct Decoded<T> {
    document: Option<T>,
    faults: Vec<Fault>,
    /// Where a value that the document knows was taken away, so that a default stands there now.
    defaulted: BTreeSet<String>,
}

impl<T: DeserializeOwned> Decoded<T> {
    /// Decodes; after a fault, takes the value at fault away and goes on, so that the next one is found too.
    pub fn from_value(mut value: Value) -> Self {
        let mut faults: Vec<Fault> = Vec::new();
        let mut defaulted = BTreeSet::new();
        let mut gone = Gone::default();
        while faults.len() < MAX_FAULTS {
            let error = match serde_path_to_error::deserialize::<_, T>(Node(&value)) {
                Ok(document) => return Self { document: Some(document), faults, defaulted },
                Err(error) => error,
            };
            let place = place(error.path(), &value);
            let refusal = error.into_inner();
            let known = !matches!(refusal, Refusal::Unknown { .. });
            let (place, detail) = refusal.explain(place, &value);
            let written = gone.written(&place, &value);
            // A required field that was taken away is not missing by the client's doing: what surrounds it goes too.
            let told = defaulted.contains(&pointer(&written));
            // Nor is an object empty by it whose only field was taken away.
            let emptied = value.pointer(&pointer(&place)).and_then(Value::as_object).is_some_and(Map::is_empty)
                && defaulted.iter().any(|at| at.rsplit_once('/').is_some_and(|(of, _)| of == pointer(&written)));
            let depth = place.len().saturating_sub(usize::from(told));
            let (place, written) = (&place[..depth], &written[..depth]);
            if known {
                defaulted.insert(pointer(written));
            }
            if !told && !emptied {
                faults.push(Fault { pointer: pointer(written), detail });
            }
            let Some(depth) = (1..=depth).rev().find(|depth| remove(&mut value, &place[..*depth])) else { break };
            gone.note(&written[..depth]);
            if known {
                defaulted.insert(pointer(&written[..depth]));
            }
        }
        Self { document: None, faults, defaulted }
    }

    /// Applies a JSON merge patch (RFC 7396) to a document that decodes, and decodes the result.
    pub fn patched(present: &T, patch: &Value) -> Self
    where
        T: Serialize,
    {
        let mut value = serde_json::to_value(present).unwrap_or_default();
        json_patch::merge(&mut value, patch);
        let mut decoded = Self::from_value(value.clone());
        for fault in &mut decoded.faults {
            // Such as the key that stays behind when a participant becomes one that is pulled.
            if value.pointer(&fault.pointer).is_some() && patch.pointer(&fault.pointer).is_none() {
                fault.detail.push_str("; it stands in the present document, and null in the patch removes it");
            }
        }
        decoded
    }

    /// The document, or all faults: those of its shape and those that `check` finds in what could be read.
    pub fn checked(self, check: impl FnOnce(&T) -> Vec<Fault>) -> Result<T, Vec<Fault>> {
        let Self { document, mut faults, defaulted } = self;
        let found = document.as_ref().map(check).unwrap_or_default();
        // Beside a value that was taken away stands a default which the client did not write.
        let doubtful = |fault: &Fault| defaulted.iter().any(|at| related(at, &fault.pointer));
        faults.extend(found.into_iter().filter(|fault| !doubtful(fault)));
        match document {
            Some(document) if faults.is_empty() => Ok(document),
            _ => Err(faults),
        }
    }

    /// The document, or the faults of its shape.
    pub fn document(self) -> Result<T, Vec<Fault>> {
        self.checked(|_| Vec::new())
    }
}

/// True when two pointers have the same parent, or one lies within the other.
fn related(a: &str, b: &str) -> bool {
    let parent = |pointer: &str| pointer.rsplit_once('/').map(|(parent, _)| parent.to_owned());
    let within = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    a == b || within(a, b) || within(b, a) || (parent(a) == parent(b) && parent(a).is_some_and(|p| !p.is_empty()))
}

/// A JSON pointer (RFC 6901) to this place.
pub fn pointer(place: &[String]) -> String {
    place.iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Where serde was in a value.
fn place(path: &Path, value: &Value) -> Vec<String> {
    let mut place = Vec::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => place.push(index.to_string()),
            Segment::Map { key } => place.push(key.clone()),
            // A variant is a field where it is written as one.
            Segment::Enum { variant } => {
                place.push(variant.clone());
                if value.pointer(&pointer(&place)).is_none() {
                    place.pop();
                }
            }
            Segment::Unknown => {}
        }
    }
    place
}

/// Items that were taken out of lists, so that those behind them keep the numbers they were written with.
#[derive(Debug, Default)]
struct Gone(BTreeMap<String, BTreeSet<usize>>);

impl Gone {
    /// Where a place of what is left was written.
    fn written(&self, place: &[String], value: &Value) -> Vec<String> {
        let mut written: Vec<String> = Vec::with_capacity(place.len());
        for (depth, key) in place.iter().enumerate() {
            let list = value.pointer(&pointer(&place[..depth])).is_some_and(Value::is_array);
            let number = key.parse().ok().filter(|_| list);
            let gone = self.0.get(&pointer(&written));
            written.push(match (number, gone) {
                (Some(number), Some(gone)) => left(gone).nth(number).unwrap_or(number).to_string(),
                _ => key.clone(),
            });
        }
        written
    }

    /// What was written here is gone.
    fn note(&mut self, written: &[String]) {
        if let Some((last, list)) = written.split_last()
            && let Ok(number) = last.parse()
        {
            // Of an object nobody asks for the fields that are left.
            self.0.entry(pointer(list)).or_default().insert(number);
        }
    }
}

/// The numbers that are not gone, in order.
fn left(gone: &BTreeSet<usize>) -> impl Iterator<Item = usize> {
    (0..).filter(|number| !gone.contains(number))
}

/// Takes away the value at `place`; false when there is none, or it is the whole.
fn remove(value: &mut Value, place: &[String]) -> bool {
    let Some((last, parents)) = place.split_last() else { return false };
    match value.pointer_mut(&pointer(parents)) {
        Some(Value::Object(fields)) => fields.remove(last).is_some(),
        Some(Value::Array(items)) => {
            let index = last.parse().ok().filter(|index| *index < items.len());
            index.map(|index: usize| items.remove(index)).is_some()
        }
        _ => false,
    }
}
