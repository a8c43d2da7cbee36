//! The vocabulary of the dht protocol: identifiers, records, messages, sealing and the wire codec.
//!
//! Everything here is a value. Nothing reads a clock, a socket or a source of entropy: randomness and
//! time are arguments. `proto/PROTOCOL.md` is the normative text; this crate is its Rust form.
//!
//! - identifiers: [`Key`], [`NodeId`], [`Distance`], [`NodeIdentity`], [`Contact`], [`NetworkId`];
//! - our own identity, and the search for one: [`LocalIdentity`];
//! - time: [`Moment`], [`Ttl`];
//! - records: [`Record`] of one of three [`Kind`]s, whose constructors cannot make an invalid one, and
//!   [`admit`], the rule for what may take the place of what;
//! - repair: [`Prefix`], [`Fingerprint`] and [`CellDigest`], by which holders compare what they hold;
//! - long values part by part: [`Outline`], which proves each part alone, and [`Mosaic`], which gathers them;
//! - messages to every node: [`Broadcast`];
//! - messages: [`Message`], [`Request`], [`Reply`], and how long they are on the wire;
//! - proof of an address: [`CookieJar`];
//! - sizes and counts that the protocol fixes: [`limits`].
//!
//! With the feature `codec` (default) also the wire itself, by layer:
//!
//! - `stream`: messages with long values, cut into frames and put together again;
//! - `codec`: the plaintext of messages;
//! - `seal`: messages from one node to another, authenticated and private, without a handshake;
//! - `envelope`: the clear part of datagrams and frames, read without copying.
//!
//! What it deliberately is not: a peer. Who is asked and what is kept is decided in `dht-routing`.
//!
//! ```
//! use dht_proto::{AuthorSecret, Key, Record, Salt, Sequence, SignedBody, Value};
//!
//! let value = Value::new("hello")?;
//! assert_eq!(Record::content(value.clone()).key(), Key::content(b"hello"));
//! assert_eq!(Record::named(b"greeting", value.clone()).key(), Key::named(b"greeting"));
//!
//! let secret = AuthorSecret::from_seed(&[7; 32]); // of a real author: 32 random bytes
//! let signed = Record::sign(&secret, Salt::default(), Sequence(1), SignedBody::Value(value));
//! assert_eq!(signed.key(), Key::signed(&secret.author(), &Salt::default()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admit;
mod broadcast;
#[cfg(feature = "codec")]
pub mod codec;
mod contact;
mod cookie;
#[cfg(feature = "codec")]
mod decode_error;
#[cfg(feature = "codec")]
pub mod envelope;
mod families;
mod hex;
mod identity;
mod key;
pub mod limits;
mod local;
mod message;
mod mosaic;
mod network;
mod node_id;
mod outline;
mod protobuf;
mod reconcile;
mod record;
mod referral;
mod scope;
#[cfg(feature = "codec")]
pub mod seal;
#[cfg(feature = "codec")]
pub mod stream;
mod terms;
#[cfg(all(test, feature = "codec"))]
mod testing;
mod time;
mod value;
mod x25519;

pub use admit::{Admission, admit};
pub use broadcast::{
    Broadcast, BroadcastEntry, BroadcastId, BroadcastTooLarge, BroadcastVerdict, SentAt,
};
pub use contact::Contact;
pub use cookie::{Cookie, CookieJar};
#[cfg(feature = "codec")]
pub use decode_error::{DecodeError, Problem};
pub use families::Families;
pub use hex::ParseHexError;
pub use identity::{Difficulty, NodeIdentity, Nonce, PublicKey};
pub use key::{Distance, Key};
pub use local::LocalIdentity;
pub use message::{
    BatchedOffer, Body, ErrorCode, Inspection, Load, Message, OfferAnswer, OfferDetails, Refusal,
    Reply, Request, RequestId, Role, ValueRange,
};
pub use mosaic::Mosaic;
pub use network::NetworkId;
pub use node_id::NodeId;
pub use outline::{Outline, part_count, part_range};
pub use reconcile::{Cell, CellAnswer, CellDigest, Fingerprint, Prefix, Stock};
pub use record::{
    AuthorKey, AuthorSecret, Kind, KindSet, Record, RecordError, Salt, Sequence, Signature, Signed,
    SignedBody, Slot,
};
pub use referral::{Mention, Referral, RoughRtt};
pub use scope::Scope;
pub use terms::{Custody, Held, Purpose, Source, Summary, Terms};
pub use time::{Moment, Ttl};
pub use value::{Digest, Value, ValueTooLarge};
