//! Tests of sealing between two nodes.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{OpenError, PairKey, SealError, Sealer, WeakKey};
use crate::envelope::{Envelope, SealNonce};
use crate::limits::{DATAGRAM_MAX, INLINE_VALUE_MAX, PADDED_REQUEST_LEN};
use crate::{
    Body, Cookie, Difficulty, Families, Key, Load, LocalIdentity, Message, NetworkId, NodeIdentity,
    Nonce, PublicKey, Purpose, Record, Reply, Request, RequestId, Role, Ttl, Value, testing,
};

const NETWORK: NetworkId = testing::NETWORK;
const NONCE: SealNonce = SealNonce([9; 24]);

fn identity(seed: u8) -> LocalIdentity {
    LocalIdentity::search([seed; 32], Difficulty::NONE)
}

fn sealer(seed: u8) -> Sealer {
    Sealer::new(identity(seed), NETWORK, 8)
}

fn message(body: Body) -> Message {
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(7), body }
}

fn ping() -> Message {
    message(Body::Request(Request::Ping))
}

fn seal(from: &mut Sealer, to: &Sealer, message: &Message, cookie: Option<Cookie>) -> Vec<u8> {
    let mut out = BytesMut::new();
    from.seal(&to.node().public(), message, NONCE, cookie, &mut out).unwrap();
    out.to_vec()
}

fn open(to: &mut Sealer, mut datagram: Vec<u8>) -> Result<(NodeIdentity, Message), OpenError> {
    match Envelope::parse(&mut datagram, NETWORK)? {
        Envelope::Sealed(sealed) => to.open(sealed),
        other => panic!("{other:?} is not sealed"),
    }
}

proptest! {
    #[test]
    fn every_message_that_fits_comes_back_from_its_sender(
        message in testing::message(),
        nonce in any::<[u8; 24]>(),
        cookie in proptest::option::of(any::<[u8; 8]>().prop_map(Cookie::from_bytes)),
    ) {
        let (mut ours, mut theirs) = (sealer(1), sealer(2));
        let mut out = BytesMut::from(&b"before"[..]);
        let to = theirs.node().public();
        let sealed = ours.seal(&to, &message, SealNonce(nonce), cookie, &mut out);
        match sealed {
            Err(SealError::TooLong { size, .. }) => {
                prop_assert!(size > DATAGRAM_MAX);
                prop_assert_eq!(&out[..], b"before", "nothing is written on failure");
                return Ok(());
            }
            sealed => prop_assert_eq!(sealed, Ok(())),
        }
        let datagram = out.split_off(6);
        prop_assert_eq!(&out[..], b"before");
        if cookie.is_none() {
            prop_assert_eq!(datagram.len(), message.datagram_len());
        }
        match open(&mut theirs, datagram.to_vec()) {
            Ok((from, opened)) => {
                prop_assert_eq!(from, ours.node());
                prop_assert_eq!(opened, message);
            }
            Err(error) => {
                let is_download =
                    matches!(message.body, Body::Request(Request::Download { .. }));
                prop_assert!(is_download, "{}", error);
            }
        }
    }

    #[test]
    fn no_datagram_opens_with_a_changed_bit(bit in any::<prop::sample::Index>(), cookie in any::<bool>()) {
        let (mut ours, mut theirs) = (sealer(1), sealer(2));
        let cookie = cookie.then_some(Cookie::from_bytes([5; 8]));
        let mut datagram = seal(&mut ours, &theirs, &ping(), cookie);
        let bit = bit.index(8 * datagram.len());
        datagram[bit / 8] ^= 1 << (bit % 8);
        let opened = match Envelope::parse(&mut datagram, NETWORK) {
            Ok(Envelope::Sealed(sealed)) => theirs.open(sealed).ok(),
            Ok(_) | Err(_) => None,
        };
        prop_assert_eq!(opened, None, "bit {}", bit);
    }
}

#[test]
fn every_single_bit_of_a_datagram_counts() {
    let (mut ours, mut theirs) = (sealer(1), sealer(2));
    let whole = seal(&mut ours, &theirs, &ping(), Some(Cookie::from_bytes([5; 8])));
    for bit in 0..8 * whole.len() {
        let mut datagram = whole.clone();
        datagram[bit / 8] ^= 1 << (bit % 8);
        let opened = match Envelope::parse(&mut datagram, NETWORK) {
            Ok(Envelope::Sealed(sealed)) => theirs.open(sealed).ok(),
            Ok(_) | Err(_) => None,
        };
        assert_eq!(opened, None, "bit {bit}");
    }
    assert!(open(&mut theirs, whole).is_ok());
}

#[test]
fn both_ends_share_one_key_and_no_third_does() {
    let [a, b, c] = [1, 2, 3].map(identity);
    let key = |local: &LocalIdentity, peer: &LocalIdentity| {
        *PairKey::derive(local, &peer.node().public()).unwrap().secret_bytes()
    };
    assert_eq!(key(&a, &b), key(&b, &a));
    assert_ne!(key(&a, &b), key(&a, &c));
    assert_ne!(key(&a, &b), key(&c, &b));
}

#[test]
fn a_datagram_for_another_node_does_not_open() {
    let (mut ours, theirs, mut third) = (sealer(1), sealer(2), sealer(3));
    let datagram = seal(&mut ours, &theirs, &ping(), None);
    assert_eq!(open(&mut third, datagram), Err(OpenError::Forged));
}

#[test]
fn our_own_datagram_sent_back_to_us_is_refused() {
    let (mut ours, theirs) = (sealer(1), sealer(2));
    let datagram = seal(&mut ours, &theirs, &ping(), None);
    assert_eq!(open(&mut ours, datagram), Err(OpenError::WeakKey(WeakKey)));
    let own = ours.node().public();
    let sealed = ours.seal(&own, &ping(), NONCE, None, &mut BytesMut::new());
    assert_eq!(sealed, Err(SealError::WeakKey(WeakKey)));
}

#[test]
fn a_public_key_of_small_order_is_refused() {
    // The points of small order of Curve25519 and their non-canonical forms (RFC 7748, section 6.1).
    let eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
    let other_eight = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157";
    let minus_one = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    let zero = "0000000000000000000000000000000000000000000000000000000000000000";
    let one = "0100000000000000000000000000000000000000000000000000000000000000";
    let p = "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    for text in [eight, other_eight, minus_one, zero, one, p] {
        let key = text.parse::<PublicKey>().unwrap();
        assert_eq!(PairKey::derive(&identity(1), &key).err(), Some(WeakKey), "{text}");
        let sealed = sealer(1).seal(&key, &ping(), NONCE, None, &mut BytesMut::new());
        assert_eq!(sealed, Err(SealError::WeakKey(WeakKey)));
    }
}

#[test]
fn opening_costs_a_key_exchange_only_the_first_time() {
    let (mut ours, mut theirs) = (sealer(1), sealer(2));
    let our_key = ours.node().public();
    let datagram = seal(&mut ours, &theirs, &ping(), None);
    assert!(ours.knows(&theirs.node().public()), "whoever seals knows the receiver");
    assert!(!theirs.knows(&our_key));
    assert!(open(&mut theirs, datagram).is_ok());
    assert!(theirs.knows(&our_key));
}

#[test]
fn a_forged_datagram_leaves_no_key_behind() {
    let (mut ours, mut theirs) = (sealer(1), sealer(2));
    let mut datagram = seal(&mut ours, &theirs, &ping(), None);
    let last = datagram.len() - 1;
    datagram[last] ^= 1;
    assert_eq!(open(&mut theirs, datagram), Err(OpenError::Forged));
    assert!(!theirs.knows(&ours.node().public()));
}

#[test]
fn a_peer_that_was_forgotten_is_still_understood() {
    let mut theirs = Sealer::new(identity(200), NETWORK, 2);
    for seed in 0..20 {
        let datagram = seal(&mut sealer(seed), &theirs, &ping(), None);
        assert!(open(&mut theirs, datagram).is_ok());
    }
    assert!(!theirs.knows(&sealer(0).node().public()));
    assert!(open(&mut theirs, seal(&mut sealer(0), &theirs_again(), &ping(), None)).is_ok());
}

fn theirs_again() -> Sealer {
    sealer(200)
}

#[test]
fn a_nonce_that_is_not_the_senders_does_not_open() {
    let (ours, mut theirs) = (identity(1), sealer(2));
    let other_nonce = LocalIdentity::from_parts(*ours.secret_bytes(), Nonce(77));
    let mut datagram = seal(&mut Sealer::new(other_nonce, NETWORK, 8), &theirs, &ping(), None);
    let place = datagram.windows(4).position(|bytes| bytes == [77, 0, 0, 0]).unwrap();
    datagram[place] = 78;
    assert_eq!(open(&mut theirs, datagram), Err(OpenError::Forged));
}

#[test]
fn a_request_nobody_knows_is_attributed_to_its_sender() {
    let (ours, mut theirs) = (identity(1), sealer(2));
    let key = PairKey::derive(&ours, &theirs.node().public()).unwrap();
    // Message { id: 7, request: {} }
    let plaintext = b"\x09\x07\0\0\0\0\0\0\0\x22\x00";
    let datagram = seal_raw(&key, ours.node(), plaintext);
    match open(&mut theirs, datagram) {
        Err(OpenError::Rejected(rejected)) => {
            assert_eq!(rejected.from, ours.node());
            let answer = Some((RequestId(7), crate::ErrorCode::Unknown));
            assert_eq!(rejected.undecodable.answer, answer);
        }
        other => panic!("{other:?}"),
    }
    assert!(theirs.knows(&ours.node().public()), "the sender is proven");
}

/// Seals bytes that no sender of ours would.
fn seal_raw(key: &PairKey, from: NodeIdentity, plaintext: &[u8]) -> Vec<u8> {
    let fields = crate::envelope::ClearFields {
        network: NETWORK,
        sender: from.public(),
        nonce: from.nonce(),
        seal_nonce: NONCE,
        cookie: None,
    };
    let mut out = BytesMut::new();
    fields.write(plaintext.len(), &mut out);
    let mut ciphertext = plaintext.to_vec();
    let associated_data = fields.associated_data();
    let tag =
        super::aead::seal(key.secret_bytes(), &NONCE.0, associated_data.as_ref(), &mut ciphertext);
    out.extend_from_slice(&ciphertext);
    out.extend_from_slice(&tag.unwrap());
    out.to_vec()
}

#[test]
fn a_long_value_does_not_fit_a_datagram() {
    let (mut ours, theirs) = (sealer(1), sealer(2));
    for size in [DATAGRAM_MAX, 65_536, 1_000_000] {
        let record = Record::content(Value::new(vec![0; size]).unwrap());
        let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
        let store = message(Body::Request(Request::Store { record, ttl, purpose, expected: None }));
        assert!(!store.fits_datagram());
        let mut out = BytesMut::new();
        let sealed = ours.seal(&theirs.node().public(), &store, NONCE, None, &mut out);
        assert!(matches!(sealed, Err(SealError::TooLong { .. })), "{sealed:?}");
        assert!(out.is_empty());
    }
}

#[test]
fn a_value_of_the_inline_limit_travels_in_a_datagram() {
    let (mut ours, mut theirs) = (sealer(1), sealer(2));
    let record = Record::content(Value::new(vec![0; INLINE_VALUE_MAX]).unwrap());
    let found = Reply::Found { record, ttl: Ttl::default(), closer: Vec::new() };
    let found = message(Body::Reply(found));
    let datagram = seal(&mut ours, &theirs, &found, None);
    assert_eq!(open(&mut theirs, datagram).map(|(_, message)| message), Ok(found));
}

#[test]
fn a_padded_request_has_the_same_length_with_and_without_a_cookie() {
    let (mut ours, theirs) = (sealer(1), sealer(2));
    let request = message(Body::Request(Request::FindNode { target: Key::from_bytes([1; 32]) }));
    for cookie in [None, Some(Cookie::from_bytes([1; 8]))] {
        assert_eq!(seal(&mut ours, &theirs, &request, cookie).len(), PADDED_REQUEST_LEN);
    }
}

#[test]
fn a_cookie_arrives_as_it_was_sent() {
    let (mut ours, theirs) = (sealer(1), sealer(2));
    let cookie = Cookie::from_bytes([1, 2, 3, 4, 5, 6, 7, 8]);
    let mut datagram = seal(&mut ours, &theirs, &ping(), Some(cookie));
    match Envelope::parse(&mut datagram, NETWORK) {
        Ok(Envelope::Sealed(sealed)) => {
            assert_eq!(sealed.cookie(), Some(&cookie));
            assert_eq!(sealed.sender(), ours.node().public());
            assert_eq!(sealed.claimed_node(), ours.node());
            assert_eq!(sealed.tag(), NONCE.tag());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_generated_types_read_a_sealed_datagram() {
    use crate::codec::wire;
    use prost::Message as _;

    let (mut ours, theirs) = (sealer(1), sealer(2));
    let datagram = seal(&mut ours, &theirs, &ping(), Some(Cookie::from_bytes([5; 8])));
    let read = wire::Datagram::decode(Bytes::from(datagram.clone())).unwrap();
    assert_eq!((read.version, read.network), (1, NETWORK.0));
    match &read.body {
        Some(wire::datagram::Body::Sealed(sealed)) => {
            assert_eq!(sealed.sender[..32], *ours.node().public().as_bytes());
            assert_eq!(sealed.seal_nonce[..], NONCE.0);
            assert_eq!(sealed.cookie[..], [5; 8]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(read.encode_to_vec(), datagram);
}

#[test]
fn secrets_are_not_printed() {
    let key = PairKey::derive(&identity(1), &identity(2).node().public()).unwrap();
    assert_eq!(format!("{key:?}"), "PairKey(..)");
    assert!(format!("{:?}", sealer(1)).starts_with("Sealer(NodeIdentity("));
}
