//! The vocabulary of the dht protocol: identifiers, records, messages, sealing and the wire codec.
//!
//! Everything here is a value. Nothing reads a clock, a socket or a source of entropy: randomness and
//! time are arguments. `proto/PROTOCOL.md` is the normative text; this crate is its Rust form.
//!
//! - identifiers: [`Key`], [`NodeId`], [`Distance`], [`NodeIdentity`], [`Contact`], [`NetworkId`];
//! - time: [`Moment`], [`Ttl`];
//! - records: [`Record`] of one of three [`Kind`]s, whose constructors cannot make an invalid one, and
//!   [`admit`], the rule for what may take the place of what;
//! - messages: [`Message`], [`Request`], [`Reply`];
//! - [`seal`]: authenticated encryption between two nodes, without a handshake;
//! - `codec` (feature `codec`): envelopes, frames and messages to and from bytes.
//!
//! What it deliberately is not: a peer. Who is asked and what is kept is decided in `dht-routing`.
//!
//! ```
//! use dht_proto::{Key, Record, Value};
//!
//! let value = Value::new("hello").unwrap();
//! let record = Record::content(value);
//! assert_eq!(record.key(), Key::content(b"hello"));
//! ```

mod admit;
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
mod network;
mod node_id;
mod protobuf;
mod record;
mod scope;
#[cfg(feature = "codec")]
pub mod seal;
#[cfg(feature = "codec")]
pub mod stream;
#[cfg(all(test, feature = "codec"))]
mod testing;
mod time;
mod value;

pub use admit::{Admission, Held, Purpose, Summary, Terms, admit};
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
    Body, ErrorCode, Inspection, Message, OfferDetails, Refusal, Reply, Request, RequestId, Role,
    ValueRange,
};
pub use network::NetworkId;
pub use node_id::NodeId;
pub use record::{
    AuthorKey, AuthorSecret, Kind, KindSet, Record, RecordError, Salt, Sequence, Signature, Signed,
    SignedBody, Slot,
};
pub use scope::Scope;
pub use time::{Moment, Ttl};
pub use value::{Digest, Value, ValueTooLarge};
