//! What is made of what nodes tell.

use dht_proto::{
    AuthorSecret, Key, OfferDetails, Record, Salt, SignedBody, Source, Terms, Ttl, Value,
};

use super::*;

const NOW: Moment = Moment::from_secs(1_000);

fn node(byte: u8) -> NodeId {
    NodeId::from_bytes([byte; 32])
}

fn value(text: &str) -> Value {
    Value::new(text.to_owned()).unwrap()
}

fn content(text: &str) -> Record {
    Record::content(value(text))
}

fn named(text: &str) -> Record {
    Record::named(b"name", value(text))
}

fn version(sequence: u64) -> Record {
    let author = AuthorSecret::from_seed(&[7; 32]);
    let body = SignedBody::Value(value("text"));
    Record::sign(&author, Salt::new("").unwrap(), Sequence(sequence), body)
}

fn entry(record: &Record, seconds: u32) -> BatchedOffer {
    BatchedOffer { details: OfferDetails::of(record), ttl: Ttl::from_secs(seconds).unwrap() }
}

fn told(entries: &[(u8, &Record, u32)]) -> Tally {
    let mut tally = Tally::default();
    for (teller, record, seconds) in entries {
        tally.add(NOW, node(*teller), &entry(record, *seconds));
    }
    tally
}

fn own(record: &Record, custody: Custody, seconds: u64) -> Summary {
    let expires = NOW + Duration::from_secs(seconds);
    let purpose = dht_proto::Purpose::Replicate;
    let terms =
        Terms { expires, purpose, custody, source: Source::LOCAL, expected: None, replaces: false };
    Summary::of(record, &terms)
}

/// The one thing that is to be fetched.
fn expect_want(tally: &Tally) -> Want {
    let wants = tally.wants(None);
    assert_eq!(wants.len(), 1, "{wants:?}");
    wants[0].clone()
}

#[test]
fn of_a_name_the_value_is_wanted_that_the_most_nodes_tell_of() {
    let (right, wrong) = (named("right"), named("wrong"));
    let tally = told(&[(1, &wrong, 100), (2, &right, 100), (3, &right, 100)]);
    let want = expect_want(&tally);
    assert_eq!(want.version.digest, right.digest());
    assert_eq!(want.tellers, [node(2), node(3)]);
}

#[test]
fn of_a_signed_record_the_newest_is_wanted_and_an_older_one_if_nobody_delivers_it() {
    let (old, new) = (version(1), version(2));
    let mut tally = told(&[(1, &old, 100), (2, &old, 100), (3, &new, 100)]);
    let want = expect_want(&tally);
    assert_eq!(want.version.sequence, Sequence(2));
    assert_eq!(tally.discard(&want).unwrap().version.sequence, Sequence(1));
    let want = expect_want(&tally);
    assert_eq!(tally.discard(&want), None);
    assert_eq!(tally.settle(None), (0, 0), "what nobody has is not told of");
}

#[test]
fn content_that_is_not_what_its_key_says_is_not_even_told_of() {
    let mut lie = entry(&content("a"), 100);
    lie.details.digest = content("b").digest();
    let mut tally = Tally::default();
    tally.add(NOW, node(1), &lie);
    tally.add(NOW, node(1), &entry(&content("c"), WORTH_SECONDS - 1));
    assert_eq!(tally.settle(None), (0, 0));
}

#[test]
fn one_node_alone_cannot_make_a_life_longer() {
    let record = content("a");
    let life = |tally: &Tally| expect_want(tally).expires.since(NOW).as_secs();
    assert_eq!(life(&told(&[(1, &record, 2_000_000), (2, &record, 90), (3, &record, 80)])), 90);
    assert_eq!(life(&told(&[(1, &record, 80)])), 80);
    let twice = told(&[(1, &record, 80), (1, &record, 900), (2, &record, 70)]);
    assert_eq!(life(&twice), 70);
}

#[test]
fn what_we_hold_is_not_fetched_and_lives_on_as_it_does_elsewhere() {
    let record = content("a");
    for (custody, seconds, extended) in [
        (Custody::Mirror, 10, true),
        (Custody::Mirror, 90, false),
        (Custody::Mirror, 900, false),
        (Custody::Holder, 10, false),
        (Custody::Own { ttl: Ttl::MAX }, 10, false),
        (Custody::Cache { until: Moment::NEVER }, 900, true),
    ] {
        let mut tally = told(&[(1, &record, 100), (2, &record, 100)]);
        let extension = tally.compare(&own(&record, custody, seconds));
        assert_eq!(extension.is_some(), extended, "{custody:?} {seconds}");
        assert!(tally.wants(None).is_empty());
        assert_eq!(tally.settle(None), (1, 1));
    }
}

#[test]
fn an_older_version_is_replaced_and_a_newer_one_stays() {
    for (ours, wanted) in [(1, 1), (3, 0)] {
        let mut tally = told(&[(1, &version(2), 100)]);
        tally.compare(&own(&version(ours), Custody::Mirror, 50));
        assert_eq!(tally.wants(None).len(), wanted);
    }
}

#[test]
fn a_name_that_we_hold_otherwise_stays_unless_it_was_cached_or_two_tell_a_mirror_another() {
    for (custody, tellers, wanted) in [
        (Custody::Mirror, 1, 0),
        (Custody::Mirror, 2, 1),
        (Custody::Holder, 3, 0),
        (Custody::Cache { until: Moment::NEVER }, 1, 1),
    ] {
        let theirs = named("theirs");
        let all: Vec<_> = (0..tellers).map(|teller| (teller, &theirs, 100)).collect();
        let mut tally = told(&all);
        tally.compare(&own(&named("ours"), custody, 50));
        assert_eq!(tally.wants(None).len(), wanted);
        assert_eq!(tally.unwanted(None), 1 - wanted);
        assert_eq!(tally.settle(None), (1, 0), "told of, and not held");
    }
}

#[test]
fn of_two_values_under_a_name_that_as_many_tell_of_we_keep_ours() {
    for ours in ["one", "other"] {
        let (one, other) = (named("one"), named("other"));
        let mut tally = told(&[(1, &one, 100), (2, &one, 100), (3, &other, 100), (4, &other, 100)]);
        tally.compare(&own(&named(ours), Custody::Mirror, 50));
        assert!(tally.wants(None).is_empty());
        assert_eq!(tally.settle(None), (1, 1));
    }
}

#[test]
fn what_a_lost_node_told_counts_no_more() {
    let (one, other) = (content("a"), content("b"));
    let mut tally = told(&[(1, &one, 100), (1, &other, 100), (2, &other, 100)]);
    tally.forget(&node(1));
    assert_eq!(expect_want(&tally).tellers, [node(2)]);
}

#[test]
fn what_lies_beyond_a_window_is_left_for_the_next() {
    let record = |byte| Record::at(Key::from_bytes([byte; 32]), value("text"));
    let mut tally = told(&[(1, &record(1), 100), (1, &record(2), 100), (1, &record(3), 100)]);
    let until = Some(record(2).slot());
    assert_eq!(tally.wants(until).len(), 1);
    tally.keep(&record(1).slot());
    assert_eq!(tally.settle(until), (1, 1));
    assert_eq!(tally.wants(None).len(), 2);
}
