//! A shared vote: the network keeps under a name what most nodes want there.
//!
//! Every node runs the same policy (`on_store`): it notes who wants which value under a name, and lets the
//! value in place be replaced by one with more votes. Nobody counts for the others, yet all come to the same.
//! `cargo run -p dht-node --example vote`
//!
//! One node has one vote here, and a node id costs nothing but a little work. Where that is not enough, votes
//! are signed records of authors that the policy knows.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use dht_node::{Consultation, Digest, Key, Node, NodeId, Purpose, Sender, Verdict};

/// What one node has seen of every vote: who wants which value under which name.
#[derive(Default)]
struct Ballots {
    seen: Mutex<HashMap<Key, BTreeMap<Voter, Digest>>>,
}

/// This node, or another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Voter {
    Ourselves,
    Other(NodeId),
}

/// Names that are voted on at once, so that nobody can fill the memory of a node.
const NAMES_MAX: usize = 1_000;

impl Ballots {
    fn decide(&self, wanted: &Consultation) -> Verdict {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= NAMES_MAX && !seen.contains_key(&wanted.key()) {
            return Verdict::refuse("too many votes are under way");
        }
        let ballots = seen.entry(wanted.key()).or_default();
        if wanted.purpose == Purpose::Publish {
            let voter = match wanted.sender {
                Sender::Ourselves => Voter::Ourselves,
                Sender::Node { node, .. } => Voter::Other(node.id()),
            };
            ballots.insert(voter, wanted.incoming.digest);
        }
        let votes = |value| ballots.values().filter(|digest| **digest == value).count();
        let Some(existing) = wanted.existing.filter(|_| wanted.is_contested()) else {
            return Verdict::Accept;
        };
        let (new, old) = (votes(wanted.incoming.digest), votes(existing.digest));
        if new > old {
            Verdict::Replace
        } else {
            Verdict::refuse(format!("{new} votes, the value in place has {old}"))
        }
    }
}

async fn voter(through: Option<SocketAddr>) -> Result<Node, Box<dyn Error>> {
    let ballots = Arc::new(Ballots::default());
    let builder = Node::builder().listen((Ipv4Addr::LOCALHOST, 0).into()).on_store(move |wanted| {
        let verdict = ballots.decide(&wanted);
        async move { verdict }
    });
    let builder = match through {
        Some(addr) => builder.bootstrap(addr),
        None => builder,
    };
    let node = builder.start().await?;
    node.joined().await?;
    Ok(node)
}

/// Has a network vote on lunch, and returns what stands under the name after each vote.
pub(crate) async fn run() -> Result<Vec<String>, Box<dyn Error>> {
    let mut nodes = vec![voter(None).await?];
    for _ in 1..7 {
        nodes.push(voter(Some(nodes[0].local_addr())).await?);
    }
    let mut standings = Vec::new();
    for (node, choice) in nodes.iter().zip(["pizza", "salad", "salad", "soup", "pizza", "pizza"]) {
        match node.store_at("lunch", choice).await {
            Ok(report) => println!("{choice}: {} nodes agree", report.holders.len()),
            Err(error) => println!("{choice}: {error}"),
        }
        let lunch = nodes[6].fetch_at("lunch").await?.into_bytes();
        standings.push(String::from_utf8_lossy(&lunch).into_owned());
    }
    println!("lunch is {}", standings.last().map_or("nothing", String::as_str));
    Ok(standings)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    run().await.map(drop)
}
