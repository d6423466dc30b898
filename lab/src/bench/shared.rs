//! What every run of the bench shares: what participants send, and the server if there is one.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::Args;
use crate::{clip::Clip, relay::Relay, sender::Sender};
use tilecast::cost::Prices;

/// Longest a sender may take to be on its way.
const SENDER_LIMIT: Duration = Duration::from_secs(10);

/// Spread of the participants' starts, so that their keyframes do not all fall together: a fraction of their GOP.
const START_SPREAD: Duration = Duration::from_millis(125);

/// What every run shares.
#[derive(Debug)]
pub struct Bench {
    /// What participants send.
    pub clip: Arc<Clip>,
    /// Where its pictures come from, if not from a generator.
    pub film: Option<PathBuf>,
    /// What stands between.
    pub relay: Relay,
    /// How long each run is measured.
    pub seconds: Duration,
    /// A server that was not started here.
    pub server: Option<Server>,
    /// What work costs on this machine, for servers that are.
    pub prices: Option<Prices>,
}

/// See [`Bench::server`].
#[derive(Debug, Clone)]
pub struct Server {
    /// `http://HOST:PORT`
    pub api: String,
    /// `rtmp://HOST:PORT`
    pub rtmp: String,
    /// For its CPU and memory, when it is on this machine.
    pub pid: Option<u32>,
    /// API key.
    pub key: Option<String>,
}

impl Bench {
    /// # Errors
    /// When the server's addresses are not two.
    pub fn new(clip: Arc<Clip>, film: Option<PathBuf>, relay: Relay, args: &Args) -> Result<Self> {
        let parse = |text: &String| {
            let (api, rtmp) = text.split_once(',').context("--server takes API_URL,RTMP_URL")?;
            let rtmp = rtmp.trim_end_matches('/').to_owned();
            Ok::<_, anyhow::Error>(Server {
                api: api.to_owned(),
                rtmp,
                pid: args.server_pid,
                key: args.server_key.clone(),
            })
        };
        let server = args.server.as_ref().map(parse).transpose()?;
        Ok(Self { clip, film, relay, seconds: Duration::from_secs(args.seconds), server, prices: None })
    }

    /// A participant who is on the air when this returns. The `number` sets where in the clip it begins.
    ///
    /// # Errors
    /// When it cannot publish.
    pub async fn sender(&self, url: &str, number: u32) -> Result<Sender> {
        let first = number * self.clip.gop % self.clip.frames;
        let mut sender = Sender::start(self.clip.clone(), url, first).await?;
        let begun = Instant::now();
        while sender.log().frames() < 2 || begun.elapsed() < START_SPREAD {
            sender.check()?;
            ensure!(begun.elapsed() < SENDER_LIMIT, "a participant cannot publish to {url}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(sender)
    }
}
