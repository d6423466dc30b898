//! Remote worker (`--join`): connects to its front, then runs the worker itself as a child process whose link it
//! carries. In a cluster it finds the front that has its room.
//!
//! When the child or the connection ends it connects again: after a crash of the child or a return of the front, work
//! resumes within a second and without Swarm. It ends when it is told to leave, when the front stays away, or by
//! SIGTERM.

use std::{
    fs, io,
    net::SocketAddr,
    os::fd::OwnedFd,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use bytes::BytesMut;
use rand::seq::SliceRandom;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpStream, UnixStream, lookup_host},
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls::pki_types::ServerName};

use crate::{
    base::backoff::Backoff,
    front::engine::words,
    link::{
        join::{self, Answer, FRONT_NAME, Greeting, Ticket},
        message,
    },
    sandbox,
};

/// Longest time for one attempt to reach the front, greeting included; the front itself waits 3 s for its room.
const ATTEMPT: Duration = Duration::from_secs(8);

/// Longest time for connecting. While a front is replaced, its name still leads to the old address, where nothing
/// answers.
const CONNECT: Duration = Duration::from_secs(1);

/// Most addresses of one attempt: a cluster has fewer fronts.
const MAX_ADDRESSES: usize = 32;

/// Most consecutive redirects that a worker follows at once: rooms move, but not in circles.
const MAX_HOPS: u32 = 3;

/// Shortest and longest wait between attempts: a front that is replaced is away for about two seconds.
const AGAIN: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));

/// A front that cannot be reached for this long is gone; then Swarm shows the failure and starts a new task, perhaps
/// elsewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// Time for the child to end after its link is closed. Nobody reads its output any more, and until a hanging child is
/// killed the room has no program.
const GRACE: Duration = Duration::from_millis(300);

/// How an attempt ended.
enum Attempt {
    /// There was a link, and it has ended.
    Worked,
    /// The front has no work now.
    NotYet(String),
    /// The room is at the front at this address.
    Elsewhere(String),
    Leave(String),
}

/// Works with the ticket in this file until there is no more work.
pub fn run(ticket: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(ticket).with_context(|| format!("{} cannot be read", ticket.display()))?;
    // The parser's message could show the token.
    let ticket: Ticket =
        serde_json::from_str(&text).map_err(|_| anyhow::anyhow!("{} is not a ticket", ticket.display()))?;
    // The ticket's token is in memory, and the child runs as the same user.
    if let Err(error) = sandbox::keep_to_itself() {
        tracing::warn!(%error, "other processes of this user can look into this one");
    }
    for gap in sandbox::gaps() {
        tracing::warn!("of workers {gap}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            result = work(&ticket) => result,
            // The child is killed with its handle; the front notices at once.
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}

async fn work(ticket: &Ticket) -> anyhow::Result<()> {
    let tls = join::trusting(&ticket.certificate).context("the ticket's certificate")?;
    let tls = TlsConnector::from(Arc::new(tls));
    // Outside of Swarm every process is its own task.
    let task = std::env::var("TILECAST_TASK").unwrap_or_else(|_| format!("process-{}", std::process::id()));
    let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
    let mut reached = Instant::now();
    let mut hops = 0;
    // The last reported address of the room.
    let mut hint = None;
    loop {
        match attempt(ticket, hint.take(), &tls, &task).await {
            Ok(Attempt::Worked) => {
                reached = Instant::now();
                hops = 0;
                backoff.reset();
            }
            Ok(Attempt::Elsewhere(address)) => {
                tracing::info!("the room is at {address}");
                reached = Instant::now();
                hint = Some(address);
                hops += 1;
                if hops <= MAX_HOPS {
                    continue;
                }
                hops = 0;
            }
            Ok(Attempt::NotYet(reason)) => {
                reached = Instant::now();
                tracing::info!("waiting: {reason}");
            }
            Ok(Attempt::Leave(reason)) => {
                tracing::info!("leaving: {reason}");
                return Ok(());
            }
            Err(error) if reached.elapsed() > PATIENCE => {
                return Err(error.context(format!("the front at {} stays away", ticket.front)));
            }
            Err(error) => tracing::warn!("{error:#}"),
        }
        tokio::time::sleep(backoff.next(rand::random())).await;
    }
}

async fn attempt(ticket: &Ticket, hint: Option<String>, tls: &TlsConnector, task: &str) -> anyhow::Result<Attempt> {
    let front = hint.as_deref().unwrap_or(&ticket.front);
    let (link, answer) = match timeout(ATTEMPT, dial(ticket, front, tls, task)).await {
        Ok(dialled) => dialled.with_context(|| format!("the front at {front} cannot be reached"))?,
        Err(_) => bail!("the front at {front} does not answer within {} s", ATTEMPT.as_secs()),
    };
    match answer {
        Answer::Elsewhere(address) => return Ok(Attempt::Elsewhere(address)),
        Answer::Later(reason) => return Ok(Attempt::NotYet(reason)),
        Answer::Leave(reason) => return Ok(Attempt::Leave(reason)),
        Answer::Welcome => {}
    }
    let (ours, mut child) = start_worker()?;
    // Either end may break the other's pipe; that is how links end.
    if let Err(error) = carry(link, ours).await {
        tracing::debug!("the link ended: {error}");
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await.context("the worker cannot be ended")?;
    }
    Ok(Attempt::Worked)
}

/// Carries the link until one of its ends is closed. Then both are closed: a worker that hangs would never close its
/// own.
async fn carry(front: TlsStream<TcpStream>, worker: UnixStream) -> io::Result<()> {
    let (mut from_front, mut to_front) = split(front);
    let (mut from_worker, mut to_worker) = split(worker);
    let ended = tokio::select! {
        ended = copy(&mut from_front, &mut to_worker) => ended,
        ended = copy(&mut from_worker, &mut to_front) => ended,
    };
    ended.map(|_| ())
}

/// Connects to one of the fronts of a list, in random order, so that workers which lost a front do not all ask the same
/// one.
async fn connect(fronts: &str) -> anyhow::Result<TcpStream> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    let mut failure = None;
    for front in fronts.split(',') {
        match lookup_host(front).await {
            Ok(found) => addresses.extend(found),
            Err(error) => failure = Some(error),
        }
    }
    addresses.shuffle(&mut rand::rng());
    for address in addresses.into_iter().take(MAX_ADDRESSES) {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = Some(error),
            Err(_) => failure = Some(io::ErrorKind::TimedOut.into()),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())).context("nobody answers there")
}

async fn dial(
    ticket: &Ticket,
    front: &str,
    tls: &TlsConnector,
    task: &str,
) -> anyhow::Result<(TlsStream<TcpStream>, Answer)> {
    let stream = connect(front).await?;
    join::notice_cuts(&stream)?;
    let mut stream = tls.connect(ServerName::try_from(FRONT_NAME)?, stream).await?;
    let greeting = Greeting {
        version: message::VERSION,
        room: ticket.room.clone(),
        token: ticket.token.clone(),
        task: task.to_owned(),
    };
    stream.write_all(&join::encode(&greeting)).await?;
    stream.flush().await?;
    // Byte by byte: bytes after the answer belong to the link.
    let mut input = BytesMut::new();
    loop {
        if let Some(answer) = join::decode(&mut input)? {
            return Ok((stream, answer));
        }
        input.extend_from_slice(&[stream.read_u8().await?]);
    }
}

/// Starts the worker itself as a child, with this side of its link. Its log goes through this process's log.
fn start_worker() -> anyhow::Result<(UnixStream, Child)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let mut child = Command::new(program)
        .arg("worker")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .env_clear()
        .envs(sandbox::environment())
        .envs(std::env::var_os("TILECAST_LOG").map(|filter| ("TILECAST_LOG", filter)))
        .kill_on_drop(true)
        .spawn()
        .context("the worker cannot be started")?;
    if let Some(printed) = child.stderr.take() {
        // It ends with the child, whose end of the pipe it reads.
        tokio::spawn(words::carry(printed, watch::Sender::default(), words::log_line));
    }
    Ok((UnixStream::from_std(ours)?, child))
}
