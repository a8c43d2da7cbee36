//! Binds what a builder describes and sets its task going.

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
use crate::outbox::Outbox;
use crate::socket::Sockets;
use crate::storage::Storage;
use crate::streams::Streams;
use crate::task::{Joining, Standing, Task};
use crate::{Node, NodeBuilder, StartError};

/// Difficulties above this are searched for on a blocking thread, in bits.
const SEARCH_INLINE_MAX: u8 = 14;

/// Starts the node that `builder` describes.
pub(crate) async fn start(builder: NodeBuilder) -> Result<Node, StartError> {
    let role = if builder.client { Role::Client } else { Role::Full };
    let limits = builder.limits;
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

    let clock = Clock::start();
    let now = clock.now();
    let node = local.node();
    let peer = Peer::new(config, node, Seed(entropy.bytes()), now);
    let store = builder.store.unwrap_or_else(|| {
        Box::new(MemoryStore::new(builder.capacity).with_item_limit(builder.item_limit))
    });
    let datagrams = Datagrams::new(
        sockets.udp,
        Outbox::new(sockets.families),
        Sealer::new(local.clone(), builder.network, limits.shared_keys),
        entropy.fork(),
        &limits,
        role,
        sockets.families,
        now,
    );
    let streams =
        Streams::new(local, builder.network, role, sockets.families, limits, entropy, sockets.tcp);
    let (control, orders, cancelled) = Control::new();
    let (state, joined) = watch::channel(None);
    let stop = CancellationToken::new();
    let task = Task {
        clock,
        peer,
        storage: Storage::new(store, now),
        datagrams,
        streams,
        operations: Operations::default(),
        orders,
        cancelled,
        joining: Joining { operation: None, state },
        standing: Standing {
            node,
            addr: sockets.addr,
            network: builder.network,
            receive_buffer: sockets.receive_buffer,
        },
        stop: stop.clone(),
    };
    tracing::info!(node = ?node.id(), "Listening on {}", sockets.addr);
    let tasks = TaskTracker::new();
    tasks.spawn(task.run(builder.bootstrap));
    tasks.close();
    let shared = Shared {
        identity: node,
        addr: sockets.addr,
        network: builder.network,
        control,
        joined,
        stop,
        tasks,
    };
    Ok(Node { shared: Arc::new(shared) })
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
        .map_err(|error| StartError::Entropy(error.to_string()))
}
