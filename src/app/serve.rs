//! `tilecast serve`: the front, assembled in order, each step with its reason.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use tokio::{
    net::{TcpListener, UdpSocket},
    signal::unix::{Signal, SignalKind, signal},
};

use super::{
    calibrate::{self, machine::Machine},
    config::{Config, EngineConfig},
};
use crate::{
    base::tasks::Tasks,
    cost::Budget,
    front::{
        api::{self, ApiState, Settings},
        auth::{
            address::{AddressPolicy, Connector},
            keys::ApiKeys,
        },
        door::RtmpDoor,
        engine::{Engine, Local, Swarm},
        metrics::Counters,
        room::{
            Assets, Context, Ledger, Rooms, Templates,
            check::{AddressRule, Rules},
            store::Store,
        },
        rtmp::Limits,
        srs::Srs,
        webrtc::{self, Port, WebRtc},
    },
};

/// Everything must be closed within 5 s of a signal; what is left then is cut.
const DRAIN: Duration = Duration::from_millis(4500);

/// Serves until SIGINT or SIGTERM, then closes everything properly. A second signal means now.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    // Both handlers first: a signal during start-up must not be lost.
    let mut signals = Signals::new()?;
    let tasks = Tasks::new();

    // Ports before anything else: two services on one port is the commonest mistake, and costs nothing to find out.
    let http = bind("HTTP", config.http).await?;
    let rtmp = bind("RTMP", config.rtmp).await?;
    let (webrtc, webrtc_tcp) = bind_webrtc(config.webrtc).await?;

    // What was true before the last stop.
    let (store, loaded) = Store::open(&config.state)?;
    for (path, reason) in &loaded.set_aside {
        tracing::error!(path = %path.display(), "a stored document was set aside, the rest goes on: {reason}");
    }

    let templates = Templates::new(config.layouts, loaded.templates);
    let assets = Assets::new(loaded.assets);
    let connector = Connector::new(AddressPolicy::new(config.allow_address));
    let outward = connector.clone();
    let rules = Arc::new(Rules { encoders: config.pipelines.presets(), address: address_rule(connector.clone()) });
    let capacity = Machine::here().capacity(config.capacity_cores);
    let engine = engine(config.engine, capacity, &config.state, &config.log, &tasks).await?;
    // Rooms that come back are let in whatever they cost, so nothing waits for prices.
    let ledger = Ledger::default();
    calibrate::in_background(&config.state, ledger.clone(), &tasks);
    let counters = Counters::default();

    let rooms = Rooms::new(
        Context {
            engine,
            ledger,
            webrtc: webrtc::Client::new(connector.clone(), counters.clone()),
            connector,
            rules: rules.clone(),
            templates,
            assets,
            store: Some(Arc::new(store)),
            stage: config.pipelines.stage,
            video_encoders: config.pipelines.video,
            audio_encoder: config.pipelines.audio,
            opus_encoder: config.pipelines.opus,
        },
        tasks.clone(),
    );
    // Rooms before doors, so that whoever reconnects finds the place that was promised.
    for (id, document) in loaded.rooms {
        rooms.restore(id, document);
    }

    let door = RtmpDoor { rooms: rooms.clone(), limits: Limits::default(), counters: counters.clone() };
    tracing::info!("RTMP on {}", rtmp.local_addr()?);
    tasks.spawn("rtmp door", door.serve(rtmp, tasks.clone()));

    let webrtc = Port::new(webrtc, &config.public_address, counters.clone())?;
    tracing::info!(
        "WebRTC on {}, UDP and TCP",
        webrtc.addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    tasks.spawn("webrtc port", webrtc.clone().serve(webrtc_tcp, tasks.clone()));
    let webrtc = WebRtc::new(webrtc, rooms.clone(), config.ice_servers, counters.clone(), tasks.clone());

    // After the rooms, which are what it looks through first.
    let srs = config.srs.map(|settings| Srs::new(settings, rooms.clone(), outward));
    if let Some(srs) = &srs {
        tasks.spawn("srs", srs.clone().watch(tasks.token()));
    }

    tracing::info!("HTTP on {}", http.local_addr()?);
    let settings = Settings {
        rooms,
        rules,
        keys: ApiKeys::new(config.api_keys),
        allowance: config.allowance,
        counters,
        webrtc,
        srs,
        stopping: tasks.token(),
    };
    tasks.spawn("http", api::serve(http, api::router(ApiState::new(settings)), tasks.clone()));

    signals.wait().await;
    tracing::info!("stopping; a second signal stops at once");
    tokio::select! {
        closed = tasks.join(DRAIN) => {
            if !closed {
                tracing::warn!("some connections did not close in time and were cut");
            }
            Ok(())
        }
        () = signals.wait() => bail!("stopped at once by a second signal"),
    }
}

async fn engine(
    config: EngineConfig,
    capacity: Budget,
    state: &Path,
    log: &str,
    tasks: &Tasks,
) -> anyhow::Result<Engine> {
    match config {
        EngineConfig::Local => {
            let program = std::env::current_exe().context("this program's own path is not known")?;
            Ok(Engine::Local(Local::new(program, log.to_owned(), tasks.clone()).within(capacity)))
        }
        EngineConfig::Swarm { settings, listen } => {
            let listener = TcpListener::bind(listen).await.with_context(|| {
                format!("workers cannot be let in at {listen}; choose another address by --swarm-listen")
            })?;
            tracing::info!("workers on {}, told to come to {}", listener.local_addr()?, settings.advertise);
            Ok(Engine::Swarm(Swarm::open(settings, listener, state, tasks.clone())?))
        }
    }
}

fn address_rule(connector: Connector) -> AddressRule {
    Box::new(move |url| connector.check_host(url.host_str().unwrap_or_default()).map_err(|error| error.to_string()))
}

async fn bind(what: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let flag = what.to_ascii_lowercase();
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{what} cannot listen on {address}; choose another address by --{flag}"))
}

/// One number for both, also when the system chooses it.
async fn bind_webrtc(address: std::net::SocketAddr) -> anyhow::Result<(UdpSocket, TcpListener)> {
    let context = || format!("WebRTC cannot listen on {address}; choose another address by --webrtc");
    let listener = TcpListener::bind(address).await.with_context(context)?;
    let socket = UdpSocket::bind(listener.local_addr()?).await.with_context(context)?;
    Ok((socket, listener))
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
