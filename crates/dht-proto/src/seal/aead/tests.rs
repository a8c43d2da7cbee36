//! Tests of the cipher against the draft's vectors and against another implementation.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use proptest::prelude::*;

use super::{Forged, open, seal};
use crate::message::length::TAG_LEN;

fn sealed(key: &[u8; 32], nonce: &[u8; 24], associated_data: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = plaintext.to_vec();
    let tag = seal(key, nonce, associated_data, &mut buffer).unwrap();
    buffer.extend_from_slice(&tag);
    buffer
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.split_whitespace().collect::<String>();
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

#[test]
fn the_example_of_the_draft_is_met() {
    // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    let key = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
    let nonce = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
    let associated_data = hex("50515253c0c1c2c3c4c5c6c7");
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
        for the future, sunscreen would be it.";
    let expected = hex("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
         731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
         2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
         21f9664c97637da9768812f615c68b13b52e
         c0875924c1c7987947deafd8780acf49");
    assert_eq!(sealed(&key, &nonce, &associated_data, plaintext), expected);
}

proptest! {
    #[test]
    fn another_implementation_makes_the_same_bytes(
        key in any::<[u8; 32]>(),
        nonce in any::<[u8; 24]>(),
        associated_data in proptest::collection::vec(any::<u8>(), 0..100),
        plaintext in proptest::collection::vec(any::<u8>(), 0..1_500),
    ) {
        let ours = sealed(&key, &nonce, &associated_data, &plaintext);
        let payload = Payload { msg: &plaintext, aad: &associated_data };
        let theirs = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload).unwrap();
        prop_assert_eq!(&ours, &theirs);
        let mut buffer = ours;
        let opened = open(&key, &nonce, &associated_data, &mut buffer).map(|opened| opened.to_vec());
        prop_assert_eq!(opened, Ok(plaintext));
    }
}

#[test]
fn nothing_opens_with_any_bit_changed() {
    let (key, nonce, associated_data) = ([1; 32], [2; 24], [3; 10]);
    let whole = sealed(&key, &nonce, &associated_data, b"plaintext");
    for bit in 0..8 * whole.len() {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&key, &nonce, &associated_data, &mut changed).err(), Some(Forged));
    }
    for bit in 0..8 * nonce.len() {
        let mut changed = nonce;
        changed[bit / 8] ^= 1 << (bit % 8);
        let opened = open(&key, &changed, &associated_data, &mut whole.clone()).is_ok();
        assert!(!opened, "bit {bit} of the nonce");
    }
    for bit in 0..8 * associated_data.len() {
        let mut changed = associated_data;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&key, &nonce, &changed, &mut whole.clone()).is_err());
    }
}

#[test]
fn what_is_shorter_than_a_tag_does_not_open() {
    for length in 0..TAG_LEN {
        assert_eq!(open(&[1; 32], &[2; 24], &[], &mut vec![0; length]).err(), Some(Forged));
    }
}
