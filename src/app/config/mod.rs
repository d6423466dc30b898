//! Configuration of `tilecast serve`: command line, environment, file and defaults become one [`Config`], or a list of
//! all faults, before anything starts.

mod cli;
mod layouts;
mod sources;
mod srs;
mod swarm;

use std::{
    fmt,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use ipnet::IpNet;

pub use cli::{Cli, Command, ServeArgs};
use sources::Sources;
pub use swarm::EngineConfig;

use super::pipelines::Pipelines;
use crate::{
    base::{Secret, TemplateName},
    front::{
        doors::srs::Settings as SrsSettings,
        net::{
            keys,
            origin::{self, Origins},
            rate::Allowance,
        },
        webrtc::IceServers,
    },
    layout::Template,
};

/// Where the API listens: on this machine only, since there is no key yet.
const HTTP: &str = "127.0.0.1:8080";
/// Where RTMP listens: its registered port (IANA `macromedia-fcs`), this machine only, as above.
const RTMP: &str = "127.0.0.1:1935";
/// Where WebRTC listens, by UDP and TCP; this machine only, as above.
const WEBRTC: &str = "127.0.0.1:8189";
/// Most public addresses: each is a candidate that every client tries.
const MAX_PUBLIC_ADDRESSES: usize = 8;
/// Most STUN and TURN servers: each is a header of every answer, and browsers warn about more than five.
const MAX_ICE_SERVERS: usize = 8;
/// Default log filter: what an operator did or must know.
const LOG: &str = "info";
/// Most ranges on the address allow-list, or of proxies: each is checked for every connection.
const MAX_RANGES: usize = 256;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// One JSON object a line.
    Json,
}

/// All settings of `tilecast serve`, checked.
#[derive(Debug)]
pub struct Config {
    /// Where the API listens.
    pub http: SocketAddr,
    pub rtmp: SocketAddr,
    /// Where WebRTC listens, by UDP and TCP.
    pub webrtc: SocketAddr,
    /// Addresses at which browsers reach it; empty for the listening address.
    pub public_address: Vec<IpAddr>,
    /// STUN and TURN servers that browsers are told of.
    pub ice_servers: IceServers,
    pub state: PathBuf,
    /// Further templates, from the layouts folder.
    pub layouts: Vec<(TemplateName, Template)>,
    /// Launch texts, with those of the pipelines folder.
    pub pipelines: Pipelines,
    /// Private ranges that pulls and pushes may reach.
    pub allow_address: Vec<IpNet>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxy: Vec<IpNet>,
    /// Origins whose pages may publish by WHIP and watch by WHEP.
    pub allow_origin: Origins,
    /// API keys; none means loopback only.
    pub api_keys: Vec<Secret>,
    pub engine: EngineConfig,
    /// The SRS beside this server, if there is one.
    pub srs: Option<SrsSettings>,
    /// Cores for all rooms together, in place of this machine's.
    pub capacity_cores: Option<f64>,
    /// Rate limit of the API for one address.
    pub allowance: Allowance,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// Workers on this machine run in the sandbox.
    pub sandbox: bool,
    /// Which log lines are written, in the syntax of `tracing_subscriber::EnvFilter`.
    pub log: String,
}

/// All faults of a configuration; each names its setting.
#[derive(Debug, thiserror::Error)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the configuration cannot be used, so nothing was started:")?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl Config {
    /// Puts the configuration together. `environment` looks up a variable, as [`std::env::var`] does.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(args: &ServeArgs, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let sources = Sources::open(args, &environment, &mut faults);
        let http = sources.parse("http", HTTP, address, &mut faults);
        let rtmp = sources.parse("rtmp", RTMP, address, &mut faults);
        let webrtc = sources.parse("webrtc", WEBRTC, address, &mut faults);
        let public_address = sources.list("public_address", public_address, &mut faults).concat();
        let ice_servers = ice_servers(&sources, &mut faults);
        faults.extend(webrtc.and_then(|webrtc| reachable(webrtc, &public_address)));
        let state = sources.text("state", &mut faults).map_or_else(|| default_state(&environment), PathBuf::from);
        let layouts = sources.text("layouts", &mut faults).map(PathBuf::from);
        let layouts = layouts.map(|folder| layouts::read(&folder, &mut faults)).unwrap_or_default();
        let pipelines = pipelines(sources.text("pipelines", &mut faults).as_deref().map(Path::new), &mut faults);
        let allow_address = sources.list("allow_address", range, &mut faults);
        let trusted_proxy = sources.list("trusted_proxy", range, &mut faults);
        let allow_origin = Origins::new(sources.list("allow_origin", origin::parse, &mut faults));
        let api_keys = sources.list("api_keys", |text| Ok(Secret::new(text)), &mut faults);
        let srs = srs::settings(&sources, &mut faults);
        let per_second =
            sources.parse("rate_per_second", &Allowance::REQUESTS.per_second.to_string(), count, &mut faults);
        let burst = sources.parse("rate_burst", &Allowance::REQUESTS.burst.to_string(), count, &mut faults);
        let log_format = sources.parse("log_format", "text", log_format, &mut faults);
        let log = sources.parse("log", LOG, log_filter, &mut faults);
        for (key, ranges) in [("allow_address", &allow_address), ("trusted_proxy", &trusted_proxy)] {
            if ranges.len() > MAX_RANGES {
                faults.push(format!("{key}: at most {MAX_RANGES} ranges are possible, here are {}", ranges.len()));
            }
        }
        let engine = log.as_deref().and_then(|log| swarm::engine(&sources, log, &mut faults));
        let capacity_cores = sources.parse("capacity_cores", ALL_CORES, cores, &mut faults).flatten();
        if capacity_cores.is_some() && matches!(engine, Some(EngineConfig::Swarm { .. })) {
            faults
                .push("capacity_cores: only engine = \"local\" uses it; a Swarm knows what its nodes have".to_owned());
        }
        let sandbox = sources.parse("sandbox", "on", on_or_off, &mut faults).unwrap_or(true);
        if !sandbox && matches!(engine, Some(EngineConfig::Swarm { .. })) {
            faults.push("sandbox: only engine = \"local\" can do without it".to_owned());
        }
        let listeners: Vec<_> = [("http", http), ("rtmp", rtmp), ("webrtc", webrtc)]
            .into_iter()
            .filter_map(|(n, a)| Some((n, a?)))
            .collect();
        faults.extend(keys::check(&api_keys, &listeners));
        match (http, rtmp, webrtc, pipelines, engine, per_second, burst, log_format, log) {
            (
                Some(http),
                Some(rtmp),
                Some(webrtc),
                Some(pipelines),
                Some(engine),
                Some(per_second),
                Some(burst),
                Some(log_format),
                Some(log),
            ) if faults.is_empty() => {
                let allowance = Allowance { per_second, burst };
                Ok(Self {
                    http,
                    rtmp,
                    webrtc,
                    public_address,
                    ice_servers,
                    state,
                    layouts,
                    pipelines,
                    allow_address,
                    trusted_proxy,
                    allow_origin,
                    api_keys,
                    engine,
                    srs,
                    capacity_cores,
                    allowance,
                    log_format,
                    sandbox,
                    log,
                })
            }
            _ => Err(Faults(faults)),
        }
    }
}

/// Address of the API of a server with these settings; checks no other setting.
///
/// # Errors
/// When the file cannot be read, or the address is invalid.
pub fn http(args: &ServeArgs, environment: impl Fn(&str) -> Option<String>) -> Result<SocketAddr, Faults> {
    let mut faults = Vec::new();
    let sources = Sources::open(args, &environment, &mut faults);
    sources.parse("http", HTTP, address, &mut faults).ok_or(Faults(faults))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not an address to listen on; write IP:PORT, such as 127.0.0.1:8080"))
}

/// An IP address, or the present addresses of a name: with a name, several servers can share one configuration.
fn public_address(text: &str) -> Result<Vec<IpAddr>, String> {
    let usable = |ip: &IpAddr| !ip.is_unspecified() && !ip.is_multicast();
    let found: Vec<IpAddr> = match text.parse() {
        Ok(address) => vec![address],
        Err(_) => {
            let looked_up = (text, 0).to_socket_addrs();
            looked_up.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
        }
    };
    if !found.is_empty() && found.iter().all(usable) {
        return Ok(found);
    }
    Err(format!(
        "{text:?} is not an address that browsers could reach, nor a name that leads to one; write an IP, such as 203.0.113.7"
    ))
}

/// The fault of listening at `webrtc` and being reached at `public`, if there is one.
fn reachable(webrtc: SocketAddr, public: &[IpAddr]) -> Option<String> {
    if public.len() > MAX_PUBLIC_ADDRESSES {
        return Some(format!("public_address: at most {MAX_PUBLIC_ADDRESSES} are possible, here are {}", public.len()));
    }
    if webrtc.ip().is_unspecified() && public.is_empty() {
        return Some(format!(
            "public_address: browsers must be told where to reach {webrtc}; give the address of this machine that they see \
             (--public-address IP)"
        ));
    }
    let foreign = public.iter().find(|ip| webrtc.is_ipv4() && ip.is_ipv6());
    foreign.map(|ip| {
        format!("public_address: {ip} is IPv6, but webrtc listens on {webrtc}; listen on [::]:{}", webrtc.port())
    })
}

fn ice_servers(sources: &Sources<'_>, faults: &mut Vec<String>) -> IceServers {
    let urls = sources.list("ice_server", |url| IceServers::check(url).map_err(|error| error.to_string()), faults);
    let secret = sources.text("turn_secret", faults).map(Secret::new);
    if urls.len() > MAX_ICE_SERVERS {
        faults.push(format!("ice_server: at most {MAX_ICE_SERVERS} are possible, here are {}", urls.len()));
    }
    let turn = urls.iter().any(|url| IceServers::is_turn(url));
    if turn && secret.is_none() {
        let how = "set turn_secret (TILECAST_TURN_SECRET) to its static-auth-secret";
        faults.push(format!("ice_server: a TURN server lets nobody in without credentials; {how}"));
    }
    if !turn && secret.is_some() {
        faults.push("turn_secret: there is no TURN server to use it with; name one by ice_server".to_owned());
    }
    IceServers::new(urls, secret)
}

fn range(text: &str) -> Result<IpNet, String> {
    let single = text.parse().map(|address: IpAddr| IpNet::from(address));
    single.or_else(|_| text.parse()).map_err(|_| {
        format!("{text:?} is not an address range; write it in CIDR, such as 10.0.0.0/8, or one IP address")
    })
}

fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number of 1 or more"))
}

/// Largest believable number of cores.
const MAX_CORES: f64 = 4096.0;

/// The word for every core that this process may use.
const ALL_CORES: &str = "all";

fn cores(text: &str) -> Result<Option<f64>, String> {
    if text == ALL_CORES {
        return Ok(None);
    }
    let cores = text.parse().ok().filter(|cores: &f64| *cores > 0.0 && *cores <= MAX_CORES);
    let cores = cores.map(Some);
    cores.ok_or_else(|| format!("{text:?} is not a number of cores; write one above 0, such as 3.5, or {ALL_CORES}"))
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is not a log format; use text or json")),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{text:?} is not a log filter ({error}); write info, or info,tilecast=debug")),
    }
}

fn pipelines(folder: Option<&Path>, faults: &mut Vec<String>) -> Option<Pipelines> {
    let loaded = Pipelines::load(folder);
    // The alternate form prints the whole chain of causes on one line.
    loaded.map_err(|error| faults.push(format!("pipelines: {error:#}"))).ok()
}

/// The folder that systemd assigned (systemd.exec(5)), else the user's state folder (XDG Base Directory Specification),
/// else that of a service.
fn default_state(environment: &impl Fn(&str) -> Option<String>) -> PathBuf {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    if let Some(assigned) = set("STATE_DIRECTORY") {
        return assigned.split(':').next().unwrap_or_default().into();
    }
    let user = set("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let user = user.or_else(|| set("HOME").map(|home| Path::new(&home).join(".local/state")));
    user.unwrap_or_else(|| "/var/lib".into()).join("tilecast")
}

#[cfg(test)]
mod tests;
