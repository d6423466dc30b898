//! A real SRS server, where one is installed: the program in `SRS_PROGRAM`, or `srs` on the PATH.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tilecast_lab::{
    api::Api,
    process::{Process, free_port, quiet},
};

/// What people are given. Only what differs from one machine to the next is put in here.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/srs.conf");

/// Longest SRS may take to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How often its log is looked at.
const POLL: Duration = Duration::from_millis(50);

/// What sets the delay in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tuning {
    Shipped,
    /// As SRS has it when nothing is said.
    Defaults,
}

/// How an SRS is started, as often as wanted; always on the same ports.
#[derive(Debug)]
pub struct Plan {
    program: PathBuf,
    rtmp: u16,
    api: u16,
    http: u16,
    rtc: u16,
    tuning: Tuning,
    hooks: Option<String>,
    /// Address of the origin that this is an edge of.
    origin: Option<String>,
}

impl Plan {
    /// On free ports, without callbacks; `None`, and a line that says so, where there is no SRS.
    pub fn new() -> Option<Self> {
        let Some(program) = installed() else {
            println!("no SRS is installed: neither does SRS_PROGRAM name one, nor is srs on the PATH");
            return None;
        };
        let port = || free_port().expect("a port");
        let (rtmp, api, http, rtc) = (port(), port(), port(), port());
        Some(Self { program, rtmp, api, http, rtc, tuning: Tuning::Shipped, hooks: None, origin: None })
    }

    pub fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning, ..self }
    }

    /// With callbacks to a Tilecast whose API has this port, under this secret.
    pub fn telling(self, http: u16, secret: &str) -> Self {
        Self { hooks: Some(format!("http://127.0.0.1:{http}/hooks/srs?secret={secret}")), ..self }
    }

    /// An edge of another.
    pub fn before(self, origin: &Self) -> Self {
        Self { origin: Some(format!("127.0.0.1:{}", origin.rtmp)), ..self }
    }

    /// Where streams are pulled from, for a Tilecast that has this for a neighbour: by RTMP, by HTTP-FLV, by WHEP.
    pub fn sources(&self) -> [String; 3] {
        let template = |url: String| url.replace("live", "{app}");
        [self.rtmp("{stream}"), self.flv("{stream}"), self.rtc("whep", "{stream}")].map(template)
    }

    /// The address of a stream by RTMP.
    pub fn rtmp(&self, stream: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{stream}", self.rtmp)
    }

    /// The address of a stream by HTTP-FLV.
    pub fn flv(&self, stream: &str) -> String {
        format!("http://127.0.0.1:{}/live/{stream}.flv", self.http)
    }

    /// The endpoint of a stream, for `whep` or `whip`.
    pub fn rtc(&self, kind: &str, stream: &str) -> String {
        format!("{}/rtc/v1/{kind}/?app=live&stream={stream}", self.api())
    }

    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}", self.api)
    }

    /// Starts it and waits until it listens.
    pub async fn start(&self) -> Srs {
        let folder = tempfile::tempdir().expect("a folder for SRS");
        let (file, log) = (folder.path().join("srs.conf"), folder.path().join("srs.log"));
        fs::write(&file, self.configuration()).expect("SRS's configuration");
        let mut command = quiet(self.program.to_str().expect("UTF-8"));
        command.arg("-c").arg(&file).current_dir(folder.path());
        command.stdout(File::create(&log).expect("SRS's log"));
        // As deploy/compose.yaml says it.
        for action in ["PUBLISH", "UNPUBLISH"] {
            command.envs(self.hooks.as_ref().map(|url| (format!("SRS_VHOST_HTTP_HOOKS_ON_{action}"), url)));
        }
        let process = Process::start("SRS", &mut command).expect("SRS starts");
        let api = Api::new(&self.api(), None).expect("a client");
        let mut srs = Srs { process, api, log, _folder: folder };
        for port in [self.rtmp, self.api, self.http] {
            let listens = srs.process.until_listens(port, START_LIMIT).await;
            listens.unwrap_or_else(|error| panic!("{error}: {}", srs.log()));
        }
        srs
    }

    /// The shipped file, on our ports, with WebRTC.
    fn configuration(&self) -> String {
        let mut text = fs::read_to_string(SHIPPED).expect("deploy/srs.conf");
        let mut put = |from: &str, to: &str| {
            assert_eq!(text.matches(from).count(), 1, "deploy/srs.conf has one {from:?}");
            text = text.replace(from, to);
        };
        put("listen              1935;", &format!("listen 127.0.0.1:{};", self.rtmp));
        put("listen          1985;", &format!("listen 127.0.0.1:{};", self.api));
        put("listen          8080;", &format!("listen 127.0.0.1:{};", self.http));
        put("/tmp/srs.pid", "srs.pid");
        let mut more = "    rtc { enabled on; rtmp_to_rtc on; rtc_to_rtmp on; }\n".to_owned();
        if let Some(origin) = &self.origin {
            more += &format!("    cluster {{ mode remote; origin {origin}; }}\n");
        }
        put("    http_hooks {\n", &format!("{more}    http_hooks {{\n"));
        if self.tuning == Tuning::Defaults {
            let delay = ["tcp_nodelay", "min_latency", "gop_cache", "mw_latency", "queue_length", "mr"];
            text = text
                .lines()
                .filter(|line| !delay.contains(&line.split_whitespace().next().unwrap_or("")))
                .fold(String::new(), |text, line| text + line + "\n");
        }
        text + &format!(
            "rtc_server {{ enabled on; listen {}; candidate 127.0.0.1; use_auto_detect_network_ip off; }}\n\
             heartbeat {{ enabled off; }}\n",
            self.rtc
        )
    }
}

/// A running SRS; dropping it kills it.
#[derive(Debug)]
pub struct Srs {
    process: Process,
    api: Api,
    log: PathBuf,
    _folder: TempDir,
}

impl Srs {
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
    }

    /// Waits until it lists a stream as wanted; one that it does not list is null.
    pub async fn lists(&self, name: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) {
        let url = format!("/live/{name}");
        let look = |answer: &Value| {
            let mut streams = answer["streams"].as_array().into_iter().flatten();
            wanted(streams.find(|stream| stream["url"] == url).unwrap_or(&Value::Null))
        };
        self.api.until("/api/v1/streams/", limit, look).await.expect("SRS lists it");
    }

    /// Waits until its list was asked for `more` times from now on.
    pub async fn looked_at(&self, more: usize, limit: Duration) {
        let looks = || self.log().matches("/api/v1/streams/?").count();
        let enough = looks() + more;
        let wait = async {
            while looks() < enough {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("nobody asks: {}", self.log()));
    }

    /// What its API says of itself.
    pub async fn version(&self) -> String {
        let answer = self.api.get("/api/v1/versions").await.expect("its version");
        answer["data"]["version"].as_str().expect("a text").to_owned()
    }
}

/// The program, if there is one.
fn installed() -> Option<PathBuf> {
    if let Some(named) = env::var_os("SRS_PROGRAM").filter(|named| !named.is_empty()) {
        let program = Path::new(&named).canonicalize();
        return Some(program.unwrap_or_else(|error| panic!("SRS_PROGRAM is {}: {error}", named.display())));
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join("srs")).find(|program| program.is_file())
}
