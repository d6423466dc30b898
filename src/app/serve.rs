//! `tilecast serve`: assembles the front in order; each step has its reason.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use tokio::{
    net::{TcpListener, UdpSocket},
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use super::{
    calibrate::{self, machine::Machine},
    config::{Config, EngineConfig},
};
use crate::{
    base::{Secret, tasks::Tasks},
    front::{
        api::{self, ApiState, Settings},
        cluster::{self, Cluster, Membership},
        docker::{Arrived, ClusterKey, FrontId, Index, Records, SwarmSettings, api::Api},
        doors::{
            rtmp::{Entrance, RtmpDoor},
            srs::Srs,
            webrtc::WebRtc,
        },
        engine::{
            Engine, Local, Swarm,
            swarm::{Several, SwarmError},
        },
        metrics::Counters,
        net::{
            accept::{self, Shares},
            address::{AddressPolicy, Connector},
            guess::Guesses,
            keys::ApiKeys,
            serve::{self, Bounds},
        },
        raster::Rasterizer,
        room::{
            Assets, Context, Ledger, Rooms, Templates,
            check::{AddressRule, Rules},
            store::{DocumentStore, FolderStore, NEWS, News, SharedStore},
        },
        rtmp::Limits,
        webrtc::{self, Port},
    },
    sandbox,
};

/// Everything must be closed within 5 s of a signal; what is left at this time is cut.
pub(super) const DRAIN: Duration = Duration::from_millis(4500);

/// Serves until SIGINT or SIGTERM, then closes everything properly. A second signal ends the process at once.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    // This comes before any secret is in memory: workers run as the same user.
    if let Err(error) = sandbox::keep_to_itself() {
        tracing::warn!(%error, "other processes of this user can look into this one");
    }
    // Both handlers first: a signal during start-up must not be lost.
    let mut signals = Signals::new()?;
    let tasks = Tasks::new();

    // Before anything is opened: the listeners' shares depend on this.
    let descriptors = accept::descriptors::raise();
    let limits = accept::Limits::of(descriptors, config.engine.is_several())?;
    tracing::info!("{descriptors} files and sockets at most: {limits}");

    // Ports come early: two services on one port is the most common mistake, and easy to detect.
    let http = bind("HTTP", config.http)?;
    let rtmp = bind("RTMP", config.rtmp)?;
    let (webrtc, webrtc_tcp) = bind_webrtc(config.webrtc).await?;

    // The state before the last stop.
    let (store, loaded) = FolderStore::open(&config.state)?;
    for (path, reason) in &loaded.set_aside {
        tracing::error!(path = %path.display(), "a stored document was set aside, the rest goes on: {reason}");
    }

    let templates = Templates::new(config.layouts, loaded.templates);
    let assets = Assets::new(loaded.assets, loaded.undrawn);
    let connector = Connector::new(AddressPolicy::new(config.allow_address));
    let outward = connector.clone();
    let rules = Arc::new(Rules { encoders: config.pipelines.presets(), address: address_rule(connector.clone()) });
    let capacity = Machine::here().capacity(config.capacity_cores);
    let program = program()?;
    let rasterizer = Rasterizer::new(program.clone());
    let local = Local::new(program, config.log.clone(), tasks.clone()).within(capacity);
    let local = if config.sandbox { local } else { local.unconfined() };
    let (engine, others) = engine(config.engine, local, limits.workers, &config.state, &tasks).await?;
    // Rooms that are restored are admitted whatever they cost, so nothing waits for prices.
    let ledger = Ledger::default();
    calibrate::in_background(&config.state, ledger.clone(), &tasks);
    let counters = Counters::default();

    let (store, others) = match others {
        // The folder belongs to this front alone; shared state is in another store.
        Some(others) => (Box::new(others.store.clone()) as Box<dyn DocumentStore>, Some(others)),
        None => (Box::new(store) as Box<dyn DocumentStore>, None),
    };
    let rooms = Rooms::new(
        Context {
            engine,
            ledger,
            webrtc: webrtc::Client::new(connector.clone(), counters.clone()),
            connector,
            rules: rules.clone(),
            templates,
            assets,
            rasterizer,
            store,
            stage: config.pipelines.stage,
            video_encoders: config.pipelines.video,
            opus_encoder: config.pipelines.opus,
        },
        tasks.clone(),
    );
    // Rooms before doors, so that reconnecting clients find their places.
    let cluster = match others {
        Some(others) => {
            let cluster = Cluster::new(others.store, rooms.clone(), others.membership, tasks.clone());
            tasks.spawn("fleet", cluster.clone().run(others.news));
            Some((cluster, others.callers))
        }
        None => {
            loaded.rooms.into_iter().for_each(|(id, document)| rooms.restore(id, document));
            None
        }
    };
    let (cluster, callers) = cluster.unzip();
    // Images that were stored without a finished picture get one in the background.
    tasks.spawn("pictures", rooms.clone().draw_waiting(tasks.token()));

    // One limiter for all doors: guesses at one door count at all of them.
    let guesses = Guesses::default();
    let door = RtmpDoor {
        rooms: rooms.clone(),
        limits: Limits::default(),
        counters: counters.clone(),
        cluster: cluster.clone(),
        entrance: Entrance::new(limits.rtmp, limits.silenced, guesses.clone()),
    };
    tracing::info!("RTMP on {}", rtmp.local_addr()?);
    tasks.spawn("rtmp door", door.clone().serve(rtmp, tasks.clone()));

    let webrtc = Port::new(webrtc, &config.public_address, counters.clone())?;
    tracing::info!(
        "WebRTC on {}, UDP and TCP",
        webrtc.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    tasks.spawn("webrtc port", webrtc.clone().serve(webrtc_tcp, limits.webrtc_tcp, tasks.clone()));
    let webrtc = WebRtc::new(webrtc, rooms.clone(), config.ice_servers, counters.clone(), tasks.clone());

    // After the rooms, since it looks through them first.
    let srs = config.srs.map(|settings| Srs::open(settings, rooms.clone(), outward, guesses.clone(), &config.state));
    if let Some(srs) = &srs {
        tasks.spawn("srs", srs.clone().watch(tasks.token()));
        tasks.spawn("srs register", srs.clone().keep(tasks.token()));
    }

    tracing::info!("HTTP on {}", http.local_addr()?);
    let settings = Settings {
        rooms,
        rules,
        keys: ApiKeys::new(config.api_keys),
        allowance: config.allowance,
        guesses,
        proxies: config.trusted_proxy.clone(),
        counters,
        origins: config.allow_origin,
        webrtc,
        srs,
        cluster: cluster.clone(),
        stopping: tasks.token(),
    };
    let router = api::router(ApiState::new(settings));
    let bounds =
        Bounds { places: limits.http, silenced: limits.silenced, proxies: config.trusted_proxy, ..Bounds::default() };
    tasks.spawn("http", serve::serve(http, router.clone(), tasks.clone(), bounds));
    if let Some((cluster, callers)) = cluster.clone().zip(callers) {
        let inward = move |stream, client| {
            let door = door.clone();
            async move { door.meet_inward(stream, client).await }
        };
        tasks.spawn("fleet door", cluster::serve(cluster, callers, router, inward));
    }

    signals.wait().await;
    tracing::info!("stopping; a second signal stops at once");
    let stop = async {
        // The other fronts take over its rooms while this front still answers, so that every room stays reachable.
        if let Some(cluster) = &cluster {
            cluster.leave().await;
        }
        if !tasks.join(DRAIN).await {
            tracing::warn!("some connections did not close in time and were cut");
        }
    };
    tokio::select! {
        () = stop => Ok(()),
        () = signals.wait() => bail!("stopped at once by a second signal"),
    }
}

/// What a front gets when it is one of several.
struct Others {
    store: SharedStore,
    membership: Membership,
    news: mpsc::Receiver<News>,
    callers: mpsc::Receiver<Arrived>,
}

async fn engine(
    config: EngineConfig,
    local: Local,
    places: Shares,
    state: &Path,
    tasks: &Tasks,
) -> anyhow::Result<(Engine, Option<Others>)> {
    match config {
        EngineConfig::Local => {
            local.prepare().await;
            local.tell_gaps();
            Ok((Engine::Local(local), None))
        }
        EngineConfig::Swarm { settings, listen, cluster } => {
            let listener = accept::listen(listen).with_context(|| {
                format!("workers cannot be let in at {listen}; choose another address by --swarm-listen")
            })?;
            let door = listener.local_addr()?;
            tracing::info!("workers on {door}, told to come to {}", settings.advertise);
            let (several, others) = match cluster {
                Some(secret) => {
                    several(&secret, &settings, door).map(|(several, others)| (Some(several), Some(others)))?
                }
                None => (None, None),
            };
            Ok((Engine::Swarm(Swarm::open(*settings, (listener, places), state, several, tasks.clone())?), others))
        }
    }
}

/// State that the engine and the cluster share.
fn several(secret: &Secret, settings: &SwarmSettings, door: SocketAddr) -> anyhow::Result<(Several, Others)> {
    /// Most connections of other fronts that wait to be handled.
    const CALLERS: usize = 64;
    let key = ClusterKey::new(secret);
    let api = Api::new(&settings.docker).map_err(SwarmError::Docker)?;
    let records = Records::new(api, settings.name.clone());
    let index = Index::new(FrontId::random());
    let (tell, news) = mpsc::channel(NEWS);
    let (hand_on, callers) = mpsc::channel(CALLERS);
    let store = SharedStore::new(records.clone(), key.clone(), index.clone(), tell);
    let membership = Membership { door, advertise: settings.advertise.clone() };
    Ok((Several { key, index, records, callers: hand_on }, Others { store, membership, news, callers }))
}

fn program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("this program's own path is not known")
}

fn address_rule(connector: Connector) -> AddressRule {
    Box::new(move |url| connector.check_host(url.host_str().unwrap_or_default()).map_err(|error| error.to_string()))
}

fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let flag = what.to_ascii_lowercase();
    accept::listen(address)
        .with_context(|| format!("{what} cannot listen on {address}; choose another address by --{flag}"))
}

/// Binds UDP and TCP to one port number, also when the system chooses it.
async fn bind_webrtc(address: SocketAddr) -> anyhow::Result<(UdpSocket, TcpListener)> {
    let context = || format!("WebRTC cannot listen on {address}; choose another address by --webrtc");
    let listener = accept::listen(address).with_context(context)?;
    let socket = UdpSocket::bind(listener.local_addr()?).await.with_context(context)?;
    Ok((socket, listener))
}

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
