//! Tests of prefixes, fingerprints and digests of cells.

use proptest::prelude::*;

use super::{CellDigest, FINGERPRINT_CONTEXT, Fingerprint, Prefix};
use crate::{Custody, Digest, Key, Kind, Moment, Sequence, Slot, Summary};

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn summary() -> Summary {
    Summary {
        slot: Slot { key: key(1), kind: Kind::Signed },
        size: 5,
        digest: Digest::from_bytes([2; 32]),
        sequence: Sequence(3),
        expires: Moment::from_secs(60),
        custody: Custody::Holder,
    }
}

#[test]
fn a_prefix_of_no_bits_is_the_whole_space() {
    assert_eq!(Prefix::of(&key(0xab), 0), Prefix::ALL);
    assert_eq!((Prefix::ALL.first(), Prefix::ALL.last()), (key(0), key(0xff)));
    assert_eq!(Prefix::ALL.as_bytes(), b"");
}

#[test]
fn a_prefix_of_all_bits_is_one_key() {
    for bits in [256, 257, u16::MAX] {
        let one = Prefix::of(&key(0xab), bits);
        assert_eq!((one.bits(), one.first(), one.last()), (256, key(0xab), key(0xab)));
        assert_eq!(one.child(false), None);
    }
}

#[test]
fn a_prefix_ends_inside_a_byte() {
    let prefix = Prefix::of(&key(0xab), 11);
    assert_eq!(prefix.as_bytes(), [0xab, 0b1010_0000]);
    assert_eq!(format!("{prefix:?}"), "Prefix(aba0/11)");
    assert_eq!(prefix.last().as_bytes()[..3], [0xab, 0b1011_1111, 0xff]);
}

#[test]
fn a_fingerprint_is_that_of_the_protocol() {
    let mut input = vec![1; 32];
    input.extend([2, 3, 0, 0, 0, 0, 0, 0, 0]);
    input.extend([2; 32]);
    let derived = blake3::derive_key("dht v1 fingerprint", &input);
    assert_eq!(Fingerprint::of(&summary()).as_bytes(), &derived[..8]);
    let context = blake3::hazmat::hash_derive_key_context("dht v1 fingerprint");
    assert_eq!(FINGERPRINT_CONTEXT, context);
}

#[test]
fn a_fingerprint_tells_versions_apart_and_not_how_they_are_kept() {
    let one = summary();
    let kept_otherwise =
        Summary { expires: Moment::from_secs(99), custody: Custody::Mirror, ..one };
    assert_eq!(Fingerprint::of(&one), Fingerprint::of(&kept_otherwise));
    let others = [
        Summary { slot: Slot { key: key(9), ..one.slot }, ..one },
        Summary { slot: Slot { kind: Kind::Named, ..one.slot }, ..one },
        Summary { sequence: Sequence(4), ..one },
        Summary { digest: Digest::from_bytes([9; 32]), ..one },
    ];
    for other in others {
        assert_ne!(Fingerprint::of(&one), Fingerprint::of(&other));
    }
}

#[test]
fn the_digest_of_an_empty_cell_is_the_hash_of_no_bytes() {
    assert_eq!(CellDigest::of([]).as_bytes(), &blake3::hash(b"").as_bytes()[..16]);
}

#[test]
fn the_digest_of_a_cell_depends_on_every_fingerprint_and_their_order() {
    let [one, other] = [1, 2].map(|byte| Fingerprint::from_bytes([byte; 8]));
    let digest = CellDigest::of([one, other]);
    let bytes = [[1; 8], [2; 8]].concat();
    assert_eq!(digest.as_bytes(), &blake3::hash(&bytes).as_bytes()[..16]);
    assert_ne!(digest, CellDigest::of([other, one]));
    assert_ne!(digest, CellDigest::of([one]));
}

fn any_key() -> impl Strategy<Value = Key> {
    any::<[u8; 32]>().prop_map(Key::from_bytes)
}

proptest! {
    #[test]
    fn a_prefix_contains_the_keys_between_its_first_and_last(
        key in any_key(),
        other in any_key(),
        bits in 0_u16..=256,
    ) {
        let prefix = Prefix::of(&key, bits);
        prop_assert_eq!(prefix.bits(), bits);
        prop_assert!(prefix.contains(&key));
        prop_assert!(prefix.contains(&prefix.first()) && prefix.contains(&prefix.last()));
        let between = prefix.first() <= other && other <= prefix.last();
        prop_assert_eq!(prefix.contains(&other), between);
        let slot = Slot { key: other, kind: Kind::Signed };
        prop_assert_eq!(prefix.slots().contains(&slot), between);
        prop_assert_eq!(prefix.as_bytes().len(), usize::from(bits).div_ceil(8));
    }

    #[test]
    fn the_two_children_of_a_prefix_share_its_keys(key in any_key(), bits in 0_u16..256) {
        let prefix = Prefix::of(&key, bits);
        let (low, high) = (prefix.child(false).unwrap(), prefix.child(true).unwrap());
        prop_assert_eq!((low.first(), high.last()), (prefix.first(), prefix.last()));
        prop_assert_eq!(low.last().next(), Some(high.first()));
        prop_assert_eq!(Prefix::of(&key, bits + 1), if high.contains(&key) { high } else { low });
    }
}
