//! Orders of the machines, carried out: the loop that `dht-node` runs on real sockets.

use dht_proto::{Held, Key, KindSet, Moment, Prefix, Record, Refusal, Stock, Summary, Terms};
use dht_routing::{Event, Input, Output, Route, Usage};
use dht_store::{MemoryStore, RecordStore, SaveError, Weighed};

use super::alarm::Ring;
use super::{Occurrence, Place, Simulation, Step};
use crate::machine::Machine;

impl<M: Machine> Simulation<M> {
    /// Gives a live node an input and carries out what follows.
    pub(super) fn feed(&mut self, place: Place, input: Input) {
        let now = self.now;
        if let Some(machine) = &mut self.nodes[place.index()].machine {
            machine.handle_input(now, input);
            self.drain(place);
        }
    }

    /// A wake-up is due. It is stale if another one was armed since, or nobody lives here any more.
    pub(super) fn wake(&mut self, place: Place, at: Moment) {
        let now = self.now;
        match self.alarms.ring(place, at, now) {
            Ring::Due => {}
            Ring::Stale => return,
            Ring::Again(due) => return self.queue.push(due, Step::Wake(place)),
        }
        let Some(machine) = &mut self.nodes[place.index()].machine else { return };
        self.trace.update([now.as_micros(), u64::from(place.0), u64::MAX, 2]);
        machine.handle_timeout(now);
        self.drain(place);
    }

    /// Carries out every order of a node and arms its next wake-up.
    pub(super) fn drain(&mut self, place: Place) {
        while let Some(output) = self.nodes[place.index()].machine.as_mut().and_then(M::poll_output)
        {
            self.carry_out(place, output);
        }
        self.arm(place);
    }

    /// One pending wake-up for each node: a new one is queued only if it is earlier.
    fn arm(&mut self, place: Place) {
        let Some(machine) = &self.nodes[place.index()].machine else { return };
        let due = machine.poll_timeout().map_or(Moment::NEVER, |due| due.max(self.now));
        if let Some(wake) = self.alarms.set(place, due) {
            self.queue.push(wake, Step::Wake(place));
        }
    }

    fn carry_out(&mut self, place: Place, output: Output) {
        match output {
            Output::Send { route, message } => match route {
                Route::Datagram(contact) => self.send_datagram(place, contact, message),
                Route::Dial(contact) => self.dial(place, contact, message),
                Route::Answer(stream) => self.answer_dial(place, stream, message),
            },
            Output::Gather { to, message, mosaic } => self.gather(place, to, message, mosaic),
            Output::Greet { addr } => self.send_hello(place, addr),
            Output::Withdraw { request } => self.withdraw_dial(place, request),
            Output::Load { ticket, key, kinds, whole_up_to } => {
                let found = self.load(place, key, kinds, whole_up_to);
                self.hand(place, Input::Loaded { ticket, found });
            }
            Output::Weigh { ticket, incoming, terms } => {
                let (existing, result) = self.weigh(place, &incoming, &terms);
                let existing = existing.map(Box::new);
                self.hand(place, Input::Weighed { ticket, existing, result });
            }
            Output::Save { ticket, record, terms } => {
                let result = self.save(place, record, terms);
                self.hand(place, Input::Saved { ticket, result });
            }
            Output::Consult { ticket, consultation } => {
                self.consult(place, ticket, &consultation);
            }
            Output::Serve { ticket, service } => self.serve(place, ticket, &service),
            Output::Event(Event::Answered { answer, .. }) => {
                let answer = Occurrence::Answered { place, answer };
                self.occurrences.push_back(answer);
            }
            Output::Event(Event::Finished { operation, outcome }) => {
                self.finish_operation(place, operation, outcome);
            }
            Output::Renew { slot, digest, terms } => {
                if let Some(store) = &mut self.nodes[place.index()].store {
                    // A store in memory has no medium that could fail, and no answer is awaited.
                    let _ = store.renew(self.now, slot, digest, terms);
                }
            }
            Output::List { ticket, from, limit } => {
                let store = self.nodes[place.index()].store.as_ref();
                let listed = store.and_then(|store| store.list(self.now, from, limit).ok());
                let entries = listed.unwrap_or_default();
                self.hand(place, Input::Listed { ticket, entries });
            }
            Output::TakeStock { ticket, parts, effort } => {
                let stocks = self.take_stock(place, &parts, effort);
                self.hand(place, Input::StockTaken { ticket, stocks });
            }
            Output::Deliver { ticket, broadcast } => {
                self.occurrences.push_back(Occurrence::Delivered(place, broadcast));
                self.hand(place, Input::Delivered { ticket, forward: true });
            }
            Output::Event(_) => {}
        }
    }

    /// Gives an input whose consequences the drain under way will see.
    pub(super) fn hand(&mut self, place: Place, input: Input) {
        let now = self.now;
        if let Some(machine) = &mut self.nodes[place.index()].machine {
            machine.handle_input(now, input);
        }
    }

    fn load(&self, place: Place, key: Key, kinds: KindSet, whole_up_to: usize) -> Option<Held> {
        let store = self.nodes[place.index()].store.as_ref()?;
        store.load(self.now, key, kinds, whole_up_to).ok().flatten()
    }

    fn weigh(
        &self,
        place: Place,
        incoming: &Summary,
        terms: &Terms,
    ) -> (Option<Summary>, Result<(), Refusal>) {
        let weighed = match &self.nodes[place.index()].store {
            Some(store) => store.weigh(self.now, incoming, terms),
            None => MemoryStore::default().weigh(self.now, incoming, terms),
        };
        // A store in memory has no medium that could fail.
        weighed.map_or((None, Ok(())), |Weighed { existing, admitted }| {
            (existing, admitted.map(|_| ()))
        })
    }

    fn take_stock(&mut self, place: Place, parts: &[Prefix], effort: usize) -> Vec<Stock> {
        let now = self.now;
        let taken = match &mut self.nodes[place.index()].store {
            Some(store) => store.take_stock(now, parts, effort),
            None => MemoryStore::default().take_stock(now, parts, effort),
        };
        // A store in memory has no medium that could fail.
        taken.unwrap_or_default()
    }

    fn save(&mut self, place: Place, record: Record, terms: Terms) -> Result<(), Refusal> {
        let now = self.now;
        let store = self.nodes[place.index()].store.get_or_insert_with(|| {
            // The holders of a record share it.
            Box::new(MemoryStore::default().sharing_values())
        });
        if store.next_expiry().is_some_and(|expiry| expiry <= now) {
            // A store in memory has no medium that could fail.
            let _ = store.expire(now);
        }
        let result = match store.save(now, record, terms) {
            Ok(_) => Ok(()),
            Err(SaveError::Refused(refusal)) => Err(refusal),
            Err(_) => Err(Refusal::StorageFailed),
        };
        self.tell_usage(place);
        result
    }

    pub(super) fn tell_usage(&mut self, place: Place) {
        let node = &mut self.nodes[place.index()];
        if let Some(machine) = &mut node.machine {
            let usage = node.store.as_deref().map(RecordStore::usage);
            let usage = usage.unwrap_or_else(|| MemoryStore::default().usage());
            let dht_store::Usage { records, bytes, capacity } = usage;
            machine.set_usage(Usage { records, bytes, capacity });
        }
    }

    /// Whether the node at `place` holds anything at `key`.
    pub fn holds(&self, place: Place, key: &Key) -> bool {
        self.load(place, *key, KindSet::ALL, 0).is_some()
    }

    /// The store of the node at `place`, live or not; `None` if it never held anything.
    pub fn store(&self, place: Place) -> Option<&MemoryStore> {
        self.nodes.get(place.index())?.store.as_deref()
    }
}
