//! `tilecast health` (health check): asks a server on this machine whether it serves, for a container without another
//! client.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, bail};

use super::config::{self, ServeArgs};

/// Longest wait for the server. A server that needs longer for such an answer is not healthy.
const LIMIT: Duration = Duration::from_secs(2);

/// Exits with 0 if the server on this machine takes rooms and publishers, else with 1 and the reason.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The settings the server was started with [env: TILECAST_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where its REST API listens [env: TILECAST_HTTP] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "IP:PORT")]
    http: Option<String>,
}

/// Asks once.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let args = ServeArgs { config: args.config, http: args.http, ..ServeArgs::default() };
    let address = reached(config::http(&args, |name| std::env::var(name).ok())?);
    let url = format!("http://{address}/readyz");
    let client = reqwest::Client::builder().timeout(LIMIT).no_proxy().build()?;
    let answer = client.get(&url).send().await.with_context(|| format!("nobody answers at {url}"))?;
    let status = answer.status();
    if !status.is_success() {
        bail!("{url} says {status}: {}", answer.text().await.unwrap_or_default());
    }
    println!("ready");
    Ok(())
}

/// Address at which a server that listens there is reached from the same machine.
fn reached(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everywhere_is_reached_at_home() {
        for (listening, wanted) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:80", "[::1]:80"), ("10.1.2.3:8080", "10.1.2.3:8080")]
        {
            assert_eq!(reached(listening.parse().expect("an address")).to_string(), wanted);
        }
    }
}
