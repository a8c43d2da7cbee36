//! A protocol of one step: every operation asks everybody it knows once and ends with the last answer.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use dht_proto::{
    Body, Contact, Custody, Families, Key, Load, Mention, Message, Moment, NodeIdentity, Purpose,
    Refusal, Reply, Request, RequestId, Role, Source, Terms,
};
use dht_routing::{
    Bootstrapped, Busy, Command, Event, Input, OperationId, Outcome, Output, Ponged, Route,
    StoreReport, StreamId, Ticket, Unanswered, Usage, Via,
};

use crate::Machine;

pub(super) const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub(super) struct Parrot {
    node: NodeIdentity,
    contacts: Vec<Contact>,
    pub(super) heard: Vec<Contact>,
    pub(super) progress: usize,
    outputs: VecDeque<Output>,
    operations: BTreeMap<u64, Running>,
    asked: BTreeMap<RequestId, u64>,
    saving: Option<(StreamId, Message)>,
    next: u64,
}

#[derive(Debug, Clone)]
struct Running {
    kind: Kind,
    waiting: usize,
    found: Vec<Contact>,
    refused: Vec<Refusal>,
    due: Moment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Join,
    Ping(SocketAddr),
    Find,
    Store(Key),
    Wait,
}

impl Parrot {
    pub(super) fn new(node: NodeIdentity) -> Self {
        Self {
            node,
            contacts: Vec::new(),
            heard: Vec::new(),
            progress: 0,
            outputs: VecDeque::new(),
            operations: BTreeMap::new(),
            asked: BTreeMap::new(),
            saving: None,
            next: 1,
        }
    }

    fn message(&mut self, body: Body) -> Message {
        self.next += 1;
        let id = RequestId(self.next);
        Message { role: Role::Full, families: Families::V4, load: Load::NONE, id, body }
    }

    fn ask(&mut self, operation: u64, route: Route, request: Request) {
        let message = self.message(Body::Request(request));
        self.asked.insert(message.id, operation);
        self.outputs.push_back(Output::Send { route, message });
    }

    fn finish(&mut self, operation: u64) {
        let Some(running) = self.operations.remove(&operation) else { return };
        let outcome = match running.kind {
            Kind::Join => Outcome::Bootstrapped(Ok(Bootstrapped { contacts: self.contacts.len() })),
            Kind::Ping(addr) => Outcome::Ponged(
                running
                    .found
                    .first()
                    .map(|contact| Ponged {
                        node: contact.node,
                        rtt: Duration::ZERO,
                        observed: addr,
                    })
                    .ok_or(Unanswered { addr }),
            ),
            Kind::Find => Outcome::Nodes(running.found),
            Kind::Store(key) => Outcome::Stored(StoreReport {
                key,
                holders: running.found.iter().map(Contact::id).collect(),
                refused: running.refused.into_iter().map(|why| (self.node.id(), why)).collect(),
                timed_out: 0,
                requests: 1,
            }),
            Kind::Wait => return,
        };
        let operation = OperationId(operation);
        self.outputs.push_back(Output::Event(Event::Finished { operation, outcome }));
    }

    fn answered(&mut self, id: RequestId, by: Option<Contact>, refusal: Option<Refusal>) {
        let Some(operation) = self.asked.remove(&id) else { return };
        let Some(running) = self.operations.get_mut(&operation) else { return };
        running.found.extend(by);
        running.refused.extend(refusal);
        running.waiting -= 1;
        if running.waiting == 0 {
            self.finish(operation);
        }
    }

    fn greeted(&mut self, contact: Contact) {
        if !self.contacts.contains(&contact) {
            self.contacts.push(contact);
        }
        let waiting: Vec<(u64, Kind)> =
            self.operations.iter().map(|(id, running)| (*id, running.kind)).collect();
        for (operation, kind) in waiting {
            match kind {
                Kind::Join => self.finish(operation),
                Kind::Ping(addr) if addr == contact.addr && self.asked.is_empty() => {
                    self.ask(operation, Route::Datagram(contact), Request::Ping);
                }
                _ => {}
            }
        }
    }

    fn requested(&mut self, now: Moment, from: NodeIdentity, via: Via, message: Message) {
        let (reply, source) = match (&message.body, via) {
            (Body::Request(Request::Ping), Via::Datagram { source, .. }) => {
                (Reply::Pong { observed: source }, source)
            }
            (Body::Request(Request::FindNode { .. }), Via::Datagram { source, .. }) => {
                let closer = self.contacts.iter().copied().map(Mention::from).collect();
                (Reply::Nodes { closer }, source)
            }
            (Body::Request(Request::Store { record, .. }), Via::Inbound { stream, .. }) => {
                let terms = Terms {
                    expires: now + Duration::from_mins(10),
                    purpose: Purpose::Publish,
                    custody: Custody::Holder,
                    source: Source::LOCAL,
                    expected: None,
                    replaces: false,
                };
                let record = record.clone();
                self.outputs.push_back(Output::Save { ticket: Ticket(1), record, terms });
                self.saving = Some((stream, message));
                return;
            }
            _ => return,
        };
        let message = Message { body: Body::Reply(reply), ..message };
        let route = Route::Datagram(Contact::new(from, source));
        self.outputs.push_back(Output::Send { route, message });
    }
}

impl Machine for Parrot {
    fn handle_input(&mut self, now: Moment, input: Input) {
        match input {
            Input::Received { from, via, message } => match &message.body {
                Body::Request(_) => self.requested(now, from, via, message),
                Body::Reply(reply) => {
                    self.heard
                        .extend(reply.closer().iter().map(|mention| mention.referral().contact));
                    let refusal = match reply {
                        Reply::Refused { refusal, .. } => Some(refusal.clone()),
                        _ => None,
                    };
                    let by = match via {
                        Via::Datagram { source, .. } => Some(Contact::new(from, source)),
                        _ => self.contacts.first().copied().filter(|_| refusal.is_none()),
                    };
                    self.answered(message.id, by, refusal);
                }
            },
            Input::Greeted { addr, node } => self.greeted(Contact::new(node, addr)),
            Input::Unreachable { request } => self.answered(request, None, None),
            Input::Progressed { .. } => self.progress += 1,
            Input::Saved { result, .. } => {
                let Some((stream, message)) = self.saving.take() else { return };
                let closer = Vec::new();
                let reply = match result {
                    Ok(()) => Reply::Stored { closer },
                    Err(refusal) => Reply::Refused { refusal, closer },
                };
                let message = Message { body: Body::Reply(reply), ..message };
                self.outputs.push_back(Output::Send { route: Route::Answer(stream), message });
            }
            Input::Loaded { .. }
            | Input::Weighed { .. }
            | Input::Listed { .. }
            | Input::StockTaken { .. }
            | Input::Delivered { .. }
            | Input::Consulted { .. }
            | Input::Served { .. }
            | Input::Gathered { .. }
            | Input::Misbehaved { .. } => {}
        }
    }

    fn handle_command(&mut self, now: Moment, command: Command) -> Result<OperationId, Busy> {
        self.next += 1;
        let operation = self.next;
        let contacts = self.contacts.clone();
        let mut running = Running {
            kind: Kind::Wait,
            waiting: 1,
            found: Vec::new(),
            refused: Vec::new(),
            due: Moment::NEVER,
        };
        match command {
            Command::Bootstrap { addrs, .. } => {
                running.kind = Kind::Join;
                self.outputs.extend(addrs.into_iter().map(|addr| Output::Greet { addr }));
            }
            Command::Ping { addr } => {
                running.kind = Kind::Ping(addr);
                running.due = now + TIMEOUT;
                self.outputs.push_back(Output::Greet { addr });
            }
            Command::FindNode { target } => {
                running.kind = Kind::Find;
                running.due = now + TIMEOUT;
                running.waiting = contacts.len();
                for contact in contacts {
                    self.ask(operation, Route::Datagram(contact), Request::FindNode { target });
                }
            }
            Command::Store { record, ttl, .. } => {
                running.kind = Kind::Store(record.key());
                if let Some(contact) = contacts.first() {
                    let purpose = Purpose::Publish;
                    let request = Request::Store { record, ttl, purpose, expected: None };
                    self.ask(operation, Route::Dial(*contact), request);
                }
            }
            _ => {
                let requests: Vec<RequestId> = self.asked.keys().copied().collect();
                self.outputs
                    .extend(requests.into_iter().map(|request| Output::Withdraw { request }));
            }
        }
        self.operations.insert(operation, running);
        Ok(OperationId(operation))
    }

    fn handle_timeout(&mut self, now: Moment) {
        let due: Vec<u64> = self
            .operations
            .iter()
            .filter(|(_, running)| running.due <= now)
            .map(|(operation, _)| *operation)
            .collect();
        for operation in due {
            self.finish(operation);
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Moment> {
        self.operations.values().map(|running| running.due).min().filter(|due| *due < Moment::NEVER)
    }

    fn visit_contacts(&self, visit: &mut dyn FnMut(Contact)) {
        self.contacts.iter().copied().for_each(visit);
    }

    fn set_usage(&mut self, _usage: Usage) {}
}
