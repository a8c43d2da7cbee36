//! Binds what a builder describes and sets its task going.

use std::sync::Arc;

use dht_proto::seal::Sealer;
use dht_proto::{AuthorSecret, Difficulty, LocalIdentity, Moment, NodeId, Role};
use dht_routing::{Peer, Seed};
use dht_store::{DiskOptions, MemoryStore, RecordStore};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::builder::StoreChoice;
use crate::clock::Clock;
use crate::control::Control;
use crate::datagrams::Datagrams;
use crate::entropy::Entropy;
use crate::freshness::Freshness;
use crate::hooks::Hooks;
use crate::keeper::Kept;
use crate::node::Shared;
use crate::operations::Operations;
use crate::socket::Sockets;
use crate::stance::Stance;
use crate::storage::Storage;
use crate::streams::Streams;
use crate::task::{Invitation, Joining, Parts, Standing, Task};
use crate::{Node, NodeBuilder, StartError};

/// Difficulties above this are searched for on a blocking thread, in bits.
const SEARCH_INLINE_MAX: u8 = 14;

/// Starts the node that `builder` describes.
pub(crate) async fn start(builder: NodeBuilder) -> Result<Node, StartError> {
    let NodeBuilder { listen, bootstrap, network, client, difficulty, hand_over, .. } = builder;
    let NodeBuilder { identity, capacity, item_limit, store, .. } = builder;
    let NodeBuilder { data_dir, config, limits, closures, author, .. } = builder;
    let role = if client { Role::Client } else { Role::Full };
    limits.check()?;
    let sockets = Sockets::bind(listen, role == Role::Full, limits.receive_buffer)?;
    let config = config
        .role(role)
        .families(sockets.families)
        .network(network)
        .id_difficulty(difficulty)
        .item_limit(item_limit)
        .consults(closures.on_store.is_some())
        .serves(closures.on_custom.is_some())
        .delivers_broadcasts(closures.on_broadcast.is_some())
        .build()?;
    let mut entropy =
        Entropy::from_system().map_err(|error| StartError::Entropy(error.to_string()))?;
    let options = DiskOptions::default().capacity(capacity).item_limit(item_limit);
    let wants_records = role == Role::Full && matches!(store, StoreChoice::Default);
    let listens = role == Role::Full && closures.on_broadcast.is_some();
    let kept = Kept::open(data_dir, network, wants_records.then_some(options), listens).await?;
    let known = identity.or(kept.identity);
    let is_new = known.is_none();
    let local = identify(known, difficulty, role, &mut entropy).await?;
    if is_new {
        kept.keeper.save_identity(&local, network).await?;
    }

    let stance = Stance { role, families: sockets.families };
    let clock = Clock::start();
    let now = clock.now();
    let node = local.node();
    let storage = match (store, kept.records) {
        (StoreChoice::Default, Some(store)) => on_thread(node.id(), Box::new(store), now)?,
        (StoreChoice::Blocking(store), _) => on_thread(node.id(), store, now)?,
        (StoreChoice::InPlace(store), _) => Storage::in_place(node.id(), store, now),
        (StoreChoice::Default, None) => {
            let store = MemoryStore::new(capacity).with_item_limit(item_limit);
            Storage::in_place(node.id(), Box::new(store), now)
        }
    };
    let standing =
        Standing { node, addr: sockets.addr, network, receive_buffer: sockets.receive_buffer };
    let hooks = Hooks::new(node.id(), &config, closures);
    let author = author.unwrap_or_else(|| local.author_secret());
    let mut peer = Peer::new(config, node, Seed(entropy.bytes()), now);
    for ban in kept.bans {
        peer.decree(now, ban);
    }
    for heard in kept.heard {
        peer.recall_broadcast(now, heard);
    }
    let sealer = Sealer::new(local.clone(), network, limits.shared_keys);
    let freshness = Freshness::new(now);
    let time = (freshness.clone(), now);
    let datagrams = Datagrams::new(sockets.udp, sealer, entropy.fork(), stance, &limits, time);
    let time = (clock, freshness);
    let streams = Streams::new(local, network, stance, limits, entropy, time, sockets.tcp);
    let parts = Parts { clock, peer, storage, datagrams, streams, keeper: kept.keeper, hooks };
    tracing::info!(node = ?node.id(), "Listening on {}", sockets.addr);
    let invitation = Invitation { bootstrap, known: kept.contacts };
    // A client holds nothing for others.
    Ok(spawn(standing, parts, invitation, (author, hand_over && role == Role::Full)))
}

fn on_thread(
    node: NodeId,
    store: Box<dyn RecordStore>,
    now: Moment,
) -> Result<Storage, StartError> {
    Storage::on_thread(node, store, now).map_err(StartError::Thread)
}

fn spawn(
    standing: Standing,
    parts: Parts,
    invitation: Invitation,
    (author, hand_over): (AuthorSecret, bool),
) -> Node {
    let (control, orders, cancelled) = Control::new();
    let (state, joined) = watch::channel(None);
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let shared = Shared {
        identity: standing.node,
        addr: standing.addr,
        network: standing.network,
        control,
        joined,
        author,
        hand_over,
        stop: stop.clone(),
        tasks: tasks.clone(),
    };
    let task = Box::new(Task {
        parts,
        operations: Operations::default(),
        orders,
        cancelled,
        joining: Joining { operation: None, state },
        standing,
        stop,
    });
    tasks.spawn(task.run(invitation));
    tasks.close();
    Node { shared: Arc::new(shared) }
}

/// The identity that was given, if it pays for the network's difficulty, or a new one that does.
async fn identify(
    given: Option<LocalIdentity>,
    difficulty: Difficulty,
    role: Role,
    entropy: &mut Entropy,
) -> Result<LocalIdentity, StartError> {
    if let Some(local) = given {
        return if role == Role::Client || local.node().meets(difficulty) {
            Ok(local)
        } else {
            Err(StartError::WeakIdentity { bits: difficulty.bits() })
        };
    }
    // Nobody looks at the id of a client.
    let difficulty = if role == Role::Client { Difficulty::NONE } else { difficulty };
    let secret = entropy.bytes();
    if difficulty.bits() <= SEARCH_INLINE_MAX {
        return Ok(LocalIdentity::search(secret, difficulty));
    }
    tokio::task::spawn_blocking(move || LocalIdentity::search(secret, difficulty))
        .await
        .map_err(|_| StartError::Interrupted)
}
