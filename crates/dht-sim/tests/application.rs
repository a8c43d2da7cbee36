//! Applications in a simulated network: what nodes keep is theirs to decide, in their own time.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dht_proto::{Record, Refusal, Ttl, Value};
use dht_routing::{
    Command, Config, Consultation, CustomReport, Outcome, Recipient, Sender, StoreReport, Verdict,
};
use dht_sim::{Builder, Occurrence, Place, Simulation};

const NODES: usize = 60;

fn settled(builder: Builder) -> Simulation {
    let mut sim = builder.build().unwrap();
    sim.settle(Duration::from_mins(1), |_, _| {});
    sim
}

fn store(sim: &mut Simulation, place: Place, record: Record) -> StoreReport {
    let command = Command::Store { record, ttl: Ttl::default(), expected: None };
    sim.start(place, command).unwrap().unwrap();
    let until = sim.now() + Duration::from_mins(1);
    while let Some(occurrence) = sim.next(until) {
        if let Occurrence::Finished(ended) = occurrence
            && let Outcome::Stored(report) = ended.outcome
        {
            return report;
        }
    }
    panic!("the store did not end");
}

fn content(size: usize) -> Record {
    Record::content(Value::new(vec![7; size]).unwrap())
}

fn builder() -> Builder {
    Simulation::builder().nodes(NODES).seed(3)
}

#[test]
fn every_holder_decides_for_itself_and_its_reason_reaches_the_publisher() {
    let policy = |place: Place, _: &Consultation| match place.0 % 2 {
        0 => Verdict::refuse("even places keep nothing"),
        _ => Verdict::Accept,
    };
    let mut sim = settled(builder().on_store(policy));
    for size in [100, 50_000] {
        let report = store(&mut sim, Place(5), content(size));
        let reason = Refusal::policy("even places keep nothing");
        assert!(report.refused.iter().all(|(_, refusal)| *refusal == reason), "{report:?}");
        assert!(report.refused.len() >= 3 && report.holders.len() >= 3, "{report:?}");
        let key = report.key;
        let kept = (0..60).filter(|place| {
            let store = sim.store(Place(*place));
            let kinds = dht_proto::KindSet::ALL;
            store.is_some_and(|store| {
                use dht_store::RecordStore;
                store.load(sim.now(), key, kinds, 0).unwrap().is_some()
            })
        });
        assert!(kept.clone().all(|place| place % 2 == 1), "{:?}", kept.collect::<Vec<_>>());
    }
}

#[test]
fn a_slow_application_is_waited_for() {
    let slow = builder().on_store(|_, _| Verdict::Accept).thinking(Duration::from_secs(2));
    let report = store(&mut settled(slow), Place(5), content(100));
    assert_eq!((report.holders.len(), report.timed_out), (16, 0), "{report:?}");
    assert!(report.refused.is_empty());
}

#[test]
fn an_application_slower_than_its_deadline_keeps_nothing_and_says_so() {
    let slow = builder()
        .peer(Config::builder().verdict_time(Duration::from_secs(2)))
        .on_store(|_, _| Verdict::Accept)
        .thinking(Duration::from_secs(4));
    let report = store(&mut settled(slow), Place(5), content(100));
    assert!(report.holders.is_empty());
    assert_eq!(report.timed_out, 0, "{report:?}");
    assert!(report.refused.iter().all(|(_, refusal)| *refusal == Refusal::Busy));
}

#[test]
fn a_name_changes_hands_where_applications_let_it() {
    let mut sim = settled(builder().on_store(|_, _| Verdict::Replace));
    let named = |text: &str| Record::named(b"leader", Value::new(text.to_owned()).unwrap());
    assert_eq!(store(&mut sim, Place(1), named("one")).holders.len(), 16);
    let report = store(&mut sim, Place(2), named("two"));
    assert_eq!(report.holders.len(), 16, "{report:?}");
    let key = report.key;
    sim.start(Place(3), Command::Fetch { key, kinds: dht_proto::KindSet::ALL });
    let until = sim.now() + Duration::from_secs(20);
    while let Some(occurrence) = sim.next(until) {
        if let Occurrence::Finished(ended) = occurrence
            && let Outcome::Fetched(fetched) = ended.outcome
        {
            assert_eq!(fetched.unwrap().record, named("two"));
            return;
        }
    }
    panic!("the fetch did not end");
}

#[test]
fn applications_see_who_sends_and_are_asked_once_though_datagrams_are_lost_and_repeated() {
    type Seen = Vec<(Place, Sender, bool)>;
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let note = Arc::clone(&seen);
    let policy = move |place: Place, consultation: &Consultation| {
        let with_value = consultation.record.is_some();
        note.lock().unwrap().push((place, consultation.sender, with_value));
        Verdict::Accept
    };
    let conditions =
        dht_sim::Conditions { loss: 0.1, duplication: 0.3, ..dht_sim::Conditions::default() };
    let slow = builder().on_store(policy).thinking(Duration::from_millis(700));
    let mut sim = settled(slow.conditions(conditions));
    let publisher = sim.identity(Place(5)).unwrap();
    let report = store(&mut sim, Place(5), content(100));
    assert!(report.holders.len() >= 14, "{report:?}");

    let seen = seen.lock().unwrap();
    for place in (0..60).map(Place) {
        let asked: Vec<_> = seen.iter().filter(|(at, ..)| *at == place).collect();
        assert!(asked.len() <= 1, "{place:?} was asked {} times", asked.len());
        for (_, sender, with_value) in asked {
            assert!(with_value);
            match sender {
                Sender::Ourselves => assert_eq!(place, Place(5)),
                Sender::Node { node, .. } => assert_eq!(*node, publisher),
            }
        }
    }
}

#[test]
fn every_node_near_a_key_answers_and_none_runs_a_request_twice_though_datagrams_are_lost() {
    let runs: Arc<Mutex<BTreeMap<(Place, bytes::Bytes), usize>>> = Arc::default();
    let count = Arc::clone(&runs);
    let conditions =
        dht_sim::Conditions { loss: 0.1, duplication: 0.3, ..dht_sim::Conditions::default() };
    let slow = builder().conditions(conditions).thinking(Duration::from_millis(1_500));
    let mut sim = settled(slow.on_custom(move |place, service| {
        *count.lock().unwrap().entry((place, service.payload.clone())).or_default() += 1;
        // Every third answer is too long for a datagram.
        let length = if place.0 % 3 == 0 { 5_000 } else { 10 };
        Ok(vec![1; length].into())
    }));
    let mut total = CustomReport::default();
    for (number, length) in [10, 900, 20_000].into_iter().enumerate() {
        let key = content(number).key();
        let patience = Duration::from_secs(20);
        let payload = vec![1; length].into();
        let command = Command::Custom { to: Recipient::Closest(key), payload, patience };
        sim.start(Place(7), command).unwrap().unwrap();
        let until = sim.now() + Duration::from_mins(1);
        let mut told = 0;
        while let Some(occurrence) = sim.next(until) {
            match occurrence {
                Occurrence::Answered { place, answer } => {
                    assert_eq!(place, Place(7));
                    told += 1;
                    total.answered += usize::from(answer.result.is_ok());
                }
                Occurrence::Finished(ended) => {
                    if let Outcome::Custom(report) = ended.outcome {
                        assert_eq!(report.asked, told, "each is told of once");
                        total.asked += report.asked;
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    assert!(total.asked >= 45 && total.answered + 3 >= total.asked, "{total:?}");
    let runs = runs.lock().unwrap();
    assert!(runs.values().all(|count| *count == 1), "{runs:?}");
}
