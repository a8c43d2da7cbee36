//! One question to the node at an address: a ping, or what it tells of itself.

use std::net::SocketAddr;

use dht_proto::{Contact, Moment, Reply, Request};

use super::{Happened, Order, Scene, TRIES};
use crate::{Outcome, Ponged, Unanswered};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Ping,
    Inspect,
}

/// A greeting, then one request.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    question: Question,
    addr: SocketAddr,
    asked: Moment,
}

impl Exchange {
    pub(crate) fn new(scene: &Scene<'_>, question: Question, addr: SocketAddr) -> Self {
        Self { question, addr, asked: scene.now }
    }

    pub(crate) fn handle(&mut self, scene: &mut Scene<'_>, happened: Happened) {
        match happened {
            Happened::Started => scene.order(Order::Greet(self.addr)),
            Happened::Greeted(contact) => self.ask(scene, contact),
            Happened::Replied { from, reply, .. } => self.replied(scene, &from, reply),
            Happened::Silent(_) | Happened::Failed(_) => self.unanswered(scene),
            Happened::Slow(_)
            | Happened::Late(_)
            | Happened::Loaded(_)
            | Happened::StockTaken(_)
            | Happened::Listed(_)
            | Happened::Saved(_)
            | Happened::Ruled(_)
            | Happened::Gathered(..)
            | Happened::Awake
            | Happened::Expired => {}
        }
    }

    fn ask(&mut self, scene: &mut Scene<'_>, to: Contact) {
        self.asked = scene.now;
        let request = match self.question {
            Question::Ping => Request::Ping,
            Question::Inspect => Request::Inspect,
        };
        scene.ask(to, request, TRIES);
    }

    fn replied(&self, scene: &mut Scene<'_>, from: &Contact, reply: Reply) {
        match (self.question, reply) {
            (Question::Ping, Reply::Pong { observed }) => {
                let rtt = scene.now.since(self.asked);
                let ponged = Ponged { node: from.node, rtt, observed };
                scene.finish(Outcome::Ponged(Ok(ponged)));
            }
            (Question::Inspect, Reply::Inspection(inspection)) => {
                scene.finish(Outcome::Inspected(Ok((from.node, inspection))));
            }
            _ => self.unanswered(scene),
        }
    }

    fn unanswered(&self, scene: &mut Scene<'_>) {
        let unanswered = Unanswered { addr: self.addr };
        scene.finish(match self.question {
            Question::Ping => Outcome::Ponged(Err(unanswered)),
            Question::Inspect => Outcome::Inspected(Err(unanswered)),
        });
    }
}
