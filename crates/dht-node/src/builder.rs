//! How a node is described before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

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
    pub(crate) store: StoreChoice,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) hand_over: bool,
    pub(crate) config: ConfigBuilder,
    pub(crate) limits: Limits,
}

/// Where records are kept.
pub(crate) enum StoreChoice {
    /// In the data directory, or in memory without one.
    Default,
    /// In a store of the application that is called in the node's task.
    InPlace(Box<dyn RecordStore>),
    /// In one that may block.
    Blocking(Box<dyn RecordStore>),
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
            store: StoreChoice::Default,
            data_dir: None,
            hand_over: true,
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

    /// Who the node is. Default: who it was before, if it has a [data directory](Self::data_dir), else a new
    /// identity at every start, searched for in about a millisecond at the default difficulty.
    pub fn identity(mut self, identity: LocalIdentity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Directory in which the node keeps its identity, its routing table and its records, to go on from there
    /// at its next start. Default none: a node that stops forgets everything.
    ///
    /// It is made if it is not there, for its owner alone, and one node at a time can use it. A file in it that
    /// is damaged is renamed, never deleted; the log tells so, at error level, and the node starts without it.
    /// An [identity](Self::identity) or [store](Self::store) given besides is used instead of what the
    /// directory holds.
    ///
    /// ```
    /// # use dht_node::Node;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path();
    /// let describe = || Node::builder().listen(([127, 0, 0, 1], 0).into()).data_dir(path);
    /// let node = describe().start().await?;
    /// let (id, key) = (node.id(), node.store("kept").await?.key);
    /// node.stop().await;
    ///
    /// let node = describe().start().await?;
    /// assert_eq!(node.id(), id);
    /// assert_eq!(node.fetch(key).await?.into_bytes(), "kept");
    /// # Ok(())
    /// # }
    /// ```
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Whether [`Node::stop`] hands over what the node holds to those who are to hold it from now on. Default
    /// true. A node that will be back in a moment, with its [data directory](Self::data_dir), may save itself the
    /// traffic.
    pub fn hand_over(mut self, hand_over: bool) -> Self {
        self.hand_over = hand_over;
        self
    }

    /// Whether the node is a mirror: it keeps a copy of every record of the network that it can learn of, as far
    /// as its [`capacity`](Self::capacity) goes and no node takes more than its fair share of that. Default false.
    /// How far it is tells [`NodeStatus::mirror`](crate::NodeStatus::mirror). What [`Node::forget`] drops is
    /// fetched again in the next round.
    ///
    /// The copies are brought up to date in rounds; [`ConfigBuilder::mirror_interval`] says how often, and
    /// [`ConfigBuilder::upkeep_requests`] and [`ConfigBuilder::upkeep_bytes`] what they may cost.
    pub fn mirror(mut self, mirrors: bool) -> Self {
        self.config = self.config.mirror(mirrors);
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

    /// Where records are kept. Called in the node's task, so it must not wait for anything: see
    /// [`blocking_store`](Self::blocking_store). Default: in the [data directory](Self::data_dir), else in
    /// memory, within [`capacity`](Self::capacity).
    pub fn store(mut self, store: Box<dyn RecordStore>) -> Self {
        self.store = StoreChoice::InPlace(store);
        self
    }

    /// Where records are kept, for stores that wait for a disk or another machine. Called on a thread of its
    /// own: changes that come in while it is at work are made together and flushed once, and reported only
    /// after that. What comes in faster than it works is refused as busy.
    pub fn blocking_store(mut self, store: Box<dyn RecordStore>) -> Self {
        self.store = StoreChoice::Blocking(store);
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
