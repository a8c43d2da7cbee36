//! The application's say in what is kept.

use std::time::Duration;

use dht_proto::{
    BatchedOffer, Custody, Held, Kind, OfferAnswer, OfferDetails, Purpose, Source, Summary, Terms,
};

use super::*;
use crate::{Command, Consultation, Event, Outcome, Sender, Ticket, Verdict};

const TTL: u32 = 1_000;

fn asked() -> Peer {
    peer(config().consults(true).consultations(2).verdict_time(Duration::from_secs(3)))
}

fn asker() -> Contact {
    contact(7, "127.0.0.1:1001")
}

fn small() -> Record {
    Record::content(Value::new("small").unwrap())
}

fn large() -> Record {
    Record::content(Value::new(vec![1; 2_000]).unwrap())
}

fn named(value: &'static str) -> Record {
    Record::named(b"name", Value::new(value).unwrap())
}

fn held(record: &Record) -> Held {
    let terms = Terms {
        expires: Moment::from_secs(500),
        purpose: Purpose::Publish,
        custody: Custody::Holder,
        source: Source::LOCAL,
        expected: None,
        replaces: false,
    };
    Held { summary: Summary::of(record, &terms), record: None }
}

fn store(record: &Record) -> Request {
    let ttl = Ttl::from_secs(TTL).unwrap();
    Request::Store { record: record.clone(), ttl, purpose: Purpose::Publish, expected: None }
}

fn offer(record: &Record) -> Request {
    let (details, ttl) = (OfferDetails::of(record), Ttl::from_secs(TTL).unwrap());
    Request::Offer { details, ttl, purpose: Purpose::Publish, expected: None }
}

/// Answers every look into the store with `found`, and that there is room; tells what else the peer orders.
fn drive(peer: &mut Peer, found: Option<&Held>) -> Vec<Output> {
    let mut rest = Vec::new();
    loop {
        let mut fed = false;
        for output in outputs(peer) {
            let input = match output {
                Output::Load { ticket, .. } => Input::Loaded { ticket, found: found.cloned() },
                Output::Weigh { ticket, .. } => {
                    let existing = found.map(|held| Box::new(held.summary));
                    Input::Weighed { ticket, existing, result: Ok(()) }
                }
                other => {
                    rest.push(other);
                    continue;
                }
            };
            peer.handle_input(Moment::EPOCH, input);
            fed = true;
        }
        if !fed {
            return rest;
        }
    }
}

/// Has the peer asked, and tells what the application is asked.
#[track_caller]
fn expect_consult(outputs: Vec<Output>) -> (Ticket, Consultation) {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Consult { ticket, consultation }]) => (ticket, *consultation),
        other => panic!("expected one consultation, got {other:?}"),
    }
}

#[track_caller]
fn expect_save(outputs: Vec<Output>) -> (Ticket, Record, Terms) {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Save { ticket, record, terms }]) => (ticket, record, terms),
        other => panic!("expected one save, got {other:?}"),
    }
}

#[track_caller]
fn expect_answer(outputs: Vec<Output>) -> Reply {
    match <[Output; 1]>::try_from(outputs) {
        Ok([Output::Send { message: Message { body: Body::Reply(reply), .. }, .. }]) => reply,
        other => panic!("expected one reply, got {other:?}"),
    }
}

fn decide(peer: &mut Peer, ticket: Ticket, verdict: Verdict) -> Vec<Output> {
    let verdict = Some(verdict);
    peer.handle_input(Moment::EPOCH, Input::Consulted { ticket, verdict });
    drive(peer, None)
}

fn refused(refusal: Refusal) -> Reply {
    Reply::Refused { refusal, closer: Vec::new() }
}

#[test]
fn a_record_is_kept_once_the_application_accepts_it() {
    let mut peer = asked();
    ask(&mut peer, &asker(), store(&small()));
    let (ticket, question) = expect_consult(drive(&mut peer, None));
    let Sender::Node { node, addr } = question.sender else { panic!("a node sent it") };
    assert_eq!((node, addr), (asker().node, asker().addr));
    assert_eq!(question.record, Some(small()));
    assert_eq!((question.existing, question.purpose), (None, Purpose::Publish));
    assert_eq!(question.remaining, Duration::from_secs(TTL.into()));

    let (ticket, record, terms) = expect_save(decide(&mut peer, ticket, Verdict::Accept));
    assert_eq!((record, terms.replaces), (small(), false));
    peer.handle_input(Moment::EPOCH, Input::Saved { ticket, result: Ok(()) });
    assert_eq!(expect_reply(&mut peer), Reply::Stored { closer: Vec::new() });
}

#[test]
fn a_refusal_and_its_reason_reach_the_sender_and_nothing_is_kept() {
    let mut peer = asked();
    ask(&mut peer, &asker(), store(&small()));
    let (ticket, _) = expect_consult(drive(&mut peer, None));
    let reply = expect_answer(decide(&mut peer, ticket, Verdict::refuse("ä".repeat(150))));
    assert_eq!(reply, refused(Refusal::Policy { reason: "ä".repeat(100) }), "200 bytes of it");
}

#[test]
fn an_application_that_takes_too_long_leaves_the_record_out() {
    let mut peer = asked();
    ask(&mut peer, &asker(), store(&small()));
    let (ticket, _) = expect_consult(drive(&mut peer, None));
    let due = Moment::from_secs(3);
    assert_eq!(peer.poll_timeout(), Some(due));
    peer.handle_timeout(due);
    assert_eq!(expect_reply(&mut peer), refused(Refusal::Busy));
    assert!(decide(&mut peer, ticket, Verdict::Accept).is_empty(), "too late");

    let forgotten = peer.poll_timeout().unwrap();
    peer.handle_timeout(forgotten);
    assert!(peer.application.is_none() && peer.poll_timeout().is_none(), "it idles");
}

#[test]
fn a_request_that_comes_again_is_told_to_wait_and_then_gets_the_same_answer() {
    let mut peer = asked();
    ask(&mut peer, &asker(), store(&small()));
    let (ticket, _) = expect_consult(drive(&mut peer, None));
    ask(&mut peer, &asker(), store(&small()));
    assert_eq!(expect_reply(&mut peer), Reply::Pending);

    let answer = expect_answer(decide(&mut peer, ticket, Verdict::refuse("no")));
    ask(&mut peer, &asker(), store(&small()));
    assert_eq!(expect_reply(&mut peer), answer);
    // The same id of somebody else is another request.
    ask(&mut peer, &contact(8, "127.0.0.1:1002"), store(&small()));
    expect_consult(drive(&mut peer, None));
}

#[test]
fn of_a_long_value_the_application_is_asked_before_it_is_sent_and_again_with_it() {
    let mut peer = asked();
    ask(&mut peer, &asker(), offer(&large()));
    let (ticket, question) = expect_consult(drive(&mut peer, None));
    assert_eq!((question.record, question.incoming.size), (None, 2_000));
    let reply = expect_answer(decide(&mut peer, ticket, Verdict::Accept));
    assert_eq!(reply, Reply::Wanted { closer: Vec::new() });

    let body = Body::Request(store(&large()));
    say(&mut peer, Moment::EPOCH, &asker(), Role::Client, RequestId(2), body);
    let (_, question) = expect_consult(drive(&mut peer, None));
    assert_eq!(question.record, Some(large()));
}

#[test]
fn of_a_short_value_the_application_is_asked_once_when_it_comes() {
    let mut peer = asked();
    ask(&mut peer, &asker(), offer(&named("short")));
    let reply = expect_answer(drive(&mut peer, None));
    assert_eq!(reply, Reply::Wanted { closer: Vec::new() });
}

#[test]
fn a_name_changes_hands_only_if_the_application_says_so() {
    let (old, new) = (held(&named("old")), named("new"));
    for (verdict, expected) in [
        (Verdict::Accept, refused(Refusal::NameTaken)),
        (Verdict::refuse("no"), refused(Refusal::policy("no"))),
        (Verdict::Replace, Reply::Wanted { closer: Vec::new() }),
    ] {
        let mut peer = asked();
        ask(&mut peer, &asker(), offer(&new));
        let (ticket, question) = expect_consult(drive(&mut peer, Some(&old)));
        assert!(question.is_contested());
        assert_eq!(question.existing, Some(old.summary));
        assert_eq!(expect_answer(decide(&mut peer, ticket, verdict)), expected);
    }

    let mut peer = asked();
    ask(&mut peer, &asker(), store(&new));
    let (ticket, _) = expect_consult(drive(&mut peer, Some(&old)));
    let (_, _, terms) = expect_save(decide(&mut peer, ticket, Verdict::Replace));
    assert!(terms.replaces);
}

#[test]
fn what_the_rules_refuse_or_change_nothing_about_is_no_business_of_the_application() {
    let content = held(&small());
    let mut shorter = content.clone();
    shorter.summary.expires = Moment::from_secs(u64::from(TTL) + 1);
    let mut peer = asked();
    ask(&mut peer, &asker(), offer(&small()));
    let reply = expect_answer(drive(&mut peer, Some(&shorter)));
    assert_eq!(reply, Reply::Have { closer: Vec::new() }, "it lives longer already");

    ask(&mut peer, &asker(), store(&small()));
    expect_save(drive(&mut peer, Some(&shorter)));

    let limited = config().consults(true).item_limit(10);
    let mut peer = super::peer(limited);
    ask(&mut peer, &asker(), store(&large()));
    assert_eq!(expect_reply(&mut peer), refused(Refusal::TooLarge { limit: 10 }));
}

#[test]
fn a_longer_life_is_the_business_of_the_application() {
    let mut peer = asked();
    ask(&mut peer, &asker(), offer(&small()));
    let (ticket, question) = expect_consult(drive(&mut peer, Some(&held(&small()))));
    assert!(!question.is_contested() && question.existing.is_some());
    let outputs = decide(&mut peer, ticket, Verdict::Accept);
    assert!(matches!(outputs.as_slice(), [Output::Renew { .. }, Output::Send { .. }]));
}

#[test]
fn more_records_than_may_be_asked_about_at_once_are_refused_as_busy() {
    let mut peer = peer(config().consults(true).consultations(4));
    let mut number = 0;
    let mut is_asked_about = |peer: &mut Peer, asker: Contact| {
        number += 1;
        let record = Record::content(Value::new(vec![number; 5]).unwrap());
        let (id, body) = (RequestId(number.into()), Body::Request(store(&record)));
        say(peer, Moment::EPOCH, &asker, Role::Client, id, body);
        let outputs = drive(peer, None);
        if outputs.iter().any(|output| matches!(output, Output::Consult { .. })) {
            return true;
        }
        assert_eq!(expect_answer(outputs), refused(Refusal::Busy));
        false
    };
    // Nobody gets more than he leaves to others.
    let greedy = [true, true, false].map(|_| is_asked_about(&mut peer, asker()));
    assert_eq!(greedy, [true, true, false]);
    let others =
        [101, 102, 103].map(|other| is_asked_about(&mut peer, contact(other, "127.0.0.1:9")));
    assert_eq!(others, [true, true, false]);
}

#[test]
fn each_of_several_offers_has_a_verdict_of_its_own() {
    let large = |number: u8| Record::content(Value::new(vec![number; 2_000]).unwrap());
    let ttl = Ttl::from_secs(TTL).unwrap();
    let offers = [small(), large(1), large(2)];
    let offers = offers.map(|record| BatchedOffer { details: OfferDetails::of(&record), ttl });
    let mut peer = asked();
    let request = Request::OfferMany { purpose: Purpose::Replicate, offers: offers.to_vec() };
    ask(&mut peer, &asker(), request.clone());
    let (ticket, first) = expect_consult(drive(&mut peer, None));
    assert_eq!((first.key(), first.purpose), (large(1).key(), Purpose::Replicate));
    ask(&mut peer, &asker(), request);
    assert_eq!(expect_reply(&mut peer), Reply::Pending);
    let (ticket, second) =
        expect_consult(decide(&mut peer, ticket, Verdict::refuse("not this one")));
    assert_eq!(second.key(), large(2).key());
    let reply = expect_answer(decide(&mut peer, ticket, Verdict::Accept));
    let refused = OfferAnswer::Refused(Refusal::policy("not this one"));
    let answers = vec![OfferAnswer::Wanted, refused, OfferAnswer::Wanted];
    assert_eq!(reply, Reply::Offered { answers });
}

/// Runs a store of our own on a peer without neighbours.
fn publish(peer: &mut Peer, record: Record) {
    let command = Command::Store { record, ttl: Ttl::default(), expected: None };
    peer.handle_command(Moment::EPOCH, command).unwrap();
}

#[test]
fn the_application_is_asked_about_what_it_publishes_itself() {
    let mut peer = asked();
    publish(&mut peer, small());
    let (ticket, question) = expect_consult(drive(&mut peer, None));
    assert_eq!((question.sender, question.kind()), (Sender::Ourselves, Kind::Content));
    let outputs = decide(&mut peer, ticket, Verdict::refuse("not here"));
    let [Output::Event(Event::Finished { outcome: Outcome::Stored(report), .. })] =
        outputs.as_slice()
    else {
        panic!("expected the end of the store, got {outputs:?}");
    };
    assert!(report.holders.is_empty());
    assert_eq!(report.refused, [(peer.local().id(), Refusal::policy("not here"))]);
}

#[test]
fn a_name_that_lives_here_is_ours_to_take_if_the_application_says_so() {
    let old = held(&named("old"));
    let mut peer = asked();
    publish(&mut peer, named("new"));
    let (ticket, question) = expect_consult(drive(&mut peer, Some(&old)));
    assert!(question.is_contested() && question.record == Some(named("new")));
    let (_, _, terms) = expect_save(decide(&mut peer, ticket, Verdict::Replace));
    assert!(terms.replaces, "asked once");

    let mut peer = asked();
    publish(&mut peer, named("new"));
    let (ticket, _) = expect_consult(drive(&mut peer, Some(&old)));
    let outputs = decide(&mut peer, ticket, Verdict::Accept);
    assert!(matches!(outputs.as_slice(), [Output::Event(Event::Finished { .. })]), "{outputs:?}");
}

/// A peer that has sent one store to `holder`, and the id of it.
fn storing(holder: &Contact) -> (Peer, RequestId) {
    let mut peer = peer(config());
    introduce(&mut peer, Moment::EPOCH, holder);
    publish(&mut peer, small());
    let sent = requests(&mut peer);
    let [(to, id, Request::Store { .. })] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(to, holder);
    (peer, *id)
}

#[test]
fn who_is_told_to_wait_asks_again_from_time_to_time_and_takes_the_late_answer() {
    let holder = contact(9, "127.0.0.1:1009");
    let (mut peer, id) = storing(&holder);
    let mut asked = 0;
    while let Some(due) = peer.poll_timeout().filter(|due| *due < Moment::from_secs(9)) {
        peer.handle_timeout(due);
        for (_, again, request) in requests(&mut peer) {
            if matches!(request, Request::Store { .. }) {
                assert_eq!(again, id);
                asked += 1;
                answer(&mut peer, due, &holder, id, Reply::Pending);
            }
        }
    }
    assert!((4..=40).contains(&asked), "{asked} times");
    let now = Moment::from_secs(9);
    answer(&mut peer, now, &holder, id, Reply::Stored { closer: Vec::new() });
    for output in outputs(&mut peer) {
        if let Output::Save { ticket, .. } = output {
            peer.handle_input(now, Input::Saved { ticket, result: Ok(()) });
        }
    }
    let finished = outputs(&mut peer).into_iter().find_map(|output| match output {
        Output::Event(Event::Finished { outcome: Outcome::Stored(report), .. }) => Some(report),
        _ => None,
    });
    assert!(finished.unwrap().holders.contains(&holder.id()));
}

#[test]
fn a_node_that_only_ever_says_wait_is_given_up() {
    let holder = contact(9, "127.0.0.1:1009");
    let (mut peer, id) = storing(&holder);
    let end = Moment::from_secs(30);
    let mut finished = None;
    while let Some(due) = peer.poll_timeout().filter(|due| *due < end && finished.is_none()) {
        peer.handle_timeout(due);
        answer(&mut peer, due, &holder, id, Reply::Pending);
        for output in outputs(&mut peer) {
            match output {
                Output::Save { ticket, .. } => {
                    peer.handle_input(due, Input::Saved { ticket, result: Ok(()) });
                }
                Output::Event(Event::Finished { outcome: Outcome::Stored(report), .. }) => {
                    finished = Some((due, report.timed_out));
                }
                _ => {}
            }
        }
    }
    let (at, timed_out) = finished.unwrap();
    assert_eq!(timed_out, 1);
    assert!(at >= Moment::from_secs(10) && at < Moment::from_secs(20), "{at:?}");
}
