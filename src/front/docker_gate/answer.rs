//! PURE. Response filter of the gate: what a front may read of Docker's answers.

use serde_json::{Map, Value, json};

use super::call::Kind;
use crate::front::docker::service;

/// Whether a Docker object has the label of the installation.
pub fn is_ours(thing: &Value, name: &str) -> bool {
    label(thing, service::NAME) == Some(name)
}

/// A label of an object.
pub fn label<'a>(thing: &'a Value, key: &str) -> Option<&'a str> {
    thing["Spec"]["Labels"][key].as_str()
}

/// The part of one object of ours that a front reads.
pub fn thing(kind: Kind, thing: &Value) -> Value {
    let spec: &[&str] = match kind {
        Kind::Service | Kind::Secret => &["Name", "Labels"],
        Kind::Config => &["Name", "Labels", "Data"],
    };
    let mut told = pick(thing, &["ID", "Version"]);
    told.insert("Spec".to_owned(), pick(&thing["Spec"], spec).into());
    told.into()
}

/// The part of a list of objects that a front reads, if all of them are ours.
pub fn things(kind: Kind, list: &Value, name: &str) -> Value {
    let ours = list.as_array().into_iter().flatten().filter(|found| is_ours(found, name));
    ours.map(|found| thing(kind, found)).collect()
}

/// Why a service's tasks do not run.
pub fn tasks(list: &Value) -> Value {
    each(list, |task| {
        let mut told = pick(task, &["ID", "CreatedAt"]);
        told.insert("Status".to_owned(), pick(&task["Status"], &["State", "Err"]).into());
        told.into()
    })
}

/// The nodes and reservations of all running tasks, whoever owns them, and nothing else.
pub fn reservations(list: &Value) -> Value {
    each(list, |task| {
        let reserved = pick(&task["Spec"]["Resources"]["Reservations"], &["NanoCPUs", "MemoryBytes"]);
        let mut told = pick(task, &["NodeID"]);
        if !reserved.is_empty() {
            told.insert("Spec".to_owned(), json!({"Resources": {"Reservations": reserved}}));
        }
        told.into()
    })
}

pub fn nodes(list: &Value) -> Value {
    each(list, |node| {
        let resources = pick(&node["Description"]["Resources"], &["NanoCPUs", "MemoryBytes"]);
        let mut told = pick(node, &["ID"]);
        told.insert("Spec".to_owned(), pick(&node["Spec"], &["Availability"]).into());
        told.insert("Status".to_owned(), pick(&node["Status"], &["State"]).into());
        told.insert("Description".to_owned(), json!({"Resources": resources}));
        told.into()
    })
}

fn each(list: &Value, told: impl Fn(&Value) -> Value) -> Value {
    list.as_array().into_iter().flatten().map(told).collect()
}

fn pick(from: &Value, keys: &[&str]) -> Map<String, Value> {
    let found = keys.iter().filter_map(|key| Some(((*key).to_owned(), from.get(key)?.clone())));
    found.collect()
}
