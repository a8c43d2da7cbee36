//! Joining: greet the given addresses, then look up our own id through whoever answers, and through nodes known
//! from an earlier run (Kademlia, section 2.3).
//!
//! The lookup makes us known to our neighbours and them to us; the buckets further away are filled by
//! upkeep afterwards, so that joining costs one lookup. Who knows k nodes from an earlier run needs only a few
//! answers to be back: all of these nodes are pinged soon, its neighbours first, which costs a fifth of asking
//! them whom they know. So a network that restarts as a whole does not choke on its own lookups.

use std::net::SocketAddr;

use dht_proto::{Contact, Request};

use super::{Happened, Order, Scene, TRIES, follow};
use crate::lookup::Lookup;
use crate::{BootstrapError, Bootstrapped, Outcome};

/// Closest nodes that must answer whoever knows enough nodes already.
const ANSWERS_WARM: usize = 4;

/// A bootstrap.
#[derive(Debug, Clone)]
pub(crate) struct Bootstrap {
    addrs: Vec<SocketAddr>,
    /// Addresses not heard from yet.
    waiting: Vec<SocketAddr>,
    lookup: Lookup,
    /// Nodes to begin again with if none of the few that are asked first answers.
    more: Vec<Contact>,
}

impl Bootstrap {
    /// Greets `addrs`, and asks whoever is in the table or among those `known`.
    pub(crate) fn new(scene: &Scene<'_>, mut addrs: Vec<SocketAddr>, known: &[Contact]) -> Self {
        addrs.sort_unstable();
        addrs.dedup();
        let is_warm = known.len() >= scene.config.k;
        let k = scene.config.k;
        let (count, more) =
            if is_warm { (ANSWERS_WARM.min(k), known.to_vec()) } else { (k, Vec::new()) };
        Self { waiting: addrs.clone(), addrs, lookup: begun(scene, count, known), more }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: &Happened) {
        match happened {
            Happened::Started => {
                for addr in &self.addrs {
                    scene.orders.push(Order::Greet(*addr));
                }
            }
            Happened::Greeted(contact) => {
                self.heard(contact.addr);
                if contact.id() != scene.local.id() {
                    self.lookup.add(*contact);
                }
            }
            Happened::Silent(addr) => self.heard(*addr),
            _ => {}
        }
        follow(scene, &mut self.lookup, happened);
        self.advance(scene);
    }

    fn heard(&mut self, addr: SocketAddr) {
        self.waiting.retain(|waiting| *waiting != addr);
    }

    fn advance(&mut self, scene: &mut Scene<'_>) {
        if self.lookup.is_done() && self.lookup.answers() == 0 && !self.more.is_empty() {
            self.lookup = begun(scene, scene.config.k, &std::mem::take(&mut self.more));
        }
        let target = self.lookup.target();
        while let Some(to) = self.lookup.next_to_ask() {
            let tries = if self.lookup.answers() == 0 { TRIES } else { 1 };
            scene.ask(to, Request::FindNode { target }, tries);
        }
        if !self.lookup.is_done() {
            return;
        }
        if self.lookup.answers() > 0 {
            let contacts = scene.table.len();
            scene.finish(Outcome::Bootstrapped(Ok(Bootstrapped { contacts })));
        } else if self.waiting.is_empty() {
            let tried = self.addrs.clone();
            scene.finish(Outcome::Bootstrapped(Err(BootstrapError::NoAnswer { tried })));
        }
    }
}

/// A lookup of so many nodes around us, from the table and those `known`.
fn begun(scene: &Scene<'_>, count: usize, known: &[Contact]) -> Lookup {
    let mut lookup = scene.lookup_of(scene.local.id().to_key(), count);
    for contact in known {
        lookup.add(*contact);
    }
    lookup
}
