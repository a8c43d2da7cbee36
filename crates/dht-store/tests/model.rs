//! The stores against a naive model: a list of records that is searched from end to end.
#![allow(
    clippy::unwrap_used,
    reason = "a test ends in a panic where something is not as it must be"
)]

use std::time::Duration;

use dht_proto::{
    Admission, AuthorSecret, Custody, Held, KindSet, Moment, Prefix, Purpose, Record, Refusal,
    Salt, Sequence, SignedBody, Slot, Source, Stock, Summary, Terms, Ttl, Value, admit,
};
use dht_store::{MemoryStore, RECORD_COST, RecordStore, SaveError, Saved};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

/// Room for some eight of the records below, so that the quota matters.
const CAPACITY: u64 = 8 * RECORD_COST + 3_000;
/// What one source may take.
const BUDGET: u64 = CAPACITY / 2;

/// What is saved: few slots, several values and versions for each, lengths from none to too long.
fn records() -> Vec<Record> {
    let value = |byte: u8, length: usize| Value::new(vec![byte; length]).unwrap();
    let author = AuthorSecret::from_seed(&[1; 32]);
    let version = |sequence, body| Record::sign(&author, Salt::default(), Sequence(sequence), body);
    let mut records = vec![
        Record::named(b"one", value(1, 10)),
        Record::named(b"one", value(2, 600)),
        Record::named(b"other", value(3, 300)),
        version(1, SignedBody::Value(value(4, 400))),
        version(1, SignedBody::Value(value(5, 900))),
        version(2, SignedBody::Value(value(6, 10))),
        version(3, SignedBody::Deleted),
        Record::content(value(7, 5_000)),
    ];
    records.extend([0, 1, 500, 1_000].map(|length| Record::content(value(8, length))));
    let squatted = Record::content(value(8, 500)).key();
    records.push(Record::at(squatted, value(9, 100)));
    records
}

#[derive(Debug, Clone)]
enum Call {
    Save { record: usize, terms: TermsAfter },
    Renew { record: usize, terms: TermsAfter },
    Remove { record: usize },
    Expire,
    Wait { seconds: u64 },
}

/// Terms whose end is told from the moment of the call.
#[derive(Debug, Clone, Copy)]
struct TermsAfter {
    seconds: u64,
    purpose: Purpose,
    custody: Custody,
    source: u8,
    expected: Option<u64>,
}

impl TermsAfter {
    fn at(self, now: Moment) -> Terms {
        Terms {
            expires: now + Duration::from_secs(self.seconds),
            purpose: self.purpose,
            custody: self.custody,
            source: Source::from_bytes([self.source; 16]),
            expected: self.expected.map(Sequence),
            replaces: false,
        }
    }
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let record = || 0..records().len();
    let own =
        (1_u32..9).prop_filter_map("a life", Ttl::from_secs).prop_map(|ttl| Custody::Own { ttl });
    let sent = prop_oneof![
        own.prop_map(|own| (Purpose::Publish, own)),
        Just((Purpose::Publish, Custody::Holder)),
        Just((Purpose::Replicate, Custody::Holder)),
        Just((Purpose::Replicate, Custody::Mirror)),
        Just((Purpose::Cache, Custody::Cache { until: Moment::NEVER })),
    ];
    let expected = prop_oneof![4 => Just(None), 1 => (0_u64..4).prop_map(Some)];
    let terms = (0_u64..12, sent, 0_u8..4, expected).prop_map(
        |(seconds, (purpose, custody), source, expected)| TermsAfter {
            seconds,
            purpose,
            custody,
            source,
            expected,
        },
    );
    let call = prop_oneof![
        10 => (record(), terms.clone()).prop_map(|(record, terms)| Call::Save { record, terms }),
        3 => (record(), terms).prop_map(|(record, terms)| Call::Renew { record, terms }),
        1 => record().prop_map(|record| Call::Remove { record }),
        1 => Just(Call::Expire),
        3 => (0_u64..5).prop_map(|seconds| Call::Wait { seconds }),
    ];
    vec(call, 1..80)
}

/// Every record kept, in the order it came.
#[derive(Default, Clone)]
struct Model(Vec<(Record, Terms)>);

impl Model {
    fn forget_ended(&mut self, now: Moment) {
        self.0.retain(|(_, terms)| terms.expires > now);
    }

    fn position(&self, record: &Record) -> Option<usize> {
        self.0.iter().position(|(held, _)| held.slot() == record.slot())
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|(record, _)| RECORD_COST + record.size() as u64).sum()
    }

    fn used_by(&self, source: Source) -> u64 {
        let of_source = self.0.iter().filter(|(_, terms)| terms.source == source);
        of_source.map(|(record, _)| RECORD_COST + record.size() as u64).sum()
    }

    fn save(&mut self, record: &Record, terms: Terms) -> Result<Saved, Refusal> {
        let position = self.position(record);
        let existing = position.map(|at| Summary::of(&self.0[at].0, &self.0[at].1));
        match (admit(existing.as_ref(), &Summary::of(record, &terms), &terms)?, position) {
            (Admission::Keep, _) => Ok(Saved::Kept),
            (Admission::Renew { expires, custody }, Some(at)) => {
                let is_own = matches!(terms.custody, Custody::Own { .. });
                let source = if is_own { terms.source } else { self.0[at].1.source };
                self.0[at].1 = Terms { expires, custody, source, ..terms };
                Ok(Saved::Kept)
            }
            (_, position) => {
                let mut changed = self.clone();
                position.map(|at| changed.0.remove(at));
                changed.make_room(record, terms)?;
                changed.0.push((record.clone(), terms));
                *self = changed;
                Ok(Saved::Inserted)
            }
        }
    }

    /// Gives up one of the records that `is_given_up`, the soonest to end.
    fn give_up(&mut self, is_given_up: impl Fn(&Terms) -> bool) -> Result<(), Refusal> {
        let given_up = self.0.iter().enumerate().filter(|(_, (_, terms))| is_given_up(terms));
        let soonest = given_up.min_by_key(|(_, (held, terms))| (terms.expires, held.slot()));
        let (at, _) = soonest.ok_or(Refusal::Full)?;
        self.0.remove(at);
        Ok(())
    }

    /// What the documentation of `save` says, word by word; what has ended is gone already.
    fn make_room(&mut self, record: &Record, terms: Terms) -> Result<(), Refusal> {
        let cost = RECORD_COST + record.size() as u64;
        let is_local = terms.source.is_local();
        let limit = if is_local { CAPACITY } else { BUDGET } - RECORD_COST;
        if record.size() as u64 > limit {
            return Err(Refusal::TooLarge { limit: u32::try_from(limit).unwrap() });
        }
        let is_cached = |held: &Terms| {
            held.custody.is_cached()
                && (!terms.custody.is_cached() || held.expires <= terms.expires)
        };
        while !is_local && self.used_by(terms.source) + cost > BUDGET {
            self.give_up(|held| held.source == terms.source && is_cached(held))?;
        }
        while self.bytes() + cost > CAPACITY && self.give_up(is_cached).is_ok() {}
        while self.bytes() + cost > CAPACITY {
            self.give_up_of_the_greediest(cost, terms)?;
        }
        Ok(())
    }

    fn give_up_of_the_greediest(&mut self, cost: u64, terms: Terms) -> Result<(), Refusal> {
        if terms.custody.is_cached() {
            return Err(Refusal::Full);
        }
        let is_held = |held: &Terms| matches!(held.custody, Custody::Holder | Custody::Mirror);
        let sources = self.0.iter().map(|(_, held)| held);
        let sources = sources.filter(|held| is_held(held) && !held.source.is_local());
        let greediest = sources.map(|held| (self.used_by(held.source), held.source)).max();
        let (_, greediest) = greediest.ok_or(Refusal::Full)?;
        let mut changed = self.clone();
        changed.give_up(|held| is_held(held) && held.source == greediest)?;
        let is_own = matches!(terms.custody, Custody::Own { .. });
        if !is_own && self.used_by(terms.source) + cost >= changed.used_by(greediest) {
            return Err(Refusal::Full);
        }
        *self = changed;
        Ok(())
    }

    fn renew(&mut self, record: &Record, terms: Terms) -> bool {
        let same = |held: &(Record, Terms)| {
            held.0.slot() == record.slot() && held.0.digest() == record.digest()
        };
        let Some((held, _)) = self.0.iter().find(|held| same(held)).cloned() else {
            return false;
        };
        // With bytes or without, the same value again means the same.
        self.save(&held, Terms { expected: None, ..terms }).is_ok()
    }

    fn listed(&self) -> Vec<Held> {
        let mut listed: Vec<_> = self
            .0
            .iter()
            .map(|(record, terms)| Held {
                summary: Summary::of(record, terms),
                record: Some(record.clone()),
            })
            .collect();
        listed.sort_by_key(|held| held.summary.slot);
        listed
    }
}

fn listed(store: &impl RecordStore, now: Moment) -> Vec<Held> {
    let summaries = store.list(now, Slot::FIRST, usize::MAX).unwrap();
    let load = |summary: &Summary| {
        let kinds = KindSet::only(summary.slot.kind);
        store.load(now, summary.slot.key, kinds, usize::MAX).unwrap().unwrap()
    };
    summaries.iter().map(load).collect()
}

fn refusal_or_ended(result: Result<Saved, SaveError>) -> Result<Saved, Option<Refusal>> {
    result.map_err(|error| match error {
        SaveError::Refused(refusal) => Some(refusal),
        SaveError::Ended => None,
        other => panic!("the store must not fail: {other}"),
    })
}

fn behaves_as_the_model(mut store: impl RecordStore, calls: Vec<Call>) -> TestCaseResult {
    let records = records();
    let mut now = Moment::from_secs(100);
    let mut model = Model::default();
    for call in calls {
        model.forget_ended(now);
        match call {
            Call::Save { record, terms } => {
                let (record, terms) = (&records[record], terms.at(now));
                let expected = if terms.expires > now {
                    model.save(record, terms).map_err(Some)
                } else {
                    Err(None)
                };
                let weighed = store.weigh(now, &Summary::of(record, &terms), &terms).unwrap();
                let result = refusal_or_ended(store.save(now, record.clone(), terms));
                prop_assert_eq!(&result, &expected);
                if terms.expires > now {
                    let foretold = weighed.admitted.map(|admission| match admission {
                        Admission::Insert => Saved::Inserted,
                        Admission::Renew { .. } | Admission::Keep => Saved::Kept,
                    });
                    prop_assert_eq!(foretold.map_err(Some), result);
                }
            }
            Call::Renew { record, terms } => {
                let (record, terms) = (&records[record], terms.at(now));
                let renewed = store.renew(now, record.slot(), record.digest(), terms).unwrap();
                prop_assert_eq!(renewed, model.renew(record, terms));
            }
            Call::Remove { record } => {
                let position = model.position(&records[record]);
                let removed = store.remove(now, records[record].slot()).unwrap();
                prop_assert_eq!(removed, position.is_some());
                position.map(|at| model.0.remove(at));
            }
            Call::Expire => {
                store.expire(now).unwrap();
                let earliest = model.0.iter().map(|(_, terms)| terms.expires).min();
                prop_assert_eq!(store.next_expiry(), earliest);
                prop_assert_eq!(store.usage().bytes, model.bytes());
                prop_assert_eq!(store.usage().records, model.0.len() as u64);
            }
            Call::Wait { seconds } => {
                now += Duration::from_secs(seconds);
                model.forget_ended(now);
            }
        }
        prop_assert!(store.usage().bytes <= CAPACITY);
        prop_assert_eq!(listed(&store, now), model.listed());
        let all: Vec<Summary> = model.listed().iter().map(|held| held.summary).collect();
        let stocks = store.take_stock(now, &[Prefix::ALL], usize::MAX).unwrap();
        prop_assert_eq!(stocks, vec![Stock::of(&all)]);
    }
    store.expire(Moment::NEVER).unwrap();
    prop_assert_eq!((store.usage().records, store.usage().bytes), (0, 0));
    prop_assert_eq!(store.next_expiry(), None);
    Ok(())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn any_sequence_of_calls_does_to_the_store_what_it_does_to_the_model(calls in calls()) {
        behaves_as_the_model(MemoryStore::new(CAPACITY), calls)?;
    }

    #[test]
    fn equal_stores_stay_equal_under_equal_calls(calls in calls()) {
        let records = records();
        let mut stores = [MemoryStore::new(CAPACITY), MemoryStore::new(CAPACITY)];
        let now = Moment::from_secs(100);
        for call in &calls {
            let Call::Save { record, terms } = call else { continue };
            let [one, other] = stores.each_mut().map(|store| {
                refusal_or_ended(store.save(now, records[*record].clone(), terms.at(now)))
            });
            prop_assert_eq!(one, other);
        }
        let [one, other] = &stores;
        prop_assert_eq!(listed(one, now), listed(other, now));
        prop_assert_eq!(one.usage(), other.usage());
    }
}

#[cfg(feature = "disk")]
proptest! {
    // Each case makes a file.
    #![proptest_config(config(64))]

    #[test]
    fn a_store_on_disk_does_what_the_model_does(calls in calls()) {
        let directory = tempfile::tempdir().unwrap();
        let options = dht_store::DiskOptions::new().capacity(CAPACITY);
        let path = directory.path().join("records.redb");
        let store = dht_store::DiskStore::open(&path, options).unwrap();
        behaves_as_the_model(store, calls)?;
    }
}
