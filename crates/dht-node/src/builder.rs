//! How a node is described before it starts.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use dht_proto::{AuthorSecret, Broadcast, Difficulty, LocalIdentity, NetworkId, NodeIdentity};
use dht_routing::{Config, ConfigBuilder, Consultation, Served, Service, Verdict};
use dht_store::RecordStore;

use crate::forward::Forward;
use crate::hooks::{Closures, hook};
use crate::socket::destination;
use crate::{Limits, Node, Protocol, StartError};

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
    pub(crate) closures: Closures,
    pub(crate) author: Option<AuthorSecret>,
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
            closures: Closures::default(),
            author: None,
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

    /// Whether the node takes part in spreading content that is in demand: it keeps copies, for minutes, of what it is
    /// asked for again and again and of what it fetched, and leaves such copies with others after a fetch. Default
    /// true. Whoever asks a node learns by its copies what it has read lately; without them it keeps that to itself,
    /// and fetches anew each time.
    pub fn caches(mut self, caches: bool) -> Self {
        self.config = self.config.caches(caches);
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

    /// Asks the application before the node keeps a record, whoever sends it: a publisher, another holder, this
    /// node itself. Default: nobody is asked, and what the rules of the protocol admit is kept.
    ///
    /// The closure sees who sends what, until when it is to live, and what is in its place
    /// ([`Consultation`]); it accepts, refuses with a reason that reaches the publisher's
    /// [`StoreReport`](crate::StoreReport), or, where another value lives under the name, lets it be replaced
    /// ([`Verdict`]). A value of more than 900 bytes is only offered at first: then the closure is asked
    /// without it, and again once it has come. What it says about this node's own publications is about the copy
    /// kept here; the other holders decide for themselves. It is not asked twice about a request that was
    /// repeated because an answer was lost, but it is asked again when holders compare what they keep, so what it
    /// decides should follow from the record and not from the number of calls.
    ///
    /// Calls run side by side, each in a task of its own, and never hold up the node. One that takes longer than
    /// three seconds ([`verdict_time`](ConfigBuilder::verdict_time)) is stopped, one past 256 at once
    /// ([`consultations`](ConfigBuilder::consultations)) is not started, and one that panics is over: the record is
    /// not kept, its sender is told that the node is busy, or that the policy failed. [`Node::info`] counts these.
    /// The closure must not block its thread: work that does belongs into `tokio::task::spawn_blocking`.
    ///
    /// A network that keeps nothing but JSON under 10 kB:
    ///
    /// ```
    /// # use dht_node::{Node, Verdict};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let node = Node::builder()
    ///     .listen(([127, 0, 0, 1], 0).into())
    ///     .on_store(async |record| {
    ///         if record.size() > 10_000 {
    ///             return Verdict::refuse("values have at most 10 kB here");
    ///         }
    ///         match record.value() {
    ///             Some(value) if serde_json::from_slice::<serde::de::IgnoredAny>(value.as_bytes()).is_err() => {
    ///                 Verdict::refuse("values are JSON here")
    ///             }
    ///             _ => Verdict::Accept,
    ///         }
    ///     })
    ///     .start()
    ///     .await?;
    ///
    /// assert_eq!(node.store(r#"{"answer": 42}"#).await?.holders, [node.id()]);
    /// let error = node.store("not JSON").await.unwrap_err();
    /// assert_eq!(error.to_string(), "stored by 0 of 1: 1 refused by policy: values are JSON here");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// One that lets only a list of authors write:
    ///
    /// ```
    /// # use dht_node::{AuthorSecret, Kind, Node, Salt, Sequence, Verdict};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let secret = AuthorSecret::from_seed(&[7; 32]); // of a real author: 32 random bytes
    /// let authors = [secret.author()];
    /// let node = Node::builder()
    ///     .listen(([127, 0, 0, 1], 0).into())
    ///     .on_store(move |record| {
    ///         let verdict = match (record.kind(), record.author()) {
    ///             (Kind::Signed, Some(author)) if !authors.contains(&author) => {
    ///                 Verdict::refuse("not one of our authors")
    ///             }
    ///             // Of a record that is only offered so far the author is not known yet.
    ///             (Kind::Signed, _) => Verdict::Accept,
    ///             _ => Verdict::refuse("only signed records are kept here"),
    ///         };
    ///         async move { verdict }
    ///     })
    ///     .start()
    ///     .await?;
    ///
    /// assert!(node.store("anybody's").await.is_err());
    /// let salt = Salt::new("news")?;
    /// assert!(node.publish(&secret, salt, Sequence(1), "ours", None).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// One that counts votes for a name is the example `vote` of this crate. What a policy does to a network of
    /// thousands of nodes is told by the simulator: see the example `policy` of dht-sim.
    pub fn on_store<F>(mut self, policy: impl Fn(Consultation) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Verdict> + Send + 'static,
    {
        self.closures.on_store = Some(hook(policy));
        self
    }

    /// Answers custom requests: what [`Node::custom`] of other nodes sends to this one. Default: whoever asks is
    /// told at once that nobody answers here.
    ///
    /// The closure gets who asks and up to 65,536 bytes ([`Service`]), and gives back as many, or a text of up
    /// to 200 bytes that says why not. A request that was repeated because an answer was lost is not handed to
    /// it again: the first answer is sent once more. What must never run twice, even if somebody recorded the
    /// request and sends it again later, carries a number of its own in the payload.
    ///
    /// Calls run side by side, each in a task of its own, and never hold up the node. One that takes longer than
    /// ten seconds ([`service_time`](ConfigBuilder::service_time)) is stopped, 256 run at once
    /// ([`services`](ConfigBuilder::services)), one that panics or returns too much is over: the asker is told,
    /// and [`Node::info`] counts. The closure must not block its thread: work that does belongs into
    /// `tokio::task::spawn_blocking`. A [client](Self::client) is asked by nobody.
    ///
    /// ```
    /// # use dht_node::Node;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let clock = Node::builder()
    ///     .listen(([127, 0, 0, 1], 0).into())
    ///     .on_custom(async |request| match &request.payload[..] {
    ///         b"what time is it?" => Ok("noon".into()),
    ///         _ => Err("I only tell the time".to_owned()),
    ///     })
    ///     .start()
    ///     .await?;
    /// let asker = Node::builder().listen(([127, 0, 0, 1], 0).into()).start().await?;
    ///
    /// assert_eq!(asker.custom(clock.local_addr(), "what time is it?").await?, "noon");
    /// let error = asker.custom(clock.local_addr(), "who are you?").await.unwrap_err();
    /// assert_eq!(error.to_string(), "failed: I only tell the time");
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_custom<F>(mut self, answer: impl Fn(Service) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Served> + Send + 'static,
    {
        self.closures.on_custom = Some(hook(answer));
        self
    }

    /// [`on_custom`](Self::on_custom) for an application that has types for what it asks and answers. What does not
    /// read as a request is answered by the reason why.
    pub fn on_request<P, F>(
        self,
        answer: impl Fn(P::Request, NodeIdentity) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: Protocol,
        F: Future<Output = Result<P::Answer, String>> + Send + 'static,
    {
        let answer = Arc::new(answer);
        self.on_custom(move |service| {
            let answer = Arc::clone(&answer);
            async move {
                let request = P::decode_request(&service.payload)?;
                let answer = answer(request, service.from);
                answer.await.map(|answer| P::encode_answer(&answer))
            }
        })
    }

    /// Gives the application every broadcast of other nodes, each once, verified to be of its
    /// [author](Broadcast::author). The closure returns nothing, or says by [`Forward`] whether the node hands the
    /// broadcast on. Default: broadcasts are handed on, and nobody here gets them.
    ///
    /// A node that joins, or whose network was down, hears what was sent in the four minutes before, too, as far as others
    /// kept it (256 broadcasts, 4 MiB), about in the order in which it was sent, and never anything older than ten
    /// minutes: [`Broadcast::sent`] tells when it was sent. What arrived before the node last started, or
    /// was sent by it, does not arrive again if the node has a [data directory](Self::data_dir), but for the last
    /// half second before it was killed; without one it may. [`Broadcast::id`] tells.
    ///
    /// Calls run side by side, each in a task of its own, and never hold up the node. What the closure says counts
    /// if it comes within a second; after that the broadcast is handed on. A call that takes longer than ten seconds
    /// is stopped, and past 256 at once none is started, so that the application misses a broadcast:
    /// [`Node::info`] counts these. One that panics has the broadcast handed on. The closure must not block its
    /// thread: work that does belongs into `tokio::task::spawn_blocking`. A [client](Self::client) gets none.
    pub fn on_broadcast<F>(
        mut self,
        closure: impl Fn(Arc<Broadcast>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output: Into<Forward>> + Send + 'static,
    {
        self.closures.on_broadcast = Some(hook(move |broadcast| {
            let answer = closure(broadcast);
            async move { answer.await.into() }
        }));
        self
    }

    /// Whose name the node's broadcasts carry. Default: a key of the node's own, which stays the same as long as its
    /// identity does, and does not tell which node it belongs to.
    pub fn author(mut self, secret: AuthorSecret) -> Self {
        self.author = Some(secret);
        self
    }

    /// Parameters of the peer: k, alpha, how many operations may run, and the others of [`ConfigBuilder`].
    /// Role, families, difficulty and item limit are set by this builder whatever is set here, and whether the
    /// application is asked.
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
