//! Bounds on what other nodes may cost this one in sockets, memory and time.

use std::time::Duration;

/// Bounds on what others may cost a node. The defaults suit a machine on the open internet and thousands of nodes
/// in one process alike.
///
/// Limits per address do not apply to loopback and private addresses, behind which many nodes may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub(crate) inbound_streams: usize,
    pub(crate) inbound_streams_per_address: usize,
    pub(crate) outbound_streams: usize,
    pub(crate) stream_memory: usize,
    pub(crate) stream_idle: Duration,
    pub(crate) stream_wait: Duration,
    pub(crate) stream_stall: Duration,
    pub(crate) stream_rate: u32,
    pub(crate) key_exchanges: u32,
    pub(crate) greetings: u32,
    pub(crate) shared_keys: usize,
    pub(crate) receive_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_streams: 256,
            inbound_streams_per_address: 32,
            outbound_streams: 256,
            stream_memory: 64 * 1024 * 1024,
            stream_idle: Duration::from_secs(10),
            stream_wait: Duration::from_secs(30),
            stream_stall: Duration::from_secs(10),
            stream_rate: 4 * 1024,
            key_exchanges: 2_000,
            greetings: 1_000,
            shared_keys: 1_024,
            receive_buffer: 4 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// Streams others may have open to this node at once. Default 256; past that the one idle
    /// longest is closed, or the newest if none is.
    #[must_use]
    pub fn inbound_streams(mut self, streams: usize) -> Self {
        self.inbound_streams = streams;
        self
    }

    /// Streams one public address may have open to this node at once. Default 32.
    #[must_use]
    pub fn inbound_streams_per_address(mut self, streams: usize) -> Self {
        self.inbound_streams_per_address = streams;
        self
    }

    /// Streams this node has open to others at once. Default 256; further transfers wait for one to end.
    #[must_use]
    pub fn outbound_streams(mut self, streams: usize) -> Self {
        self.outbound_streams = streams;
        self
    }

    /// Bytes of values that may be coming in by streams at once. Default 64 MiB, at least one longest
    /// value; further transfers wait.
    #[must_use]
    pub fn stream_memory(mut self, bytes: usize) -> Self {
        self.stream_memory = bytes;
        self
    }

    /// How long a stream that another node opened may be without a request. Default 10 s, then it is
    /// closed; those this node opened are closed after half of it.
    #[must_use]
    pub fn stream_idle(mut self, time: Duration) -> Self {
        self.stream_idle = time;
        self
    }

    /// How long a stream waits for its turn: for memory to take a value in, for the answer to a request.
    /// Default 30 s, then it is closed.
    #[must_use]
    pub fn stream_wait(mut self, time: Duration) -> Self {
        self.stream_wait = time;
        self
    }

    /// How long a transfer may be behind the lowest rate. Default 10 s, then its stream is closed.
    #[must_use]
    pub fn stream_stall(mut self, time: Duration) -> Self {
        self.stream_stall = time;
        self
    }

    /// Lowest rate of a transfer, in bytes a second over [`stream_stall`](Self::stream_stall). Default 4,096.
    #[must_use]
    pub fn stream_rate(mut self, bytes_per_second: u32) -> Self {
        self.stream_rate = bytes_per_second;
        self
    }

    /// Key exchanges with unknown nodes in a second, each 17 to 37 microseconds of work, before strangers
    /// must prove their address first. Default 2,000.
    #[must_use]
    pub fn key_exchanges(mut self, per_second: u32) -> Self {
        self.key_exchanges = per_second;
        self
    }

    /// Greetings answered in a second. Default 1,000; more are dropped.
    #[must_use]
    pub fn greetings(mut self, per_second: u32) -> Self {
        self.greetings = per_second;
        self
    }

    /// Keys shared with other nodes that are remembered, 64 bytes each, so that talking to those nodes costs
    /// no key exchange. Default 1,024; takes memory only as it fills.
    #[must_use]
    pub fn shared_keys(mut self, keys: usize) -> Self {
        self.shared_keys = keys;
        self
    }

    /// Receive buffer asked of the system for datagrams, in bytes. Default 4 MiB; the system may grant less.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }
}
