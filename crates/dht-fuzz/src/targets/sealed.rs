//! Datagrams as they come from the network: their clear part, and what is sealed in them.
//!
//! Half of the inputs are datagrams. The others are plaintexts, which are sealed here by another cipher than the
//! one that opens them; so what comes out is exactly what was put in, and a change of one byte, wherever it is,
//! leaves nothing that opens.

use std::mem::discriminant;

use bytes::{Bytes, BytesMut};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use dht_proto::envelope::{Envelope, SealNonce, Sealed};
use dht_proto::limits::{COOKIE_LEN, DATAGRAM_MAX, VERSION};
use dht_proto::seal::{OpenError, PairKey, SealError, Sealer};
use dht_proto::{Cookie, LocalIdentity, NetworkId, Nonce, codec};

use super::decode::{note_error, note_message};
use crate::cursor::Cursor;
use crate::vectors::{Vectors, bytes};
use crate::{Features, Shape, Target};

pub(crate) const TARGET: Target = Target {
    name: "sealed",
    about: "datagrams: their clear part, and what opens",
    shape: Shape::Fields { after: HEAD_LEN },
    longest: 1_400,
    body: run,
    seeds,
};

/// Bytes of an input before the datagram or plaintext: which of them it is, with or without a cookie, and the
/// byte to change.
const HEAD_LEN: usize = 4;

/// Both ends, as in the vectors: a change of the sender's key is no concern of the receiver's.
struct Ends {
    sender: LocalIdentity,
    receiver: LocalIdentity,
    network: NetworkId,
}

impl Ends {
    fn new() -> Self {
        Self {
            sender: LocalIdentity::from_parts([1; 32], Nonce(1_000)),
            receiver: LocalIdentity::from_parts([2; 32], Nonce(0)),
            network: NetworkId::default(),
        }
    }

    fn sealer(&self) -> Sealer {
        Sealer::new(self.receiver.clone(), self.network, 2)
    }
}

fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let datagrams = vectors.of("datagrams").into_iter().chain(vectors.of("reject_datagrams"));
    let datagrams =
        datagrams.map(|vector| [&[0; HEAD_LEN][..], &bytes(&vector["datagram"])].concat());
    let head = |plaintext: &Vec<u8>| {
        let cookie = if plaintext.len().is_multiple_of(2) { 1 } else { 3 };
        [&[cookie, 7, 0, 1][..], plaintext].concat()
    };
    let plaintexts = vectors.plaintexts();
    datagrams.chain(plaintexts.iter().map(head)).collect()
}

fn run(input: &[u8], seen: &mut Features) {
    let mut cursor = Cursor::new(input);
    let (form, at, flip) = (cursor.byte(), cursor.short(), cursor.byte());
    let ends = Ends::new();
    if form & 1 == 0 {
        let mut datagram = cursor.rest().to_vec();
        open(&ends, &mut datagram, seen);
        open_frame(&ends, cursor_of(input), seen);
    } else {
        let cookie = (form & 2 != 0).then_some(Cookie::from_bytes([form; COOKIE_LEN]));
        open_own(&ends, cursor.rest(), cookie, (at, flip), seen);
    }
}

/// The datagram of an input.
fn cursor_of(input: &[u8]) -> Vec<u8> {
    input.get(HEAD_LEN..).unwrap_or_default().to_vec()
}

fn open(ends: &Ends, datagram: &mut [u8], seen: &mut Features) {
    match Envelope::parse(datagram, ends.network) {
        Ok(Envelope::Sealed(sealed)) => match ends.sealer().open(sealed) {
            Ok((_, message)) => note_message("opened", &message, seen),
            Err(error) => note_open_error(&error, seen),
        },
        Ok(clear) => seen.note("clear", discriminant(&clear)),
        Err(error) => seen.note("envelope", (error.field, discriminant(&error.problem))),
    }
}

fn open_frame(ends: &Ends, mut frame: Vec<u8>, seen: &mut Features) {
    match Sealed::parse_frame(&mut frame, ends.network) {
        Ok(sealed) => seen.note("frame", sealed.sender() == ends.sender.node().public()),
        Err(error) => seen.note("frame envelope", (error.field, discriminant(&error.problem))),
    }
}

fn open_own(
    ends: &Ends,
    plaintext: &[u8],
    cookie: Option<Cookie>,
    (at, flip): (u16, u8),
    seen: &mut Features,
) {
    let whole = seal(ends, plaintext, cookie);
    let mut datagram = whole.clone();
    match Envelope::parse(&mut datagram, ends.network) {
        Err(error) => {
            assert!(whole.len() > DATAGRAM_MAX, "{error}");
            return seen.note("own", "too long");
        }
        Ok(Envelope::Sealed(sealed)) => {
            assert_eq!(sealed.cookie(), cookie.as_ref());
            let opened = ends.sealer().open(sealed);
            match (opened, codec::decode(ends.network, Bytes::copy_from_slice(plaintext))) {
                (Ok((from, message)), Ok(expected)) => {
                    assert_eq!((from, &message), (ends.sender.node(), &expected));
                    note_message("own", &message, seen);
                    seal_again(ends, &message, cookie);
                }
                (Err(OpenError::Rejected(rejected)), Err(expected)) => {
                    assert_eq!(
                        (rejected.from, rejected.undecodable),
                        (ends.sender.node(), expected)
                    );
                    note_error("own rejected", &expected, seen);
                }
                (opened, expected) => panic!("{opened:?} where {expected:?} was sealed"),
            }
        }
        Ok(clear) => panic!("{clear:?} was sealed"),
    }
    if flip != 0 {
        let mut changed = whole;
        let at = usize::from(at) % changed.len();
        changed[at] ^= flip;
        if let Ok(Envelope::Sealed(sealed)) = Envelope::parse(&mut changed, ends.network) {
            let opened = ends.sealer().open(sealed);
            let is_refused = matches!(opened, Err(OpenError::Forged | OpenError::WeakKey(_)));
            assert!(is_refused, "byte {at} changed by {flip}: {opened:?}");
        }
    }
}

/// Our own sealing makes datagrams of the length that was said, or none.
fn seal_again(ends: &Ends, message: &dht_proto::Message, cookie: Option<Cookie>) {
    let mut out = BytesMut::new();
    let to = ends.sender.node().public();
    let length = message.datagram_len();
    match ends.sealer().seal(&to, message, SealNonce([9; 24]), cookie, &mut out) {
        Ok(()) => {
            assert!(out.len() <= DATAGRAM_MAX);
            assert!(cookie.is_some() || out.len() == length, "{} bytes, not {length}", out.len());
        }
        Err(SealError::TooLong { size, .. }) => {
            assert!(cookie.is_some() || size == length);
            assert!(!message.fits_datagram() && out.is_empty());
        }
        Err(error) => panic!("{error}"),
    }
}

fn note_open_error(error: &OpenError, seen: &mut Features) {
    match error {
        OpenError::Rejected(rejected) => note_error("rejected", &rejected.undecodable, seen),
        other => seen.note("not opened", discriminant(other)),
    }
}

/// A sealed datagram, made of PROTOCOL.md and a cipher that the project does not use.
fn seal(ends: &Ends, plaintext: &[u8], cookie: Option<Cookie>) -> Vec<u8> {
    let node = ends.sender.node();
    let key = PairKey::derive(&ends.sender, &ends.receiver.node().public()).unwrap();
    let sender = [&node.public().as_bytes()[..], &node.nonce().0.to_le_bytes()].concat();
    let nonce = [5; 24];
    let network = ends.network.0.to_le_bytes();
    let cookie = cookie.map(|cookie| *cookie.as_bytes());
    let proof = cookie.as_ref().map_or(&[][..], |cookie| &cookie[..]);
    let clear = [&VERSION.to_le_bytes()[..], &network, &sender, &nonce, proof].concat();
    let payload = Payload { msg: plaintext, aad: &clear };
    let cipher = XChaCha20Poly1305::new(key.secret_bytes().into());
    let ciphertext = cipher.encrypt(&nonce.into(), payload).unwrap();
    let mut body = [field(1, &sender), field(2, &nonce)].concat();
    if !proof.is_empty() {
        body.extend(field(3, proof));
    }
    body.extend(field(4, &ciphertext));
    [&[8, 1, 21][..], &network, &field(3, &body)].concat()
}

/// A length-delimited protobuf field of up to 16,383 bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let [low, high] = [(length & 0x7f).to_le_bytes()[0], (length >> 7).to_le_bytes()[0]];
    let prefix = if high == 0 { vec![low] } else { vec![low | 0x80, high] };
    [&[number << 3 | 2][..], &prefix, bytes].concat()
}
