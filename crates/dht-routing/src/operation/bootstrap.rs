//! Joining: greet the given addresses, then look up our own id through whoever answers, and through nodes known
//! from an earlier run (Kademlia, section 2.3).
//!
//! The lookup makes us known to our neighbours and them to us; the buckets further away are filled by
//! upkeep afterwards, so that joining costs one lookup.

use std::net::SocketAddr;

use dht_proto::{Contact, Request};

use super::{Happened, Order, Scene, TRIES, follow};
use crate::lookup::Lookup;
use crate::{BootstrapError, Bootstrapped, Outcome};

/// A bootstrap.
#[derive(Debug, Clone)]
pub(crate) struct Bootstrap {
    addrs: Vec<SocketAddr>,
    /// Addresses not heard from yet.
    waiting: Vec<SocketAddr>,
    lookup: Lookup,
}

impl Bootstrap {
    /// Greets `addrs`, and asks whoever is in the table or among those `known`.
    pub(crate) fn new(scene: &Scene<'_>, mut addrs: Vec<SocketAddr>, known: &[Contact]) -> Self {
        addrs.sort_unstable();
        addrs.dedup();
        let mut lookup = scene.lookup(scene.local.id().to_key(), false);
        for contact in known {
            lookup.add(*contact);
        }
        Self { waiting: addrs.clone(), addrs, lookup }
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
