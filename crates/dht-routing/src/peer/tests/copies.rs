//! Copies of content that is in demand.

use std::time::Duration;

use dht_proto::{
    AuthorSecret, Custody, Held, KindSet, OfferDetails, Purpose, Salt, Sequence, SignedBody,
    Summary, Terms,
};

use super::*;
use crate::caching::LIFE;

const NOW: Moment = Moment::from_secs(1_000);

/// A peer in a network of many times k nodes.
fn in_a_crowd(config: ConfigBuilder) -> Peer {
    let mut peer = peer(config.k(6));
    for number in 1..100 {
        introduce(&mut peer, NOW, &contact(number, "127.0.0.1:1000"));
    }
    peer.set_usage(Usage { records: 0, bytes: 0, capacity: 1_000_000_000 });
    peer
}

/// Content of this size that the peer is to hold.
fn near(peer: &Peer, size: usize) -> Record {
    let radius = peer.table().radius(6);
    let records = (0..u32::MAX).map(|number| {
        let mut bytes = vec![0; size];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        Record::content(Value::new(bytes).unwrap())
    });
    let local = peer.local().id();
    records.into_iter().find(|record| record.key().distance(&local) < radius).unwrap()
}

/// What asker `number` gets that fetches `key`, with `found` in the store.
fn fetch(peer: &mut Peer, now: Moment, number: u32, key: Key, found: Option<&Held>) -> Reply {
    let body = Body::Request(Request::Fetch { key, kinds: KindSet::ALL });
    say(peer, now, &contact(number, "127.0.0.1:9"), Role::Client, RequestId(1), body);
    for output in outputs(peer) {
        if let Output::Load { ticket, .. } = output {
            peer.handle_input(now, Input::Loaded { ticket, found: found.cloned() });
        }
    }
    expect_reply(peer)
}

fn wants(reply: &Reply) -> bool {
    match reply {
        Reply::Wanting { .. } => true,
        Reply::Nodes { .. } => false,
        other => panic!("{other:?}"),
    }
}

fn store(record: Record, purpose: Purpose) -> Request {
    Request::Store { record, ttl: Ttl::default(), purpose, expected: None }
}

/// Sends a copy; the terms under which the peer keeps it, or why it does not.
fn send_copy(peer: &mut Peer, now: Moment, record: &Record) -> Result<Terms, Refusal> {
    let body = Body::Request(store(record.clone(), Purpose::Cache));
    say(peer, now, &contact(7, "127.0.0.1:9"), Role::Client, RequestId(2), body);
    for output in outputs(peer) {
        match output {
            Output::Save { terms, .. } => return Ok(terms),
            Output::Send { message, .. } => match message.body {
                Body::Reply(Reply::Refused { refusal, .. }) => return Err(refusal),
                other => panic!("{other:?}"),
            },
            _ => {}
        }
    }
    panic!("no answer");
}

#[test]
fn a_copy_is_wanted_of_what_different_nodes_ask_for_again_and_again() {
    let mut peer = in_a_crowd(config());
    let key = near(&peer, 10).key();
    assert!(!wants(&fetch(&mut peer, NOW, 501, key, None)));
    assert!(!wants(&fetch(&mut peer, NOW, 501, key, None)), "it is the same one");
    assert!(wants(&fetch(&mut peer, NOW, 502, key, None)));
    let later = NOW + Duration::from_mins(20);
    assert!(!wants(&fetch(&mut peer, later, 503, key, None)), "demand has ended");
}

#[test]
fn those_who_get_a_cached_copy_keep_up_demand_and_those_who_get_a_held_one_make_none() {
    for (custody, wanted) in
        [(Custody::Cache { until: Moment::NEVER }, true), (Custody::Holder, false)]
    {
        let mut peer = in_a_crowd(config());
        let record = near(&peer, 10);
        let terms = Terms {
            expires: NOW + Duration::from_secs(1),
            purpose: Purpose::Publish,
            custody,
            source: dht_proto::Source::LOCAL,
            expected: None,
            replaces: false,
        };
        let held = Held { summary: Summary::of(&record, &terms), record: Some(record.clone()) };
        for asker in 501..504 {
            let reply = fetch(&mut peer, NOW, asker, record.key(), Some(&held));
            assert!(matches!(reply, Reply::Found { .. }), "{reply:?}");
        }
        let ended = NOW + Duration::from_secs(1);
        let reply = fetch(&mut peer, ended, 504, record.key(), Some(&held));
        assert_eq!(wants(&reply), wanted);
        assert_eq!(peer.answers().served, 3);
        assert_eq!(peer.answers().from_copies, if wanted { 3 } else { 0 });
    }
}

#[test]
fn a_copy_that_was_not_asked_for_is_refused() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 10);
    let is_refused = |result| matches!(result, Err(Refusal::Policy { .. }));
    assert!(is_refused(send_copy(&mut peer, NOW, &record)));
    fetch(&mut peer, NOW, 501, record.key(), None);
    assert!(is_refused(send_copy(&mut peer, NOW, &record)), "one asker makes no demand");
    fetch(&mut peer, NOW, 502, record.key(), None);
    assert!(send_copy(&mut peer, NOW, &record).is_ok());
    let named = Record::at(record.key(), Value::new("a name").unwrap());
    assert!(is_refused(send_copy(&mut peer, NOW, &named)), "only content is copied");
}

#[test]
fn how_long_a_copy_lives_is_for_its_keeper_to_say() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 10);
    fetch(&mut peer, NOW, 501, record.key(), None);
    fetch(&mut peer, NOW, 502, record.key(), None);
    let terms = send_copy(&mut peer, NOW, &record).unwrap();
    assert_eq!(
        (terms.expires, terms.custody),
        (NOW + LIFE, Custody::Cache { until: Ttl::default().ends(NOW) })
    );
}

#[test]
fn a_cached_copy_is_found_with_the_life_of_the_record_and_never_after_its_own() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 10);
    let terms = Terms {
        expires: NOW + Duration::from_secs(9),
        purpose: Purpose::Cache,
        custody: Custody::Cache { until: Ttl::default().ends(NOW) },
        source: dht_proto::Source::LOCAL,
        expected: None,
        replaces: false,
    };
    let held = Held { summary: Summary::of(&record, &terms), record: Some(record.clone()) };
    match fetch(&mut peer, NOW, 501, record.key(), Some(&held)) {
        Reply::Found { ttl, .. } => assert_eq!(ttl, Ttl::default()),
        other => panic!("{other:?}"),
    }
    let later = NOW + Duration::from_secs(9);
    assert!(!wants(&fetch(&mut peer, later, 501, record.key(), Some(&held))));
}

#[test]
fn copies_take_no_more_than_their_share_of_the_capacity() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 600);
    peer.set_usage(Usage { records: 0, bytes: 0, capacity: 16 * 1_000 });
    fetch(&mut peer, NOW, 501, record.key(), None);
    fetch(&mut peer, NOW, 502, record.key(), None);
    assert!(send_copy(&mut peer, NOW, &record).is_ok());
    assert!(send_copy(&mut peer, NOW, &record).is_err(), "1,200 bytes of 1,000");
}

#[test]
fn in_a_small_network_and_where_it_is_turned_off_no_copy_is_wanted_or_made() {
    let mut small = peer(config());
    for number in 1..20 {
        introduce(&mut small, NOW, &contact(number, "127.0.0.1:1000"));
    }
    small.set_usage(Usage { records: 0, bytes: 0, capacity: 1_000_000_000 });
    for mut peer in [small, in_a_crowd(config().caches(false))] {
        let record = near(&peer, 10);
        for asker in 501..510 {
            assert!(!wants(&fetch(&mut peer, NOW, asker, record.key(), None)));
        }
        assert!(send_copy(&mut peer, NOW, &record).is_err());
        let (stores, kept) = fetch_from_liars(&mut peer, &record);
        assert!(stores.is_empty() || peer.config.caches, "{stores:?}");
        assert!(kept.is_none());
    }
}

/// Fetches `record` where everybody who is asked wants a copy, until the sixth who is asked has it. Returns to
/// whom it is sent and the terms under which it is kept here.
fn fetch_from_liars(peer: &mut Peer, record: &Record) -> (Vec<Contact>, Option<Terms>) {
    let command = Command::Fetch { key: record.key(), kinds: KindSet::PROVEN };
    peer.handle_command(NOW, command).unwrap();
    let (mut stores, mut kept, mut asked) = (Vec::new(), None, 0);
    let mut pending: Vec<Output> = outputs(peer);
    while let Some(output) = pending.pop() {
        match output {
            Output::Load { ticket, .. } => {
                peer.handle_input(NOW, Input::Loaded { ticket, found: None });
            }
            Output::Save { terms, .. } => kept = Some(terms),
            Output::Send { route: Route::Datagram(to), message } => match message.body {
                Body::Request(Request::Fetch { .. }) => {
                    asked += 1;
                    let (ttl, closer) = (Ttl::default(), Vec::new());
                    let reply = if asked < 6 {
                        Reply::Wanting { closer }
                    } else {
                        Reply::Found { record: record.clone(), ttl, closer }
                    };
                    answer(peer, NOW, &to, message.id, reply);
                }
                Body::Request(Request::Store { purpose, .. }) => {
                    assert_eq!(purpose, Purpose::Cache);
                    stores.push(to);
                }
                _ => {}
            },
            _ => {}
        }
        pending.extend(outputs(peer));
    }
    assert!(asked >= 6, "{asked}");
    (stores, kept)
}

#[test]
fn however_many_nodes_want_a_copy_a_fetch_sends_one_and_keeps_one() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 10);
    let (stores, kept) = fetch_from_liars(&mut peer, &record);
    assert_eq!(stores.len(), 1, "{stores:?}");
    let terms = kept.unwrap();
    assert_eq!(
        (terms.expires, terms.custody),
        (NOW + LIFE, Custody::Cache { until: Ttl::default().ends(NOW) })
    );
    assert!(terms.source.is_local());
}

#[test]
fn of_what_may_have_a_newer_version_no_copy_is_made() {
    let mut peer = in_a_crowd(config());
    let author = AuthorSecret::from_seed(&[3; 32]);
    let body = SignedBody::Value(Value::new("news").unwrap());
    let signed = Record::sign(&author, Salt::default(), Sequence(1), body);
    let (stores, kept) = fetch_from_liars(&mut peer, &signed);
    assert!(stores.is_empty() && kept.is_none(), "{stores:?}");
}

#[test]
fn a_copy_of_a_large_record_is_offered_before_it_is_sent() {
    let mut peer = in_a_crowd(config());
    let record = near(&peer, 5_000);
    let to = contact(1, "127.0.0.1:1000");
    peer.spread_copies(NOW, OperationId(99), (record.clone(), Ttl::default()), Some(to));
    let sent = requests(&mut peer);
    let [(offered_to, id, Request::Offer { details, purpose, .. })] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!((*offered_to, *purpose), (to, Purpose::Cache));
    assert_eq!(*details, OfferDetails::of(&record));
    answer(&mut peer, NOW, &to, *id, Reply::Wanted { closer: Vec::new() });
    let sent = requests(&mut peer);
    assert!(matches!(&sent[..], [(_, _, Request::Store { purpose: Purpose::Cache, .. })]));
    assert_eq!(peer.status().operations, 1);
}

#[test]
fn only_so_many_large_copies_are_on_their_way_at_once_and_one_refused_is_over() {
    let mut peer = in_a_crowd(config().transfers(2));
    let record = near(&peer, 5_000);
    for number in 1..9 {
        let to = contact(number, "127.0.0.1:1000");
        peer.spread_copies(NOW, OperationId(99), (record.clone(), Ttl::default()), Some(to));
    }
    let sent = requests(&mut peer);
    assert_eq!(sent.len(), 2, "{sent:?}");
    let refusal = Refusal::Policy { reason: String::new() };
    for (to, id, _) in sent {
        let refused = Reply::Refused { refusal: refusal.clone(), closer: Vec::new() };
        answer(&mut peer, NOW, &to, id, refused);
    }
    assert_eq!(peer.status().operations, 0);
}

#[test]
fn what_nobody_asks_for_any_more_takes_no_memory() {
    let mut peer = in_a_crowd(config());
    for asker in 501..510 {
        fetch(&mut peer, NOW, asker, Key::content(&asker.to_le_bytes()), None);
    }
    assert!(peer.caching.is_some());
    peer.forget_demand(NOW + Duration::from_mins(20));
    assert!(peer.caching.is_none());
}
