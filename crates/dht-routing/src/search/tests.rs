//! Searches through a model of a network: nodes with tables of their own, liars among them, no time.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use dht_proto::{Difficulty, ErrorCode, Mention, Moment, NodeIdentity, Nonce, PublicKey, Referral};

use super::*;
use crate::operation::Order;
use crate::{Config, RoutingTable};

const NODES: u32 = 600;
const K: usize = 16;

fn contact(number: u32) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number));
    let [_, a, b, c] = number.to_be_bytes();
    Contact::new(node, SocketAddr::from((Ipv4Addr::new(10, a, b, c), 3_000)))
}

/// The nodes, which all met each other once, and those who lie.
struct Model {
    nodes: Vec<Contact>,
    liars: BTreeSet<NodeId>,
    /// Who answers whatever is asked that it is busy.
    busy: BTreeSet<NodeId>,
    config: Config,
    size: NetworkSize,
}

impl Model {
    fn new(paths: usize) -> Self {
        let config = Config::builder().id_difficulty(Difficulty::NONE).paths(paths);
        Self {
            nodes: (0..NODES).map(contact).collect(),
            liars: BTreeSet::new(),
            busy: BTreeSet::new(),
            config: config.build().unwrap(),
            size: NetworkSize::default(),
        }
    }

    fn table(&self, owner: &Contact) -> RoutingTable {
        let secret = u64::from(owner.node.nonce().0);
        let mut table = RoutingTable::new(owner.id(), K).with_secret(secret);
        // Who is added to the network lives in one place, which is near to nobody.
        for (number, node) in (0..).zip(&self.nodes) {
            let rtt = Duration::from_millis(if number < NODES { 50 } else { 80 });
            table.answered(Moment::EPOCH, *node, rtt);
        }
        table
    }

    /// The closest nodes but the one that searches.
    fn closest(&self, target: &Key, count: usize, lying: bool) -> Vec<Contact> {
        let is_one = |node: &&Contact| self.liars.contains(&node.id()) == lying;
        let others = self.nodes.iter().skip(1);
        let mut nodes: Vec<Contact> = others.filter(is_one).copied().collect();
        nodes.sort_unstable_by_key(|node| target.distance(&node.id()));
        nodes.truncate(count);
        nodes
    }

    /// What `to` answers about a point: a liar names only liars.
    fn ask(&self, to: &Contact, point: &Key) -> Vec<Contact> {
        if self.liars.contains(&to.id()) {
            self.closest(point, K, true)
        } else {
            self.table(to).closest(point, K, |_| true)
        }
    }

    /// Has the first node search. Returns what was found and who was asked about what.
    fn search(&mut self, target: Key, wanted: Wanted) -> (Vec<Contact>, Vec<(NodeId, Key)>) {
        let (local, mut orders) = (self.nodes[0], Vec::new());
        let table = self.table(&local);
        let mut scene = Scene {
            now: Moment::EPOCH,
            config: &self.config,
            local: local.node,
            table: &table,
            typical: Duration::from_millis(50),
            size: self.size,
            orders: &mut orders,
        };
        let lookup = scene.lookup(target, false).with_region(scene.region());
        let mut search = Search::new(&scene, lookup);
        let mut asked = Vec::new();
        loop {
            let mut waiting = Vec::new();
            while let Some((to, point)) = search.next_to_ask() {
                asked.push((to.id(), point));
                waiting.push((to, point));
            }
            if waiting.is_empty() {
                assert!(search.is_done(), "nobody is asked, and it is not done: {search:?}");
                if !search.review(&mut scene, wanted) {
                    break;
                }
            }
            for (from, point) in waiting {
                if self.busy.contains(&from.id()) {
                    let reply = Reply::Error { code: ErrorCode::Busy, text: String::new() };
                    let closer = Vec::new();
                    search.follow(&scene, &Happened::Replied { from, reply, closer });
                    continue;
                }
                let mut named = self.ask(&from, &point);
                // As the peer drops what is said of ourselves.
                named.retain(|contact| contact.node != local.node);
                let closer: Vec<Referral> =
                    named.into_iter().map(|contact| Referral { contact, rtt: None }).collect();
                let reply =
                    Reply::Nodes { closer: closer.iter().copied().map(Mention::from).collect() };
                search.follow(&scene, &Happened::Replied { from, reply, closer });
            }
        }
        for order in &orders {
            if let Order::Learn { size } = order {
                self.size.learn(*size, &table, K);
            }
        }
        (search.closest().collect(), asked)
    }

    fn honest(&self, found: &[Contact]) -> usize {
        found.iter().filter(|node| !self.liars.contains(&node.id())).count()
    }
}

fn targets() -> impl Iterator<Item = Key> {
    (0..12_u8).map(|byte| Key::named(&[byte]))
}

#[test]
fn what_is_plausible_is_found_as_by_a_plain_lookup() {
    let mut model = Model::new(1);
    for target in targets() {
        let (found, asked) = model.search(target, Wanted::Closest);
        assert_eq!(found, model.closest(&target, K, false));
        assert!(asked.len() <= 32, "{}", asked.len());
    }
    assert_ne!(model.size, NetworkSize::default(), "it has learnt");
}

#[test]
fn paths_share_no_node_and_find_the_same() {
    let mut model = Model::new(8);
    for target in targets() {
        let (found, asked) = model.search(target, Wanted::Closest);
        assert_eq!(found, model.closest(&target, K, false));
        let nodes: BTreeSet<NodeId> = asked.iter().map(|(node, _)| *node).collect();
        assert_eq!(nodes.len(), asked.len());
        assert!(asked.len() <= 64, "{}", asked.len());
    }
}

#[test]
fn who_ends_among_liars_goes_other_ways_and_finds_who_is_closest() {
    let mut model = Model::new(1);
    for target in targets() {
        // The one that is asked first lies, and so does every fifth.
        let first = model.table(&model.nodes[0]).closest(&target, 4, |_| true);
        let each_fifth = model.nodes.iter().skip(3).step_by(5).map(Contact::id);
        model.liars = each_fifth.chain(first.iter().map(Contact::id)).collect();
        model.liars.remove(&model.nodes[0].id());
        let (found, asked) = model.search(target, Wanted::Closest);
        let closest = model.closest(&target, 4, false);
        assert!(closest.iter().all(|node| found.contains(node)), "{target}");
        assert!(asked.len() <= 100, "{}", asked.len());
    }
}

#[test]
fn a_crowd_around_a_key_does_not_hide_the_honest_nodes_of_its_region() {
    for lying in [false, true] {
        for target in targets().take(4) {
            let mut model = Model::new(1);
            let near = model.closest(&target, 1, false)[0];
            let radius = target.distance(&near.id());
            let ground = (NODES..).map(contact);
            let crowd = ground.filter(|node| target.distance(&node.id()) < radius);
            let crowd: Vec<Contact> = crowd.take(40).collect();
            if lying {
                model.liars = crowd.iter().map(Contact::id).collect();
            }
            model.nodes.extend(&crowd);
            let (found, asked) = model.search(target, Wanted::Holders);
            let others = found.iter().filter(|node| !crowd.contains(node)).count();
            assert!(others >= 8, "{others} of {}", found.len());
            assert!(asked.len() <= 40 + 40, "{}", asked.len());
            let (nodes, _) = model.search(target, Wanted::Closest);
            assert_eq!(nodes.len(), K, "who asks for the closest gets them, whoever they are");
            assert!(!lying || model.honest(&nodes) == 0);
        }
    }
}

#[test]
fn a_search_of_a_crowded_region_ends_though_every_third_node_is_busy() {
    for target in targets().take(4) {
        let mut model = Model::new(1);
        let near = model.closest(&target, 1, false)[0];
        let radius = target.distance(&near.id());
        let ground = (NODES..).map(contact);
        let crowd = ground.filter(|node| target.distance(&node.id()) < radius);
        let crowd: Vec<Contact> = crowd.take(40).collect();
        model.nodes.extend(&crowd);
        model.busy = model.nodes.iter().skip(1).step_by(3).map(Contact::id).collect();
        let (found, _) = model.search(target, Wanted::Holders);
        assert!(!found.is_empty() && found.iter().all(|node| !model.busy.contains(&node.id())));
    }
}

#[test]
fn a_value_that_nobody_has_is_asked_for_on_other_ways_once() {
    let mut model = Model::new(1);
    let target = Key::named(b"nobody has it");
    let (_, plain) = model.search(target, Wanted::Versions);
    let (_, asked) = model.search(target, Wanted::Value);
    assert!(asked.len() > plain.len());
    let nodes: BTreeSet<NodeId> = asked.iter().map(|(node, _)| *node).collect();
    assert_eq!(nodes.len(), asked.len());
    assert!(asked.len() <= plain.len() + 40, "{} after {}", asked.len(), plain.len());
}

#[test]
fn a_search_in_a_network_of_few_nodes_is_plain() {
    let mut model = Model::new(8);
    for count in [1, 2, 5, 17] {
        model.nodes = (0..count).map(contact).collect();
        let (found, asked) = model.search(Key::named(b"x"), Wanted::Holders);
        let others = usize::try_from(count).unwrap() - 1;
        assert_eq!((found.len(), asked.len()), (others, others), "{count} nodes");
    }
}
