//! Our own identity: the secret key behind a node id.
//!
//! Invariant: the secret never leaves this type but through [`LocalIdentity::secret_bytes`], is wiped
//! from memory when dropped, and is never printed.

use std::fmt;

use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

use crate::{Difficulty, NodeIdentity, Nonce, PublicKey};

/// X25519 secret key and nonce of this node, with the identity that they make.
#[derive(Clone)]
pub struct LocalIdentity {
    secret: StaticSecret,
    node: NodeIdentity,
}

impl LocalIdentity {
    /// The identity of `secret` under the first nonce, counted from 0, that pays for `difficulty`: about
    /// two to the power of its bits tries, of 0.1 us each. The same secret always gives the same identity.
    ///
    /// `secret` must come from a secure source of entropy. Should no nonce of a secret do (a question
    /// only from 30 bits on), the search goes on with a secret derived from it.
    pub fn search(secret: [u8; 32], difficulty: Difficulty) -> Self {
        let mut secret = Zeroizing::new(secret);
        loop {
            let key = StaticSecret::from(*secret);
            let public = public_of(&key);
            let found = (0..=u32::MAX)
                .map(|nonce| NodeIdentity::new(public, Nonce(nonce)))
                .find(|node| node.meets(difficulty));
            if let Some(node) = found {
                return Self { secret: key, node };
            }
            *secret = blake3::derive_key("dht v1 next node secret", &*secret);
        }
    }

    /// The identity of a secret key and nonce that were kept from an earlier search.
    pub fn from_parts(secret: [u8; 32], nonce: Nonce) -> Self {
        let secret = StaticSecret::from(secret);
        let node = NodeIdentity::new(public_of(&secret), nonce);
        Self { secret, node }
    }

    /// The public part.
    pub fn node(&self) -> NodeIdentity {
        self.node
    }

    /// The 32 bytes of the secret key, to be kept secret.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    /// X25519 (RFC 7748) with a peer's key. `None` if the result is all zero, which means that the
    /// peer's key is a point of small order and anybody could compute the result.
    #[cfg(feature = "codec")]
    pub(crate) fn exchange(&self, peer: &PublicKey) -> Option<x25519_dalek::SharedSecret> {
        let shared = self.secret.diffie_hellman(&x25519_dalek::PublicKey::from(*peer.as_bytes()));
        shared.was_contributory().then_some(shared)
    }
}

fn public_of(secret: &StaticSecret) -> PublicKey {
    PublicKey::from_bytes(x25519_dalek::PublicKey::from(secret).to_bytes())
}

impl fmt::Debug for LocalIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalIdentity({:?})", self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::LocalIdentity;
    use crate::{Difficulty, NodeIdentity, Nonce};

    #[test]
    fn a_search_finds_the_first_nonce_that_pays_for_the_difficulty() {
        let difficulty = Difficulty::new(8).unwrap();
        let local = LocalIdentity::search([5; 32], difficulty);
        let found = local.node();
        assert!(found.meets(difficulty));
        for nonce in 0..found.nonce().0 {
            assert!(!NodeIdentity::new(found.public(), Nonce(nonce)).meets(difficulty));
        }
    }

    #[test]
    fn the_same_secret_gives_the_same_identity() {
        let difficulty = Difficulty::new(6).unwrap();
        let first = LocalIdentity::search([6; 32], difficulty);
        assert_eq!(first.node(), LocalIdentity::search([6; 32], difficulty).node());
        let kept = LocalIdentity::from_parts(*first.secret_bytes(), first.node().nonce());
        assert_eq!(kept.node(), first.node());
    }

    #[test]
    fn the_public_key_is_the_one_of_rfc_7748() {
        // Section 6.1, Alice's key pair.
        let secret = [
            0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1, 0x72, 0x51, 0xb2,
            0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0, 0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5,
            0x1d, 0xb9, 0x2c, 0x2a,
        ];
        let public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        let local = LocalIdentity::from_parts(secret, Nonce(0));
        assert_eq!(local.node().public().to_string(), public);
    }

    #[test]
    fn a_secret_is_not_printed() {
        let local = LocalIdentity::from_parts([0xab; 32], Nonce(0));
        assert!(!format!("{local:?}").contains("abab"));
    }
}
