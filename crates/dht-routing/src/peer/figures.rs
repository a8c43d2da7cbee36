//! Figures of a peer, and of what it keeps.

/// What the store holds, to be told to nodes that inspect us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Records held.
    pub records: u64,
    /// Bytes of values held.
    pub bytes: u64,
    /// Bytes of values held at most.
    pub capacity: u64,
}

/// Figures of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Status {
    /// Nodes in the routing table.
    pub contacts: usize,
    /// Operations under way.
    pub operations: usize,
    /// Requests in flight.
    pub requests: usize,
    /// Estimated number of full nodes in the network, this one included.
    pub network_size: u64,
}

/// What the upkeep of records came to since the peer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Upkeep {
    /// Requests sent for it, repetitions left out.
    pub requests: u64,
    /// Copies that other nodes lacked and have taken.
    pub handed_over: u64,
    /// Own records that were renewed.
    pub renewed: u64,
    /// Lookups made to renew them.
    pub lookups: u64,
    /// Rounds of renewing that ended.
    pub rounds: u64,
}

/// How records were told to whoever asked for them, since the peer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// Fetch requests that were answered with a record, or by saying that it is here.
    pub served: u64,
    /// Those of them that a cached copy answered.
    pub from_copies: u64,
    /// Copies that others sent, on our demand.
    pub copies: u64,
}
