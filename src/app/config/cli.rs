//! Command line: subcommands and options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::app::{calibrate, gate, health, layout, raster, worker};

/// Merges the live streams of a meeting into one: RTMP in, tiled picture and mixed sound, RTMP out, driven by REST.
#[derive(Debug, Parser)]
#[command(name = "tilecast", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service: the REST API, the RTMP server and every room
    Serve(Box<ServeArgs>),
    /// One room's media; started by `serve`, not by people
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
    /// One job of drawing; started by `serve`, not by people
    #[command(hide = true)]
    Raster(raster::RasterArgs),
    /// Ask a server on this machine whether it serves
    Health(health::Args),
    /// Let a Swarm's fronts ask of Docker what they need, and nothing else
    DockerGate(gate::Args),
    /// Check and draw layout templates
    #[command(subcommand)]
    Layout(layout::Command),
    /// Measure what this machine's work costs
    Calibrate(calibrate::Args),
}

/// Runs the service until Ctrl-C or SIGTERM, then closes everything properly; a second signal stops at once.
///
/// With no options it listens on this machine alone, needs no key and keeps its rooms under ~/.local/state/tilecast.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Every option but --config is also an environment variable and a key of the file:
  --allow-address  TILECAST_ALLOW_ADDRESS=10.0.0.0/8,fd00::/8  allow_address = [\"10.0.0.0/8\"]
  --api-key        TILECAST_API_KEYS=KEY,NEXTKEY               api_keys = [\"KEY\"]
  --http           TILECAST_HTTP=0.0.0.0:8080                  http = \"0.0.0.0:8080\"
The command line counts before the environment, the environment before the file.")]
pub struct ServeArgs {
    /// Read settings from this TOML file [env: TILECAST_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the REST API listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT")]
    pub http: Option<String>,
    /// Where RTMP publishers and players connect [default: 127.0.0.1:1935]
    #[arg(long, value_name = "IP:PORT")]
    pub rtmp: Option<String>,
    /// Where browsers send and get media by WebRTC, by UDP and, for networks that block it, by TCP [default:
    /// 127.0.0.1:8189]
    #[arg(long, value_name = "IP:PORT")]
    pub webrtc: Option<String>,
    /// An address of this machine at which browsers reach it, where that is not the one it listens on: behind address
    /// translation, or when listening on 0.0.0.0; or a name that leads there; may be given several times
    #[arg(long, value_name = "IP")]
    pub public_address: Vec<String>,
    /// A STUN or TURN server for browsers, such as turn:turn.example.org:3478; may be given several times
    #[arg(long, value_name = "URL")]
    pub ice_server: Vec<String>,
    /// The secret shared with the TURN servers (coturn's static-auth-secret); others on this machine see it: rather use
    /// TILECAST_TURN_SECRET or the file
    #[arg(long, value_name = "SECRET")]
    pub turn_secret: Option<String>,
    /// Folder that keeps rooms and layouts over a restart [default: $STATE_DIRECTORY, else $XDG_STATE_HOME/tilecast,
    /// else ~/.local/state/tilecast, else /var/lib/tilecast]
    #[arg(long, value_name = "FOLDER")]
    pub state: Option<String>,
    /// Folder of further layout templates, NAME.json each, beside the built-in ones
    #[arg(long, value_name = "FOLDER")]
    pub layouts: Option<String>,
    /// Folder of GStreamer launch texts that replace or add to the built-in ones, such as video/x264.launch
    #[arg(long, value_name = "FOLDER")]
    pub pipelines: Option<String>,
    /// Let pulls and pushes reach this range although it is not public; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub allow_address: Vec<String>,
    /// A proxy before the API, whose X-Forwarded-For says where requests come from, such as 127.0.0.1 for one on this
    /// machine: limits then hold for each client and not for the proxy; may be given several times
    #[arg(long, value_name = "CIDR")]
    pub trusted_proxy: Vec<String>,
    /// Let pages of this origin, SCHEME://HOST:PORT, publish by WHIP and watch by WHEP, beside this
    /// server's own; may be given several times [default: pages of every origin]
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// A key that API clients must send; may be given several times, but others on this machine see it: rather use
    /// TILECAST_API_KEYS or the file
    #[arg(long, value_name = "KEY")]
    pub api_key: Vec<String>,
    /// Where workers run: local, as child processes, or swarm, as services of a Docker Swarm; see docs/cluster.md
    /// [default: local]
    #[arg(long, value_name = "ENGINE")]
    pub engine: Option<String>,
    /// Whether workers on this machine give up files, network and system calls that they do not need, on or off: off is
    /// for launch texts of your own whose elements need more, see docs/security.md [default: on]
    #[arg(long, value_name = "WHAT")]
    pub sandbox: Option<String>,
    /// Cores that rooms may take together, such as 3.5, when they run on this machine [default: all that this process
    /// may use]
    #[arg(long, value_name = "CORES")]
    pub capacity_cores: Option<String>,
    /// Docker's API of a Swarm manager [default: unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL")]
    pub swarm_docker: Option<String>,
    /// Image that workers run from, of the same build as this front
    #[arg(long, value_name = "IMAGE")]
    pub swarm_image: Option<String>,
    /// Name of this installation, which its services' names begin with [default: tilecast]
    #[arg(long, value_name = "NAME")]
    pub swarm_name: Option<String>,
    /// Overlay network that workers are attached to
    #[arg(long, value_name = "NETWORK")]
    pub swarm_network: Option<String>,
    /// Run workers only on nodes for which this holds, such as node.labels.media==yes; may be given several times
    #[arg(long, value_name = "CONSTRAINT")]
    pub swarm_constraint: Vec<String>,
    /// Where workers connect [default: 0.0.0.0:8190]
    #[arg(long, value_name = "IP:PORT")]
    pub swarm_listen: Option<String>,
    /// Where workers find this front, such as front:8190 on their network; of several fronts, a name that leads to all
    /// of them, or all of them with commas between
    #[arg(long, value_name = "HOST:PORT")]
    pub swarm_advertise: Option<String>,
    /// Be one of several fronts, which share their rooms through the Swarm: a file with a secret of 32 characters or
    /// more, the same for all of them
    #[arg(long, value_name = "FILE")]
    pub swarm_fleet_key_file: Option<String>,
    /// The secret that SRS sends with its callbacks to /hooks/srs, which makes SRS a neighbour: see docs/srs.md; others
    /// on this machine see it: rather use TILECAST_SRS_SECRET or the file
    #[arg(long, value_name = "SECRET")]
    pub srs_secret: Option<String>,
    /// Which streams on SRS are whose [default: live/{room}-{participant}]
    #[arg(long, value_name = "PATTERN")]
    pub srs_streams: Option<String>,
    /// Where streams on SRS are pulled from, such as rtmp://srs/{app}/{stream}, http://srs:8080/{app}/{stream}.flv
    /// or http://srs:1985/rtc/v1/whep/?app={app}&stream={stream}
    #[arg(long, value_name = "URL")]
    pub srs_source: Option<String>,
    /// The HTTP API of an SRS that people publish to, such as http://srs:1985, asked every 5 s what is published; may
    /// be given several times
    #[arg(long, value_name = "URL")]
    pub srs_api: Vec<String>,
    /// Whether a stream on SRS must bring its participant's key, as NAME?key=KEY: required, or off where only friends
    /// publish [default: required]
    #[arg(long, value_name = "WHAT")]
    pub srs_keys: Option<String>,
    /// What becomes of streams on SRS that are nobody's by their names: pass lets them be published, refuse turns them
    /// away [default: pass]
    #[arg(long, value_name = "WHAT")]
    pub srs_other_streams: Option<String>,
    /// What becomes of streams on SRS for a room that is not there: ignore lets them be published and wait, refuse
    /// turns them away [default: ignore]
    #[arg(long, value_name = "WHAT")]
    pub srs_unknown_room: Option<String>,
    /// API requests a second that one client address may make on average [default: 50]
    #[arg(long, value_name = "NUMBER")]
    pub rate_per_second: Option<String>,
    /// API requests that one client address may make at once [default: 100]
    #[arg(long, value_name = "NUMBER")]
    pub rate_burst: Option<String>,
    /// How log lines are written, text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Which log lines are written, such as debug or info,tilecast::front=debug [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}
