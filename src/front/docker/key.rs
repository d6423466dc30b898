//! Key derivation (HKDF, RFC 5869): one secret of a cluster, and the keys that every front derives from it.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    constant_time,
    hkdf::{HKDF_SHA256, Prk, Salt},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::base::{RoomId, Secret};

/// Shortest secret, bytes: as long as the derived keys.
pub const MIN_SECRET_BYTES: usize = 32;

/// Separates these keys from other uses of the same secret.
const SALT: &[u8] = b"tilecast fleet 1";

/// The text cannot be opened: it was sealed with another key or for another purpose, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was not sealed with this fleet's key; give every front the same swarm_fleet_key_file")]
pub struct NotOurs;

/// The keys of a cluster. Clones share the keys.
#[derive(Clone)]
pub struct ClusterKey(Arc<Keys>);

struct Keys {
    sealing: RandomizedNonceKey,
    workers: hmac::Key,
    identity: [u8; 32],
    calls: Secret,
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

impl ClusterKey {
    /// Derives the keys of a secret.
    pub fn new(secret: &Secret) -> Self {
        let root = Salt::new(HKDF_SHA256, SALT).extract(secret.expose().as_bytes());
        let sealing = RandomizedNonceKey::new(&AES_256_GCM, &derive(&root, b"documents")).expect("32 bytes");
        let workers = hmac::Key::new(hmac::HMAC_SHA256, &derive(&root, b"workers"));
        let calls = Secret::new(hex(&derive(&root, b"calls")));
        Self(Arc::new(Keys { sealing, workers, identity: derive(&root, b"identity"), calls }))
    }

    /// Encrypts (AES-256-GCM, RFC 5116), so that a reader of the Swarm's store reads no publish keys. The result opens
    /// only as `what`.
    pub fn seal(&self, what: &str, plain: &[u8]) -> String {
        let mut bytes = plain.to_vec();
        let nonce = self.0.sealing.seal_in_place_append_tag(Aad::from(what.as_bytes()), &mut bytes);
        let nonce = nonce.expect("a document is shorter than 64 GiB");
        STANDARD.encode([nonce.as_ref().as_slice(), &bytes].concat())
    }

    /// Decrypts the result of [`ClusterKey::seal`].
    ///
    /// # Errors
    /// `NotOurs`.
    pub fn open(&self, what: &str, sealed: &str) -> Result<Vec<u8>, NotOurs> {
        let bytes = STANDARD.decode(sealed).map_err(|_| NotOurs)?;
        let (nonce, rest) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(NotOurs)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.0.sealing.open_in_place(nonce, Aad::from(what.as_bytes()), &mut rest).map_err(|_| NotOurs)?;
        Ok(opened.to_vec())
    }

    /// The token with which this room's workers are admitted at every front.
    pub fn worker_token(&self, room: &RoomId) -> Secret {
        Secret::new(hex(hmac::sign(&self.0.workers, room.as_str().as_bytes()).as_ref()))
    }

    /// The token with which one front authenticates to another, within TLS.
    pub fn call_token(&self) -> &Secret {
        &self.0.calls
    }

    /// Seed of the key pair (Ed25519, RFC 8032) by which workers and fronts recognise every front.
    pub fn identity_seed(&self) -> &[u8; 32] {
        &self.0.identity
    }
}

impl PartialEq for ClusterKey {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0.identity, &other.0.identity).is_ok()
    }
}

impl Eq for ClusterKey {}

fn derive(root: &Prk, purpose: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    let info = [purpose];
    root.expand(&info, HKDF_SHA256).and_then(|okm| okm.fill(&mut key)).expect("as long as its hash");
    key
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ClusterKey {
        ClusterKey::new(&Secret::new(text))
    }

    #[test]
    fn what_one_front_seals_another_opens_for_the_same_purpose_alone() {
        let (one, another, stranger) = (key("a secret"), key("a secret"), key("another secret"));
        let sealed = one.seal("room weekly", b"document");
        assert_ne!(sealed, one.seal("room weekly", b"document"), "a nonce is used once");
        assert_eq!(another.open("room weekly", &sealed).expect("ours"), b"document");
        assert_eq!(another.open("room daily", &sealed), Err(NotOurs));
        assert_eq!(stranger.open("room weekly", &sealed), Err(NotOurs));
        assert_eq!(one.open("room weekly", "c2hvcnQ="), Err(NotOurs));
    }

    #[test]
    fn fronts_of_one_secret_give_the_same_tokens() {
        let (one, another) = (key("a secret"), key("a secret"));
        let [a, b] = ["a", "b"].map(|id| id.parse::<RoomId>().expect("an id"));
        assert_eq!(one.worker_token(&a), another.worker_token(&a));
        assert_ne!(one.worker_token(&a), one.worker_token(&b));
        assert_eq!(one, another);
        assert_ne!(one.worker_token(&a), key("another secret").worker_token(&a));
    }
}
