//! Join handshake of remote workers: the ticket that a worker is started with, the worker's greeting, the front's
//! answer.
//!
//! Each is one JSON document behind a big-endian `u32` length. After [`Answer::Welcome`] the connection is the link.

use std::{io, os::fd::AsFd, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use rustix::net::sockopt;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::base::{RoomId, Secret};

/// The name in a front's certificate. The name says what the certificate is for, not where the front is: workers trust
/// that one certificate and no authority.
pub const FRONT_NAME: &str = "front.tilecast.internal";

/// Longest greeting or answer, bytes: a few short texts.
pub const MAX_DOCUMENT: usize = 4096;

/// Time after which both ends take a cut link for dead. It is shorter than the time in which Swarm notices a lost node,
/// so that a worker that was cut off has ended before its successor comes.
const CUT: Duration = Duration::from_secs(4);

/// The start data of a worker, a secret that only this worker can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// Where the front listens, `HOST:PORT`; several fronts are separated by commas. A name may resolve to several
    /// addresses.
    pub front: String,
    /// The front's certificate, PEM (RFC 7468). The holder of its private key is the front.
    pub certificate: String,
    /// The room to work for.
    pub room: RoomId,
    /// The token that admits the worker.
    pub token: Secret,
}

/// The first message of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Greeting {
    /// [`super::message::VERSION`] of the worker.
    pub version: u32,
    /// As in its [`Ticket`].
    pub room: RoomId,
    /// As in its [`Ticket`].
    pub token: Secret,
    /// Swarm's id of the task. It distinguishes all tasks that were started with this ticket.
    pub task: String,
}

/// The front's answer to a greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    Welcome,
    /// The room wants no worker at this moment. The worker asks again soon.
    Later(String),
    /// Another front has the room and listens at this `HOST:PORT`. The worker goes there.
    Elsewhere(String),
    Leave(String),
}

/// Why a text is no valid certificate.
#[derive(Debug, thiserror::Error)]
#[error("no usable certificate: {0}")]
pub struct InvalidCertificate(String);

/// A TLS 1.3 client (RFC 8446) that trusts the holder of this certificate, PEM, and nobody else.
///
/// # Errors
/// When the text is no certificate.
pub fn trusting(certificate: &str) -> Result<ClientConfig, InvalidCertificate> {
    let invalid = |error: &dyn std::error::Error| InvalidCertificate(error.to_string());
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|error| invalid(&error))?;
    roots.add(certificate).map_err(|error| invalid(&error))?;
    // The provider is named here, so that another crate's process-wide choice cannot change it.
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider has TLS 1.3");
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Why bytes are not the expected document.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("a document of {0} bytes where at most {MAX_DOCUMENT} are expected")]
    Length(usize),
    /// The bytes are not the expected JSON.
    #[error("a document that does not parse: {0}")]
    Json(#[from] serde_json::Error),
}

/// Makes the system end a TCP connection whose other end is unreachable: by keepalive probes while nothing is sent,
/// otherwise by a limit on unacknowledged data (RFC 1122 §4.2.3.6, RFC 5482). Also turns off Nagle's algorithm: small
/// messages leave at once.
pub fn notice_cuts(socket: &impl AsFd) -> io::Result<()> {
    const PROBES: u32 = 3;
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    sockopt::set_tcp_keepidle(socket, Duration::from_secs(1))?;
    sockopt::set_tcp_keepintvl(socket, Duration::from_secs(1))?;
    sockopt::set_tcp_keepcnt(socket, PROBES)?;
    sockopt::set_tcp_user_timeout(socket, CUT.as_millis() as u32)?;
    Ok(())
}

/// The document in wire form.
pub fn encode(document: &impl Serialize) -> Bytes {
    let body = serde_json::to_vec(document).expect("these have text keys and no numbers but whole ones");
    let mut bytes = BytesMut::with_capacity(4 + body.len());
    bytes.put_u32(body.len() as u32);
    bytes.extend_from_slice(&body);
    bytes.freeze()
}

/// Takes a document from `input`; `None` until the document is complete.
///
/// # Errors
/// When the document is too long or is not the expected one. The connection is then useless.
pub fn decode<T: DeserializeOwned>(input: &mut BytesMut) -> Result<Option<T>, JoinError> {
    let Some(head) = input.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head) as usize;
    if length > MAX_DOCUMENT {
        return Err(JoinError::Length(length));
    }
    if input.len() < 4 + length {
        return Ok(None);
    }
    input.advance(4);
    Ok(Some(serde_json::from_slice(&input.split_to(length))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_out_as_they_went_in_however_they_are_cut() {
        let answer = Answer::Later("the room is being changed".to_owned());
        let wire = encode(&answer);
        let mut input = BytesMut::new();
        for (at, byte) in wire.iter().enumerate() {
            assert!(decode::<Answer>(&mut input).expect("nothing wrong yet").is_none(), "whole after {at} bytes");
            input.put_u8(*byte);
        }
        input.put_u8(7);
        assert_eq!(decode(&mut input).expect("sound"), Some(answer));
        assert_eq!(&input[..], [7], "what follows belongs to the link");
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        assert!(matches!(
            decode::<Greeting>(&mut BytesMut::from(&b"GET / HTTP/1.1\r\n"[..])),
            Err(JoinError::Length(_))
        ));
        let mut strange = BytesMut::from(&encode(&serde_json::json!({"version": 1}))[..]);
        assert!(matches!(decode::<Greeting>(&mut strange), Err(JoinError::Json(_))));
    }
}
