//! Visits to holders that tell the truth, a part of it, or nothing of it.

use std::net::{Ipv4Addr, SocketAddr};

use dht_proto::{
    BatchedOffer, Custody, ErrorCode, Key, Moment, NodeIdentity, Nonce, PublicKey, Purpose, Source,
    Terms, Value,
};

use super::super::witness::PAGES_MAX;
use super::*;
use crate::operation::Order;
use crate::{Config, RoutingTable};

const NOW: Moment = Moment::from_secs(1_000);
const PAGE_LEN: usize = 16;

/// How a holder behaves.
#[derive(Clone)]
enum Holder {
    Honest(Vec<Record>),
    /// Tells these and delivers none of them.
    Boaster(Vec<Record>),
    /// Makes up records without end.
    Endless,
    /// Tells empty pages without end.
    Hollow,
    Unwilling,
    Busy,
    Silent,
}

/// What came of a visit.
struct Visited {
    report: VisitReport,
    /// What was kept, and who is charged for it.
    saved: Vec<(Record, Contact)>,
    /// Requests to each holder.
    asked: Vec<usize>,
}

fn contact(number: usize) -> Contact {
    let nonce = Nonce(u32::try_from(number).unwrap());
    let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), nonce);
    Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
}

fn at(number: u32) -> Record {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&number.to_be_bytes());
    Record::at(Key::from_bytes(key), Value::new(number.to_be_bytes().to_vec()).unwrap())
}

fn records(numbers: std::ops::Range<u32>) -> Vec<Record> {
    numbers.map(at).collect()
}

fn summary(record: &Record) -> Summary {
    let (purpose, custody, source) = (Purpose::Replicate, Custody::Mirror, Source::LOCAL);
    let expires = NOW + std::time::Duration::from_secs(500);
    let terms = Terms { expires, purpose, custody, source, expected: None, replaces: false };
    Summary::of(record, &terms)
}

fn page(records: &[Record], from: Slot) -> Reply {
    let ttl = Ttl::from_secs(500).unwrap();
    let mut rest = records.iter().filter(|record| record.slot() >= from);
    let entries = rest.by_ref().take(PAGE_LEN);
    let entry = |record: &Record| BatchedOffer { details: OfferDetails::of(record), ttl };
    let entries: Vec<BatchedOffer> = entries.map(entry).collect();
    Reply::Listing { entries, next: rest.next().map(Record::slot) }
}

impl Holder {
    fn answer(&self, request: &Request) -> Option<Reply> {
        let nothing = Some(Reply::Nodes { closer: Vec::new() });
        let error = |code| Some(Reply::Error { code, text: String::new() });
        match (self, request) {
            (Self::Silent, _) => None,
            (Self::Unwilling, _) => error(ErrorCode::Unwilling),
            (Self::Busy, _) => error(ErrorCode::Busy),
            (Self::Honest(held) | Self::Boaster(held), Request::List { from }) => {
                Some(page(held, *from))
            }
            (Self::Endless, Request::List { from }) => {
                let first = u32::from_be_bytes(*from.key.as_bytes().first_chunk().unwrap());
                let made_up = records(first..first + 40);
                Some(page(&made_up, *from))
            }
            (Self::Hollow, Request::List { from }) => {
                Some(Reply::Listing { entries: Vec::new(), next: from.next() })
            }
            (Self::Honest(held), Request::Fetch { key, .. }) => {
                let found = held.iter().find(|record| record.key() == *key);
                let (ttl, closer) = (Ttl::from_secs(500).unwrap(), Vec::new());
                found.map(|record| Reply::Found { record: record.clone(), ttl, closer }).or(nothing)
            }
            _ => nothing,
        }
    }
}

/// Makes a visit to `cell`, whose holders are these, with a store of our own that `keeps` at most so many.
fn visit_with(cell: Prefix, holders: &[Holder], own: &[Record], keeps: usize) -> Visited {
    let config = Config::default();
    let table = RoutingTable::new(contact(999).id(), 16);
    let mut visit = CellVisit::new(cell, (0..holders.len()).map(contact).collect());
    let mut visited = Visited {
        report: VisitReport::new(usize::MAX),
        saved: Vec::new(),
        asked: vec![0; holders.len()],
    };
    let mut inbox = VecDeque::from([Happened::Started]);
    while let Some(happened) = inbox.pop_front() {
        let mut orders = Vec::new();
        let mut scene = Scene {
            now: NOW,
            config: &config,
            local: contact(999).node,
            table: &table,
            typical: std::time::Duration::from_millis(100),
            size: crate::search::NetworkSize::default(),
            orders: &mut orders,
        };
        if visit.handle(&mut scene, happened, &mut visited.report) == Progress::Done {
            assert!(orders.is_empty(), "{orders:?}");
            return visited;
        }
        for order in orders {
            match order {
                Order::AskInTurn { to, request, .. } => {
                    let number = (0..holders.len()).find(|n| contact(*n) == to).unwrap();
                    visited.asked[number] += 1;
                    inbox.push_back(match holders[number].answer(&request) {
                        Some(reply) => {
                            assert!(request.accepts(&reply), "{request:?} {reply:?}");
                            Happened::Replied { from: to, reply, closer: Vec::new() }
                        }
                        None => Happened::Failed(to.id()),
                    });
                }
                Order::List { from, limit } => {
                    let listed = own.iter().map(summary).filter(|own| own.slot >= from);
                    inbox.push_back(Happened::Listed(listed.take(limit).collect()));
                }
                Order::Mirror { record, from, .. } => {
                    let has_room = visited.saved.len() < keeps;
                    if has_room {
                        visited.saved.push((record, from));
                    }
                    let result = if has_room { Ok(()) } else { Err(Refusal::Full) };
                    inbox.push_back(Happened::Saved(result));
                }
                Order::Extend { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    panic!("the visit came to no end");
}

fn visit(holders: &[Holder], own: &[Record]) -> Visited {
    visit_with(Prefix::ALL, holders, own, usize::MAX)
}

fn kept(visited: &Visited) -> Vec<Record> {
    let mut kept: Vec<Record> = visited.saved.iter().map(|(record, _)| record.clone()).collect();
    kept.sort_by_key(Record::slot);
    kept
}

#[test]
fn what_we_lack_is_fetched_once_and_on_the_account_of_who_sent_it() {
    let holders = vec![Holder::Honest(records(0..100)); 6];
    let visited = visit(&holders, &records(0..60));
    assert_eq!(kept(&visited), records(60..100));
    assert_eq!((visited.report.told, visited.report.held), (100, 100));
    let senders: std::collections::BTreeSet<NodeId> =
        visited.saved.iter().map(|(_, from)| from.id()).collect();
    assert_eq!(senders.len(), WITNESSES, "all share the work");
    assert!(visited.asked[WITNESSES..].iter().all(|asked| *asked == 0), "{:?}", visited.asked);
    let lists = 100_usize.div_ceil(PAGE_LEN);
    assert_eq!(visited.asked.iter().sum::<usize>(), WITNESSES * lists + 40);
}

#[test]
fn one_honest_holder_among_those_asked_is_enough() {
    let all = Holder::Honest(records(0..50));
    let some = Holder::Honest(records(0..20));
    let visited = visit(&[some.clone(), Holder::Honest(Vec::new()), all, some], &[]);
    assert_eq!(kept(&visited), records(0..50));
    assert_eq!((visited.report.told, visited.report.held), (50, 50));
}

#[test]
fn who_does_not_tell_or_answer_is_passed_over() {
    let mut holders = vec![Holder::Unwilling; 5];
    holders.extend([Holder::Busy, Holder::Silent, Holder::Honest(records(0..9))]);
    let visited = visit(&holders, &[]);
    assert_eq!(kept(&visited), records(0..9));
    assert!(visited.report.missed.is_empty());
    assert_eq!(visited.report.unwilling, 0, "somebody told");
}

#[test]
fn where_nobody_tells_it_is_said_why() {
    let visited = visit(&[Holder::Unwilling, Holder::Busy], &[]);
    assert_eq!((visited.report.unwilling, visited.report.missed.len()), (1, 0));
    let visited = visit(&[Holder::Unwilling, Holder::Silent], &[]);
    assert_eq!((visited.report.unwilling, visited.report.missed), (0, vec![Prefix::ALL]));
    assert_eq!(visit(&[], &[]).report.missed, [Prefix::ALL]);
}

#[test]
fn a_holder_that_makes_up_records_without_end_is_soon_not_listened_to() {
    let honest = Holder::Honest(records(1_000..1_100));
    let visited = visit(&[Holder::Endless, honest.clone(), honest.clone(), honest], &[]);
    assert_eq!(kept(&visited), records(1_000..1_100));
    assert_eq!((visited.report.told, visited.report.held), (100, 100));
    let bound = usize::try_from(PAGES_MAX).unwrap() + 3;
    assert!(visited.asked[0] <= bound, "{:?}", visited.asked);
}

#[test]
fn nothing_but_liars_comes_to_an_end() {
    let bound = usize::try_from(PAGES_MAX).unwrap() + 3;
    let visited = visit(&vec![Holder::Endless; 16], &[]);
    assert!(visited.saved.is_empty());
    assert!(visited.asked.iter().all(|asked| *asked <= bound), "{:?}", visited.asked);
    let visited = visit(&vec![Holder::Hollow; 16], &[]);
    assert_eq!(visited.report.cut, 1);
    let bound = usize::try_from(PAGES_MAX * WINDOWS_MAX).unwrap();
    assert!(visited.asked.iter().all(|asked| *asked <= bound), "{:?}", visited.asked);
}

#[test]
fn who_boasts_and_does_not_deliver_counts_no_more() {
    let boaster = Holder::Boaster(records(0..90));
    let holders = [boaster.clone(), boaster, Holder::Honest(records(0..30))];
    let visited = visit(&holders, &[]);
    assert_eq!(kept(&visited), records(0..30));
    assert_eq!((visited.report.told, visited.report.held), (30, 30));
    assert!(visited.report.undelivered > 0);
}

#[test]
fn more_than_is_remembered_at_once_is_seen_window_by_window() {
    let count = 3 * PAGES_MAX * u32::try_from(PAGE_LEN).unwrap();
    let all = records(0..count);
    let visited = visit(&vec![Holder::Honest(all.clone()); 4], &all[..100]);
    assert_eq!(kept(&visited), all[100..]);
    assert_eq!((visited.report.told, visited.report.cut), (all.len(), 0));
}

#[test]
fn nothing_outside_of_the_cell_is_fetched() {
    let cell = Prefix::of(&at(0x1000_0000).key(), 4);
    let inside = records(0x1000_0000..0x1000_0009);
    let mut held = inside.clone();
    held.extend(records(0x2000_0000..0x2000_0100));
    let visited = visit_with(cell, &vec![Holder::Honest(held); 4], &[], usize::MAX);
    assert_eq!(kept(&visited), inside);
    assert_eq!(visited.asked.iter().sum::<usize>(), 4 + 9, "a page tells where the cell ends");
}

#[test]
fn a_store_that_is_full_is_not_sent_more() {
    let visited = visit_with(Prefix::ALL, &vec![Holder::Honest(records(0..50)); 4], &[], 10);
    assert_eq!(visited.saved.len(), 10);
    assert_eq!((visited.report.told, visited.report.held), (50, 10));
    assert_eq!((visited.report.refused, visited.report.full_from), (40, 4));
    let fetched = visited.asked.iter().sum::<usize>() - 4 * 50_usize.div_ceil(PAGE_LEN);
    assert!(fetched <= 10 + 2 * WITNESSES, "{fetched}");
}
