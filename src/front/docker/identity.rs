//! Front identity (TLS certificate): how workers on other machines recognise their front. The certificate is kept in
//! the state folder.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::aws_lc_rs::signature::Ed25519KeyPair;
use rcgen::{CertificateParams, CertifiedKey, KeyPair, PKCS_ED25519, generate_simple_self_signed};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    },
    server::TlsStream,
};

use crate::{front::net::accept::Admission, link::join::FRONT_NAME};

/// ALPN protocol (RFC 7301) of connections between fronts; workers name none. The number rises when fronts of different
/// versions would not understand each other.
pub const CLUSTER_PROTOCOL: &[u8] = b"tilecast-fleet/1";

/// A connection at the workers' door that names the cluster's protocol. Its client has yet to prove that it is a front,
/// and has a stranger's place until then.
#[derive(Debug)]
pub struct Arrived {
    pub stream: TlsStream<TcpStream>,
    pub admission: Admission,
}

/// Why a front has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("{path}: {error}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operation.
        error: io::Error,
    },
    /// The file's content is invalid.
    #[error("{path} holds no usable certificate and key ({reason}); remove it, and a new one is made")]
    Content { path: PathBuf, reason: String },
}

pub struct Identity {
    /// The certificate, PEM.
    pub certificate: String,
    /// Accepts TLS 1.3 (RFC 8446) as the owner of the certificate.
    pub acceptor: TlsAcceptor,
}

impl Identity {
    /// Reads the identity from `worker-door.pem` in `folder`, or creates it there. It outlives the front, since
    /// workers' tickets name it.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn open(folder: &Path) -> Result<Self, IdentityError> {
        let path = folder.join("worker-door.pem");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = make().map_err(|reason| IdentityError::Content { path: path.clone(), reason })?;
                write(folder, &path, &text).map_err(|error| IdentityError::File { path: path.clone(), error })?;
                text
            }
            Err(error) => return Err(IdentityError::File { path, error }),
        };
        Self::parse(&text).map_err(|reason| IdentityError::Content { path, reason })
    }

    /// The identity of a seed: the same, to the byte, at every front that has the seed.
    pub fn of_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed of 32 bytes");
        let pkcs8 = pair.to_pkcs8v1().expect("a key pair of ours");
        let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8.as_ref());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ED25519).expect("as it was written");
        let params = CertificateParams::new(vec![FRONT_NAME.to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("its own key");
        Self::parse(&(certificate.pem() + &key.serialize_pem())).expect("as it was written")
    }

    fn parse(text: &str) -> Result<Self, String> {
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| error.to_string())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
            .map_err(|error| error.to_string())?;
        // A worker names no protocol, and is accepted all the same.
        config.alpn_protocols = vec![CLUSTER_PROTOCOL.to_vec()];
        let end = text.find("-----BEGIN PRIVATE KEY-----").ok_or("no private key after the certificate")?;
        Ok(Self { certificate: text[..end].to_owned(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn make() -> Result<String, String> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![FRONT_NAME.to_owned()]).map_err(|error| error.to_string())?;
    Ok(cert.pem() + &signing_key.serialize_pem())
}

fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_identity_wherever_it_is() {
        let (one, another, other) =
            (Identity::of_seed(&[7; 32]), Identity::of_seed(&[7; 32]), Identity::of_seed(&[8; 32]));
        assert_eq!(one.certificate, another.certificate);
        assert_ne!(one.certificate, other.certificate);
    }

    #[test]
    fn an_identity_is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Identity::open(folder.path()).expect("made");
        let again = Identity::open(folder.path()).expect("read");
        assert_eq!(first.certificate, again.certificate);
        assert!(!first.certificate.contains("PRIVATE"));
        let path = folder.path().join("worker-door.pem");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "nonsense").expect("writable");
        assert!(matches!(Identity::open(folder.path()), Err(IdentityError::Content { .. })));
    }
}
