//! The application on a node: what it is asked, and its answer in its own time.

use dht_routing::{Consultation, Input, Service, Ticket};

use super::{Place, Simulation, Step};
use crate::machine::Machine;

/// An answer that is to come, for whoever lives at a place then if it is still the same node.
#[derive(Debug, Clone)]
pub(super) struct Thought {
    place: Place,
    epoch: u32,
    input: Input,
}

impl<M: Machine> Simulation<M> {
    /// Asks the application about a record.
    pub(super) fn consult(&mut self, place: Place, ticket: Ticket, consultation: &Consultation) {
        let verdict = self.policy.as_ref().map(|policy| policy(place, consultation));
        self.answer_later(place, Input::Consulted { ticket, verdict });
    }

    /// Has the application answer a request.
    pub(super) fn serve(&mut self, place: Place, ticket: Ticket, service: &Service) {
        let answer = match &self.handler {
            Some(handler) => handler(place, service),
            None => Err("no application".to_owned()),
        };
        self.answer_later(place, Input::Served { ticket, answer });
    }

    fn answer_later(&mut self, place: Place, input: Input) {
        if self.thinking.is_zero() {
            return self.hand(place, input);
        }
        let epoch = self.nodes[place.index()].epoch;
        let slot = self.thoughts.insert(Thought { place, epoch, input });
        self.queue.push(self.now + self.thinking, Step::Thought(slot));
    }

    pub(super) fn thought(&mut self, slot: u32) {
        let Some(Thought { place, epoch, input }) = self.thoughts.take(slot) else { return };
        if self.nodes[place.index()].epoch == epoch {
            self.feed(place, input);
        }
    }
}
