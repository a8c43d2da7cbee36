//! X25519 (RFC 7748), the one place that names its implementations.
//!
//! Every node that is met costs an exchange. graviola's verified assembly takes half the time of dalek's
//! portable code (`benches/seal.rs`); where the processor lacks what it needs, dalek's is used. Both give
//! the same bytes.

use x25519_dalek::StaticSecret;
#[cfg(feature = "codec")]
use zeroize::Zeroizing;

/// The public key that belongs to `secret`.
pub(crate) fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    x25519_dalek::PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// The secret shared with the owner of `peer`. `None` if it is all zero, which means that `peer` is a point
/// of small order, and anybody could compute it.
#[cfg(feature = "codec")]
pub(crate) fn exchange(secret: &[u8; 32], peer: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    #[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
    if graviola::util::is_cpu_supported() {
        return with_graviola(secret, peer);
    }
    with_dalek(secret, peer)
}

#[cfg(all(feature = "codec", any(target_arch = "aarch64", target_arch = "x86_64")))]
fn with_graviola(secret: &[u8; 32], peer: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    use graviola::key_agreement::x25519::{PublicKey, StaticPrivateKey};

    // Its only error is the all-zero secret.
    let shared = StaticPrivateKey::from_array(secret).diffie_hellman(&PublicKey::from_array(peer));
    shared.ok().map(|shared| Zeroizing::new(shared.0))
}

#[cfg(feature = "codec")]
fn with_dalek(secret: &[u8; 32], peer: &[u8; 32]) -> Option<Zeroizing<[u8; 32]>> {
    let peer = x25519_dalek::PublicKey::from(*peer);
    let shared = StaticSecret::from(*secret).diffie_hellman(&peer);
    shared.was_contributory().then(|| Zeroizing::new(shared.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::public_key;

    fn hex(text: &str) -> [u8; 32] {
        *text.parse::<crate::Key>().unwrap().as_bytes()
    }

    #[test]
    fn public_keys_are_those_of_rfc_7748() {
        // Section 6.1.
        let alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        assert_eq!(
            public_key(&alice),
            hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
        );
    }

    #[cfg(feature = "codec")]
    mod exchanges {
        use proptest::prelude::*;

        use super::hex;
        use crate::x25519::{exchange, public_key, with_dalek};

        #[test]
        fn both_ends_get_the_secret_of_rfc_7748() {
            // Section 6.1.
            let alice = hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
            let bob = hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
            let shared = hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
            for exchange in [exchange, with_dalek] {
                assert_eq!(*exchange(&alice, &public_key(&bob)).unwrap(), shared);
                assert_eq!(*exchange(&bob, &public_key(&alice)).unwrap(), shared);
            }
        }

        proptest! {
            #[test]
            fn all_implementations_agree(secret: [u8; 32], peer: [u8; 32]) {
                prop_assert_eq!(exchange(&secret, &peer), with_dalek(&secret, &peer));
            }
        }

        #[test]
        fn all_implementations_agree_where_keys_are_not_canonical() {
            let p = hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
            for low in 0..=255 {
                for high in [0x7f, 0xff] {
                    let mut peer = p;
                    (peer[0], peer[31]) = (low, high);
                    assert_eq!(exchange(&[7; 32], &peer), with_dalek(&[7; 32], &peer), "{low}");
                }
                let small = {
                    let mut peer = [0; 32];
                    peer[0] = low;
                    peer
                };
                assert_eq!(exchange(&[7; 32], &small), with_dalek(&[7; 32], &small), "{low}");
            }
        }
    }
}
