//! JSON decoding that finds every fault of a document, not just the first.

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

/// Most faults that are reported at once: enough for any honest mistake. Each fault costs one pass over the document,
/// so this also bounds the work for a hostile one.
pub const MAX_FAULTS: usize = 32;

/// Reads JSON text. A field that occurs twice is refused, since it is unclear which one is meant.
///
/// # Errors
/// The position where the text is no JSON.
pub fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Unique>(text).map(|Unique(value)| value)
}

/// The result of decoding: the document without its faulty parts, if that leaves one, and the faults.
#[derive(Debug)]
pub struct Decoded<T> {
    document: Option<T>,
    faults: Vec<Fault>,
    /// The places of known values that were removed, so that a default stands there now.
    defaulted: BTreeSet<String>,
}

impl<T: DeserializeOwned> Decoded<T> {
    /// Decodes. After a fault, the faulty value is removed and decoding is repeated, so that the next fault is found
    /// too.
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
            // If a required field was removed, the client did not forget it. The object around it is removed too.
            let told = defaulted.contains(&pointer(&written));
            // The same holds for an object that is empty since its only field was removed.
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
            // For example the key that remains when a participant becomes a pulled one.
            if value.pointer(&fault.pointer).is_some() && patch.pointer(&fault.pointer).is_none() {
                fault.detail.push_str("; it stands in the present document, and null in the patch removes it");
            }
        }
        decoded
    }

    /// The document, or all faults: faults of shape, and faults that `check` finds in the readable part.
    pub fn checked(self, check: impl FnOnce(&T) -> Vec<Fault>) -> Result<T, Vec<Fault>> {
        let Self { document, mut faults, defaulted } = self;
        let found = document.as_ref().map(check).unwrap_or_default();
        // Beside a removed value stands a default that the client did not write.
        let doubtful = |fault: &Fault| defaulted.iter().any(|at| related(at, &fault.pointer));
        faults.extend(found.into_iter().filter(|fault| !doubtful(fault)));
        match document {
            Some(document) if faults.is_empty() => Ok(document),
            _ => Err(faults),
        }
    }

    /// The document, or its faults of shape.
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

/// The place in the value where serde stopped.
fn place(path: &Path, value: &Value) -> Vec<String> {
    let mut place = Vec::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => place.push(index.to_string()),
            Segment::Map { key } => place.push(key.clone()),
            // A variant is written as a field.
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

/// Items that were removed from lists, so that later items keep the numbers they were written with.
#[derive(Debug, Default)]
struct Gone(BTreeMap<String, BTreeSet<usize>>);

impl Gone {
    /// The original place of a place in the remaining value.
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

    /// Notes that the value written here was removed.
    fn note(&mut self, written: &[String]) {
        if let Some((last, list)) = written.split_last()
            && let Ok(number) = last.parse()
        {
            // For an object the remaining fields do not matter.
            self.0.entry(pointer(list)).or_default().insert(number);
        }
    }
}

/// The indices that are not removed, in order.
fn left(gone: &BTreeSet<usize>) -> impl Iterator<Item = usize> {
    (0..).filter(|number| !gone.contains(number))
}

/// Removes the value at `place`; false when there is none, or when it is the whole document.
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
