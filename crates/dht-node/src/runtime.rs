//! Binds what a builder describes and sets its task going.

use std::net::SocketAddr;
use std::sync::Arc;

use dht_proto::seal::Sealer;
use dht_proto::{Difficulty, LocalIdentity, Role};
use dht_routing::{Peer, Seed};
use dht_store::MemoryStore;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::control::Control;
use crate::datagrams::Datagrams;
use crate::entropy::Entropy;
use crate::node::Shared;
use crate::operations::Operations;
use crate::socket::Sockets;
use crate::stance::Stance;
use crate::storage::Storage;
use crate::streams::Streams;
use crate::task::{Joining, Parts, Standing, Task};
use crate::{Node, NodeBuilder, StartError};

/// Difficulties above this are searched for on a blocking thread, in bits.
const SEARCH_INLINE_MAX: u8 = 14;

/// Starts the node that `builder` describes.
pub(crate) async fn start(builder: NodeBuilder) -> Result<Node, StartError> {
    let role = if builder.client { Role::Client } else { Role::Full };
    let limits = builder.limits;
    limits.check()?;
    let sockets = Sockets::bind(builder.listen, role == Role::Full, limits.receive_buffer)?;
    let config = builder
        .config
        .role(role)
        .families(sockets.families)
        .id_difficulty(builder.difficulty)
        .item_limit(builder.item_limit)
        .build()?;
    let mut entropy =
        Entropy::from_system().map_err(|error| StartError::Entropy(error.to_string()))?;
    let local = identify(builder.identity, builder.difficulty, role, &mut entropy).await?;

    let (network, store) = (builder.network, builder.store);
    let store = store.unwrap_or_else(|| {
        Box::new(MemoryStore::new(builder.capacity).with_item_limit(builder.item_limit))
    });

    let stance = Stance { role, families: sockets.families };
    let clock = Clock::start();
    let now = clock.now();
    let node = local.node();
    let standing =
        Standing { node, addr: sockets.addr, network, receive_buffer: sockets.receive_buffer };
    let peer = Peer::new(config, node, Seed(entropy.bytes()), now);
    let sealer = Sealer::new(local.clone(), network, limits.shared_keys);
    let datagrams = Datagrams::new(sockets.udp, sealer, entropy.fork(), stance, &limits, now);
    let streams = Streams::new(local, network, stance, limits, entropy, sockets.tcp);
    let storage = Storage::new(node.id(), store, now);
    let parts = Parts { clock, peer, storage, datagrams, streams };
    tracing::info!(node = ?node.id(), "Listening on {}", sockets.addr);
    Ok(spawn(standing, parts, builder.bootstrap))
}

fn spawn(standing: Standing, parts: Parts, bootstrap: Vec<SocketAddr>) -> Node {
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
    tasks.spawn(task.run(bootstrap));
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
