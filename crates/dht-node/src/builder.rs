//! How a node is described before it starts.

use std::net::{Ipv4Addr, SocketAddr};

use dht_proto::{Difficulty, LocalIdentity, NetworkId};
use dht_routing::{Config, ConfigBuilder};
use dht_store::RecordStore;

use crate::socket::destination;
use crate::{Limits, Node, StartError};

/// Bytes of records a node holds unless told otherwise.
const CAPACITY_DEFAULT: u64 = 500_000_000;

/// Describes a node; [`start`](Self::start) runs it.
#[must_use]
pub struct NodeBuilder {
    pub(crate) listen: SocketAddr,
    pub(crate) bootstrap: Vec<SocketAddr>,
    pub(crate) network: NetworkId,
    pub(crate) client: bool,
    pub(crate) difficulty: Difficulty,
    pub(crate) identity: Option<LocalIdentity>,
    pub(crate) capacity: u64,
    pub(crate) item_limit: usize,
    pub(crate) store: Option<Box<dyn RecordStore>>,
    pub(crate) config: ConfigBuilder,
    pub(crate) limits: Limits,
}

impl Default for NodeBuilder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 3000)),
            bootstrap: Vec::new(),
            network: NetworkId::default(),
            client: false,
            difficulty: Difficulty::DEFAULT,
            identity: None,
            capacity: CAPACITY_DEFAULT,
            item_limit: dht_proto::limits::VALUE_MAX,
            store: None,
            config: Config::builder(),
            limits: Limits::default(),
        }
    }
}

impl NodeBuilder {
    /// Address to listen on, for datagrams and streams alike. Default 0.0.0.0:3000; port 0 lets the
    /// system choose; `[::]` serves IPv6 and IPv4.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.listen = addr;
        self
    }

    /// Address of a node to join the network through; may be called repeatedly. Default none: the node is
    /// the first of its network. `0.0.0.0` and `[::]` mean this machine.
    pub fn bootstrap(mut self, addr: SocketAddr) -> Self {
        self.bootstrap.push(destination(addr));
        self
    }

    /// Name of the network. Nodes of different networks ignore each other. Default `main`.
    pub fn network(mut self, name: &str) -> Self {
        self.network = NetworkId::named(name);
        self
    }

    /// Whether the node only asks: it holds no records, answers nobody's requests, is in no table. Default
    /// false.
    pub fn client(mut self, client: bool) -> Self {
        self.client = client;
        self
    }

    /// Zero bits an id's hash must start with: the same for every node of a network. Default 12.
    pub fn id_difficulty(mut self, difficulty: Difficulty) -> Self {
        self.difficulty = difficulty;
        self
    }

    /// Who the node is. Default: a new identity at every start, searched for in about a millisecond at the
    /// default difficulty.
    pub fn identity(mut self, identity: LocalIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Bytes of records held at most in the default store. Default 500,000,000.
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Longest value kept for others, in bytes: at most, and by default, 5,000,000.
    pub fn item_limit(mut self, bytes: usize) -> Self {
        self.item_limit = bytes;
        self
    }

    /// Where records are kept. Default: in memory, within [`capacity`](Self::capacity).
    pub fn store(mut self, store: Box<dyn RecordStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Parameters of the peer: k, alpha, how many operations may run, and the others of [`ConfigBuilder`].
    /// Role, families, difficulty and item limit are set by this builder whatever is set here.
    pub fn config(mut self, set: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Self {
        self.config = set(self.config);
        self
    }

    /// Bounds on what others may cost this node.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the node. Returns once its sockets are bound; joining goes on in the background, see
    /// [`Node::joined`]. Must be called within a tokio runtime with I/O and time enabled.
    pub async fn start(self) -> Result<Node, StartError> {
        crate::runtime::start(self).await
    }
}
