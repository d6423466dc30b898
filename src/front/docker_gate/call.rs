//! PURE. Request parsing of the gate: method, path and query become a call.

use std::collections::BTreeMap;

use http::{Method, Uri};
use serde::Deserialize;
use url::form_urlencoded;

use super::Refusal;
use crate::front::docker::service;

/// Longest name or id in a path, bytes: Docker's own names are shorter.
const MAX_NAME_BYTES: usize = 64;

/// Most labels in a list's filter; a front uses two.
const MAX_LABELS: usize = 4;

/// Kinds of Docker objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Service,
    Secret,
    Config,
}

impl Kind {
    /// The name in Docker's paths.
    pub fn path(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Secret => "secrets",
            Self::Config => "configs",
        }
    }

    fn read(text: &str) -> Option<Self> {
        [Self::Service, Self::Secret, Self::Config].into_iter().find(|kind| kind.path() == text)
    }
}

/// A call that a front makes. Whether it is allowed for this object is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Whether the gate and Docker are ready; this call is the gate's own.
    Ready,
    /// List every object of a kind with these labels, among them the installation's.
    List(Kind, Vec<String>),
    Inspect(Kind, String),
    Create(Kind),
    /// Change an object from this version.
    Update(Kind, String, u64),
    /// Delete an object.
    Delete(Kind, String),
    /// Read why a service's tasks do not run.
    TasksOf(String),
    /// Read the reservations of running tasks.
    RunningTasks,
    Nodes,
}

/// A call, and the version of Docker's API in its path, such as `/v1.41`; empty for the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub call: Call,
    pub version: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filters {
    #[serde(default)]
    label: Vec<String>,
    #[serde(default)]
    service: Vec<String>,
    #[serde(default, rename = "desired-state")]
    desired_state: Vec<String>,
}

impl Asked {
    /// Reads a request of the installation `name`.
    ///
    /// # Errors
    /// When a front does not make such a request.
    pub fn read(method: &Method, uri: &Uri, name: &str) -> Result<Self, Refusal> {
        let (version, path) = version(uri.path())?;
        let mut query = Query::read(uri.query().unwrap_or_default())?;
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or_default().split('/').collect();
        let kind = parts.first().and_then(|first| Kind::read(first));
        let call = match (method.as_str(), kind, &parts[..]) {
            ("GET", None, ["readyz"]) if version.is_empty() => Call::Ready,
            ("GET", None, ["nodes"]) => Call::Nodes,
            ("GET", None, ["tasks"]) => tasks(query.filters()?, name)?,
            ("GET", Some(kind), [_]) => Call::List(kind, labels(query.filters()?, name)?),
            ("POST", Some(kind), [_, "create"]) => Call::Create(kind),
            ("POST", Some(kind @ (Kind::Service | Kind::Config)), [_, which, "update"]) => {
                let from = query.take("version").and_then(|number| number.parse().ok());
                let from = from.ok_or_else(|| Refusal::no("an update names the version that it changes"))?;
                if query.take("registryAuthFrom").is_some_and(|from| from != "spec") {
                    return Err(Refusal::no("registryAuthFrom is spec"));
                }
                Call::Update(kind, plain(which)?, from)
            }
            // A secret is looked up only by the list.
            ("GET", Some(kind @ (Kind::Service | Kind::Config)), [_, which]) => Call::Inspect(kind, plain(which)?),
            ("DELETE", Some(kind), [_, which]) => Call::Delete(kind, plain(which)?),
            _ => return Err(Refusal::no("this is no call that a front makes")),
        };
        query.end()?;
        Ok(Self { call, version: version.to_owned() })
    }
}

/// Splits `/v1.41/services` in two.
fn version(path: &str) -> Result<(&str, &str), Refusal> {
    let Some(rest) = path.strip_prefix("/v1.") else { return Ok(("", path)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let sound = (1..=3).contains(&digits) && rest[digits..].starts_with('/');
    let parts = sound.then(|| path.split_at("/v1.".len() + digits));
    parts.ok_or_else(|| Refusal::no("this is no version of Docker's API"))
}

/// Accepts a name or an id.
fn plain(text: &str) -> Result<String, Refusal> {
    let sound = (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    sound.then(|| text.to_owned()).ok_or_else(|| Refusal::no("this is no name that a front gives"))
}

/// The labels in the filter of a list of this installation's objects.
fn labels(filters: Option<Filters>, name: &str) -> Result<Vec<String>, Refusal> {
    let Filters { label, service, desired_state } =
        filters.ok_or_else(|| Refusal::no("lists are asked for by the installation's label"))?;
    let ours = label.contains(&format!("{}={name}", service::NAME));
    let known = |label: &String| label.starts_with("tilecast.") && label.contains('=');
    let only_labels = service.is_empty() && desired_state.is_empty();
    if ours && only_labels && label.len() <= MAX_LABELS && label.iter().all(known) {
        Ok(label)
    } else {
        Err(Refusal::no("lists are asked for by the installation's label, and by others of ours"))
    }
}

fn tasks(filters: Option<Filters>, name: &str) -> Result<Call, Refusal> {
    match filters {
        Some(Filters { label, service, desired_state }) if label.is_empty() => match (&service[..], &desired_state[..])
        {
            ([], [state]) if state == "running" => Ok(Call::RunningTasks),
            ([service], []) if is_service_name(service, name) => Ok(Call::TasksOf(service.clone())),
            _ => Err(Refusal::no("tasks are asked for by a service of this installation, or all that run")),
        },
        _ => Err(Refusal::no("tasks are asked for by a service of this installation, or all that run")),
    }
}

/// Whether a service of the installation `name` may have this name.
fn is_service_name(text: &str, name: &str) -> bool {
    let number = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| number.len() == 16 && number.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// A query whose parameters occur once each.
struct Query(BTreeMap<String, String>);

impl Query {
    fn read(text: &str) -> Result<Self, Refusal> {
        let mut found = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            if found.insert(key.into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::no("a parameter is there twice"));
            }
        }
        Ok(Self(found))
    }

    fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    fn filters(&mut self) -> Result<Option<Filters>, Refusal> {
        let parse =
            |text: String| serde_json::from_str(&text).map_err(|_| Refusal::no("these are no filters of a front"));
        self.take("filters").map(parse).transpose()
    }

    fn end(self) -> Result<(), Refusal> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(_) => Err(Refusal::no("there is a parameter that no front sends")),
        }
    }
}
