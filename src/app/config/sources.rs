//! Sources of settings and their precedence: command line, environment, file, default.

use std::{fs, path::PathBuf};

use toml::{Table, Value};

use super::ServeArgs;

/// Every key of the file; the variable of `http` is `TILECAST_HTTP`.
const KEYS: [&str; 35] = [
    "http",
    "rtmp",
    "webrtc",
    "public_address",
    "ice_server",
    "turn_secret",
    "state",
    "layouts",
    "pipelines",
    "allow_address",
    "trusted_proxy",
    "allow_origin",
    "api_keys",
    "engine",
    "capacity_cores",
    "sandbox",
    "swarm_docker",
    "swarm_image",
    "swarm_name",
    "swarm_network",
    "swarm_constraint",
    "swarm_listen",
    "swarm_advertise",
    "swarm_fleet_key_file",
    "srs_secret",
    "srs_streams",
    "srs_source",
    "srs_api",
    "srs_keys",
    "srs_unknown_room",
    "srs_other_streams",
    "rate_per_second",
    "rate_burst",
    "log_format",
    "log",
];

/// Command line, environment and file.
pub(super) struct Sources<'a> {
    args: &'a ServeArgs,
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: Table,
    path: PathBuf,
}

/// A setting's texts and their source, for the fault's sentence.
struct Found {
    texts: Vec<String>,
    place: String,
}

impl<'a> Sources<'a> {
    /// Reads the file, if one is named.
    pub(super) fn open(
        args: &'a ServeArgs,
        environment: &'a dyn Fn(&str) -> Option<String>,
        faults: &mut Vec<String>,
    ) -> Self {
        let path = args.config.clone().or_else(|| environment("TILECAST_CONFIG").map(PathBuf::from));
        let file = match &path {
            None => Table::new(),
            Some(path) => read(path).unwrap_or_else(|fault| {
                faults.push(format!("{}: {fault}", path.display()));
                Table::new()
            }),
        };
        let path = path.unwrap_or_default();
        for key in file.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            faults.push(format!("{}: there is no setting {key:?}; there is {}", path.display(), KEYS.join(", ")));
        }
        Self { args, environment, file, path }
    }

    /// The keys with this prefix that are set.
    pub(super) fn set_with(&self, prefix: &str) -> impl Iterator<Item = &'static str> {
        KEYS.into_iter().filter(move |key| key.starts_with(prefix) && self.find(key, &mut Vec::new()).is_some())
    }

    /// A setting with one value as text; `None` when it is not set.
    pub(super) fn text(&self, key: &str, faults: &mut Vec<String>) -> Option<String> {
        self.find(key, faults).and_then(|found| found.texts.into_iter().next())
    }

    /// A setting with one value, parsed; `None` when it is not set or invalid.
    pub(super) fn parse<T>(
        &self,
        key: &str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        faults: &mut Vec<String>,
    ) -> Option<T> {
        let Some(Found { texts, place }) = self.find(key, faults) else {
            return Some(parse(default).expect("a default is sound"));
        };
        let text = texts.into_iter().next().unwrap_or_default();
        parse(&text).map_err(|fault| faults.push(format!("{place}: {fault}"))).ok()
    }

    /// A setting with several values, those that are valid; empty when it is not set.
    pub(super) fn list<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        faults: &mut Vec<String>,
    ) -> Vec<T> {
        let Some(Found { texts, place }) = self.find(key, faults) else { return Vec::new() };
        let parsed = texts.iter().map(|text| parse(text));
        parsed.filter_map(|result| result.map_err(|fault| faults.push(format!("{place}: {fault}"))).ok()).collect()
    }

    fn find(&self, key: &str, faults: &mut Vec<String>) -> Option<Found> {
        let texts = self.arguments(key);
        if !texts.is_empty() {
            let option = if key == "api_keys" { "api-key".to_owned() } else { key.replace('_', "-") };
            return Some(Found { texts, place: format!("--{option}") });
        }
        let variable = format!("TILECAST_{}", key.to_ascii_uppercase());
        // Many compose files set a variable to the empty text to unset it.
        if let Some(text) = (self.environment)(&variable).filter(|text| !text.is_empty()) {
            let texts: Vec<String> = match is_list(key) {
                true => text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
                false => vec![text],
            };
            if texts.is_empty() {
                // An empty variable would hide the file's value: without its keys the server would be open.
                faults
                    .push(format!("{variable}: there is nothing between its commas; write values, or leave it empty"));
            }
            return Some(Found { texts, place: variable });
        }
        let place = format!("{}: {key}", self.path.display());
        match texts_of(key, self.file.get(key)?) {
            Ok(texts) => Some(Found { texts, place }),
            Err(wanted) => {
                faults.push(format!("{place}: write {wanted}"));
                None
            }
        }
    }

    fn arguments(&self, key: &str) -> Vec<String> {
        let args = self.args;
        let one = match key {
            "http" => &args.http,
            "rtmp" => &args.rtmp,
            "webrtc" => &args.webrtc,
            "turn_secret" => &args.turn_secret,
            "public_address" => return args.public_address.clone(),
            "ice_server" => return args.ice_server.clone(),
            "state" => &args.state,
            "layouts" => &args.layouts,
            "pipelines" => &args.pipelines,
            "engine" => &args.engine,
            "capacity_cores" => &args.capacity_cores,
            "sandbox" => &args.sandbox,
            "swarm_docker" => &args.swarm_docker,
            "swarm_image" => &args.swarm_image,
            "swarm_name" => &args.swarm_name,
            "swarm_network" => &args.swarm_network,
            "swarm_constraint" => return args.swarm_constraint.clone(),
            "swarm_listen" => &args.swarm_listen,
            "swarm_advertise" => &args.swarm_advertise,
            "swarm_fleet_key_file" => &args.swarm_fleet_key_file,
            "srs_secret" => &args.srs_secret,
            "srs_streams" => &args.srs_streams,
            "srs_source" => &args.srs_source,
            "srs_api" => return args.srs_api.clone(),
            "srs_keys" => &args.srs_keys,
            "srs_unknown_room" => &args.srs_unknown_room,
            "srs_other_streams" => &args.srs_other_streams,
            "rate_per_second" => &args.rate_per_second,
            "rate_burst" => &args.rate_burst,
            "log_format" => &args.log_format,
            "log" => &args.log,
            "allow_address" => return args.allow_address.clone(),
            "trusted_proxy" => return args.trusted_proxy.clone(),
            "allow_origin" => return args.allow_origin.clone(),
            "api_keys" => return args.api_key.clone(),
            _ => unreachable!("{key} is one of KEYS"),
        };
        one.iter().cloned().collect()
    }
}

fn is_list(key: &str) -> bool {
    matches!(
        key,
        "allow_address"
            | "trusted_proxy"
            | "allow_origin"
            | "api_keys"
            | "public_address"
            | "ice_server"
            | "srs_api"
            | "swarm_constraint"
    )
}

fn is_number(key: &str) -> bool {
    key.starts_with("rate_") || key == "capacity_cores"
}

fn read(path: &std::path::Path) -> Result<Table, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    // The parser's message shows the line; a key in it must not reach a log.
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
        format!("line {line} is not TOML: {}", error.message())
    })
}

/// A value of the file as texts, or a sentence about the expected form.
fn texts_of(key: &str, value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) if is_number(key) => Some(number.to_string()),
        Value::Float(number) if key == "capacity_cores" => Some(number.to_string()),
        _ => None,
    };
    let texts = match value {
        Value::Array(values) if is_list(key) => values.iter().map(text).collect(),
        value if !is_list(key) => text(value).map(|text| vec![text]),
        _ => None,
    };
    texts.ok_or_else(|| match key {
        _ if is_list(key) => format!("{key} = [\"...\", \"...\"]"),
        "capacity_cores" => format!("{key} = 3.5"),
        _ if is_number(key) => format!("{key} = 50"),
        _ => format!("{key} = \"...\""),
    })
}
