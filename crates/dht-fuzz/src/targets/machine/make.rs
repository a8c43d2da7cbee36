//! Commands, requests, replies and records, made from choices.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dht_proto::{
    AuthorSecret, BatchedOffer, Broadcast, BroadcastEntry, BroadcastVerdict, Cell, CellAnswer,
    CellDigest, Contact, ErrorCode, Fingerprint, Key, KindSet, Mention, NetworkId, NodeIdentity,
    Nonce, OfferAnswer, OfferDetails, Prefix, PublicKey, Purpose, Record, Refusal, Reply, Request,
    RoughRtt, Salt, SentAt, Sequence, SignedBody, Ttl, Value, ValueRange,
};
use dht_routing::{Command, Recipient, Verdict};

use crate::cursor::Cursor;

/// The identity of a number; 0 is the peer itself.
pub(super) fn identity(number: u32) -> NodeIdentity {
    NodeIdentity::new(PublicKey::from_bytes([5; 32]), Nonce(number))
}

/// Where nodes are: some share an address, some are elsewhere, some cannot be at all.
pub(super) fn addr(choice: u8) -> SocketAddr {
    let port = 1_000 + u16::from(choice % 64);
    match choice >> 6 {
        0 | 1 => SocketAddr::from(([127, 0, 0, 1], port)),
        2 => SocketAddr::from(([93, 184, choice % 8, 34], port)),
        _ if choice == 255 => SocketAddr::from(([0, 0, 0, 0], 0)),
        _ => SocketAddr::from(([0x2001, 0x470, 0, 0, 0, 0, 0, choice.into()], port)),
    }
}

pub(super) fn contact(choice: u8) -> Contact {
    Contact::new(identity(choice.into()), addr(choice))
}

/// Few different ones, so that they meet.
pub(super) fn record(choice: u8) -> Record {
    static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| (0..=255).map(make_record).collect());
    RECORDS[usize::from(choice)].clone()
}

fn make_record(choice: u8) -> Record {
    let size = match choice >> 5 & 3 {
        0 | 1 => 10,
        // Ten parts, which come from two holders.
        3 if choice >> 2 & 3 < 2 => 600_000,
        _ => 2_000,
    };
    let value = Value::new(vec![choice & 3; size]).unwrap();
    match choice >> 2 & 3 {
        0 => Record::content(value),
        1 => Record::named(&[choice & 1], value),
        2 => Record::at(Key::named(&[choice & 1]), value),
        _ => {
            let secret = AuthorSecret::from_seed(&[choice & 1; 32]);
            let deleted = choice & 16 != 0;
            let body = if deleted { SignedBody::Deleted } else { SignedBody::Value(value) };
            Record::sign(&secret, Salt::default(), Sequence((choice >> 4).into()), body)
        }
    }
}

fn ttl(choice: u8) -> Ttl {
    let seconds = [1, 60, 3_600, Ttl::default().as_secs(), Ttl::MAX.as_secs()];
    Ttl::from_secs(seconds[usize::from(choice) % seconds.len()]).unwrap_or_default()
}

fn purpose(choice: u8) -> Purpose {
    [Purpose::Publish, Purpose::Replicate, Purpose::Cache][usize::from(choice % 3)]
}

fn expected(choice: u8) -> Option<Sequence> {
    (choice & 7 == 7).then_some(Sequence((choice >> 3).into()))
}

fn broadcast(choice: u8) -> Arc<Broadcast> {
    let size = if choice & 64 == 0 { 10 } else { 2_000 };
    let secret = AuthorSecret::from_seed(&[choice & 1; 32]);
    let sent = SentAt(u64::from(choice & 7));
    Arc::new(Broadcast::sign(&secret, NetworkId::default(), sent, vec![0; size].into()).unwrap())
}

pub(super) fn command(cursor: &mut Cursor<'_>) -> Command {
    let (kind, choice) = (cursor.byte(), cursor.byte());
    let custom = |to| {
        let payload = vec![1; usize::from(choice) * 300].into();
        Command::Custom { to, payload, patience: Duration::from_secs(u64::from(choice % 16)) }
    };
    match kind % 14 {
        0 => {
            let known = (0..choice % 40).map(contact).collect();
            Command::Bootstrap { addrs: vec![addr(choice), addr(choice ^ 1)], known }
        }
        1 => Command::FindNode { target: Key::named(&[choice]) },
        2 => Command::Locate { id: identity(choice.into()).id() },
        3 => Command::Ping { addr: addr(choice) },
        4 => Command::Inspect { addr: addr(choice) },
        5 | 6 => Command::Store {
            record: record(choice),
            ttl: ttl(kind / 14),
            expected: expected(kind / 14),
        },
        7 | 8 => {
            let kinds = KindSet::from_bits(u32::from(kind / 14) | 1);
            Command::Fetch { key: record(choice).key(), kinds }
        }
        9 => custom(Recipient::Addr(addr(choice))),
        10 => custom(Recipient::Contact(contact(choice & 127))),
        11 => custom(match choice & 1 {
            0 => Recipient::Closest(record(choice).key()),
            _ => Recipient::Node(identity(choice.into()).id()),
        }),
        12 => Command::Broadcast {
            secret: AuthorSecret::from_seed(&[choice & 1; 32]),
            payload: vec![choice; usize::from(choice) * 400].into(),
        },
        _ => Command::Leave,
    }
}

pub(super) fn request(cursor: &mut Cursor<'_>) -> Request {
    let (kind, choice, more) = (cursor.byte(), cursor.byte(), cursor.byte());
    let record = record(choice);
    let (ttl, purpose, expected) = (ttl(more), purpose(more), expected(more));
    let details = OfferDetails::of(&record);
    match kind % 14 {
        0 => Request::Ping,
        1 => Request::FindNode { target: record.key() },
        2 => Request::Fetch { key: record.key(), kinds: KindSet::from_bits(more.into()) },
        3 => Request::Offer { details, ttl, purpose, expected },
        4 => Request::Store { record, ttl, purpose, expected },
        5 => Request::Download {
            slot: record.slot(),
            range: ValueRange { offset: more.into(), length: None },
            outlined: more.is_multiple_of(2),
        },
        6 => Request::OfferMany { purpose, offers: offers(choice, more) },
        7 => {
            let digest = CellDigest::of([]);
            let bits = u16::from(more) * 2;
            let prefix = Prefix::of(&record.key(), bits);
            Request::Reconcile { cells: vec![Cell { prefix, digest }] }
        }
        8 => Request::List { from: record.slot() },
        9 => Request::Inspect,
        10 => Request::Custom { payload: vec![2; usize::from(more)].into() },
        11 => Request::Broadcast { broadcast: broadcast(choice), depth: u16::from(more) * 2 },
        12 => {
            let held = vec![broadcast(choice).id(); more.into()];
            Request::CompareBroadcasts { held, skip: u32::from(choice & 1) * u32::from(more) }
        }
        _ => Request::PullBroadcast { id: broadcast(choice).id() },
    }
}

/// Up to 32 offers, in the order of their slots.
fn offers(choice: u8, more: u8) -> Vec<BatchedOffer> {
    let mut offers: Vec<_> = (0..=more % 32)
        .map(|number| {
            let details = OfferDetails::of(&record(choice.wrapping_add(number)));
            BatchedOffer { details, ttl: ttl(number) }
        })
        .collect();
    offers.sort_unstable_by_key(|offer| offer.details.slot);
    offers.dedup_by_key(|offer| offer.details.slot);
    offers
}

fn closer(about: u8) -> Vec<Mention> {
    let rtt = Some(RoughRtt::new(Duration::from_millis(about.into())));
    let node = |number: u8| Mention { rtt, ..contact(about.wrapping_add(number)).into() };
    (0..about % 21).map(node).collect()
}

/// A reply of any kind, whatever was asked.
pub(super) fn reply(cursor: &mut Cursor<'_>) -> Reply {
    let (kind, choice, more) = (cursor.byte(), cursor.byte(), cursor.byte());
    let record = record(choice);
    let (closer, ttl) = (closer(more), ttl(more));
    let details = OfferDetails::of(&record);
    match kind % 19 {
        0 => Reply::Pong { observed: addr(choice) },
        1 => Reply::Nodes { closer },
        2 => Reply::Wanting { closer },
        3 => Reply::Found { record, ttl, closer },
        4 => Reply::Held { details, ttl, closer },
        5 => Reply::Wanted { closer },
        6 => Reply::Have { closer },
        7 => Reply::Stored { closer },
        8 => Reply::Refused { refusal: refusal(choice), closer },
        9 => Reply::Offered { answers: answers(choice, (more % 33).into()) },
        10 => Reply::Reconciled { cells: cells(choice, (more % 33).into()) },
        11 => {
            let entries = offers(choice, more);
            let next = entries.last().and_then(|last| last.details.slot.next());
            Reply::Listing { entries, next: next.filter(|_| more & 64 != 0) }
        }
        12 => Reply::Pending,
        13 => Reply::Custom { payload: vec![3; usize::from(choice)].into() },
        14 => {
            let size = u32::from(more) * 300;
            let more = vec![BroadcastEntry { id: broadcast(choice).id(), size }];
            Reply::BroadcastsCompared { verdicts: verdicts(choice, size as usize / 300 % 33), more }
        }
        15 => Reply::BroadcastPulled { broadcast: (more & 1 == 0).then(|| broadcast(choice)) },
        16 => Reply::Inspection(dht_proto::Inspection::default()),
        _ => Reply::Error { code: code(choice), text: String::new() },
    }
}

/// What an honest node could answer.
pub(super) fn fitting_reply(request: &Request, choice: u8) -> Reply {
    let closer = closer(choice);
    let ttl = ttl(choice);
    match request {
        Request::Ping => Reply::Pong { observed: addr(choice) },
        Request::FindNode { .. } => Reply::Nodes { closer },
        Request::Fetch { key, .. } => {
            let record = (0..=255).map(record).find(|record| record.key() == *key);
            match record {
                Some(record) if choice.is_multiple_of(4) && record.is_inline() => {
                    Reply::Found { record, ttl, closer }
                }
                Some(record) if choice.is_multiple_of(4) => {
                    Reply::Held { details: OfferDetails::of(&record), ttl, closer }
                }
                Some(_) | None if choice & 3 == 1 => Reply::Wanting { closer },
                Some(_) | None => Reply::Nodes { closer },
            }
        }
        Request::Offer { .. } if choice.is_multiple_of(4) => Reply::Have { closer },
        Request::Offer { .. } if choice & 3 != 1 => Reply::Wanted { closer },
        Request::Store { .. } if choice & 3 != 1 => Reply::Stored { closer },
        Request::Offer { .. } | Request::Store { .. } => {
            Reply::Refused { refusal: refusal(choice), closer }
        }
        Request::Download { slot, .. } => {
            let mut records = (0..=255).map(record);
            match records.find(|record| record.slot() == *slot && !record.is_inline()) {
                Some(record) => Reply::Found { record, ttl, closer },
                None => Reply::Nodes { closer },
            }
        }
        Request::OfferMany { offers, .. } => {
            Reply::Offered { answers: answers(choice, offers.len()) }
        }
        Request::Reconcile { cells: asked } => {
            Reply::Reconciled { cells: cells(choice, asked.len()) }
        }
        Request::List { from } => {
            let mut entries = offers(choice, choice);
            entries.retain(|entry| entry.details.slot >= *from);
            let next = entries.last().and_then(|last| last.details.slot.next());
            Reply::Listing { entries, next: next.filter(|_| choice & 1 == 0) }
        }
        Request::Custom { .. } if choice.is_multiple_of(4) => Reply::Pending,
        Request::Custom { .. } => Reply::Custom { payload: vec![choice; 10].into() },
        Request::Inspect => Reply::Inspection(dht_proto::Inspection::default()),
        Request::Broadcast { .. } => {
            Reply::BroadcastsCompared { verdicts: verdicts(choice, 1), more: Vec::new() }
        }
        Request::CompareBroadcasts { held, .. } => {
            let more = vec![BroadcastEntry { id: broadcast(choice).id(), size: 10 }];
            Reply::BroadcastsCompared { verdicts: verdicts(choice, held.len()), more }
        }
        Request::PullBroadcast { id } => {
            let all = (0..=255).map(broadcast);
            Reply::BroadcastPulled { broadcast: all.into_iter().find(|found| found.id() == *id) }
        }
        _ => Reply::Error { code: ErrorCode::Unknown, text: String::new() },
    }
}

pub(super) fn refusal(choice: u8) -> Refusal {
    let current = Sequence(choice.into());
    match choice % 9 {
        0 => Refusal::Full,
        1 => Refusal::TooLarge { limit: choice.into() },
        2 => Refusal::NameTaken,
        3 => Refusal::Stale { current },
        4 => Refusal::SequenceMismatch { current },
        5 => Refusal::Policy { reason: "x".repeat((choice / 2).into()) },
        6 => Refusal::Busy,
        7 => Refusal::StorageFailed,
        _ => Refusal::NotStoring,
    }
}

fn code(choice: u8) -> ErrorCode {
    let codes = [
        ErrorCode::Unknown,
        ErrorCode::Malformed,
        ErrorCode::Unsupported,
        ErrorCode::Busy,
        ErrorCode::Unwilling,
        ErrorCode::Failed,
        ErrorCode::ByStream,
        ErrorCode::Other(99),
    ];
    codes[usize::from(choice) % codes.len()]
}

fn answers(choice: u8, count: usize) -> Vec<OfferAnswer> {
    let all = [OfferAnswer::Wanted, OfferAnswer::Have, OfferAnswer::Refused(refusal(choice))];
    all.into_iter().cycle().skip((choice % 3).into()).take(count).collect()
}

fn cells(choice: u8, count: usize) -> Vec<CellAnswer> {
    let held = (0..choice % 20).map(|number| Fingerprint::from_bytes([number; 8])).collect();
    let all =
        [CellAnswer::Same, CellAnswer::Differs { held }, CellAnswer::TooMany { count: u32::MAX }];
    all.into_iter().cycle().skip((choice % 3).into()).take(count).collect()
}

fn verdicts(choice: u8, count: usize) -> Vec<BroadcastVerdict> {
    let all = [
        BroadcastVerdict::Have,
        BroadcastVerdict::Wanted,
        BroadcastVerdict::Expected,
        BroadcastVerdict::Taken,
        BroadcastVerdict::Refused,
    ];
    all.into_iter().cycle().skip((choice % 5).into()).take(count).collect()
}

/// What the application says.
pub(super) fn verdict(choice: u8) -> Option<Verdict> {
    match choice % 4 {
        0 => Some(Verdict::Accept),
        1 => Some(Verdict::Replace),
        2 => Some(Verdict::refuse("x".repeat(usize::from(choice) * 2))),
        _ => None,
    }
}
