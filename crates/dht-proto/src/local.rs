//! Our own identity: the secret key behind a node id.
//!
//! Invariant: the secret never leaves this type but through [`LocalIdentity::secret_bytes`], is wiped
//! from memory when dropped, and is never printed.

use std::fmt;

use zeroize::Zeroizing;

use crate::{AuthorSecret, Difficulty, NodeIdentity, Nonce, PublicKey, x25519};

/// X25519 secret key and nonce of this node, with the identity that they make.
#[derive(Clone)]
pub struct LocalIdentity {
    secret: Zeroizing<[u8; 32]>,
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
            let public = public_key(&secret);
            let found = (0..=u32::MAX)
                .map(|nonce| NodeIdentity::new(public, Nonce(nonce)))
                .find(|node| node.meets(difficulty));
            if let Some(node) = found {
                return Self { secret, node };
            }
            *secret = blake3::derive_key("dht v1 next node secret", &*secret);
        }
    }

    /// The identity of a secret key and nonce that were kept from an earlier search.
    pub fn from_parts(secret: [u8; 32], nonce: Nonce) -> Self {
        let secret = Zeroizing::new(secret);
        let node = NodeIdentity::new(public_key(&secret), nonce);
        Self { secret, node }
    }

    /// The public part.
    pub fn node(&self) -> NodeIdentity {
        self.node
    }

    /// A key to sign with that follows from the secret key: the node's own, as long as it keeps its identity. Its
    /// public part does not tell which node it belongs to.
    pub fn author_secret(&self) -> AuthorSecret {
        let seed = blake3::derive_key("dht v1 author key of a node", &*self.secret);
        AuthorSecret::from_seed(&Zeroizing::new(seed))
    }

    /// The 32 bytes of the secret key, to be kept secret.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.secret
    }
}

fn public_key(secret: &[u8; 32]) -> PublicKey {
    PublicKey::from_bytes(x25519::public_key(secret))
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
    fn a_node_keeps_its_author_key_with_its_identity() {
        let author = |secret| LocalIdentity::from_parts([secret; 32], Nonce(5)).author_secret();
        assert_eq!(author(1).author(), author(1).author());
        assert_ne!(author(1).author(), author(2).author());
    }

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
    fn a_secret_is_not_printed() {
        let local = LocalIdentity::from_parts([0xab; 32], Nonce(0));
        assert!(!format!("{local:?}").contains("abab"));
    }
}
