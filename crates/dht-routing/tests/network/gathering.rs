//! Long values that come from several holders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    AuthorSecret, Body, Contact, Message, Mosaic, Record, Reply, Request, RequestId, Salt,
    Sequence, SignedBody, Ttl, Value, ValueRange,
};
use dht_routing::{Command, FetchError, Fetched, Gathered, Input, Outcome, Route};

use crate::world::{Delivery, World};

/// How a host sends parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// Between two of them.
    pub(crate) part_time: Duration,
    /// Parts of one answer after which the connection breaks.
    pub(crate) breaks_after: Option<usize>,
    /// Parts of one answer after which nothing comes any more.
    pub(crate) stalls_after: Option<usize>,
    /// Part of the value that it makes up.
    pub(crate) lies_at: Option<u32>,
    /// Whether it sends no outlines.
    pub(crate) is_plain: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            part_time: Duration::from_millis(1),
            breaks_after: None,
            stalls_after: None,
            lies_at: None,
            is_plain: false,
        }
    }
}

/// The transfers under way, and what was sent in all.
#[derive(Debug, Default)]
pub(crate) struct Transfers {
    open: BTreeMap<(usize, RequestId), (Arc<Mosaic>, ValueRange)>,
    /// By host that sent them, each part once for every time that it was sent.
    pub(crate) parts: BTreeMap<usize, Vec<u32>>,
}

impl World {
    pub(crate) fn gather(
        &mut self,
        host: usize,
        to: Contact,
        message: Message,
        mosaic: Arc<Mosaic>,
    ) {
        let Body::Request(Request::Download { range, outlined: true, .. }) = message.body else {
            panic!("{message:?} is not for parts of a value");
        };
        self.transfers.open.insert((host, message.id), (mosaic, range));
        self.send(host, Route::Dial(to), message);
    }

    /// Lays an answer into its mosaic, if it is one to such a request. Returns whether it is.
    pub(crate) fn lay(&mut self, to: usize, from: usize, message: &Message) -> bool {
        let Body::Reply(Reply::Found { record, ttl, .. }) = &message.body else { return false };
        let request = message.id;
        let Some((mosaic, range)) = self.transfers.open.get(&(to, request)).cloned() else {
            return false;
        };
        let manner = self.hosts[from].manner;
        let mut at = Duration::ZERO;
        let mut tell = |world: &mut Self, news| {
            at += manner.part_time;
            world.push(at, Delivery::Part { to, from, request, news });
        };
        if manner.is_plain {
            tell(self, Some(Gathered::Unoutlined));
            return true;
        }
        let Some(parts) = mosaic.fill(record, range) else {
            tell(self, Some(Gathered::False));
            return true;
        };
        for (count, part) in parts.clone().enumerate() {
            let breaks = manner.breaks_after == Some(count);
            let news = match part {
                _ if breaks => None,
                _ if manner.stalls_after == Some(count) => break,
                _ if manner.lies_at == Some(part) => Some(Gathered::False),
                _ => Some(Gathered::Part { part, ttl: *ttl, is_last: part + 1 == parts.end }),
            };
            tell(self, news);
            if news.is_none_or(|news| news == Gathered::False) {
                break;
            }
        }
        true
    }

    pub(crate) fn part_comes(
        &mut self,
        (to, from): (usize, usize),
        request: RequestId,
        news: Option<Gathered>,
    ) {
        if !self.transfers.open.contains_key(&(to, request)) {
            return;
        }
        if let Some(Gathered::Part { part, .. }) = news {
            self.transfers.parts.entry(from).or_default().push(part);
        }
        let is_over = !matches!(news, Some(Gathered::Part { is_last: false, .. }));
        if is_over {
            self.transfers.open.remove(&(to, request));
        }
        self.input(
            to,
            match news {
                Some(news) => Input::Gathered { request, news },
                None => Input::Unreachable { request },
            },
        );
    }

    pub(crate) fn withdraw(&mut self, host: usize, request: RequestId) {
        self.transfers.open.remove(&(host, request));
    }
}

fn record() -> Record {
    Record::content(Value::new(vec![7_u8; 5_000_000]).unwrap())
}

/// A world whose nodes send parts as they are told, with the record stored, and a host without it.
fn world(record: &Record, manner: impl Fn(usize) -> Manner) -> (World, usize) {
    let mut world = World::joined(24);
    let command = Command::Store { record: record.clone(), ttl: Ttl::default(), expected: None };
    let Outcome::Stored(report) = world.run(1, command) else { panic!("not stored") };
    assert!(report.holders.len() >= 12, "{} holders", report.holders.len());
    let holds = |world: &World, host: usize| world.hosts[host].store.contains_key(&record.slot());
    let reader = (0..24).find(|host| !holds(&world, *host)).unwrap();
    let holders: Vec<usize> = (0..24).filter(|host| holds(&world, *host)).collect();
    for (number, host) in holders.into_iter().enumerate() {
        world.hosts[host].manner = manner(number);
    }
    (world, reader)
}

fn fetch(world: &mut World, host: usize, record: &Record) -> Result<Fetched, FetchError> {
    let command = Command::Fetch { key: record.key(), kinds: record.kind().into() };
    match world.run(host, command) {
        Outcome::Fetched(result) => result,
        other => panic!("{other:?}"),
    }
}

fn sent(world: &World) -> Vec<usize> {
    world.transfers.parts.values().map(Vec::len).collect()
}

#[test]
fn a_long_value_comes_from_four_holders_and_no_part_of_it_twice() {
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let body = || SignedBody::Value(record().value().unwrap().clone());
    let signed = Record::sign(&secret, Salt::default(), Sequence(5), body());
    let named = Record::named(b"name", record().value().unwrap().clone());
    for record in [record(), signed, named] {
        let (mut world, reader) = world(&record, |_| Manner::default());
        let fetched = fetch(&mut world, reader, &record).unwrap();
        assert_eq!(fetched.record, record);
        assert_eq!(sent(&world).len(), 4, "{:?}", sent(&world));
        assert_eq!(sent(&world).iter().sum::<usize>(), 77);
    }
}

#[test]
fn holders_whose_connections_break_go_on_where_they_stopped() {
    let manner = |_| Manner { breaks_after: Some(7), ..Manner::default() };
    let (mut world, reader) = world(&record(), manner);
    assert_eq!(fetch(&mut world, reader, &record()).unwrap().record, record());
    assert_eq!(sent(&world).iter().sum::<usize>(), 77);
}

#[test]
fn a_holder_that_makes_up_a_part_is_replaced_and_held_to_account() {
    let manner = |_| Manner { lies_at: Some(30), ..Manner::default() };
    // Everybody makes up the same part, so it cannot come; each of them is found out once.
    let (mut lying, reader) = world(&record(), manner);
    let error = fetch(&mut lying, reader, &record()).unwrap_err();
    assert!(matches!(error, FetchError::Undelivered { holders } if holders >= 12), "{error:?}");
    assert!(sent(&lying).iter().sum::<usize>() <= 77, "nothing is started over");

    let lies = |number| (number < 12).then_some(30);
    let manner = |number| Manner { lies_at: lies(number), ..Manner::default() };
    let (mut world, reader) = world(&record(), manner);
    assert_eq!(fetch(&mut world, reader, &record()).unwrap().record, record());
    assert_eq!(sent(&world).iter().sum::<usize>(), 77);
}

#[test]
fn holders_that_stall_or_crawl_do_not_hold_a_value_up() {
    for part_time in [1, 500] {
        let manner = |number: usize| Manner {
            stalls_after: number.is_multiple_of(3).then_some(2),
            part_time: Duration::from_millis(if number % 3 == 1 { part_time } else { 1 }),
            ..Manner::default()
        };
        let (mut world, reader) = world(&record(), manner);
        let before = world.now;
        assert_eq!(fetch(&mut world, reader, &record()).unwrap().record, record());
        let took = world.now.since(before);
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(sent(&world).iter().sum::<usize>() <= 85, "{:?}", sent(&world));
    }
}

#[test]
fn holders_that_know_no_outlines_send_the_whole() {
    let manner = |_| Manner { is_plain: true, ..Manner::default() };
    let (mut world, reader) = world(&record(), manner);
    assert_eq!(fetch(&mut world, reader, &record()).unwrap().record, record());
    assert_eq!(sent(&world).len(), 0);

    let manner = |number| Manner { is_plain: number > 0, ..Manner::default() };
    let (mut mixed, reader) = self::world(&record(), manner);
    assert_eq!(fetch(&mut mixed, reader, &record()).unwrap().record, record());
}

#[test]
fn a_transfer_that_is_cancelled_leaves_nothing_behind() {
    let (mut world, reader) = world(&record(), |_| Manner::default());
    let (key, kinds) = (record().key(), record().kind().into());
    let id = world.command(reader, Command::Fetch { key, kinds });
    world.run_for(Duration::from_millis(120));
    let now = world.now;
    world.hosts[reader].peer.cancel(now, id);
    while world.hosts[reader].peer.poll_output().is_some() {}
    assert_eq!(world.hosts[reader].peer.status().operations, 0);
}
