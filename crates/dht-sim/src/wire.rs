//! How long messages are on the wire, sealed: what `dht-proto` says, in one place.

use dht_proto::Message;
use dht_proto::limits::HELLO_LEN;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Datagram,
    Stream,
}

/// Bytes of the datagram, or of all frames, that carry `message`.
pub(crate) fn length(message: &Message, carrier: Carrier) -> usize {
    match carrier {
        Carrier::Datagram => message.datagram_len(),
        Carrier::Stream => message.stream_len(),
    }
}

/// Bytes of a `Hello`, and of its answer.
pub(crate) const HELLO: usize = HELLO_LEN;
