//! A custom request to one node, or to the nodes closest to a key: found first, then asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use dht_proto::{Contact, NodeId, Reply, Request};

use super::find::LOCATE_ALPHA;
use super::{Happened, Order, Scene, TRIES, follow, tries_of};
use crate::Outcome;
use crate::custom::{Answer, AnswerError, CustomReport, Recipient};
use crate::lookup::Lookup;

/// How far the request has come.
#[derive(Debug, Clone)]
enum Stage {
    /// Who is at an address?
    Greeting(SocketAddr),
    /// Where is the node?
    Locating(Box<Lookup>, NodeId),
    /// Which nodes are closest to the key?
    Searching(Box<Lookup>),
    /// What do they answer?
    Asking,
}

/// A custom request under way.
#[derive(Debug, Clone)]
pub(crate) struct Custom {
    payload: Bytes,
    stage: Stage,
    waiting: BTreeMap<NodeId, Contact>,
    report: CustomReport,
}

impl Custom {
    pub(crate) fn new(scene: &Scene<'_>, to: Recipient, payload: Bytes) -> Self {
        let mut waiting = BTreeMap::new();
        let stage = match to {
            Recipient::Addr(addr) => Stage::Greeting(addr),
            Recipient::Contact(contact) => {
                waiting.insert(contact.id(), contact);
                Stage::Asking
            }
            Recipient::Node(id) => {
                if let Some(entry) = scene.table.entry(&id) {
                    waiting.insert(id, entry.contact());
                    Stage::Asking
                } else {
                    let lookup = scene.lookup(id.to_key(), false).with_alpha(LOCATE_ALPHA);
                    Stage::Locating(Box::new(lookup), id)
                }
            }
            Recipient::Closest(key) => {
                let lookup = scene.lookup(key, false).with_region(scene.region());
                Stage::Searching(Box::new(lookup))
            }
        };
        Self { payload, stage, waiting, report: CustomReport::default() }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        if matches!(happened, Happened::Expired) {
            return self.give_up(scene);
        }
        match &mut self.stage {
            Stage::Greeting(addr) => match happened {
                Happened::Started => scene.order(Order::Greet(*addr)),
                Happened::Greeted(contact) => self.ask(scene, vec![contact]),
                Happened::Silent(_) => self.finish(scene),
                _ => {}
            },
            Stage::Locating(lookup, id) => {
                follow(scene, lookup, &happened);
                match happened {
                    Happened::Replied { from, .. } if from.id() == *id => {
                        self.ask(scene, vec![from]);
                    }
                    _ if advance(scene, lookup) => self.finish(scene),
                    _ => {}
                }
            }
            Stage::Searching(lookup) => {
                follow(scene, lookup, &happened);
                if advance(scene, lookup) {
                    let closest = lookup.closest().collect();
                    self.ask(scene, closest);
                }
            }
            Stage::Asking => self.asked(scene, happened),
        }
    }

    fn asked(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match happened {
            Happened::Started => {
                let known = self.waiting.values().copied().collect();
                return self.ask(scene, known);
            }
            Happened::Replied { from, reply: Reply::Custom { payload }, .. } => {
                self.answered(scene, &from.id(), Ok(payload));
            }
            Happened::Replied { from, reply: Reply::Error { code, text }, .. } => {
                self.answered(scene, &from.id(), Err(AnswerError::of(code, &text)));
            }
            Happened::Failed(id) => self.answered(scene, &id, Err(AnswerError::NoAnswer)),
            _ => return,
        }
        if self.waiting.is_empty() {
            self.finish(scene);
        }
    }

    fn ask(&mut self, scene: &mut Scene<'_>, nodes: Vec<Contact>) {
        self.stage = Stage::Asking;
        self.report.asked = nodes.len();
        for to in nodes {
            self.waiting.insert(to.id(), to);
            scene.ask(to, Request::Custom { payload: self.payload.clone() }, TRIES);
        }
        if self.waiting.is_empty() {
            self.finish(scene);
        }
    }

    fn answered(&mut self, scene: &mut Scene<'_>, id: &NodeId, result: Result<Bytes, AnswerError>) {
        if let Some(from) = self.waiting.remove(id) {
            self.report.answered += usize::from(result.is_ok());
            scene.order(Order::Tell(Box::new(Answer { from, result })));
        }
    }

    fn give_up(&mut self, scene: &mut Scene<'_>) {
        for id in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.answered(scene, &id, Err(AnswerError::NoAnswer));
        }
        self.finish(scene);
    }

    fn finish(&self, scene: &mut Scene<'_>) {
        scene.finish(Outcome::Custom(self.report));
    }
}

/// Asks on. Returns whether the lookup is done.
fn advance(scene: &mut Scene<'_>, lookup: &mut Lookup) -> bool {
    let target = lookup.target();
    while let Some(to) = lookup.next_to_ask() {
        let tries = tries_of(lookup.answers());
        scene.ask(to, Request::FindNode { target }, tries);
    }
    lookup.is_done()
}
