//! The handle of a running node.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dht_proto::{
    AuthorKey, AuthorSecret, Contact, Inspection, Key, Kind, KindSet, NetworkId, NodeId,
    NodeIdentity, Record, Salt, Sequence, SignedBody, Slot, Value,
};
use dht_routing::{Bootstrapped, BroadcastReport, Command, Outcome, Ponged, StoreReport};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::{Control, Order};
use crate::socket::destination;
use crate::storage::Job as StoreJob;
use crate::{
    BroadcastError, FetchError, ForgetError, Found, InspectError, JoinError, LookupError,
    NodeBuilder, NodeStatus, PingError, Place, Stopped, StoreError, StoreOptions, StoredKey,
};

/// Values longer than this are hashed on a blocking thread, not in the caller's task, in bytes.
const HASH_INLINE_MAX: usize = 256 * 1024;

/// A node that hands over what it holds stops after this long in any case.
const LEAVE_MAX: Duration = Duration::from_secs(15);

/// Records asked of the store at a time.
const LIST_PAGE: usize = 1_024;

/// A running node. Cheap to clone; the node stops when [`stop`](Self::stop) is called or the last
/// handle is dropped.
///
/// Dropping the future of an operation cancels the operation, down to its requests under way.
#[derive(Debug, Clone)]
pub struct Node {
    pub(crate) shared: Arc<Shared>,
}

/// How the first attempt to join went, once it has ended.
pub(crate) type JoinState = Option<Result<Bootstrapped, JoinError>>;

/// What the handles of one node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: NodeIdentity,
    pub(crate) addr: SocketAddr,
    pub(crate) network: NetworkId,
    pub(crate) control: Control,
    pub(crate) joined: watch::Receiver<JoinState>,
    /// Whose broadcasts this node sends.
    pub(crate) author: AuthorSecret,
    /// Whether a node that stops hands over what it holds.
    pub(crate) hand_over: bool,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Node {
    /// Starts to describe a node.
    pub fn builder() -> NodeBuilder {
        NodeBuilder::default()
    }

    /// The node's id.
    pub fn id(&self) -> NodeId {
        self.shared.identity.id()
    }

    /// The node's public key, nonce and id.
    pub fn identity(&self) -> NodeIdentity {
        self.shared.identity
    }

    /// The address the node listens on, with the port the system chose where 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The network the node belongs to.
    pub fn network(&self) -> NetworkId {
        self.shared.network
    }

    /// Waits for the end of the first attempt to join: at most 5 seconds when nobody answers. A node
    /// without bootstrap addresses has joined at once, with no contacts: it is the first of its network.
    /// After a failure the node goes on trying by itself.
    pub async fn joined(&self) -> Result<Bootstrapped, JoinError> {
        let mut joined = self.shared.joined.clone();
        match joined.wait_for(Option::is_some).await {
            Ok(state) => state.clone().unwrap_or(Err(JoinError::Stopped(Stopped))),
            Err(_) => Err(JoinError::Stopped(Stopped)),
        }
    }

    /// Stores a value at its content key for seven days. Refused before anything is sent if the value is
    /// longer than 5,000,000 bytes.
    pub async fn store(&self, value: impl Into<Bytes>) -> Result<StoreReport, StoreError> {
        self.store_with(value, StoreOptions::default()).await
    }

    /// [`store`](Self::store) with a life of its own.
    pub async fn store_with(
        &self,
        value: impl Into<Bytes>,
        options: StoreOptions,
    ) -> Result<StoreReport, StoreError> {
        let value = Value::new(value)?;
        let record = hashed(value, Record::content).await?;
        self.store_record(record, options).await
    }

    /// Stores a value under a name, or at a key, for seven days. The same value again renews its life;
    /// another one is refused as long as the first lives.
    pub async fn store_at(
        &self,
        place: impl Into<Place>,
        value: impl Into<Bytes>,
    ) -> Result<StoreReport, StoreError> {
        self.store_at_with(place, value, StoreOptions::default()).await
    }

    /// [`store_at`](Self::store_at) with a life of its own.
    pub async fn store_at_with(
        &self,
        place: impl Into<Place>,
        value: impl Into<Bytes>,
        options: StoreOptions,
    ) -> Result<StoreReport, StoreError> {
        let key = place.into().key();
        let value = Value::new(value)?;
        let record = hashed(value, move |value| Record::at(key, value)).await?;
        self.store_record(record, options).await
    }

    /// Signs a value as version `sequence` of the author's record under `salt` and stores it for seven
    /// days. It replaces every version of a lower sequence; with `expected`, only that very one (0 for
    /// none).
    pub async fn publish(
        &self,
        secret: &AuthorSecret,
        salt: Salt,
        sequence: Sequence,
        value: impl Into<Bytes>,
        expected: Option<Sequence>,
    ) -> Result<StoreReport, StoreError> {
        let options = StoreOptions { expected, ..StoreOptions::default() };
        self.publish_with(secret, salt, sequence, value, options).await
    }

    /// [`publish`](Self::publish) with a life of its own.
    pub async fn publish_with(
        &self,
        secret: &AuthorSecret,
        salt: Salt,
        sequence: Sequence,
        value: impl Into<Bytes>,
        options: StoreOptions,
    ) -> Result<StoreReport, StoreError> {
        let value = Value::new(value)?;
        let secret = secret.clone();
        let sign = move |value| Record::sign(&secret, salt, sequence, SignedBody::Value(value));
        let record = hashed(value, sign).await?;
        self.store_record(record, options).await
    }

    /// Signs the deletion of the author's record under `salt` as version `sequence` and stores it. Whoever
    /// resolves the record learns that it was deleted, as long as the deletion lives.
    pub async fn retract(
        &self,
        secret: &AuthorSecret,
        salt: Salt,
        sequence: Sequence,
        options: StoreOptions,
    ) -> Result<StoreReport, StoreError> {
        let record = Record::sign(secret, salt, sequence, SignedBody::Deleted);
        self.store_record(record, options).await
    }

    /// Stores a record made beforehand, of any kind.
    pub async fn store_record(
        &self,
        record: Record,
        options: StoreOptions,
    ) -> Result<StoreReport, StoreError> {
        let command = Command::Store { record, ttl: options.ttl, expected: options.expected };
        match self.shared.control.operate(command).await? {
            Outcome::Stored(report) => StoreError::check(report),
            _ => Err(StoreError::Stopped(Stopped)),
        }
    }

    /// Fetches the value that `key` proves: a content value by its hash, or a signed one. A value that
    /// lives at the key under a name alone is not returned: see [`fetch_at`](Self::fetch_at).
    pub async fn fetch(&self, key: Key) -> Result<Found, FetchError> {
        self.fetch_kinds(key, KindSet::PROVEN).await
    }

    /// Fetches the value under a name, or at a chosen key: the one that most holders agree on.
    pub async fn fetch_at(&self, place: impl Into<Place>) -> Result<Found, FetchError> {
        let key = place.into().key();
        self.fetch_kinds(key, KindSet::only(Kind::Named)).await
    }

    /// Fetches the newest version of the author's record under `salt`.
    pub async fn resolve(&self, author: &AuthorKey, salt: &Salt) -> Result<Found, FetchError> {
        self.resolve_key(Key::signed(author, salt)).await
    }

    /// Fetches the newest version of the signed record at `key`, whoever its author is.
    pub async fn resolve_key(&self, key: Key) -> Result<Found, FetchError> {
        self.fetch_kinds(key, KindSet::only(Kind::Signed)).await
    }

    /// The sequence to publish next: one above the highest that is found of the author's record under
    /// `salt`, a deletion included; 1 if there is none. Another publisher may take it first: the higher
    /// digest of two versions of one sequence wins.
    pub async fn next_sequence(
        &self,
        author: &AuthorKey,
        salt: &Salt,
    ) -> Result<Sequence, FetchError> {
        let highest = match self.resolve(author, salt).await {
            Ok(found) => found.sequence(),
            Err(FetchError::Deleted { sequence }) => sequence,
            Err(FetchError::NotFound | FetchError::OtherKind { .. }) => Sequence(0),
            Err(error) => return Err(error),
        };
        Ok(Sequence(highest.0.saturating_add(1)))
    }

    async fn fetch_kinds(&self, key: Key, kinds: KindSet) -> Result<Found, FetchError> {
        match self.shared.control.operate(Command::Fetch { key, kinds }).await? {
            Outcome::Fetched(Ok(fetched)) => Found::of(fetched),
            Outcome::Fetched(Err(error)) => Err(error.into()),
            _ => Err(FetchError::Stopped(Stopped)),
        }
    }

    /// Finds the nodes closest to a point that answer, closest first: at most k.
    pub async fn find_node(&self, target: Key) -> Result<Vec<Contact>, LookupError> {
        match self.shared.control.operate(Command::FindNode { target }).await? {
            Outcome::Nodes(nodes) => Ok(nodes),
            _ => Err(LookupError::Stopped(Stopped)),
        }
    }

    /// Finds where the node `id` is: a contact that has just answered, or `None` if nobody knows it or it
    /// does not answer.
    pub async fn locate(&self, id: NodeId) -> Result<Option<Contact>, LookupError> {
        match self.shared.control.operate(Command::Locate { id }).await? {
            Outcome::Located(contact) => Ok(contact),
            _ => Err(LookupError::Stopped(Stopped)),
        }
    }

    /// Asks whether a node of this network is at an address, and who it is.
    pub async fn ping(&self, addr: SocketAddr) -> Result<Ponged, PingError> {
        match self.shared.control.operate(Command::Ping { addr: destination(addr) }).await? {
            Outcome::Ponged(Ok(ponged)) => Ok(ponged),
            Outcome::Ponged(Err(unanswered)) => Err(PingError::NoAnswer { addr: unanswered.addr }),
            _ => Err(PingError::Stopped(Stopped)),
        }
    }

    /// Asks the node at an address what it tells of itself.
    pub async fn inspect(
        &self,
        addr: SocketAddr,
    ) -> Result<(NodeIdentity, Inspection), InspectError> {
        match self.shared.control.operate(Command::Inspect { addr: destination(addr) }).await? {
            Outcome::Inspected(Ok(inspected)) => Ok(inspected),
            Outcome::Inspected(Err(unanswered)) => {
                Err(InspectError::NoAnswer { addr: unanswered.addr })
            }
            _ => Err(InspectError::Stopped(Stopped)),
        }
    }

    /// Sends a message of at most 65,536 bytes to every node of the network, signed by this node's
    /// [author key](Self::author). It arrives at the closure that each of them was given with
    /// [`NodeBuilder::on_broadcast`], at each once; not at this node's own.
    ///
    /// Returns as soon as those that it was sent to have confirmed; they, and the repair of what is lost, carry it on.
    /// With the default parameters every honest node is reached within some seconds even where a tenth of all packets
    /// is lost and a tenth of the nodes keeps messages to itself. Others take ten messages and 256,000 bytes a second
    /// of one author; so does this node: past that the call fails.
    ///
    /// ```
    /// # use dht_node::Node;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
    /// let listener = Node::builder()
    ///     .listen(([127, 0, 0, 1], 0).into())
    ///     .on_broadcast(move |message| {
    ///         let arrived = arrived.clone();
    ///         async move { drop(arrived.send(message).await) }
    ///     })
    ///     .start()
    ///     .await?;
    /// let speaker = Node::builder()
    ///     .listen(([127, 0, 0, 1], 0).into())
    ///     .bootstrap(listener.local_addr())
    ///     .start()
    ///     .await?;
    /// speaker.joined().await?;
    ///
    /// assert_eq!(speaker.broadcast("hello, everybody").await?.acknowledged, 1);
    /// let message = arrivals.recv().await.expect("it arrives");
    /// assert_eq!((message.author(), &message.payload()[..]), (&speaker.author(), &b"hello, everybody"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn broadcast(
        &self,
        payload: impl Into<Bytes>,
    ) -> Result<BroadcastReport, BroadcastError> {
        let secret = self.shared.author.clone();
        let command = Command::Broadcast { secret, payload: payload.into() };
        match self.shared.control.operate(command).await? {
            Outcome::Broadcast(Ok(report)) => Ok(report),
            Outcome::Broadcast(Err(error)) => Err(error.into()),
            _ => Err(BroadcastError::Stopped(Stopped)),
        }
    }

    /// Whose name this node's broadcasts carry: the key given with [`NodeBuilder::author`], or one of the node's own.
    pub fn author(&self) -> AuthorKey {
        self.shared.author.author()
    }

    /// Figures of this node: what it knows, holds, moved and dropped.
    pub async fn info(&self) -> Result<NodeStatus, Stopped> {
        self.shared.control.ask(|reply| Order::Status { reply }).await
    }

    /// The nodes in the routing table, furthest bucket first.
    pub async fn peers(&self) -> Result<Vec<Contact>, Stopped> {
        self.shared.control.ask(|reply| Order::Contacts { reply }).await
    }

    /// The records in this node's own store, in the order of their keys. The list is as long as the store;
    /// [`stored_keys_from`](Self::stored_keys_from) gives it page by page.
    pub async fn stored_keys(&self) -> Result<Vec<StoredKey>, Stopped> {
        let mut all: Vec<StoredKey> = Vec::new();
        let mut from = Some(Slot::FIRST);
        while let Some(slot) = from {
            let page = self.list(slot, LIST_PAGE).await?;
            let is_last = page.len() < LIST_PAGE;
            from = page.last().filter(|_| !is_last).and_then(|last| last.slot().next());
            all.extend(page);
        }
        Ok(all)
    }

    /// At most `limit` records of this node's own store from `from` on (inclusive), in the order of keys.
    pub async fn stored_keys_from(
        &self,
        from: Key,
        limit: usize,
    ) -> Result<Vec<StoredKey>, Stopped> {
        self.list(Slot { key: from, ..Slot::FIRST }, limit).await
    }

    async fn list(&self, from: Slot, limit: usize) -> Result<Vec<StoredKey>, Stopped> {
        let (now, page) = self
            .shared
            .control
            .ask(|reply| Order::Store(StoreJob::List { from, limit, reply }))
            .await?;
        Ok(page.iter().map(|summary| StoredKey::of(summary, now)).collect())
    }

    /// Drops the record of `kind` at `key` from this node's own store, and tells whether there was one. Other
    /// holders keep theirs, and this node may be given it again; a mirror fetches it again in its next round. What this node published is renewed no more.
    pub async fn forget(&self, key: Key, kind: Kind) -> Result<bool, ForgetError> {
        let slot = Slot { key, kind };
        let removed =
            self.shared.control.ask(|reply| Order::Store(StoreJob::Remove { slot, reply })).await?;
        removed.map_err(|_| ForgetError::StoreFailed)
    }

    /// Whether the node runs: from its start until it was stopped.
    pub fn is_running(&self) -> bool {
        self.shared.control.is_open() && !self.shared.stop.is_cancelled()
    }

    /// Waits until the node has stopped: every task ended, every socket closed.
    pub async fn stopped(&self) {
        self.shared.tasks.wait().await;
    }

    /// Stops the node and waits for it: records that others are to hold from now on are handed over first, which
    /// takes ten seconds at most ([`NodeBuilder::hand_over`]); then operations under way end with an error, and
    /// streams are closed. Dropping the future cuts the handing over short, and stops the node all the same.
    pub async fn stop(&self) {
        let stop = self.shared.stop.clone().drop_guard();
        if self.shared.hand_over && self.is_running() {
            let leaving = self.shared.control.operate(Command::Leave);
            // Whatever comes of it, the node stops.
            if let Ok(Ok(Outcome::Left { handed_over })) = timeout(LEAVE_MAX, leaving).await {
                tracing::info!(node = ?self.id(), copies = handed_over, "Handed over");
            }
        }
        drop(stop);
        self.stopped().await;
    }

    /// Ends the node like a loss of power: nothing is told to anybody, nothing is handed over. For tests of
    /// what a network survives; [`stop`](Self::stop) is how to leave.
    pub fn abort(&self) {
        self.shared.stop.cancel();
    }
}

/// Makes a record of a value, which takes the time of hashing it.
async fn hashed(
    value: Value,
    make: impl FnOnce(Value) -> Record + Send + 'static,
) -> Result<Record, StoreError> {
    if value.len() <= HASH_INLINE_MAX {
        return Ok(make(value));
    }
    tokio::task::spawn_blocking(move || make(value)).await.map_err(|_| StoreError::Stopped(Stopped))
}
