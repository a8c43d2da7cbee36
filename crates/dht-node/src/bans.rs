//! With whom a node has nothing to do: what a handle may ask and say of it.

use std::time::Duration;

use dht_proto::Moment;
use dht_routing::{Offence, Peer, Suspect};
use tokio::sync::oneshot;

use crate::control::Order;
use crate::{Node, Stopped};

/// A ban in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Banned {
    /// Whose.
    pub suspect: Suspect,
    /// Time until it ends.
    pub remaining: Duration,
    /// The last of the offences that led to it; `None` if [`Node::ban`] did.
    pub offence: Option<Offence>,
}

/// A ban that does not take effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BanError {
    /// As many bans as there may be are in force.
    #[error("4,096 bans are in force, which is the limit")]
    TooMany,
    /// The node is no longer running.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Orders about bans.
#[derive(Debug)]
pub(crate) enum BanOrder {
    /// Tell those in force.
    List { reply: oneshot::Sender<Vec<Banned>> },
    /// Ban somebody.
    Ban { suspect: Suspect, time: Duration, reply: oneshot::Sender<bool> },
    /// Lift a ban.
    Lift { suspect: Suspect, reply: oneshot::Sender<bool> },
}

impl BanOrder {
    /// Carries it out. Returns whether bans have changed.
    pub(crate) fn obey(self, peer: &mut Peer, now: Moment) -> bool {
        let (done, reply) = match self {
            Self::List { reply } => {
                let bans = peer.bans(now).map(|ban| Banned {
                    suspect: ban.suspect,
                    remaining: ban.until.since(now),
                    offence: ban.offence,
                });
                // Whoever asked may be gone.
                let _ = reply.send(bans.collect());
                return false;
            }
            Self::Ban { suspect, time, reply } => (peer.ban(now, suspect, now + time), reply),
            Self::Lift { suspect, reply } => (peer.lift_ban(now, &suspect), reply),
        };
        let _ = reply.send(done);
        done
    }
}

impl Node {
    /// The nodes and subnets that this node has nothing to do with, those banned by [`ban`](Self::ban) first.
    pub async fn bans(&self) -> Result<Vec<Banned>, Stopped> {
        self.shared.control.ask(|reply| Order::Bans(BanOrder::List { reply })).await
    }

    /// Has nothing to do with a node, or with a public subnet, for `time`: it is not asked, not answered, and not
    /// named to others. A node with a data directory remembers it. Another ban of the same replaces it.
    pub async fn ban(&self, suspect: Suspect, time: Duration) -> Result<(), BanError> {
        let order = |reply| Order::Bans(BanOrder::Ban { suspect, time, reply });
        if self.shared.control.ask(order).await? { Ok(()) } else { Err(BanError::TooMany) }
    }

    /// Lifts a ban and forgets what led to it. Returns whether there was one.
    pub async fn lift_ban(&self, suspect: Suspect) -> Result<bool, Stopped> {
        self.shared.control.ask(|reply| Order::Bans(BanOrder::Lift { suspect, reply })).await
    }
}
