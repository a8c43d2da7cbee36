//! A peer in an arbitrary world.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    AuthorSecret, Body, Broadcast, BroadcastEntry, BroadcastVerdict, Contact, Families, Held, Key,
    KindSet, Message, Moment, Record, Referral, Refusal, Reply, Request, RequestId, Role, RoughRtt,
    SentAt, Ttl, Value,
};
use proptest::prelude::*;

use super::{config, contact, identity, outputs, peer, pong};
use crate::{
    Command, Input, OperationId, Output, Peer, Recipient, Route, StreamId, Ticket, Verdict, Via,
};

/// One of the things a hostile or confused world can do to a peer.
#[derive(Debug, Clone, Copy)]
enum Act {
    Command(u8),
    Reply(u8, u8, u32),
    Request(u8, u32),
    Effect(u64, bool),
    Decide(u64, u8),
    Greeted(u32),
    Unreachable(u8),
    Progressed(u8),
    Cancel(u64),
    Wait(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        any::<u8>().prop_map(Act::Command),
        (any::<u8>(), any::<u8>(), 0..40_u32).prop_map(|(a, b, c)| Act::Reply(a, b, c)),
        (any::<u8>(), 0..40_u32).prop_map(|(a, b)| Act::Request(a, b)),
        (0..60_u64, any::<bool>()).prop_map(|(a, b)| Act::Effect(a, b)),
        (0..60_u64, any::<u8>()).prop_map(|(a, b)| Act::Decide(a, b)),
        (0..40_u32).prop_map(Act::Greeted),
        any::<u8>().prop_map(Act::Unreachable),
        any::<u8>().prop_map(Act::Progressed),
        (0..60_u64).prop_map(Act::Cancel),
        (0..10_000_u32).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 0..120)
}

fn record(choice: u8) -> Record {
    let size = if choice & 64 == 0 { 10 } else { 2_000 };
    let value = Value::new(vec![choice & 3; size]).unwrap();
    if choice & 4 == 0 { Record::content(value) } else { Record::named(&[choice & 3], value) }
}

fn command(choice: u8) -> Command {
    let addr: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 1_000 + u16::from(choice % 8)));
    let record = record(choice);
    let custom = |to| {
        let payload = vec![1; usize::from(choice) * 20].into();
        Command::Custom { to, payload, patience: Duration::from_secs(5) }
    };
    match choice % 10 {
        9 => Command::Broadcast {
            secret: AuthorSecret::from_seed(&[choice & 1; 32]),
            payload: vec![choice; if choice & 64 == 0 { 10 } else { 2_000 }].into(),
        },
        0 => Command::Bootstrap {
            addrs: vec![addr],
            known: vec![contact(choice.into(), "127.0.0.1:1003")],
        },
        6 => Command::Leave,
        7 => custom(Recipient::Addr(addr)),
        8 => custom(match choice & 1 {
            0 => Recipient::Closest(record.key()),
            _ => Recipient::Node(identity(choice.into()).id()),
        }),
        1 => Command::FindNode { target: Key::named(&[choice]) },
        2 => Command::Ping { addr },
        3 => Command::Inspect { addr },
        4 => Command::Store { record, ttl: Ttl::default(), expected: None },
        _ => Command::Fetch { key: record.key(), kinds: KindSet::ALL },
    }
}

fn request(choice: u8) -> Request {
    let record = record(choice);
    let (ttl, purpose, expected) = (Ttl::default(), dht_proto::Purpose::Publish, None);
    let details = dht_proto::OfferDetails::of(&record);
    match choice % 14 {
        11 => Request::Broadcast { broadcast: broadcast(choice), depth: u16::from(choice) * 2 },
        12 => Request::CompareBroadcasts { held: vec![broadcast(choice).id(); 3] },
        13 => Request::PullBroadcast { id: broadcast(choice).id() },
        0 => Request::Ping,
        10 => Request::Custom { payload: vec![2; usize::from(choice)].into() },
        1 => Request::FindNode { target: record.key() },
        2 => Request::Fetch { key: record.key(), kinds: KindSet::ALL },
        3 => Request::Offer { details, ttl, purpose, expected },
        4 => Request::Store { record, ttl, purpose, expected },
        5 => Request::Download { slot: record.slot(), range: dht_proto::ValueRange::WHOLE },
        6 => Request::OfferMany { purpose, offers: vec![dht_proto::BatchedOffer { details, ttl }] },
        7 => {
            let digest = dht_proto::CellDigest::of([]);
            let prefix = dht_proto::Prefix::of(&record.key(), u16::from(choice));
            Request::Reconcile { cells: vec![dht_proto::Cell { prefix, digest }] }
        }
        8 => Request::List { from: record.slot() },
        _ => Request::Inspect,
    }
}

fn broadcast(choice: u8) -> Arc<Broadcast> {
    let size = if choice & 64 == 0 { 10 } else { 2_000 };
    let secret = AuthorSecret::from_seed(&[choice & 1; 32]);
    let sent = SentAt(u64::from(choice & 7));
    Arc::new(Broadcast::sign(&secret, sent, vec![0; size].into()).unwrap())
}

fn reply(choice: u8, about: u32) -> Reply {
    let record = record(choice);
    let closer = vec![
        contact(about, "127.0.0.1:1003").into(),
        Referral {
            contact: contact(about + 1, "127.0.0.1:1004"),
            rtt: Some(RoughRtt::new(Duration::from_millis(about.into()))),
        },
    ];
    let details = dht_proto::OfferDetails::of(&record);
    let ttl = Ttl::default();
    match choice % 17 {
        14 => {
            let verdicts = [BroadcastVerdict::Wanted, BroadcastVerdict::Have];
            let verdicts = verdicts.into_iter().cycle().take(about as usize % 4).collect();
            let more = vec![BroadcastEntry { id: broadcast(choice).id(), size: about * 100 }];
            Reply::BroadcastsCompared { verdicts, more }
        }
        15 => Reply::BroadcastPulled { broadcast: Some(broadcast(choice)) },
        0 => pong(),
        1 => Reply::Nodes { closer },
        2 => Reply::Found { record, ttl, closer },
        3 => Reply::Held { details, ttl, closer },
        4 => Reply::Wanted { closer },
        5 => Reply::Have { closer },
        6 => Reply::Stored { closer },
        7 => Reply::Refused { refusal: Refusal::NameTaken, closer },
        8 => Reply::Offered { answers: vec![dht_proto::OfferAnswer::Wanted] },
        9 => Reply::Reconciled {
            cells: vec![dht_proto::CellAnswer::TooMany { count: choice.into() }],
        },
        10 => {
            let entries = vec![dht_proto::BatchedOffer { details, ttl }];
            Reply::Listing { entries, next: record.slot().next() }
        }
        11 => Reply::Pending,
        12 => Reply::Custom { payload: vec![3; usize::from(choice)].into() },
        13 => Reply::Error { code: dht_proto::ErrorCode::ByStream, text: String::new() },
        _ => Reply::Error { code: dht_proto::ErrorCode::Unknown, text: String::new() },
    }
}

fn verdict(choice: u8) -> Option<Verdict> {
    match choice % 4 {
        0 => Some(Verdict::Accept),
        1 => Some(Verdict::Replace),
        2 => Some(Verdict::refuse("x".repeat(usize::from(choice) * 2))),
        _ => None,
    }
}

/// A peer, and what it has sent so far.
struct World {
    peer: Peer,
    now: Moment,
    sent: Vec<(Contact, RequestId, bool)>,
}

impl World {
    fn pick(&self, which: u8) -> Option<(Contact, RequestId, bool)> {
        self.sent.get(usize::from(which) % self.sent.len().max(1)).copied()
    }

    fn input(&mut self, input: Input) {
        self.peer.handle_input(self.now, input);
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Command(choice) => drop(self.peer.handle_command(self.now, command(choice))),
            Act::Reply(which, choice, about) => self.reply(which, choice, about),
            Act::Request(choice, from) => self.request(choice, from),
            Act::Effect(ticket, whole) => self.effect(Ticket(ticket), whole),
            Act::Decide(ticket, choice) => {
                let verdict = verdict(choice);
                self.input(Input::Consulted { ticket: Ticket(ticket), verdict });
                let answer = match choice % 3 {
                    0 => Err("x".repeat(usize::from(choice) * 2)),
                    _ => Ok(vec![1; usize::from(choice) * 300].into()),
                };
                self.input(Input::Served { ticket: Ticket(ticket), answer });
            }
            Act::Greeted(number) => {
                let addr = contact(0, "127.0.0.1:1003").addr;
                self.input(Input::Greeted { addr, node: identity(number) });
            }
            Act::Unreachable(which) => {
                if let Some((_, request, _)) = self.pick(which) {
                    self.input(Input::Unreachable { request });
                }
            }
            Act::Progressed(which) => {
                if let Some((_, request, _)) = self.pick(which) {
                    self.input(Input::Progressed { request });
                }
            }
            Act::Cancel(number) => self.peer.cancel(self.now, OperationId(number)),
            Act::Wait(millis) => {
                self.now += Duration::from_millis(millis.into());
                self.peer.handle_timeout(self.now);
            }
        }
    }

    fn reply(&mut self, which: u8, choice: u8, about: u32) {
        let Some((to, id, streamed)) = self.pick(which) else { return };
        let via = if streamed {
            Via::Outbound
        } else {
            Via::Datagram { source: to.addr, length: 100, proven: false }
        };
        let body = Body::Reply(reply(choice, about));
        let message = Message { role: Role::Full, families: Families::V4, id, body };
        self.input(Input::Received { from: to.node, via, message });
    }

    fn request(&mut self, choice: u8, from: u32) {
        let source: SocketAddr = "127.0.0.1:1002".parse().unwrap();
        let via = if choice & 128 == 0 {
            Via::Datagram { source, length: usize::from(choice), proven: false }
        } else {
            Via::Inbound { stream: StreamId(u64::from(from)), source }
        };
        let (body, id) = (Body::Request(request(choice)), RequestId(u64::from(choice)));
        let message = Message { role: Role::Full, families: Families::V4, id, body };
        self.input(Input::Received { from: identity(from), via, message });
    }

    fn effect(&mut self, ticket: Ticket, whole: bool) {
        let found = whole.then(|| {
            let record = record(u8::try_from(ticket.0).unwrap());
            let terms = dht_proto::Terms {
                expires: self.now + Duration::from_secs(9),
                purpose: dht_proto::Purpose::Publish,
                custody: dht_proto::Custody::Holder,
                source: dht_proto::Source::LOCAL,
                expected: None,
                replaces: false,
            };
            Held { summary: dht_proto::Summary::of(&record, &terms), record: Some(record) }
        });
        self.input(Input::Loaded { ticket, found });
        let result = if whole { Ok(()) } else { Err(Refusal::Full) };
        self.input(Input::Saved { ticket, result });
        self.input(Input::Delivered { ticket, forward: whole });
    }
}

proptest! {
    #[test]
    fn whatever_happens_a_peer_neither_panics_nor_forgets_its_bounds(
        acts in acts(),
        consults: bool,
    ) {
        let peer = peer(
            config()
                .operations(8)
                .delivers_broadcasts(true)
                .consults(consults)
                .consultations(4)
                .serves(true)
                .services(4),
        );
        let mut world = World { peer, now: Moment::EPOCH, sent: Vec::new() };
        for act in acts {
            let waits = matches!(act, Act::Wait(_));
            world.act(act);
            let now = world.now;
            prop_assert!(!waits || world.peer.poll_timeout().is_none_or(|due| due > now));
            for output in outputs(&mut world.peer) {
                if let Output::Send { route: Route::Datagram(to), message } = &output {
                    prop_assert!(message.datagram_len() <= dht_proto::limits::DATAGRAM_MAX);
                    world.sent.push((*to, message.id, false));
                } else if let Output::Send { route: Route::Dial(to), message } = output {
                    world.sent.push((to, message.id, true));
                }
            }
            prop_assert!(world.peer.status().operations <= 10);
        }
    }
}
