//! Connector (SSRF guard): the one way to addresses that people name.

use std::{
    collections::BTreeSet,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::select_ok;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use super::{super::low_delay::LowDelay, AddressPolicy, InvalidUrl, RtmpUrl};

/// Longest look-up of a name: two tries of a usual resolver.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest wait for one address to answer, TLS included: three lost first packets on a bad link.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// Longest wait for an answer of a reachability check: a lost first packet is sent again after 1 s.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Most addresses of one name that are tried, so that a name with hundreds cannot keep us busy.
const MAX_ADDRESSES: usize = 4;

/// Most names whose logging is remembered: more than anybody reads.
const MAX_TOLD: usize = 256;

pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Duplex for T {}

/// An open connection, TLS or not.
pub type Stream = Box<dyn Duplex>;

/// A connection, and the address of this machine that it leaves from.
#[derive(Debug)]
pub struct Connection {
    /// The stream to read and write.
    pub stream: Stream,
    pub local: IpAddr,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The text is no address.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The name resolves only to addresses that may not be reached.
    #[error("{}", not_allowed(host, *address))]
    NotAllowed {
        /// The host as it was given.
        host: String,
        /// An address that it resolved to.
        address: IpAddr,
    },
    /// The name cannot be resolved.
    #[error("{}", not_resolved(host, error))]
    Resolve {
        /// The host as it was given.
        host: String,
        /// The resolver's error.
        error: io::Error,
    },
    #[error("could not connect to {address}: {error}")]
    Connect { address: SocketAddr, error: io::Error },
    /// The system has no certificates to check a server by.
    #[error(
        "no trusted certificates were found, so no rtmps or https server can be checked; install ca-certificates or set SSL_CERT_FILE"
    )]
    NoRoots,
}

/// Opens connections to addresses that people named. Clones share everything.
#[derive(Clone)]
pub struct Connector {
    policy: Arc<AddressPolicy>,
    tls: Option<TlsConnector>,
    told: Arc<Mutex<BTreeSet<String>>>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Connector {
    /// Trusts the system's certificates (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, read once, now).
    pub fn new(policy: AddressPolicy) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Self::with_roots(policy, roots)
    }

    pub fn with_roots(policy: AddressPolicy, roots: RootCertStore) -> Self {
        let tls = client_config(roots).map(|config| TlsConnector::from(Arc::new(config)));
        Self { policy: Arc::new(policy), tls, told: Arc::default() }
    }

    /// Refuses what is wrong without any look-up: a text that is no RTMP address, or a literal IP address that may not
    /// be reached. The addresses of a name are checked at every connect.
    pub fn check(&self, url: &str) -> Result<RtmpUrl, ConnectError> {
        let url = RtmpUrl::parse(url)?;
        self.check_host(url.host())?;
        Ok(url)
    }

    /// Refuses a literal IP address that may not be reached. The addresses of a name are checked at every connect.
    pub fn check_host(&self, host: &str) -> Result<(), ConnectError> {
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) if !self.admits(address) => Err(ConnectError::NotAllowed { host: host.to_owned(), address }),
            _ => Ok(()),
        }
    }

    /// Whether a packet may be sent to this address.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.policy.admit(address).is_some()
    }

    /// Resolves `host` once and connects to exactly the addresses that were allowed. The connection holds little in the
    /// kernel (see `LowDelay`).
    pub async fn connect(&self, host: &str, port: u16, tls: bool) -> Result<Connection, ConnectError> {
        let tls = match (tls, &self.tls) {
            (true, None) => return Err(ConnectError::NoRoots),
            (true, some) => some.as_ref(),
            (false, _) => None,
        };
        let mut failure = None;
        let resolved = self.resolve(host, port).await;
        self.tell_operator(host, &resolved);
        for address in resolved? {
            let attempt = timeout(CONNECT_TIMEOUT, open(address, host, tls)).await;
            match attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = Some(ConnectError::Connect { address, error }),
            }
        }
        Err(failure.unwrap_or_else(|| no_address(host)))
    }

    /// Logs what the error's sentence does not tell the person who named the address; once until the name is reached.
    fn tell_operator(&self, host: &str, resolved: &Result<Vec<SocketAddr>, ConnectError>) {
        // Nothing under this lock can panic half-way.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(error) = resolved else {
            told.remove(host);
            return;
        };
        if told.len() >= MAX_TOLD {
            told.clear();
        }
        if !told.insert(host.to_owned()) {
            return;
        }
        match error {
            ConnectError::NotAllowed { address, .. } if !is_literal(host) => {
                tracing::info!(host, %address, "the name leads to no public address; --allow-address allows it");
            }
            ConnectError::Resolve { error, .. } => tracing::info!(host, %error, "the name was not resolved"),
            _ => {}
        }
    }

    /// Whether a server accepts connections there. The connection is closed at once, without a byte sent.
    pub async fn answers(&self, host: &str, port: u16) -> bool {
        let Ok(addresses) = self.resolve(host, port).await else { return false };
        let tries = addresses.into_iter().map(|address| Box::pin(TcpStream::connect(address)));
        matches!(timeout(LOOK_TIMEOUT, select_ok(tries)).await, Ok(Ok(_)))
    }

    /// The allowed addresses of `host`.
    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let resolved: Vec<SocketAddr> = match timeout(RESOLVE_TIMEOUT, lookup_host((host, port))).await {
            Ok(Ok(addresses)) => addresses.take(MAX_ADDRESSES).collect(),
            Ok(Err(error)) => return Err(ConnectError::Resolve { host: host.to_owned(), error }),
            Err(_) => {
                return Err(ConnectError::Resolve { host: host.to_owned(), error: io::ErrorKind::TimedOut.into() });
            }
        };
        let admitted: Vec<SocketAddr> =
            resolved.iter().filter_map(|a| Some(SocketAddr::new(self.policy.admit(a.ip())?, port))).collect();
        match resolved.first() {
            Some(refused) if admitted.is_empty() => {
                Err(ConnectError::NotAllowed { host: host.to_owned(), address: refused.ip() })
            }
            _ => Ok(admitted),
        }
    }
}

async fn open(address: SocketAddr, host: &str, tls: Option<&TlsConnector>) -> io::Result<Connection> {
    let stream = TcpStream::connect(address).await?;
    let local = stream.local_addr()?.ip().to_canonical();
    let stream = LowDelay::new(stream);
    let Some(tls) = tls else { return Ok(Connection { stream: Box::new(stream), local }) };
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Connection { stream: Box::new(tls.connect(name, stream).await?), local })
}

/// Only the operator's log says which names a private network has and which addresses they resolve to: otherwise, a
/// person who may name an address could probe one name after the other.
fn not_allowed(host: &str, address: IpAddr) -> String {
    match is_literal(host) {
        true => format!(
            "{host} is not a public address; the operator can allow it with --allow-address {}",
            address.to_canonical()
        ),
        false => unknown(host),
    }
}

fn not_resolved(host: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            format!("the name {host} was not resolved in time; see that the server's resolver answers")
        }
        _ => unknown(host),
    }
}

fn unknown(host: &str) -> String {
    format!(
        "the name {host} is not known, or leads to no public address; see that it is spelt right, or have the operator look at the \
         log and allow its address with --allow-address"
    )
}

fn is_literal(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn no_address(host: &str) -> ConnectError {
    ConnectError::Resolve { host: host.to_owned(), error: io::ErrorKind::NotFound.into() }
}

fn client_config(roots: RootCertStore) -> Option<ClientConfig> {
    if roots.is_empty() {
        return None;
    }
    // The provider is named here, so that another crate's process-wide choice cannot change it.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_names_an_address_and_tells_nothing_of_names() {
        let connector = Connector::new(AddressPolicy::default());
        let literal = connector.check_host("10.1.2.3").expect_err("private").to_string();
        assert_eq!(
            literal,
            "10.1.2.3 is not a public address; the operator can allow it with --allow-address 10.1.2.3"
        );
        let sentence = |host: &str, error: ConnectError| error.to_string().replace(host, "NAME");
        let there = connector.connect("localhost", 1, false).await.expect_err("private");
        let missing = connector.connect("nobody.invalid", 1, false).await.expect_err("no such name");
        assert!(matches!(there, ConnectError::NotAllowed { .. }), "{there:?}");
        assert_eq!(sentence("localhost", there), sentence("nobody.invalid", missing), "which one exists is not told");
    }
}
