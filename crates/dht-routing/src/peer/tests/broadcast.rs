//! Broadcasts at one peer: taken once, handed on, repaired, and what hostile nodes make of them.

use std::sync::Arc;
use std::time::Duration;

use dht_proto::{
    AuthorSecret, Broadcast, BroadcastEntry, BroadcastId, BroadcastVerdict, ErrorCode, Load,
    NetworkId, SentAt,
};

use super::*;
use crate::{BroadcastError, Outcome};

const NOW: Moment = Moment::from_secs(1_000);

fn secret() -> AuthorSecret {
    AuthorSecret::from_seed(&[3; 32])
}

fn broadcast(number: u64, size: usize) -> Arc<Broadcast> {
    let sent = SentAt(SentAt::of(NOW).0 + number);
    Arc::new(Broadcast::sign(&secret(), NetworkId::default(), sent, vec![7; size].into()).unwrap())
}

fn member(number: u32) -> Contact {
    contact(number, "127.0.0.1:1000")
}

/// A peer that knows `count` others.
fn peer_among(count: u32, config: ConfigBuilder) -> Peer {
    let mut peer = peer(config);
    (1..=count).for_each(|number| introduce(&mut peer, NOW, &member(number)));
    peer
}

/// `from` sends a broadcast.
fn send(peer: &mut Peer, now: Moment, from: u32, broadcast: &Arc<Broadcast>, depth: u16) {
    let request = Request::Broadcast { broadcast: broadcast.clone(), depth };
    say(peer, now, &member(from), Role::Full, RequestId(1), Body::Request(request));
}

/// What a peer did: the broadcasts it gave to its application, its replies, its requests.
#[derive(Default)]
struct Done {
    delivered: Vec<(Ticket, BroadcastId)>,
    replies: Vec<Reply>,
    requests: Vec<(Contact, RequestId, Request)>,
    dialled: Vec<Request>,
    outcomes: Vec<Outcome>,
}

fn done(peer: &mut Peer) -> Done {
    let mut done = Done::default();
    for output in outputs(peer) {
        match output {
            Output::Deliver { ticket, broadcast } => done.delivered.push((ticket, broadcast.id())),
            Output::Send { route, message: Message { id, body, .. } } => match (route, body) {
                (Route::Datagram(to), Body::Request(request)) => {
                    done.requests.push((to, id, request));
                }
                (Route::Dial(_), Body::Request(request)) => done.dialled.push(request),
                (_, Body::Reply(reply)) => done.replies.push(reply),
                (Route::Answer(_), Body::Request(_)) => panic!("a request is no answer"),
            },
            Output::Event(Event::Finished { outcome, .. }) => done.outcomes.push(outcome),
            _ => {}
        }
    }
    done
}

#[track_caller]
fn assert_verdict(done: &Done, expected: BroadcastVerdict) {
    let [Reply::BroadcastsCompared { verdicts, .. }] = &done.replies[..] else {
        panic!("one reply, not {:?}", done.replies)
    };
    assert_eq!(verdicts, &[expected]);
}

fn handed_on(done: &Done) -> Vec<Contact> {
    let is_broadcast = |request: &Request| matches!(request, Request::Broadcast { .. });
    done.requests.iter().filter(|(_, _, r)| is_broadcast(r)).map(|(to, ..)| *to).collect()
}

fn verdict(verdict: BroadcastVerdict) -> Reply {
    Reply::BroadcastsCompared { verdicts: vec![verdict], more: Vec::new() }
}

fn delivering() -> ConfigBuilder {
    config().delivers_broadcasts(true)
}

#[test]
fn a_broadcast_is_delivered_once_and_handed_on_to_everybody_else_that_we_know() {
    let mut peer = peer_among(5, delivering());
    let broadcast = broadcast(0, 10);
    send(&mut peer, NOW, 1, &broadcast, 0);
    let first = done(&mut peer);
    assert_verdict(&first, BroadcastVerdict::Taken);
    assert_eq!(first.delivered.len(), 1);
    assert!(first.requests.is_empty(), "the application has not spoken yet");
    let (ticket, _) = first.delivered[0];
    peer.handle_input(NOW, Input::Delivered { ticket, forward: true });
    let mut told = handed_on(&done(&mut peer));
    told.sort_by_key(|contact| contact.node.nonce().0);
    assert_eq!(told, [2, 3, 4, 5].map(member));

    send(&mut peer, NOW, 2, &broadcast, 0);
    let second = done(&mut peer);
    assert_verdict(&second, BroadcastVerdict::Have);
    assert!(second.delivered.is_empty() && second.requests.is_empty());
}

#[test]
fn a_broadcast_goes_only_to_the_part_of_the_space_that_it_came_for() {
    let mut peer = peer_among(12, config());
    let local = peer.local().id();
    send(&mut peer, NOW, 1, &broadcast(0, 10), 2);
    let told = handed_on(&done(&mut peer));
    let inside = |contact: &Contact| local.distance(&contact.id()).leading_zeros() >= 2;
    let expected = (2..=12).map(member).filter(inside).count();
    assert_eq!((told.len(), told.iter().all(inside)), (expected, true));
    send(&mut peer, NOW, 1, &broadcast(1, 10), 256);
    assert!(handed_on(&done(&mut peer)).is_empty());
}

#[test]
fn without_an_application_that_wants_it_a_broadcast_is_handed_on_at_once() {
    let mut peer = peer_among(3, config());
    send(&mut peer, NOW, 1, &broadcast(0, 10), 0);
    let done = done(&mut peer);
    assert!(done.delivered.is_empty());
    assert_eq!(handed_on(&done).len(), 2);
}

#[test]
fn a_broadcast_whose_life_is_over_or_has_not_begun_is_refused() {
    let mut peer = peer_among(2, delivering());
    let old = broadcast(0, 10);
    send(&mut peer, NOW + SentAt::LIFE, 1, &old, 0);
    let replayed = done(&mut peer);
    assert_verdict(&replayed, BroadcastVerdict::Refused);
    let early = broadcast(2 * 600_000, 10);
    send(&mut peer, NOW, 1, &early, 0);
    let early = done(&mut peer);
    assert_verdict(&early, BroadcastVerdict::Refused);
    assert!(replayed.delivered.is_empty() && early.delivered.is_empty());
}

#[test]
fn a_broadcast_is_remembered_as_long_as_it_lives_and_then_costs_nothing() {
    let mut peer = peer_among(2, config());
    let one = broadcast(0, 10);
    send(&mut peer, NOW, 1, &one, 0);
    let mut now = NOW;
    while now < one.sent().expires() {
        outputs(&mut peer);
        send(&mut peer, now, 1, &one, 0);
        assert_verdict(&done(&mut peer), BroadcastVerdict::Have);
        now += Duration::from_secs(5);
        peer.handle_timeout(now);
    }
    peer.handle_timeout(one.sent().expires());
    assert!(peer.broadcasts.is_none());
}

#[test]
fn a_flood_of_one_author_is_refused_and_others_are_heard() {
    let mut peer = peer_among(2, delivering());
    for number in 0..100 {
        send(&mut peer, NOW, 1, &broadcast(number, 10), 0);
    }
    assert_eq!(done(&mut peer).delivered.len(), 10);
    let other = AuthorSecret::from_seed(&[4; 32]);
    let other =
        Broadcast::sign(&other, NetworkId::default(), SentAt::of(NOW), "hello".into()).unwrap();
    send(&mut peer, NOW, 1, &Arc::new(other), 0);
    assert_eq!(done(&mut peer).delivered.len(), 1);
}

#[test]
fn a_broadcast_that_the_application_does_not_want_forwarded_stays_here() {
    let mut peer = peer_among(3, delivering());
    let broadcast = broadcast(0, 10);
    send(&mut peer, NOW, 1, &broadcast, 0);
    let (ticket, _) = done(&mut peer).delivered[0];
    peer.handle_input(NOW, Input::Delivered { ticket, forward: false });
    assert!(done(&mut peer).requests.is_empty());
    ask(&mut peer, &member(2), Request::CompareBroadcasts { held: Vec::new(), skip: 0 });
    let told = expect_reply(&mut peer);
    let nothing = Reply::BroadcastsCompared { verdicts: Vec::new(), more: Vec::new() };
    assert_eq!(told, nothing);
    ask(&mut peer, &member(2), Request::PullBroadcast { id: broadcast.id() });
    assert_eq!(expect_reply(&mut peer), Reply::BroadcastPulled { broadcast: None });
    send(&mut peer, NOW, 3, &broadcast, 0);
    assert_verdict(&done(&mut peer), BroadcastVerdict::Have);
}

#[test]
fn an_application_that_does_not_say_in_time_has_the_broadcast_forwarded() {
    let mut peer = peer_among(3, delivering());
    send(&mut peer, NOW, 1, &broadcast(0, 10), 0);
    let (ticket, _) = done(&mut peer).delivered[0];
    peer.handle_timeout(NOW + Duration::from_millis(999));
    assert!(handed_on(&done(&mut peer)).is_empty());
    peer.handle_timeout(NOW + Duration::from_secs(1));
    assert_eq!(handed_on(&done(&mut peer)).len(), 2);
    peer.handle_input(NOW, Input::Delivered { ticket, forward: true });
    assert!(done(&mut peer).requests.is_empty(), "too late to count");
}

#[test]
fn a_broadcast_is_signed_for_the_network_of_the_peer() {
    let network = NetworkId::named("chess");
    let mut peer = peer_among(1, config().network(network));
    let command = Command::Broadcast { secret: secret(), payload: "hello".into() };
    peer.handle_command(NOW, command).unwrap();
    let sent = done(&mut peer).requests;
    let [(_, _, Request::Broadcast { broadcast, .. })] = &sent[..] else { panic!("{sent:?}") };
    let signed = |network| {
        let (author, signature) = (*broadcast.author(), *broadcast.signature());
        Broadcast::signed(author, network, broadcast.sent(), "hello".into(), signature)
    };
    assert_eq!(signed(network).as_ref(), Ok(&**broadcast));
    assert!(signed(NetworkId::default()).is_err());
}

#[test]
fn a_delegate_that_does_not_answer_is_replaced() {
    let mut peer = peer_among(400, config());
    let command = Command::Broadcast { secret: secret(), payload: "hello".into() };
    peer.handle_command(NOW, command).unwrap();
    let sent = done(&mut peer);
    let deepest = |(_, _, request): &&(Contact, RequestId, Request)| matches!(request, Request::Broadcast { depth, .. } if *depth == 3);
    let (silent, ..) = sent.requests.iter().find(deepest).unwrap().clone();
    let mut now = NOW;
    for (to, id, _) in &sent.requests {
        if *to != silent {
            answer(&mut peer, now, to, *id, verdict(BroadcastVerdict::Taken));
        }
    }
    assert!(done(&mut peer).outcomes.is_empty(), "one is still waited for");
    let mut again = Vec::new();
    while again.is_empty() {
        now += Duration::from_millis(50);
        peer.handle_timeout(now);
        let outcome = done(&mut peer);
        again.extend(outcome.requests.into_iter().filter(|(to, _, r)| {
            *to != silent && matches!(r, Request::Broadcast { depth: 3, .. })
        }));
        assert!(now < NOW + Duration::from_secs(5), "nobody replaced it");
    }
    let (to, id, _) = again[0].clone();
    answer(&mut peer, now, &to, id, verdict(BroadcastVerdict::Taken));
    let outcomes = done(&mut peer).outcomes;
    let [Outcome::Broadcast(Ok(report))] = outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(report.acknowledged, sent.requests.len());
    let size = peer.table().network_size();
    assert!(report.reach > size / 2 && report.reach <= size, "{} of {size}", report.reach);
}

#[test]
fn a_long_broadcast_is_sent_only_to_those_who_say_that_they_lack_it() {
    let mut peer = peer_among(2, config());
    let command = Command::Broadcast { secret: secret(), payload: vec![7; 5_000].into() };
    peer.handle_command(NOW, command).unwrap();
    let asked = done(&mut peer).requests;
    assert!(
        asked.iter().all(
            |(_, _, r)| matches!(r, Request::CompareBroadcasts { held, .. } if held.len() == 1)
        )
    );
    answer(&mut peer, NOW, &asked[0].0, asked[0].1, verdict(BroadcastVerdict::Have));
    assert!(done(&mut peer).dialled.is_empty());
    answer(&mut peer, NOW, &asked[1].0, asked[1].1, verdict(BroadcastVerdict::Wanted));
    let dialled = done(&mut peer).dialled;
    assert!(matches!(dialled[..], [Request::Broadcast { .. }]), "{dialled:?}");
}

/// A peer whose broadcast waits for a delegate that does not answer.
fn peer_that_waits() -> Peer {
    let mut peer = peer_among(1, config());
    let command = Command::Broadcast { secret: secret(), payload: vec![7; 2_000].into() };
    peer.handle_command(NOW, command).unwrap();
    assert!(done(&mut peer).outcomes.is_empty());
    peer
}

#[track_caller]
fn assert_reached_nobody(peer: &mut Peer) {
    let outcomes = done(peer).outcomes;
    let [Outcome::Broadcast(Ok(report))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((report.acknowledged, report.reach), (0, 1));
}

#[test]
fn a_broadcast_ends_though_time_leaps_past_its_life_here() {
    let mut peer = peer_that_waits();
    peer.handle_timeout(NOW + Duration::from_mins(6));
    assert_reached_nobody(&mut peer);
}

#[test]
fn a_broadcast_ends_though_others_push_it_out() {
    let mut peer = peer_that_waits();
    let mut now = NOW;
    for number in 0..256 {
        let author = AuthorSecret::from_seed(&[u8::try_from(number).unwrap(); 32]);
        let other =
            Broadcast::sign(&author, NetworkId::default(), SentAt::of(now), vec![0; 10].into())
                .unwrap();
        send(&mut peer, now, 1, &Arc::new(other), 256);
        // Slowly enough for all of them to be taken.
        now += Duration::from_millis(10);
    }
    assert_reached_nobody(&mut peer);
}

#[test]
fn what_a_neighbour_has_and_we_lack_is_pulled_delivered_once_and_compared_soon() {
    let mut peer = peer_among(3, delivering());
    let (known, lacked) = (broadcast(0, 10), broadcast(1, 10));
    send(&mut peer, NOW, 1, &known, 256);
    let (ticket, _) = done(&mut peer).delivered[0];
    peer.handle_input(NOW, Input::Delivered { ticket, forward: true });
    let now = NOW + Duration::from_secs(2);
    peer.handle_timeout(now);
    let mut asked = done(&mut peer).requests;
    asked.retain(|(_, _, request)| matches!(request, Request::CompareBroadcasts { .. }));
    let (to, id, _) = asked[0].clone();
    let more = vec![BroadcastEntry::of(&lacked)];
    let reply = Reply::BroadcastsCompared { verdicts: vec![BroadcastVerdict::Have], more };
    answer(&mut peer, now, &to, id, reply);
    let mut pulls = done(&mut peer).requests;
    pulls.retain(|(_, _, request)| matches!(request, Request::PullBroadcast { .. }));
    let [(from, id, Request::PullBroadcast { id: pulled })] = pulls[..] else {
        panic!("{pulls:?}")
    };
    assert_eq!((from, pulled), (to, lacked.id()));
    let reply = Reply::BroadcastPulled { broadcast: Some(lacked.clone()) };
    answer(&mut peer, now, &from, id, reply);
    let late = done(&mut peer).delivered;
    assert_eq!(late.len(), 1);
    peer.handle_input(now, Input::Delivered { ticket: late[0].0, forward: true });
    done(&mut peer);
    send(&mut peer, now, 3, &lacked, 0);
    assert!(done(&mut peer).delivered.is_empty());
    peer.handle_timeout(now + Duration::from_millis(100));
    let told = done(&mut peer).requests;
    let compares = |(_, _, request): &(Contact, RequestId, Request)| matches!(request, Request::CompareBroadcasts { held, .. } if held[0] == lacked.id());
    assert!(told.iter().any(compares), "{told:?}");
}

#[test]
fn a_broadcast_is_asked_of_one_node_at_a_time() {
    let mut peer = peer_among(3, config());
    let request = || Request::CompareBroadcasts { held: vec![broadcast(0, 10).id()], skip: 0 };
    let mut verdict_to = |number| {
        ask(&mut peer, &member(number), request());
        match expect_reply(&mut peer) {
            Reply::BroadcastsCompared { verdicts, .. } => verdicts[0],
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(verdict_to(1), BroadcastVerdict::Wanted);
    assert_eq!(verdict_to(2), BroadcastVerdict::Expected);
    let now = NOW + Duration::from_mins(1);
    peer.handle_timeout(now);
    assert!(peer.broadcasts.is_none(), "promises alone are not remembered");
}

#[test]
fn an_answer_to_a_stranger_names_no_more_broadcasts_than_three_times_what_came() {
    let mut peer = peer_among(1, config());
    (0..10).for_each(|number| send(&mut peer, NOW, 1, &broadcast(number, 10), 256));
    outputs(&mut peer);
    let source = "9.9.9.9:1000".parse().unwrap();
    let via = Via::Datagram { source, length: 100, proven: false };
    let body = Body::Request(Request::CompareBroadcasts { held: Vec::new(), skip: 0 });
    let message = Message {
        role: Role::Client,
        families: Families::V4,
        load: Load::NONE,
        id: RequestId(5),
        body,
    };
    peer.handle_input(NOW, Input::Received { from: identity(99), via, message });
    let reply = expect_reply(&mut peer);
    let Reply::BroadcastsCompared { more, .. } = &reply else { panic!("{reply:?}") };
    assert!(!more.is_empty() && more.len() < 10, "{}", more.len());
    let message = Message {
        role: Role::Full,
        families: Families::V4,
        load: Load::NONE,
        id: RequestId(5),
        body: Body::Reply(reply),
    };
    assert!(message.datagram_len() <= 300);
}

#[test]
fn what_is_sent_too_often_fails_at_the_call() {
    let mut peer = peer_among(2, config());
    for _ in 0..11 {
        let command = Command::Broadcast { secret: secret(), payload: "hello".into() };
        peer.handle_command(NOW, command).unwrap();
    }
    let outcomes = done(&mut peer).outcomes;
    assert!(
        matches!(outcomes[..], [Outcome::Broadcast(Err(BroadcastError::TooMany))]),
        "{outcomes:?}"
    );
    let payload = vec![0; 65_537].into();
    peer.handle_command(NOW, Command::Broadcast { secret: secret(), payload }).unwrap();
    let outcomes = done(&mut peer).outcomes;
    assert!(matches!(outcomes[..], [Outcome::Broadcast(Err(BroadcastError::TooLarge(_)))]));
}

#[test]
fn the_only_node_of_a_network_reaches_itself() {
    let mut peer = peer(config());
    let command = Command::Broadcast { secret: secret(), payload: "hello".into() };
    peer.handle_command(NOW, command).unwrap();
    let outcomes = done(&mut peer).outcomes;
    let [Outcome::Broadcast(Ok(report))] = outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((report.acknowledged, report.reach), (0, 1));
}

#[test]
fn a_client_takes_no_broadcasts() {
    let mut peer = peer(delivering().role(Role::Client));
    send(&mut peer, NOW, 1, &broadcast(0, 10), 0);
    let done = done(&mut peer);
    assert!(done.delivered.is_empty());
    let error =
        Reply::Error { code: ErrorCode::Unsupported, text: "this node is a client".to_owned() };
    assert_eq!(done.replies, [error]);
}
