//! RTMP relay: a real nginx-rtmp server from Debian's package, which stands for the streaming cluster.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Process, free_port, quiet};

/// Path of the module in Debian (package libnginx-mod-rtmp).
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/// Longest time until nginx listens.
const START_LIMIT: Duration = Duration::from_secs(10);

/// A running relay: a stream that is published to an address is played from the same address. Dropping it kills the
/// server. Its players hang, rather than end, when a publisher leaves.
#[derive(Debug)]
pub struct Relay {
    process: Process,
    port: u16,
    _folder: TempDir,
}

impl Relay {
    /// Starts nginx on a free port of loopback and waits until it listens.
    ///
    /// # Errors
    /// When nginx or its RTMP module is missing or does not start.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder for nginx")?;
        let port = free_port()?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(port)).context("nginx's configuration")?;
        let mut command = quiet("nginx");
        // Debian installs it in a folder that only root's PATH contains.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file).args(["-e", "stderr"]);
        let mut process = Process::start("nginx", &mut command)?;
        process.until_listens(port, START_LIMIT).await?;
        Ok(Self { process, port, _folder: folder })
    }

    /// Address of a stream, to publish to and to play from.
    pub fn url(&self, stream: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{stream}", self.port)
    }

    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// Configuration: one process that only relays, with no buffering beyond the socket and no waiting beyond what a
/// decoder needs to begin.
fn configuration(port: u16) -> String {
    format!(
        "load_module {MODULE};
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 512; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        chunk_size 65536;
        max_message 16M;
        application live {{
            live on;
            wait_key on;
            wait_video off;
            sync 10ms;
            interleave off;
            publish_notify off;
            drop_idle_publisher 10s;
        }}
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        people::{Camera, FOUR},
        watch::{Look, Player},
    };
    use tilecast::media::Size;

    #[tokio::test]
    async fn what_is_published_can_be_played() {
        let relay = Relay::start().await.expect("nginx");
        let _alice = FOUR[0].publish(&Camera::default(), &relay.url("alice")).expect("ffmpeg");
        let look = Look::whole(Size { width: 64, height: 36 });
        let mut player = Player::open(&relay.url("alice"), &look).await.expect("ffmpeg");
        for index in 0..10 {
            let frame = player.picture(Duration::from_secs(30)).await.expect("a picture");
            assert_eq!(frame.index, index);
        }
    }
}
