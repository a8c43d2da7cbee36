//! Messages over streams: cut into frames, and put together again. No I/O, no clock.
//!
//! A message whose value fits a datagram is one frame. Any other is a start, which is the message
//! without the value, and parts of at most [`PART_MAX`](crate::limits::PART_MAX) bytes. Each frame is a
//! 4-byte big-endian length and one sealed datagram of at most [`FRAME_MAX`](crate::limits::FRAME_MAX) bytes.
//!
//! [`Outgoing`] yields the frames of a message, [`Channel`] seals and opens them, [`Assembly`] puts them
//! together. Where a value comes from several nodes [`Gathering`] takes the place of the last, and verifies each part
//! on its own:
//!
//! ```
//! use bytes::BytesMut;
//! use dht_proto::stream::{Assembly, Channel, Outgoing, Received};
//! use dht_proto::{envelope::SealNonce, *};
//!
//! let network = NetworkId::default();
//! let asked = LocalIdentity::search([1; 32], Difficulty::NONE);
//! let asking = LocalIdentity::search([2; 32], Difficulty::NONE);
//! let sending = Channel::new(&asking, network, asked.node()).unwrap();
//! let receiving = Channel::new(&asked, network, asking.node()).unwrap();
//!
//! let record = Record::content(Value::new(vec![7; 200_000]).unwrap());
//! let store = Request::Store { record, ttl: Ttl::default(), purpose: Purpose::Publish, expected: None };
//! let message =
//!     Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(1), body: Body::Request(store) };
//!
//! let mut assembly = Assembly::new(limits::VALUE_MAX);
//! let mut received = None;
//! for (number, frame) in Outgoing::new(message.clone()).enumerate() {
//!     let mut bytes = BytesMut::new();
//!     sending.seal(&frame, SealNonce([number as u8; 24]), &mut bytes).unwrap();
//!     let frame = receiving.open(bytes.split_off(4)).unwrap(); // after the length
//!     if let Received::Complete(unverified) = assembly.push(frame).unwrap() {
//!         received = Some(unverified.verify().unwrap());
//!     }
//! }
//! assert_eq!(received, Some(message));
//! ```

mod assembly;
mod channel;
mod frame;
mod gathering;
mod outgoing;

pub use assembly::{Assembly, AssemblyError, Received, Unverified};
pub use channel::Channel;
pub use frame::Frame;
pub(crate) use frame::{Content, Exchange, Head, Part, Start, StreamedRecord};
pub use gathering::{GatherError, Gathering, Opening};
pub use outgoing::Outgoing;

#[cfg(test)]
mod tests;
