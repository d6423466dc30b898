//! PURE. Request validation of the gate: what may be created, by its body.
//!
//! The gate builds a service and its secret again with the engine's own code, from the few values in which one differs
//! from another. The result must equal the request in every field, so an unknown field is refused without a list of
//! such fields. Docker gets the result, not the body: two readings of one text cannot bypass the check.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bollard::models::{SecretSpec, ServiceSpec};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Refusal, Settings};
use crate::{
    base::{RoomId, Secret},
    cost::Budget,
    front::docker::{
        self, SwarmSettings,
        service::{self, Wanted},
    },
    link::join::Ticket,
};

/// Longest text of a worker's log filter or of the fronts' addresses, bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// Largest secret, bytes: a certificate and some short texts.
const MAX_TICKET_BYTES: usize = 16 << 10;

/// Largest config, bytes: Swarm's managers agree on at most 1.5 MiB at once, including their own data.
pub const MAX_CONFIG_BYTES: usize = 1500 << 10;

/// Most labels of a config.
const MAX_LABELS: usize = 16;

/// A service that may be created.
#[derive(Debug)]
pub struct Service {
    /// The specification for Docker.
    pub spec: ServiceSpec,
    pub name: String,
    /// The room whose worker it runs.
    pub room: RoomId,
    /// Id and name of its secret, which must belong to this room.
    pub secret: (String, String),
}

/// A config that may be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Config {
    /// Its name, which follows from its subject.
    pub name: String,
    /// The labels that name its subject, and the labels that change.
    pub labels: BTreeMap<String, String>,
    /// The file, base64.
    pub data: String,
}

impl Settings {
    /// Checks a service, new or changed.
    ///
    /// # Errors
    /// When it is no worker's service.
    pub fn service(&self, body: &[u8]) -> Result<Service, Refusal> {
        let body: Value = read(body, "a service")?;
        let labels = text_map(&body, "/Labels")?;
        let room: RoomId =
            label(&labels, service::ROOM)?.parse().map_err(|_| Refusal::no("the service's room is none"))?;
        let budget = service::read_budget(label(&labels, service::BUDGET)?);
        let budget = budget.ok_or_else(|| Refusal::no("the service's budget is none"))?;
        self.affords(budget)?;
        let (token, made_from) = (hash(&labels, service::TOKEN)?, hash(&labels, service::MADE_FROM)?);
        let container = |part: &str| text(&body, &format!("/TaskTemplate/ContainerSpec/{part}"));
        let image = container("Image")?;
        if !self.images.iter().any(|ours| ours == image) {
            return Err(Refusal::no("the service's image is not one that this gate was given by --image"));
        }
        let environment = body.pointer("/TaskTemplate/ContainerSpec/Env").and_then(Value::as_array);
        let mut environment = environment.into_iter().flatten().filter_map(Value::as_str);
        let log = environment.find_map(|variable| variable.strip_prefix("TILECAST_LOG="));
        let log = plain(log.ok_or_else(|| Refusal::no("the service's environment is not a worker's"))?)?;
        let settings = self.swarm(image, plain(label(&labels, service::FRONT)?)?, log);
        let secret = (container("Secrets/0/SecretID")?.to_owned(), container("Secrets/0/SecretName")?.to_owned());
        let wanted = Wanted { settings: &settings, certificate: "", room: &room, budget };
        let mut made = wanted.service(token, secret.clone());
        if let Some(labels) = &mut made.labels {
            // This hash also covers the certificate, which only a front knows.
            labels.insert(service::MADE_FROM.to_owned(), made_from.to_owned());
        }
        same(&made, &body, "service")?;
        Ok(Service { name: wanted.name(), spec: made, room, secret })
    }

    /// Checks the secret of a worker.
    ///
    /// # Errors
    /// When it is no such secret.
    pub fn secret(&self, body: &[u8]) -> Result<SecretSpec, Refusal> {
        let body: Value = read(body, "a secret")?;
        let data =
            STANDARD.decode(text(&body, "/Data")?).map_err(|_| Refusal::no("the secret's data are not base64"))?;
        if data.len() > MAX_TICKET_BYTES {
            return Err(Refusal::no("the secret is larger than a worker's ticket"));
        }
        let ticket: Ticket = read(&data, "the secret's ticket")?;
        let name = service::service_name(&self.name, &ticket.room);
        let nonce = text(&body, "/Name")?.strip_prefix(&name).and_then(|rest| rest.strip_prefix('-'));
        let nonce = nonce.filter(|nonce| nonce.len() == 8).and_then(|nonce| u32::from_str_radix(nonce, 16).ok());
        let nonce = nonce.ok_or_else(|| Refusal::no("the secret's name is not one of its room's"))?;
        let settings = self.swarm("", plain(&ticket.front)?, "");
        let budget = Budget { millicores: 0, mib: 0 };
        let wanted = Wanted { settings: &settings, certificate: &ticket.certificate, room: &ticket.room, budget };
        let made = wanted.secret(&Secret::new(ticket.token.expose()), nonce);
        same(&made, &body, "secret")?;
        Ok(made)
    }

    /// Checks a config that fronts share, new or changed.
    ///
    /// # Errors
    /// When it is no such config.
    pub fn config(&self, body: &[u8]) -> Result<Config, Refusal> {
        if body.len() > MAX_CONFIG_BYTES {
            return Err(Refusal::no("the config is larger than any that fronts share"));
        }
        let config: Config = read(body, "a config")?;
        let known = |key: &str| {
            let rest = key.strip_prefix("tilecast.").unwrap_or_default();
            !rest.is_empty() && rest.len() <= 32 && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        };
        if config.labels.len() > MAX_LABELS || !config.labels.keys().all(|key| known(key)) {
            return Err(Refusal::no("the config has labels that are not ours"));
        }
        let of = |key: &str| config.labels.get(key).map(String::as_str);
        let (kind, about) = (of(docker::KIND).unwrap_or_default(), of(docker::ABOUT).unwrap_or_default());
        let kind =
            docker::Kind::read(kind).ok_or_else(|| Refusal::no("the config is about nothing that fronts share"))?;
        if of(service::NAME) != Some(&self.name) || config.name != docker::record_name(&self.name, kind, about) {
            return Err(Refusal::no("the config's name does not follow from what it is about"));
        }
        STANDARD.decode(&config.data).map_err(|_| Refusal::no("the config's data are not base64"))?;
        Ok(config)
    }

    fn affords(&self, budget: Budget) -> Result<(), Refusal> {
        // Docker takes zero for "no limit".
        let sound = (1..=self.max_millicores).contains(&budget.millicores) && (1..=self.max_mib).contains(&budget.mib);
        let (cores, mib) = (self.max_millicores, self.max_mib);
        sound.then_some(()).ok_or_else(|| {
            Refusal::no(format!(
                "the service reserves more than a worker may, which is {cores} thousandths of a core and {mib} MiB; raise \
                 --max-millicores or --max-mib if rooms need it"
            ))
        })
    }

    /// The settings of the front that sends the request.
    fn swarm(&self, image: &str, advertise: &str, log: &str) -> SwarmSettings {
        SwarmSettings {
            docker: String::new(),
            name: self.name.clone(),
            image: image.to_owned(),
            network: self.network.clone(),
            constraints: self.constraints.clone(),
            advertise: advertise.to_owned(),
            log: log.to_owned(),
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::no(format!("this is not {what} as fronts write it")))
}

fn text<'a>(body: &'a Value, pointer: &str) -> Result<&'a str, Refusal> {
    let found = body.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| Refusal::no(format!("{pointer} is not as a front sets it")))
}

fn text_map<'a>(body: &'a Value, pointer: &str) -> Result<BTreeMap<&'a str, &'a str>, Refusal> {
    let found = body.pointer(pointer).and_then(Value::as_object);
    let found = found.and_then(|map| map.iter().map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect());
    found.ok_or_else(|| Refusal::no(format!("{pointer} is not as a front sets it")))
}

fn label<'a>(labels: &BTreeMap<&'a str, &'a str>, key: &str) -> Result<&'a str, Refusal> {
    labels.get(key).copied().ok_or_else(|| Refusal::no(format!("the label {key} is missing")))
}

/// A label that is a SHA-256.
fn hash<'a>(labels: &BTreeMap<&'a str, &'a str>, key: &str) -> Result<&'a str, Refusal> {
    let text = label(labels, key)?;
    let sound = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    sound.then_some(text).ok_or_else(|| Refusal::no(format!("the label {key} is no hash")))
}

/// A text without a meaning to Docker: its templates begin with a brace.
fn plain(text: &str) -> Result<&str, Refusal> {
    let sound = text.len() <= MAX_TEXT_BYTES && text.bytes().all(|b| (b' '..=b'~').contains(&b) && !b"{}".contains(&b));
    sound.then_some(text).ok_or_else(|| Refusal::no("a text is too long, or has characters that no front writes"))
}

/// Checks that the rebuilt object equals the request.
fn same(made: &impl Serialize, body: &Value, what: &str) -> Result<(), Refusal> {
    let made = serde_json::to_value(made).map_err(|error| Refusal::no(error.to_string()))?;
    match difference(&made, body) {
        None => Ok(()),
        Some(place) => Err(Refusal::no(format!(
            "{place} of the {what} is not as a front of this build and with these settings sets it"
        ))),
    }
}

/// The first difference of two values, as a JSON pointer into the front's object, or to the object that has an
/// additional field.
fn difference(made: &Value, asked: &Value) -> Option<String> {
    match (made, asked) {
        (Value::Object(made), Value::Object(asked)) => {
            let inside = made.iter().find_map(|(key, made)| {
                let found = asked.get(key).map_or(Some(String::new()), |asked| difference(made, asked));
                found.map(|rest| format!("/{key}{rest}"))
            });
            inside.or_else(|| (made.len() != asked.len()).then(|| "/".to_owned()))
        }
        (Value::Array(made), Value::Array(asked)) if made.len() == asked.len() => {
            let pairs = made.iter().zip(asked).enumerate();
            pairs.into_iter().find_map(|(at, (made, asked))| difference(made, asked).map(|rest| format!("/{at}{rest}")))
        }
        (made, asked) => (made != asked).then(String::new),
    }
}
