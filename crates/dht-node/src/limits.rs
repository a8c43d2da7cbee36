//! Bounds on what other nodes may cost this one in sockets, memory and time.

use std::ops::RangeInclusive;
use std::time::Duration;

use dht_proto::limits::VALUE_MAX;
use dht_routing::ConfigError;

/// Bounds on what others may cost a node. The defaults suit a machine on the open internet and thousands of nodes
/// in one process alike.
///
/// Each has its range; [`NodeBuilder::start`](crate::NodeBuilder::start) fails for a value out of it.
///
/// Limits per address and subnet do not apply to loopback and private addresses, behind which many nodes may be, unless
/// [`spares_local`](Self::spares_local) says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub(crate) inbound_streams: usize,
    pub(crate) inbound_streams_per_address: usize,
    pub(crate) inbound_streams_per_node: usize,
    pub(crate) outbound_streams: usize,
    pub(crate) stream_memory: usize,
    pub(crate) stream_idle: Duration,
    pub(crate) stream_wait: Duration,
    pub(crate) stream_stall: Duration,
    pub(crate) stream_rate: u32,
    pub(crate) key_exchanges: u32,
    pub(crate) proven_key_exchanges: u32,
    pub(crate) node_requests: u32,
    pub(crate) subnet_datagrams: u32,
    pub(crate) datagrams: u32,
    pub(crate) spares_local: bool,
    pub(crate) greetings: u32,
    pub(crate) shared_keys: usize,
    pub(crate) receive_buffer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_streams: 256,
            inbound_streams_per_address: 32,
            inbound_streams_per_node: 16,
            outbound_streams: 256,
            stream_memory: 64 * 1024 * 1024,
            stream_idle: Duration::from_secs(10),
            stream_wait: Duration::from_secs(30),
            stream_stall: Duration::from_secs(10),
            stream_rate: 4 * 1024,
            key_exchanges: 2_000,
            proven_key_exchanges: 8_000,
            node_requests: 5_000,
            subnet_datagrams: 20_000,
            datagrams: 100_000,
            spares_local: true,
            greetings: 1_000,
            shared_keys: 4_096,
            receive_buffer: 4 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let within = |parameter, found: usize, range: RangeInclusive<usize>, text| {
            let found = if range.contains(&found) { return Ok(()) } else { found as u64 };
            Err(ConfigError { parameter, found, range: text })
        };
        let millis = |time: Duration| usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
        within("inbound_streams", self.inbound_streams, 0..=65_536, "0..=65536")?;
        let per_address = self.inbound_streams_per_address;
        within("inbound_streams_per_address", per_address, 0..=65_536, "0..=65536")?;
        let per_node = self.inbound_streams_per_node;
        within("inbound_streams_per_node", per_node, 1..=65_536, "1..=65536")?;
        within("outbound_streams", self.outbound_streams, 1..=65_536, "1..=65536")?;
        within("stream_memory", self.stream_memory, VALUE_MAX..=1 << 40, "5000000..=2^40 bytes")?;
        let hour = 1..=3_600_000;
        within("stream_idle", millis(self.stream_idle), hour.clone(), "1 ms..=1 h")?;
        within("stream_wait", millis(self.stream_wait), hour.clone(), "1 ms..=1 h")?;
        within("stream_stall", millis(self.stream_stall), hour, "1 ms..=1 h")?;
        within("shared_keys", self.shared_keys, 1..=1_000_000, "1..=1000000")?;
        within("receive_buffer", self.receive_buffer, 0..=1 << 30, "0..=2^30 bytes")
    }

    /// Streams others may have open to this node at once. Default 256; past that the one idle
    /// longest is closed, or the newest if none is.
    /// Range: 0 to 65,536.
    #[must_use]
    pub fn inbound_streams(mut self, streams: usize) -> Self {
        self.inbound_streams = streams;
        self
    }

    /// Streams one public address may have open to this node at once. Default 32.
    /// Range: 0 to 65,536.
    #[must_use]
    pub fn inbound_streams_per_address(mut self, streams: usize) -> Self {
        self.inbound_streams_per_address = streams;
        self
    }

    /// Requests that one node may have under way at once on the streams that it opened to this node, wherever they come
    /// from. Default 16; further ones wait for [`stream_wait`](Self::stream_wait), and meanwhile give way to other nodes
    /// when streams are short.
    /// Range: 1 to 65,536.
    #[must_use]
    pub fn inbound_streams_per_node(mut self, streams: usize) -> Self {
        self.inbound_streams_per_node = streams;
        self
    }

    /// Streams this node has open to others at once. Default 256; further transfers wait for one to end.
    /// Range: 1 to 65,536.
    #[must_use]
    pub fn outbound_streams(mut self, streams: usize) -> Self {
        self.outbound_streams = streams;
        self
    }

    /// Bytes of values that may be coming in by streams at once. Default 64 MiB; further transfers wait.
    /// Range: 5,000,000 bytes, the longest value, to 2^40.
    #[must_use]
    pub fn stream_memory(mut self, bytes: usize) -> Self {
        self.stream_memory = bytes;
        self
    }

    /// How long a stream that another node opened may be without a request. Default 10 s, then it is
    /// closed; those this node opened are closed after half of it.
    /// Range: 1 ms to 1 hour.
    #[must_use]
    pub fn stream_idle(mut self, time: Duration) -> Self {
        self.stream_idle = time;
        self
    }

    /// How long a stream waits for its turn: for memory to take a value in, for the answer to a request.
    /// Default 30 s, then it is closed.
    /// Range: 1 ms to 1 hour.
    #[must_use]
    pub fn stream_wait(mut self, time: Duration) -> Self {
        self.stream_wait = time;
        self
    }

    /// How long a transfer may be behind the lowest rate. Default 10 s, then its stream is closed.
    /// Range: 1 ms to 1 hour.
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

    /// Key exchanges in a second with unknown nodes that have proven their address. Default 8,000; more are
    /// dropped.
    #[must_use]
    pub fn proven_key_exchanges(mut self, per_second: u32) -> Self {
        self.proven_key_exchanges = per_second;
        self
    }

    /// Requests that one node may send in datagrams in a second. Default 5,000; more are dropped unopened, and a node
    /// that goes on so for seconds is banned for a while. Answers to our own requests do not count.
    #[must_use]
    pub fn node_requests(mut self, per_second: u32) -> Self {
        self.node_requests = per_second;
        self
    }

    /// Datagrams taken in a second from one public subnet (/24 of IPv4, /48 of IPv6). Default 20,000; more are dropped
    /// unopened, and some answered by a demand for a cookie: with cookies as many again are taken, so that whoever sends
    /// under addresses of others does not shut these out. Answers to our own requests do not count.
    #[must_use]
    pub fn subnet_datagrams(mut self, per_second: u32) -> Self {
        self.subnet_datagrams = per_second;
        self
    }

    /// Datagrams taken in a second from all public addresses together. Default 100,000; more are dropped as those of one
    /// [subnet](Self::subnet_datagrams) are.
    #[must_use]
    pub fn datagrams(mut self, per_second: u32) -> Self {
        self.datagrams = per_second;
        self
    }

    /// Whether loopback and private addresses are free of the limits per address, per subnet and on all datagrams.
    /// Default yes: many nodes may be behind one. Where anybody may join from such addresses, say no.
    #[must_use]
    pub fn spares_local(mut self, spares: bool) -> Self {
        self.spares_local = spares;
        self
    }

    /// Greetings answered in a second. Default 1,000; more are dropped.
    #[must_use]
    pub fn greetings(mut self, per_second: u32) -> Self {
        self.greetings = per_second;
        self
    }

    /// Keys shared with other nodes that are remembered, some 50 bytes each, so that talking to those nodes costs
    /// no key exchange. Default 4,096; takes memory only as it fills.
    /// Range: 1 to 1,000,000.
    #[must_use]
    pub fn shared_keys(mut self, keys: usize) -> Self {
        self.shared_keys = keys;
        self
    }

    /// Receive buffer asked of the system for datagrams, in bytes. Default 4 MiB; the system may grant less.
    /// Range: 0 to 2^30 bytes.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the documentation of a setter names as its default.
    fn documented(setter: &str) -> String {
        let source = include_str!("limits.rs");
        let end = source.find(&format!("    pub fn {setter}(")).unwrap();
        let docs = &source[..end];
        let default = docs.rfind("Default ").unwrap() + "Default ".len();
        docs[default..].split([';', '.', '\n']).next().unwrap().trim_end_matches(',').to_owned()
    }

    #[test]
    fn documented_defaults_are_those_of_the_code() {
        let limits = Limits::default();
        assert_eq!(documented("inbound_streams"), limits.inbound_streams.to_string());
        let per_address = limits.inbound_streams_per_address.to_string();
        assert_eq!(documented("inbound_streams_per_address"), per_address);
        let per_node = limits.inbound_streams_per_node.to_string();
        assert_eq!(documented("inbound_streams_per_node"), per_node);
        assert_eq!(documented("outbound_streams"), limits.outbound_streams.to_string());
        let megabytes = |bytes: usize| format!("{} MiB", bytes >> 20);
        assert_eq!(documented("stream_memory"), megabytes(limits.stream_memory));
        assert_eq!(documented("receive_buffer"), megabytes(limits.receive_buffer));
        let seconds = |time: Duration| format!("{} s", time.as_secs());
        let first = |text: String| text.split(',').next().map(str::to_owned).unwrap();
        assert_eq!(first(documented("stream_idle")), seconds(limits.stream_idle));
        assert_eq!(first(documented("stream_wait")), seconds(limits.stream_wait));
        assert_eq!(first(documented("stream_stall")), seconds(limits.stream_stall));
        let number = |text: String| text.replace(',', "");
        assert_eq!(number(documented("stream_rate")), limits.stream_rate.to_string());
        assert_eq!(number(documented("key_exchanges")), limits.key_exchanges.to_string());
        let proven = number(documented("proven_key_exchanges"));
        assert_eq!(proven, limits.proven_key_exchanges.to_string());
        assert_eq!(number(documented("node_requests")), limits.node_requests.to_string());
        let of_subnet = number(documented("subnet_datagrams"));
        assert_eq!(of_subnet, limits.subnet_datagrams.to_string());
        assert_eq!(number(documented("datagrams")), limits.datagrams.to_string());
        assert_eq!(documented("spares_local").starts_with("yes"), limits.spares_local);
        assert_eq!(number(documented("greetings")), limits.greetings.to_string());
        assert_eq!(number(documented("shared_keys")), limits.shared_keys.to_string());
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_range() {
        assert_eq!(Limits::default().check(), Ok(()));

        let error = Limits::default().outbound_streams(0).check().unwrap_err();
        assert_eq!(error.to_string(), "outbound_streams is 0, must be 1..=65536");
        let error = Limits::default().stream_stall(Duration::ZERO).check().unwrap_err();
        assert_eq!(error.to_string(), "stream_stall is 0, must be 1 ms..=1 h");
        assert!(Limits::default().stream_memory(VALUE_MAX - 1).check().is_err());
    }
}
